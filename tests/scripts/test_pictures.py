"""The pictures of the explanations are written by their script, small, and each page shows its own with a sentence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from scripts.pictures.explained import FOLDER, PICTURES, write

PAGES = FOLDER.parent


@pytest.mark.parametrize("name", PICTURES)
def test_a_page_shows_its_picture_and_says_what_is_seen(name: str) -> None:
    page = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    [alt] = re.findall(rf"!\[([^\]]+)\]\(pictures/{name}\.png\)", page)
    assert len(alt.split()) > 20
    assert (FOLDER / f"{name}.png").stat().st_size < 80_000


@pytest.mark.slow
@pytest.mark.parametrize("name", ["narrowing", "same_study", "storage"])
def test_the_script_draws_what_is_stored(name: str, tmp_path: Path) -> None:
    file = write(name, tmp_path)
    assert file.stat().st_size < 80_000
    with Image.open(file) as drawn, Image.open(FOLDER / file.name) as stored:
        assert drawn.size == stored.size
        assert len(drawn.getcolors() or ()) > 5
