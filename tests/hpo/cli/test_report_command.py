"""`hpo report`: the page, the figures beside it, and the browser that shows it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from studies import Study
from tests.running import Run


@pytest.fixture
def stored(study: Study, tmp_path: Path) -> None:
    """The small study in hpo.db of the test's folder."""
    shutil.copy(study.storage.removeprefix("sqlite:///"), tmp_path / "hpo.db")


@pytest.mark.usefixtures("stored")
def test_it_writes_the_page_and_the_figures_and_shows_the_page(
    run_hpo: Run, tmp_path: Path
) -> None:
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {tmp_path}/shown\n')
    browser.chmod(0o755)
    done = run_hpo(
        "report", "small", "-o", "my page.html", "--plots", "figures/all", "--open",
        BROWSER=f"{browser} %s",
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")
    first, *figures, last = done.stderr.splitlines()
    assert (first, last) == ("my page.html written", "26 files written to figures/all")
    assert [line.split(":")[0] for line in figures] == [f"figure {k} of 13" for k in range(1, 14)]
    assert len(list((tmp_path / "figures/all").glob("*.svg"))) == 13
    assert (tmp_path / "my page.html").read_text().startswith("<!doctype html>")
    assert (tmp_path / "shown").read_text() == (tmp_path / "my page.html").as_uri()


@pytest.mark.usefixtures("stored")
def test_figures_that_cannot_be_written_are_one_line(run_hpo: Run, tmp_path: Path) -> None:
    (tmp_path / "figures").write_text("a file")
    done = run_hpo("report", "small", "-o", "r.html", "--plots", "figures")
    assert done.returncode == 1
    assert done.stderr == "Error: can't write figures: File exists\n"
    assert not (tmp_path / "r.html").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("stored")
def test_without_a_file_it_is_named_after_the_study(run_hpo: Run, tmp_path: Path) -> None:
    done = run_hpo("report", "small")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "small.html written\n")
    page = (tmp_path / "small.html").read_text()
    done = run_hpo("report", "small", "-o", "-")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == page
    assert not (tmp_path / "-").exists()
    done = run_hpo("report", "small", "-o", "-", "--open")
    assert (done.returncode, done.stdout) == (2, "")
    assert "name a file with -o" in done.stderr
    table = run_hpo("export", "small", "-o", "-")
    assert table.stdout == run_hpo("export", "small").stdout
    assert table.stdout.startswith("number,state,value,")
