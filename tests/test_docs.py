"""The pages in docs/ are true: laws name their tests and are named by them, and every file that is named exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = [
    p
    for p in sorted((ROOT / "docs").rglob("*.md"))
    if "_build" not in p.parts and p.parent.name != "reference"
]
PAGES = [*DOCS, ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
LAWS = 10


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def held_by() -> dict[int, set[str]]:
    """The number of each law, and the tests under it."""
    sections = re.findall(
        r"^## (\d+)\. .*?\n(.*?)(?=^## |\Z)", text_of("docs/laws.md"), re.M | re.S
    )
    return {int(number): set(re.findall(r"`(tests/\S+\.py)`", text)) for number, text in sections}


@pytest.mark.parametrize("law", range(1, LAWS + 1))
def test_a_law_names_tests_that_name_the_law(law: int) -> None:
    tests = held_by()[law]
    assert tests
    for test in tests:
        assert re.search(rf"\bLaw {law}\b", text_of(test)), test


def test_a_test_that_names_a_law_is_named_by_it() -> None:
    held = held_by()
    assert list(held) == list(range(1, LAWS + 1))
    for path in (ROOT / "tests").rglob("test_*.py"):
        name = path.relative_to(ROOT).as_posix()
        for law in re.findall(r"\bLaw (\d+)\b", path.read_text(encoding="utf-8")):
            assert name in held[int(law)], (name, law)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_goes_to_a_file_and_every_heading_that_is_there(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        name, _, heading = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        if heading:
            assert heading in headings(target), link


def headings(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    lines = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}


@pytest.mark.parametrize(
    "page", [*DOCS, ROOT / "CONTRIBUTING.md"], ids=lambda page: str(page.relative_to(ROOT))
)
def test_every_path_in_a_sentence_exists(page: Path) -> None:
    kinds = r"`((?:hpo|trainer|studies|tests|scripts|docs)/[\w./]*)`"
    for path in re.findall(kinds, page.read_text(encoding="utf-8")):
        assert (ROOT / path).exists(), path


def test_the_tree_of_the_architecture_is_the_tree() -> None:
    """Each module stands in it, or in a folder of which it gives no modules."""
    tree = text_of("docs/architecture.md").partition("## The tree\n\n```\n")[2].partition("```")[0]
    entries: list[str] = []
    folders: list[str] = []
    for line in tree.splitlines():
        indent = len(line) - len(line.lstrip())
        name = line.split()[0]
        if not re.fullmatch(r"\w+(/|\.py)", name) or indent > 4:
            continue  # a sentence goes on
        folders[indent // 2 :] = [name]
        entries.append("".join(folders))
    for entry in entries:
        assert (ROOT / entry).exists(), entry
    whole = {e for e in entries if e.endswith("/") and sum(o.startswith(e) for o in entries) == 1}
    for package in ("hpo", "trainer", "studies"):
        for path in (ROOT / package).rglob("*.py"):
            name = path.relative_to(ROOT).as_posix()
            if path.name != "__init__.py":
                assert name in entries or any(name.startswith(e) for e in whole), name
