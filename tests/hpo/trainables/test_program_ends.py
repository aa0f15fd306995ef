"""The end of a program of the user's: nothing of it is left, whatever ends its training."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

import hpo
from hpo.run.cancel import Cancel
from hpo.trainables import guarded
from tests.hpo.trainables.programs import EPOCHS, FEW, Write, outcome

FAMILY = (
    "(sleep 60; :) & echo $$ $! >pids; "  # a program, a shell that it begins, and the sleep in it
)


def running(folder: Path) -> list[int]:
    """The group of a program that wrote `pids`, once it has, if something of it still runs."""
    until = time.monotonic() + 60
    while not (pids := (folder / "pids")).exists() or not (text := pids.read_text().split()):
        assert time.monotonic() < until
        time.sleep(0.01)
    with suppress(ProcessLookupError):
        os.killpg(int(text[0]), 0)
        return [int(text[0])]
    return []


def gone(folder: Path) -> bool:
    """Whether it ends long before the minute for which the sleep in it would go on."""
    until = time.monotonic() + 20
    while running(folder):
        if time.monotonic() > until:
            os.killpg(running(folder)[0], signal.SIGKILL)
            return False
        time.sleep(0.01)
    return True


@pytest.mark.parametrize(
    ("trap", "rest"),
    [
        ("", "sleep 60"),
        ("trap '' TERM; ", "sleep 60"),
        ("", "while :; do echo busy; sleep 0.01; done"),
    ],
)
def test_a_search_that_is_cancelled_leaves_nothing_behind(
    trap: str,
    rest: str,
    write: Write,
    tmp_path: Path,
    storage: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(guarded, "GRACE", 0.3 if trap else 20)
    write(f"{trap}{FAMILY}echo epoch=1 score=1; {rest}")
    cancel = Cancel()

    def end() -> None:
        assert running(tmp_path)
        cancel.request()

    thread = threading.Thread(target=end)
    thread.start()
    with pytest.raises(hpo.CancelledError):
        hpo.search(
            program="./train {x}", storage=storage, cancel=cancel, progress=False, name="s", **FEW
        )
    thread.join()
    assert gone(tmp_path)
    write(EPOCHS)
    assert len(hpo.resume("s", storage=storage, progress=False).trials_frame()) == 2


def test_nothing_is_left_of_a_search_that_is_killed_or_of_a_program_that_has_ended(
    write: Write, tmp_path: Path
) -> None:
    program = write(f"trap '' HUP; {FAMILY}wait")
    code = (
        "from hpo.trainables.guarded import Guarded\n"
        f"with Guarded({str(program)!r}, ['train'], '.') as program:\n"
        "    list(program.lines())\n"
    )
    search = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path)
    assert running(tmp_path)
    search.kill()
    search.wait()
    assert gone(tmp_path)
    (tmp_path / "pids").unlink()
    write(f"{FAMILY}echo epoch=1 score=1")
    assert outcome().value == 1
    assert not running(tmp_path)


def test_a_program_stands_still_at_a_rung(write: Write, tmp_path: Path) -> None:
    program = write("i=0; while :; do i=$((i + 1)); echo $i; sleep 0.01; done")
    with guarded.Guarded(str(program), ["train"], str(tmp_path)) as counting:
        lines = counting.lines()
        while next(lines) != "5":
            pass
        counting.stop()
        while next(lines) is not None:  # what was on its way
            pass
        assert next(lines) is None
        counting.go_on()
        while next(lines) is None:
            pass
