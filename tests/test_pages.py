"""The first page and those in the folders of docs/ are true: all that they show runs, in order."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.markdown import fenced

RUN = "sh", "python"
DOCS = Path(__file__).parents[1] / "docs"
PAGES = [
    page
    for page in [DOCS / "start.md", *sorted(DOCS.glob("*/*.md"))]
    if page.parent.name not in ("reference", "tutorials")
    and fenced(page.read_text(encoding="utf-8"), *RUN)
]


def as_script(page: Path) -> str:
    """The page's blocks as one script of the shell. Python that a command of the page names becomes that file."""
    text = page.read_text(encoding="utf-8")
    named = re.search(r"^python (\w+\.py)$", text, re.M)
    lines = ["set -e"]
    for language, block in fenced(text, *RUN):
        if language == "sh":
            lines += [line for line in block.splitlines() if not line.startswith("pip install")]
            continue
        command = f"cat > {named[1]}" if named else "python -W error -"
        named = None
        lines.append(f"{command} <<'END_OF_BLOCK'\n{block}END_OF_BLOCK")
    return "\n".join(lines)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_all_that_a_page_shows_runs(page: Path, tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", as_script(page)],
        cwd=tmp_path,
        env=os.environ | {"PATH": path, "HPO_STORAGE": "sqlite:///hpo.db"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
