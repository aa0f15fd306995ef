"""Ctrl-C and SIGTERM at any moment of a command: one line, the right status, nothing half done, no traceback."""

from __future__ import annotations

import gc
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import studies
from hpo.errors import CancelledError
from hpo.run.cancel import Cancel
from tests.running import HPO, Call

PATIENCE = 300.0  # seconds in which any machine does what takes one
Start = Callable[..., subprocess.Popen[str]]
# Says when it is in an epoch, and stays there for so long.
SLOW = """
import pathlib, time

def train(params, *, epochs):
    pathlib.Path("training").touch()
    time.sleep(SECONDS)
    yield {"score": params["x"]}
"""
SEARCH = "search --trainer slow.py:train --space x=0:1 --trials 8 --finalists 0 --epochs 1 --workers 2 --name s"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start `hpo LINE` in the test's folder."""
    running = []

    def started(line: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [HPO, *line.split()], cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )  # fmt: skip
        running.append(process)
        return process

    yield started
    for process in running:
        process.kill()
        process.communicate()


def told(err: str) -> list[str]:
    """What a search says after its first line, without notes."""
    return [line for line in err.splitlines()[1:] if not line.startswith("Note: ")]


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not path.exists():
        assert time.monotonic() < deadline, path
        time.sleep(0.01)


def wait_until_it_listens(process: subprocess.Popen[str]) -> None:
    """Before that it is Python that starts, and answers a signal as Python does."""
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        pytest.skip("it can't be seen here when a process listens to signals")
    while process.poll() is None:
        (caught,) = re.findall(r"^SigCgt:\s*(\w+)", status.read_text(), re.M) or ("0",)
        if int(caught, 16) >> (signal.SIGTERM - 1) & 1:
            return
        time.sleep(0.001)


@pytest.mark.parametrize(
    "stop", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_the_second_signal_ends_a_search_at_once(
    stop: signal.Signals, start: Start, tmp_path: Path, call_hpo: Call
) -> None:
    (tmp_path / "slow.py").write_text(SLOW.replace("SECONDS", "600"))
    process = start(f"{SEARCH} --executor threads")  # processes would end at once
    wait_for(tmp_path / "training")
    process.send_signal(stop)
    time.sleep(0.5)
    assert process.poll() is None, process.communicate()  # it waits for the epoch
    process.send_signal(stop)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (128 + stop, "")
    assert told(err) == ["Stopped. To go on: hpo resume s"]
    storage = f"sqlite:///{tmp_path / 'hpo.db'}"
    assert studies.load("s", storage).summary()["state"] == "interrupted"
    (tmp_path / "slow.py").write_text(SLOW.replace("SECONDS", "0"))
    assert call_hpo("resume s -q").status == 0
    assert studies.load("s", storage).summary()["trials"]["complete"] == 8


def test_the_first_signal_ends_a_search_when_its_epoch_is_over(
    start: Start, tmp_path: Path
) -> None:
    (tmp_path / "slow.py").write_text(SLOW.replace("SECONDS", "1"))
    process = start(SEARCH)
    wait_for(tmp_path / "training")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert told(err) == ["Stopped. To go on: hpo resume s"]
    assert sorted(path.name for path in tmp_path.glob("hpo.db*")) == [
        "hpo.db"
    ]  # closed as it should


def test_a_request_that_comes_while_garbage_is_collected_is_heard() -> None:
    class Collected:
        def __del__(self) -> None:
            cancel.request()

    cancel = Cancel()
    cancel.check()
    Collected()
    gc.collect()
    with pytest.raises(CancelledError):
        cancel.check()


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "line", ["show wine", "report wine -o r.html", "search digits --trials 150 --name d"]
)
def test_a_signal_at_any_moment_is_one_line_and_leaves_nothing_half_done(
    line: str, stop: signal.Signals, file: Path, start: Start, tmp_path: Path
) -> None:
    began = time.monotonic()
    whole = start(line)
    whole.communicate()
    assert whole.returncode == 0
    last = time.monotonic() - began
    (tmp_path / "r.html").write_text("good")
    seen = set()
    for k in range(40):
        process = start(line.replace("--name d", f"--name d{k}"))
        wait_until_it_listens(process)
        time.sleep(last * k / 40)
        process.send_signal(stop)
        _, err = process.communicate(timeout=PATIENCE)
        seen.add(process.returncode)
        assert process.returncode in (128 + stop, 0), err
        if process.returncode:
            assert err.splitlines()[-1].startswith("Stopped.")
            if "report" in line:
                assert (tmp_path / "r.html").read_text() == "good"
        (tmp_path / "r.html").write_text("good")
        assert "Traceback" not in err
        assert "ignored" not in err
        assert not list(tmp_path.glob(".hpo-*"))
    assert 128 + stop in seen
    check = start("list")
    check.communicate()
    assert check.returncode == 0
    assert file.exists()
