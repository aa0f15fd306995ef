"""Files that are damaged, cut off, or something else's: named, and left as they are, to the last byte."""

# Law 9: errors and misunderstandings are said.

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.faults.conftest import READING, SEARCH
from tests.running import OneLine

WRITING = (SEARCH, "resume wine -q --trials 20")


def page_of(table: str, file: Path) -> int:
    """Where the first page of a table begins."""
    with contextlib.closing(sqlite3.connect(file)) as connection:
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = ?", [table]
        ).fetchone()
    return int((page - 1) * size)


def half(content: bytes, file: Path) -> bytes:
    del file
    return content[: len(content) // 2]


def header_only(content: bytes, file: Path) -> bytes:
    del file
    return content[:100]


def text(content: bytes, file: Path) -> bytes:
    del content, file
    return b"learning_rate,accuracy\n" * 300


def zeroed(content: bytes, file: Path) -> bytes:
    at = page_of("trials", file)
    return content[:at] + bytes(4096) + content[at + 4096 :]


def noise(content: bytes, file: Path) -> bytes:
    at = page_of("trials", file)
    return content[:at] + np.random.default_rng(0).bytes(4096) + content[at + 4096 :]


WRONG: dict[Callable[[bytes, Path], bytes], str] = {
    half: "is damaged (database disk image is malformed)",
    header_only: "is damaged (database disk image is malformed)",
    text: "is not an SQLite database; it was left as it is",
    zeroed: "is damaged (",
    noise: "is damaged (",
}


@pytest.mark.parametrize("damage", WRONG)
def test_a_file_that_is_damaged_is_named_and_left_as_it_is(
    damage: Callable[[bytes, Path], bytes], file: Path, one_line: OneLine, tmp_path: Path
) -> None:
    content = damage(file.read_bytes(), file)
    file.write_bytes(content)
    for command in (*READING, *WRITING):
        said = one_line(command)
        assert f"{file} {WRONG[damage]}" in said, command
        assert file.read_bytes() == content, command
    assert not (tmp_path / "r.html").exists()


@pytest.mark.parametrize("table", ["hpo_curves", "trial_intermediate_values", "trial_params"])
def test_what_is_damaged_in_a_corner_is_seen_before_anything_is_written(
    table: str, file: Path, one_line: OneLine
) -> None:
    content, at = file.read_bytes(), page_of(table, file)
    content = content[:at] + bytes(4096) + content[at + 4096 :]
    file.write_bytes(content)
    for command in WRITING:
        assert f"{file} is damaged (" in one_line(command)
        assert file.read_bytes() == content


@pytest.mark.parametrize(
    ("change", "first"),
    [
        ("UPDATE hpo_curves SET points = '[0.5, '", "export wine --table epochs"),
        ("UPDATE hpo_rounds SET verdicts = CAST(x'ff00fe' AS TEXT)", "show wine"),
        ("UPDATE trials SET state = 'DONE'", "show wine"),
        ("UPDATE trials SET datetime_start = 'yesterday'", "export wine"),
        ("UPDATE hpo_studies SET plan = '{'", "show wine"),
    ],
)
def test_cells_that_make_no_sense_are_told_in_one_line(
    change: str, first: str, file: Path, one_line: OneLine
) -> None:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute(change)
        connection.commit()
    content = file.read_bytes()
    for command in (first, "report wine -o r.html"):
        assert "hpo.db" in one_line(command)
    assert file.read_bytes() == content


def test_a_file_with_nothing_in_it_holds_no_studies(one_line: OneLine, tmp_path: Path) -> None:
    file = tmp_path / "hpo.db"
    file.touch()
    for command in (*READING, WRITING[1]):
        assert "hpo.db holds no studies: it is empty" in one_line(command)
        assert file.read_bytes() == b""


def test_a_file_that_was_emptied_beside_its_last_changes_is_not_touched(
    one_line: OneLine, tmp_path: Path
) -> None:
    (tmp_path / "hpo.db").touch()
    (tmp_path / "hpo.db-wal").write_bytes(b"what SQLite would delete")
    for command in (*READING, *WRITING):
        assert "hpo.db-wal beside it is not: it was cut off" in one_line(command)
    assert (tmp_path / "hpo.db-wal").read_bytes() == b"what SQLite would delete"


def test_the_database_of_something_else_is_refused_and_not_touched(
    one_line: OneLine, tmp_path: Path
) -> None:
    file = tmp_path / "hpo.db"
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.executescript("CREATE TABLE songs (title TEXT); INSERT INTO songs VALUES ('a');")
    content = file.read_bytes()
    for command in (*READING, *WRITING, "upgrade"):
        assert "hpo.db" in one_line(command)
        assert file.read_bytes() == content
    assert {path.suffix for path in tmp_path.iterdir()} == {".db", ".py"}


def test_a_wrong_path_makes_no_file(one_line: OneLine, tmp_path: Path) -> None:
    for command in (*READING, WRITING[1], "upgrade"):
        said = one_line(f"{command} --storage sqlite:///{tmp_path}/wrong.db")
        assert f"no database at {tmp_path}/wrong.db" in said
    assert [path.name for path in tmp_path.iterdir()] == ["mine.py"]
