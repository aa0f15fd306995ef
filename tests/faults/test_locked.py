"""A database that another program has locked: it is waited for, and then the program is named."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from studies.database import engine
from tests.running import Call, OneLine

# Locks the file it is given, says so, holds it for so many seconds, and says when it lets go.
LOCKING = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
time.sleep(float(sys.argv[2]))
print(time.monotonic(), flush=True)
connection.execute("ROLLBACK")
"""
Locks = Callable[[Path, float], subprocess.Popen[str]]


@pytest.fixture
def lock() -> Iterator[Locks]:
    """Have another process lock a file for so many seconds."""
    running = []

    def locked(file: Path, seconds: float) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", LOCKING, str(file), str(seconds)],
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        return process

    yield locked
    for process in running:
        process.kill()
        process.communicate()


def test_a_lock_that_is_let_go_is_waited_for(file: Path, lock: Locks, called: Call) -> None:
    process = lock(file, 0.8)
    done = called("resume wine --trials 20 -q")
    ended = time.monotonic()
    assert done.status == 0, done.err
    assert process.stdout is not None
    assert float(process.stdout.readline()) < ended


def test_a_lock_that_stays_is_told_with_the_file_and_the_program(
    file: Path, lock: Locks, one_line: OneLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "BUSY_SECONDS", 0.5)
    holder = lock(file, 60)
    content = file.read_bytes()
    search = "search --trainer mine:train --space x=0:1 --trials 5 --epochs 1 -q"
    for command in (search, "resume wine --trials 20 -q"):
        said = one_line(command)
        assert f"{file} is locked by " in said
        assert "for more than 0.5 s: wait for it, or stop it" in said
        if sys.platform == "linux":
            assert f"locked by process {holder.pid} (python" in said
    assert file.read_bytes() == content


def test_readers_do_not_wait_for_who_writes(
    file: Path, lock: Locks, called: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "BUSY_SECONDS", 0)
    lock(file, 60)
    for command in ("list", "show wine", "export wine", "report wine -o r.html"):
        assert called(command).status == 0
