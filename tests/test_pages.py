"""The first page and those in the folders of docs/ are true: all that they show runs, in order.

Where a page begins, its folder has what the pages suppose that a reader has: a table, and a model of their own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.markdown import blocks, fenced, script

RUN = "sh", "python", "toml"
DOCS = Path(__file__).parents[1] / "docs"
PAGES = [
    page
    for page in [DOCS / "start.md", *sorted(DOCS.glob("*/*.md"))]
    if page.parent.name not in ("reference", "tutorials")
    and fenced(page.read_text(encoding="utf-8"), *RUN)
]

QUICK = {f"how_to/{name}.md" for name in ("python", "trainer")}
"""The pages that run in the quick suite, beside README: the Python that most readers begin with."""
WRITTEN = {
    "how_to/export.md": ("epochs.csv", "trials.parquet"),
    "how_to/look.md": ("digits.html",),
    "how_to/model.md": ("penguins.hpo", "penguins.html", "answers.csv", "penguins.onnx"),
    "how_to/python.md": ("first.html",),
}


def name_of(page: Path) -> str:
    return page.relative_to(DOCS).as_posix()


def marked(page: Path) -> object:
    name = name_of(page)
    return pytest.param(page, id=name, marks=() if name in QUICK else pytest.mark.slow)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a reader is, who has a table and a model."""
    species = ("Adelie", "Gentoo", "Chinstrap")
    lines = [
        f"{species[i % 3]},{30 + i % 3 * 7 + i % 5},{3000 + 700 * (i % 3) + 10 * i}"
        for i in range(90)
    ]
    lines[5] = "Adelie,,3200"
    text = "\n".join(["species,bill_length_mm,body_mass_g", *lines])
    (tmp_path / "penguins.csv").write_text(text)
    model, *_ = blocks((DOCS / "how_to" / "own_model.md").read_text(encoding="utf-8"), "python")
    (tmp_path / "my_model.py").write_text(model)
    return tmp_path


@pytest.mark.parametrize("page", [marked(page) for page in PAGES])
def test_all_that_a_page_shows_runs(page: Path, folder: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", script(page.read_text(encoding="utf-8"))],
        cwd=folder,
        env=os.environ | {"PATH": path, "HPO_STORAGE": "sqlite:///hpo.db"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for file in WRITTEN.get(name_of(page), ()):
        assert (folder / file).stat().st_size > 0, file


def test_the_pages_that_are_named_here_are_there() -> None:
    assert QUICK | WRITTEN.keys() <= set(map(name_of, PAGES))
