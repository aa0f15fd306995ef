"""What a function prints goes to stderr and is kept with its trial, whatever it does to the streams."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from hpo.executors.threads import Threads
from hpo.trainables.function import Function
from hpo.trainables.printed import MOST
from hpo.trainables.task import Outcome
from tests.hpo.scripted import tasks_of, trained
from tests.hpo.trainables.functions import Params


def trial(train: Callable[[Params], object]) -> Outcome:
    function = Function(train, None, "maximize")
    with Threads(function, 1) as threads:
        (outcome,) = trained(threads, tasks_of(function, [{"x": 1}], epochs=1))
    assert outcome.error is None
    return outcome


def prints(_: Params) -> int:
    print("print")
    sys.stderr.write("stderr\n")
    return 1


def test_what_is_printed_is_kept_and_goes_to_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    assert trial(prints).output == "print\nstderr\n"
    assert capfd.readouterr() == ("", "print\nstderr\n")


def test_so_is_what_other_processes_and_c_write(capfd: pytest.CaptureFixture[str]) -> None:
    def train(_: Params) -> int:
        os.write(1, b"descriptor\n")
        subprocess.run(["echo", "process"], check=True)
        return 1

    assert sorted(trial(train).output.split()) == ["descriptor", "process"]
    out, err = capfd.readouterr()
    assert out == ""
    assert sorted(err.split()) == ["descriptor", "process"]


def test_a_function_may_close_the_streams(capfd: pytest.CaptureFixture[str]) -> None:
    def train(_: Params) -> int:
        sys.stdout.close()
        os.close(1)
        os.close(2)
        return 1

    streams = sys.stdout, sys.stderr
    trial(train)
    assert (sys.stdout, sys.stderr) == streams
    os.write(1, b"out")
    os.write(2, b"err")
    assert capfd.readouterr() == ("out", "err")


def test_a_function_may_put_another_stream_there() -> None:
    def train(_: Params) -> int:
        sys.stdout = sys.stderr = None
        return 1

    streams = sys.stdout, sys.stderr
    trial(train)
    assert (sys.stdout, sys.stderr) == streams


def test_the_end_of_much_is_kept() -> None:
    def train(_: Params) -> int:
        for k in range(3 * MOST // 10):
            print(f"{k:9}")
        return 1

    output = trial(train).output
    first, _, rest = output.partition("\n")
    assert first == f"({2 * MOST:,} characters before this were not kept)"
    assert len(rest) == MOST
    assert rest.endswith(f"{3 * MOST // 10 - 1}\n")


def test_what_another_thread_prints_is_not_the_trials(capsys: pytest.CaptureFixture[str]) -> None:
    def train(_: Params) -> int:
        other = threading.Thread(target=print, args=("other",))
        other.start()
        other.join()
        return 1

    assert trial(train).output == ""
    assert capsys.readouterr().out == "other\n"
