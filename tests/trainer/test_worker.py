"""A worker: what it returns and yields is what it is here, whatever happens to it, and nothing outlives it."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.trainer.shared import MakeRows
from tests.trainer.trainings import STAY, begin, curves, gone, run_quietly, until
from trainer.other_process import WorkerDiedError
from trainer.recipe import Recipe, Rows
from trainer.worker import Worker

pytestmark = pytest.mark.skipif(os.name != "posix", reason="there are no workers elsewhere")


# --- the same wherever it is trained ---


@pytest.mark.parametrize("epochs", [0, 1, 6])
@pytest.mark.parametrize("stay", [{}, STAY, {0: np.zeros(4, bool)}], ids=["all", "some", "none"])
def test_a_worker_yields_what_fit_yields(
    stay: dict[int, NDArray[np.bool_]], epochs: int, worker: Worker, classes: tuple[Rows, Rows]
) -> None:
    assert curves(worker, classes, stay=stay, epochs=epochs) == curves(
        None, classes, stay=stay, epochs=epochs
    )


def test_a_worker_trains_one_stack_after_another_on_the_rows_of_each(
    worker: Worker, make_rows: MakeRows
) -> None:
    few, more = make_rows("classification", 60, 40, 5), make_rows("classification", 90, 10, 5)
    weighted = (Rows(few[0].X, few[0].y, np.linspace(0.1, 2, 60)), few[1])
    for rows in (few, few, more, weighted, few):
        for seed in (0, 1):
            assert curves(worker, rows, seed=seed) == curves(None, rows, seed=seed)
    other = Recipe(3, hidden=(4, 4), activation="tanh", optimizer="adam", batch_norm=True)
    assert curves(worker, few, recipe=other) == curves(None, few, recipe=other)


def test_rows_that_were_let_go_are_not_taken_for_others(
    worker: Worker, make_rows: MakeRows
) -> None:
    # New rows may lie where old ones lay.
    for count in (50, 60, 70):
        rows = make_rows("classification", count, 40, 5)
        assert curves(worker, rows) == curves(None, rows)
        del rows


@pytest.mark.parametrize("after", [0, 1, 4])
def test_a_worker_that_is_killed_is_missed_by_nobody(
    after: int, worker: Worker, classes: tuple[Rows, Rows]
) -> None:
    def kill() -> None:
        worker.process.kill()
        worker.process.wait()

    assert curves(worker, classes, after={after: kill}) == curves(None, classes)
    assert not worker.ready()


def test_a_worker_is_ready_for_the_next_stack_when_one_is_stopped(
    worker: Worker, classes: tuple[Rows, Rows]
) -> None:
    training = begin(worker, classes)
    next(training)
    training.close()
    assert curves(worker, classes) == curves(None, classes)
    training = begin(worker, classes)
    next(training)
    worker.process.kill()
    training.close()  # nothing to say to the dead


def test_what_goes_wrong_there_goes_wrong_here(worker: Worker, classes: tuple[Rows, Rows]) -> None:
    wide = Rows(np.zeros((40, 7)), classes[1].y)
    with pytest.raises(ValueError, match="7") as here:
        curves(None, (classes[0], wide))
    with pytest.raises(ValueError, match="7") as there:
        curves(worker, (classes[0], wide))
    assert str(there.value) == str(here.value)


# --- calls ---


def test_a_function_returns_or_raises_there_what_it_does_here(worker: Worker) -> None:
    assert worker.call(divmod, 17, 5) == (3, 2)
    assert worker.call(sorted, [1, 3, 2], reverse=True) == [3, 2, 1]
    assert worker.call(os.getpid) == worker.process.pid
    with pytest.raises(ZeroDivisionError) as error:
        worker.call(divmod, 1, 0)
    assert "worker.py" in error.value.__notes__[0]  # where it was raised
    assert worker.call(divmod, 17, 5) == (3, 2)


def test_what_can_not_travel_is_an_error_and_the_worker_goes_on(worker: Worker) -> None:
    with pytest.raises((AttributeError, TypeError, pickle.PicklingError)):
        worker.call(lambda: 1)
    with pytest.raises((AttributeError, TypeError, pickle.PicklingError)):
        worker.call(print, file=sys.stdout)
    with pytest.raises(TypeError, match="pickle"):
        worker.call(threading.Lock)
    with pytest.raises(RuntimeError, match=r"UnicodeError.*no such text"):
        worker.call(exec, "class UnicodeError(Exception): pass\nraise UnicodeError('no such text')")
    assert worker.ready()
    assert worker.call(divmod, 17, 5) == (3, 2)


def test_a_made_function_stays_there_with_what_it_holds(worker: Worker) -> None:
    one, other = (worker.keep(partial, iter([first, 2, 3]).__next__) for first in (0, 1))
    assert [one(), other(), one(), other()] == [0, 1, 2, 2]


def test_calls_and_trainings_from_several_threads_are_not_mixed(
    worker: Worker, classes: tuple[Rows, Rows], make_rows: MakeRows
) -> None:
    others = make_rows("classification", 90, 10, 5)
    expected = {id(part): curves(None, part) for part in (classes, others)}

    def check(k: int) -> None:
        part = (classes, others)[k % 2]
        call = {epoch: partial(worker.call, divmod, k, 2) for epoch in range(6)}
        assert curves(worker, part, after=call) == expected[id(part)]
        assert worker.call(divmod, k, 2) == divmod(k, 2)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(check, range(16)))


def test_a_worker_that_ends_says_how(worker: Worker) -> None:
    with pytest.raises(WorkerDiedError, match=r"status 7.*: why it ended"):
        worker.call(exec, "import os; os.write(2, b'why it ended'); os._exit(7)")
    with pytest.raises(WorkerDiedError):
        worker.call(divmod, 17, 5)
    assert not worker.ready()
    with Worker("no_such_module") as other, pytest.raises(WorkerDiedError, match="no_such_module"):
        other.call(divmod, 17, 5)
    with Worker() as killed:
        killed.process.kill()
        with pytest.raises(WorkerDiedError, match="status -9: it was killed"):
            killed.call(divmod, 17, 5)


def test_an_interrupted_call_leaves_no_answer_for_the_next() -> None:
    script = """
        import os, signal, threading, time
        from trainer.other_process import WorkerDiedError
        from trainer.worker import Worker
        with Worker() as worker:
            worker.call(divmod, 17, 5)
            threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
            try:
                worker.call(time.sleep, 60)
            except KeyboardInterrupt:
                print("interrupted")
            try:
                worker.call(divmod, 17, 5)
            except WorkerDiedError:
                print("ended")
    """
    assert run_quietly(script) == "interrupted\nended\n"


def test_it_ends_with_its_parent_in_the_middle_of_a_call_and_so_does_what_it_began(
    tmp_path: Path,
) -> None:
    began = tmp_path / "began"
    code = textwrap.dedent(f"""
        import pathlib, subprocess, time
        child = subprocess.Popen(["sleep", "600"])
        pathlib.Path({str(began)!r}).write_text(str(child.pid))
        time.sleep(600)
    """)
    script = f"from trainer.worker import Worker; Worker().call(exec, {code!r})"
    with subprocess.Popen([sys.executable, "-c", script]) as parent:
        until(lambda: began.exists() and began.read_text() != "")
        parent.kill()
    until(lambda: gone(int(began.read_text())))


def test_much_output_blocks_nobody(worker: Worker) -> None:
    assert (
        worker.call(exec, "import os; os.write(1, b'x' * 10**6); os.write(2, b'x' * 10**6)") is None
    )
    assert worker.ready()


def test_rows_are_sent_once(worker: Worker, make_rows: MakeRows) -> None:
    few, more = make_rows("classification", 60, 40, 5), make_rows("classification", 90, 10, 5)
    requests: list[bytes] = []
    send = worker._connection.send_bytes

    class Listening:
        recv_bytes = worker._connection.recv_bytes
        close = worker._connection.close

        def send_bytes(self, request: bytes) -> None:
            requests.append(request)
            send(request)

    worker._connection = Listening()  # type: ignore[assignment]
    for rows, sent in ((few, True), (few, False), (more, True), (few, True)):
        requests.clear()
        curves(worker, rows, seed=1)
        assert (len(requests[0]) > rows[0].X.nbytes) == sent


# --- nothing still runs or is open afterwards ---


def test_nothing_runs_or_is_open_after_a_worker(worker: Worker) -> None:
    pid = worker.process.pid
    worker.close()
    worker.close()
    assert gone(pid)
    assert worker._connection.closed
    assert worker._output.closed


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_ends_with_the_process_that_began_it(number: signal.Signals) -> None:
    script = """
        import time
        from trainer.worker import Worker
        worker = Worker()
        while not worker.ready():
            time.sleep(0.01)
        print(worker.process.pid, flush=True)
        time.sleep(60)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        assert not gone(pid)
        process.send_signal(number)
    until(lambda: gone(pid))
