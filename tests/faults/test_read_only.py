"""Files and folders that can't be written to: they can be shown, and not searched in; nothing is left beside them."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.conftest import READING, SEARCH
from tests.running import Call, OneLine

RunOrdinary = Callable[..., list[Any]]
WRITING = (SEARCH, "resume wine", "upgrade")


READ_ONLY = {  # the file's rights, its folder's, and what is said
    "file": (0o444, 0o755, "hpo.db is read-only: it can be shown, but not searched in"),
    "folder": (
        0o644,
        0o555,
        "hpo.db is in a read-only folder: it can be shown, but not searched in",
    ),
    "both": (0o444, 0o555, "hpo.db is read-only: it can be shown, but not searched in"),
}


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[dict[str, Path]]:
    """Folders, which are made writable again so that they can be removed."""
    made = {name: tmp_path / name for name in READ_ONLY}
    for folder in made.values():
        folder.mkdir()
    yield made
    for folder in made.values():
        folder.chmod(0o755)


def test_what_is_read_only_can_be_shown_and_not_searched_in(
    stored: Path, folders: dict[str, Path], run_ordinary: RunOrdinary
) -> None:
    lines = []
    for name, (file_mode, folder_mode, _) in READ_ONLY.items():
        file = Path(shutil.copy(stored, folders[name] / "hpo.db"))
        file.chmod(file_mode)
        folders[name].chmod(folder_mode)
        lines += [f"{command} --storage sqlite:///{file}" for command in READING + WRITING]
    done = iter(run_ordinary(*lines))
    for name, (_, _, why) in READ_ONLY.items():
        for _ in READING:
            read = next(done)
            assert read.status == 0, read.err
        for _ in WRITING:
            refused = next(done)
            assert (refused.status, refused.out) == (1, "")
            assert refused.err.count("\n") == 1
            assert why in refused.err
        assert [path.name for path in folders[name].iterdir()] == ["hpo.db"]
        assert (folders[name] / "hpo.db").read_bytes() == stored.read_bytes()


def test_a_study_is_shown_from_a_read_only_disk(
    stored: Path,
    disk: Callable[[str], Path],
    called: Call,
    one_line: OneLine,
) -> None:
    file = Path(shutil.copy(stored, disk("4m") / "hpo.db"))
    subprocess.run(["mount", "-o", "remount,ro", file.parent], check=True)
    where = f" --storage sqlite:///{file}"
    for command in READING:
        done = called(command + where)
        assert done.status == 0, done.err
    for command in WRITING:
        assert f"{file} is read-only" in one_line(command + where)


def test_last_changes_that_cannot_be_read_in_a_read_only_folder_are_not_passed_over(
    stored: Path, folders: dict[str, Path], tmp_path: Path, run_ordinary: RunOrdinary
) -> None:
    folder = folders["folder"]
    copy = Path(shutil.copy(stored, tmp_path / "hpo.db"))
    with contextlib.closing(sqlite3.connect(copy)) as connection:
        connection.execute("UPDATE hpo_studies SET metric = 'changed'")
        connection.commit()
        for ending in ("", "-wal"):
            shutil.copy(f"{copy}{ending}", folder)
    folder.chmod(0o555)
    show = f"show wine --storage sqlite:///{folder}/hpo.db"
    (done,) = run_ordinary(show)
    assert (done.status, done.out) == (1, "")
    assert "the last changes are in hpo.db-wal, which needs a folder" in done.err
    folder.chmod(0o755)
    (done,) = run_ordinary(show)
    assert "changed" in done.out
