"""The service's processes: they begin late, die alone, and nothing outlives the server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from hpo.serve import pool as module
from hpo.serve.pool import Pool
from hpo.serve.problems import ProblemError
from tests.trainer.trainings import gone, until
from trainer.data import Reading, unlabelled
from trainer.errors import DataError


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Pool]:
    made = Pool(tmp_path, memory=1_000_000_000)
    yield made
    made.close()


@contextmanager
def occupied(pool: Pool, gate: Path) -> Iterator[Future[bytes]]:
    """One of its processes reads, from before the block begins until it has ended, however slow the machine."""
    os.mkfifo(gate)
    with ThreadPoolExecutor(1) as threads:
        busy = threads.submit(pool.run, Path.read_bytes, gate)
        with gate.open("wb"):  # waits until it is opened for reading, too
            yield busy


def status_of(error: pytest.ExceptionInfo[ProblemError]) -> int:
    return error.value.status


def test_calls_run_in_other_processes_in_the_folder_of_the_data(pool: Pool, tmp_path: Path) -> None:
    first = pool.run(os.getpid)
    assert first != os.getpid()
    assert Path(pool.run(os.getcwd)) == tmp_path
    assert pool.run(os.getpid) == first


def test_at_most_two_calls_run_at_once(pool: Pool) -> None:
    with ThreadPoolExecutor(8) as threads:
        for _ in threads.map(lambda _: pool.run(time.sleep, 0.05), range(8)):
            pass
        processes = set(threads.map(lambda _: pool.run(os.getpid), range(8)))
    assert len(processes) <= 2


def test_an_error_keeps_its_class_and_its_process(pool: Pool, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_bytes(b"")
    before = pool.run(os.getpid)
    with pytest.raises(DataError, match=r"bad\.csv"):
        pool.run(unlabelled, "bad.csv", Reading())
    assert pool.run(os.getpid) == before


def test_a_process_that_dies_is_said_once_and_replaced(pool: Pool) -> None:
    first = pool.run(os.getpid)
    with pytest.raises(ProblemError, match="has died") as error:
        pool.run(os._exit, 3)
    assert status_of(error) == 503
    second = pool.run(os.getpid)
    assert second != first
    os.kill(second, signal.SIGKILL)  # while it is idle
    until(lambda: gone(second))
    assert pool.run(os.getpid) not in (first, second)


def test_a_call_that_takes_too_long_is_ended(pool: Pool) -> None:
    process = pool.run(os.getpid)
    began = time.monotonic()
    with pytest.raises(ProblemError, match=r"longer than 0\.2 s") as error:
        pool.run(time.sleep, 60, seconds=0.2)
    assert status_of(error) == 422
    assert time.monotonic() - began < 50
    until(lambda: gone(process))
    assert pool.run(os.getpid) != process


def test_a_call_that_takes_too_much_memory_is_refused(pool: Pool) -> None:
    with pytest.raises(ProblemError, match="1,000,000,000 bytes of memory") as error:
        pool.run(bytearray, 3_000_000_000)
    assert status_of(error) == 422
    assert pool.run(abs, -1) == 1


def test_a_process_is_replaced_after_many_calls(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CALLS", 3)
    processes = [pool.run(os.getpid) for _ in range(6)]
    assert [processes.count(process) for process in dict.fromkeys(processes)] == [3, 3]


def test_calls_that_would_wait_too_long_are_told_to_come_again(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    with occupied(pool, tmp_path / "a") as one, occupied(pool, tmp_path / "b") as other:
        with pytest.raises(ProblemError, match="try it again") as error:
            pool.run(abs, 1)
        assert status_of(error) == 503
    assert (one.result(), other.result()) == (b"", b"")


def test_closing_ends_calls_under_way(tmp_path: Path) -> None:
    pool = Pool(tmp_path)
    process = pool.run(os.getpid)
    with occupied(pool, tmp_path / "gate") as busy:
        closing = threading.Thread(target=pool.close)
        closing.start()
        with pytest.raises(ProblemError):
            busy.result(timeout=50)
        closing.join(timeout=50)
    until(lambda: gone(process))
    with pytest.raises(ProblemError, match="stopping"):
        pool.run(os.getpid)


def test_a_process_ends_when_the_server_is_killed(tmp_path: Path) -> None:
    server = subprocess.Popen(
        [
            sys.executable,
            "-c",
            textwrap.dedent("""
                import os, pathlib, sys, threading, time
                from hpo.serve.pool import Pool
                pool = Pool(pathlib.Path(sys.argv[1]))
                process = pool.run(os.getpid)
                threading.Thread(target=pool.run, args=(time.sleep, 60)).start()
                time.sleep(0.2)
                print(process, flush=True)
            """),
            str(tmp_path),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    process = int(server.stdout.readline())
    server.kill()
    server.communicate()
    until(lambda: gone(process))
