"""`hpo report`: the page, the figures beside it, and the browser that shows it."""

from __future__ import annotations

import shutil
import webbrowser
from pathlib import Path

import pytest

from studies import Study
from tests.running import Call


@pytest.fixture
def stored(study: Study, tmp_path: Path) -> None:
    """The small study in hpo.db of the test's folder."""
    shutil.copy(study.storage.removeprefix("sqlite:///"), tmp_path / "hpo.db")


@pytest.mark.usefixtures("stored", "undrawn")  # the files have the figures
def test_it_writes_the_page_and_the_figures_and_shows_the_page(
    call_hpo: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def shows(url: str) -> bool:
        opened.append(url)
        return True

    monkeypatch.setattr(webbrowser, "open", shows)
    done = call_hpo("report small -o 'my page.html' --plots figures/all --open")
    assert (done.status, done.out) == (0, "")
    first, *figures, last = done.err.splitlines()
    assert (first, last) == ("my page.html written", "26 files written to figures/all")
    assert [line.split(":")[0] for line in figures] == [f"figure {k} of 13" for k in range(1, 14)]
    assert len(list((tmp_path / "figures/all").glob("*.svg"))) == 13
    assert (tmp_path / "my page.html").read_text().startswith("<!doctype html>")
    assert opened == [(tmp_path / "my page.html").as_uri()]


@pytest.mark.usefixtures("stored")
def test_figures_that_cannot_be_written_are_one_line(call_hpo: Call, tmp_path: Path) -> None:
    (tmp_path / "figures").write_text("a file")
    done = call_hpo("report small -o r.html --plots figures")
    assert done.status == 1
    assert done.err == "Error: can't write figures: File exists\n"
    assert not (tmp_path / "r.html").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("stored")
def test_without_a_file_it_is_named_after_the_study(call_hpo: Call, tmp_path: Path) -> None:
    done = call_hpo("report small")
    assert done == (0, "", "small.html written\n")
    page = (tmp_path / "small.html").read_text()
    done = call_hpo("report small -o -")
    assert (done.status, done.err) == (0, "")
    assert done.out == page
    assert not (tmp_path / "-").exists()
    done = call_hpo("report small -o - --open")
    assert (done.status, done.out) == (2, "")
    assert "name a file with -o" in done.err
    table = call_hpo("export small -o -")
    assert table.out == call_hpo("export small").out
    assert table.out.startswith("number,state,value,")
