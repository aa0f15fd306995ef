"""The notebook runs from top to bottom on a study that has just been made, and shows what it says it shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.running import Run

NOTEBOOK = Path(__file__).parents[2] / "scripts" / "notebooks" / "analysis.ipynb"


@pytest.fixture
def book() -> Any:
    return nbformat.reads(NOTEBOOK.read_text(encoding="utf-8"), as_version=4)  # type: ignore[no-untyped-call]


# The client's own affairs: an event loop and sockets that it leaves to the collector.
@pytest.mark.filterwarnings("ignore")
def test_every_cell_runs_and_every_figure_is_shown(book: Any, run_hpo: Run, tmp_path: Path) -> None:
    assert run_hpo("search", "digits", "--trials", "40", "--epochs", "6", "-q").returncode == 0
    NotebookClient(
        book, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    for cell in book.cells:
        if cell.cell_type != "code":
            continue
        assert cell.outputs, cell.source
        shown = [out.data for out in cell.outputs if "data" in out]
        said = [out.text for out in cell.outputs if out.output_type == "stream"]
        # tqdm, which Optuna imports, wants ipywidgets.
        assert [text for text in said if "ipywidgets" not in text] == []
        wanted = "image/png" if ".plot." in cell.source else "text/plain"
        assert any(wanted in data for data in shown), cell.source
        if cell.source.endswith(("\nstudy", "study.recommended")) or "_frame()" in cell.source:
            assert any("text/html" in data for data in shown), cell.source


def test_it_is_short_and_has_no_results_of_somebody_elses(book: Any) -> None:
    assert 15 <= len(book.cells) <= 25
    for cell in book.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None
