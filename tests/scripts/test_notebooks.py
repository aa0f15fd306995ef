"""The notebook runs from top to bottom in an empty folder, shows what it says it shows, and is stored so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "scripts" / "notebooks" / "analysis.ipynb"


@pytest.fixture
def book() -> Any:
    return nbformat.reads(NOTEBOOK.read_text(encoding="utf-8"), as_version=4)  # type: ignore[no-untyped-call]


@pytest.mark.slow
# The client's own affairs: an event loop and sockets that it leaves to the collector.
@pytest.mark.filterwarnings("ignore")
def test_it_makes_its_study_and_every_figure_is_shown(book: Any, tmp_path: Path) -> None:
    for cell in book.cells:
        cell.pop("outputs", None)
    NotebookClient(
        book, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    check_outputs(book)


def test_it_is_short_and_stored_with_its_outputs(book: Any) -> None:
    assert 15 <= len(book.cells) <= 25
    assert NOTEBOOK.stat().st_size < 600_000
    check_outputs(book)


def check_outputs(book: Any) -> None:
    for cell in book.cells:
        if cell.cell_type != "code":
            continue
        assert cell.outputs, cell.source
        shown = [out.data for out in cell.outputs if "data" in out]
        texts = [out.text for out in cell.outputs if out.output_type == "stream"]
        if "hpo.search" in cell.source:
            assert "trainings of 6 epochs" in texts[0]
        else:
            assert not texts, cell.source
        wanted = "image/png" if ".plot." in cell.source else "text/plain"
        assert any(wanted in data for data in shown), cell.source
        if cell.source.endswith(("\nstudy", "study.recommended")) or "_frame()" in cell.source:
            assert any("text/html" in data for data in shown), cell.source
