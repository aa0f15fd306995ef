"""Names of studies that mean something elsewhere: to a shell, a page, a file system, a terminal."""

# Law 8: nothing that came from data is executed.

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

import studies
from tests.faults.conftest import SEARCH
from tests.running import Call

NAMES = [
    "../../x", "<script>alert(1)</script>", "it's \"q\" & $HOME `id`", "שלום עולם", "..", "ä" * 512,
]  # fmt: skip
MORE_NAMES = [
    "e\N{COMBINING ACUTE ACCENT}\N{COMBINING DOT BELOW}", "🦀🎉", ".hidden", " %s{0}[bold]x[/bold] ",
    "'; DROP TABLE studies; --",
]  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [*NAMES, *(pytest.param(name, marks=pytest.mark.slow) for name in MORE_NAMES)],
    ids=lambda name: ascii(name[:20]),
)
def test_a_study_of_any_name_is_searched_shown_exported_reported_and_resumed(
    name: str, called: Call, tmp_path: Path
) -> None:
    done = called(f"{SEARCH} --name {shlex.quote(name)}")
    assert (done.status, done.err) == (0, "")
    assert studies.names("sqlite:///hpo.db") == [name]
    commands = [line for line in done.out.splitlines() if line.startswith("  hpo ")]
    assert len(commands) == 2
    for command in commands:  # as they are printed, to be copied
        again = called(command.split("  #")[0].strip().removeprefix("hpo "))
        assert again.status == 0, again.err
    assert called(f"show {shlex.quote(name)} --json").status == 0
    assert called("list").status == 0
    (page,) = tmp_path.glob("*.html")
    assert re.fullmatch(r"\w[\w.-]{0,59}\.html", page.name)
    assert "<script" not in page.read_text()
    inside = {path.name for path in tmp_path.iterdir()} - {page.name}
    assert inside == {"hpo.db", "mine.py", "__pycache__"} & inside | {"hpo.db", "mine.py"}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "has 1 to 512 characters, not 0"),
        ("a" * 513, "has 1 to 512 characters, not 513"),
        ("a\0b", r"'a\x00b' has characters that can't be printed"),
        ("a\nb", r"'a\nb' has characters that can't be printed"),
        ("\x1b[31mred", r"'\x1b[31mred' has characters that can't be printed"),
        ("\N{RIGHT-TO-LEFT OVERRIDE}gnp", r"'\u202egnp' has characters that can't be printed"),
        ("\udcff", r"'\udcff' has characters that can't be printed"),
        ("--help", "'--help' looks like an option: begin it with something else"),
    ],
    ids=lambda text: ascii(text[:20]),
)
def test_a_name_that_would_make_trouble_is_refused(
    name: str, why: str, one_line: Callable[..., str], tmp_path: Path
) -> None:
    assert why in one_line(f"{SEARCH} --name={shlex.quote(name)}")
    assert not (tmp_path / "hpo.db").exists()
