"""The first page and those in the folders of docs/ are true: all that they show runs, in order.

Where a page begins, its folder has what the pages suppose that a reader has: a table, and a model of their own.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.markdown import blocks, fenced

RUN = "sh", "python", "toml"
DOCS = Path(__file__).parents[1] / "docs"
PAGES = [
    page
    for page in [DOCS / "start.md", *sorted(DOCS.glob("*/*.md"))]
    if page.parent.name != "reference" and fenced(page.read_text(encoding="utf-8"), *RUN)
]


def as_script(page: Path) -> str:
    """The page's blocks as one script of the shell. The plan, and Python that the page names, become files."""
    text = page.read_text(encoding="utf-8")
    named = re.search(r"^(?:python |Save this as `)(\w+\.py)", text, re.M)
    lines = ["set -e"]
    for language, block in fenced(text, *RUN):
        if language == "sh":
            lines += [line for line in block.splitlines() if not line.startswith("pip install")]
            continue
        command = "cat > study.toml" if language == "toml" else "python -W error -"
        if language == "python" and named:
            command, named = f"cat > {named[1]}", None
        lines.append(f"{command} <<'END_OF_BLOCK'\n{block}END_OF_BLOCK")
    return "\n".join(lines)


@pytest.fixture
def folder(tmp_path: Path, penguins: str) -> Path:
    """Where a reader is, who has a table and a model."""
    (tmp_path / "penguins.csv").write_text(penguins)
    model, *_ = blocks((DOCS / "how_to" / "own_model.md").read_text(encoding="utf-8"), "python")
    (tmp_path / "my_model.py").write_text(model)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_all_that_a_page_shows_runs(page: Path, folder: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", as_script(page)],
        cwd=folder,
        env=os.environ | {"PATH": path, "HPO_STORAGE": "sqlite:///hpo.db"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
