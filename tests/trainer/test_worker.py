"""Workers: the same figures as here, whatever happens to one, and nothing that still runs or is open afterwards."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from trainer import Workers, train_population, workers
from trainer.data import TEST, DataError, Splits, load
from trainer.data.remote import MODULES, RemoteDraw
from trainer.fit import fit
from trainer.recipe import Recipe, Rows
from trainer.worker import Worker, WorkerDiedError

Array = NDArray[Any]
Training = Generator[dict[str, Array], NDArray[np.bool_] | None, None]
MakeRows = Callable[..., tuple[Rows, Rows]]

RECIPE = Recipe(3, hidden=(8,), batch_size=16)
SETTINGS: list[dict[str, float | str]] = [
    {"learning_rate": 0.05},
    {"learning_rate": 1e30},
    {"init": "xavier", "patience": 2, "learning_rate": 0.0},
    {"dropout": 0.5},
]
STAY = {1: np.array([True, False, True, True]), 3: np.array([True, True, True, False])}
WAIT = 30.0  # seconds

pytestmark = pytest.mark.skipif(os.name != "posix", reason="stacks train on threads elsewhere")


@pytest.fixture
def rows(make_rows: MakeRows) -> tuple[Rows, Rows]:
    return make_rows("classification", 60, 40, 5)


@pytest.fixture
def worker() -> Iterator[Worker]:
    with Worker("trainer.fit") as made:
        until(made.ready)
        yield made


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> Iterator[Workers]:
    """For two stacks; a worker is begun as soon as two have trained beside each other."""
    monkeypatch.setattr(workers, "BEGIN_AFTER", 0.0)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    with Workers(2) as made:
        yield made


def begin(
    place: Worker | Workers | None,
    rows: tuple[Rows, Rows],
    *,
    recipe: Recipe = RECIPE,
    epochs: int = 6,
    seed: int = 0,
) -> Training:
    """A training here (None), or wherever it is placed."""
    if place is None:
        return fit(recipe, SETTINGS, *rows, epochs=epochs, seed=seed)
    shared = {"train": rows[0], "validation": rows[1]}
    return place.training(fit, shared, recipe, SETTINGS, epochs=epochs, seed=seed)


def until(true: Callable[[], bool]) -> None:
    """Wait for it."""
    end = time.monotonic() + WAIT
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    state = Path(f"/proc/{pid}/stat")  # of Linux: Z has ended, but nobody has asked how
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z"


def curves(
    place: Worker | Workers | None,
    rows: tuple[Rows, Rows],
    *,
    stay: Mapping[int, NDArray[np.bool_]] = STAY,
    after: Mapping[int, Callable[[], None]] | None = None,
    **options: Any,
) -> list[tuple[str, bytes]]:
    """All that a training yields, to the bit; `after` an epoch something may happen."""
    yielded: list[tuple[str, bytes]] = []
    with threadpool_limits(1, user_api="blas"):
        training = begin(place, rows, **options)
        epoch, reply = 0, None
        while True:
            try:
                figures = training.send(reply)
            except StopIteration:
                return yielded
            yielded += [(name, values.tobytes()) for name, values in figures.items()]
            if after and epoch in after:
                after[epoch]()
            reply = stay.get(epoch)
            epoch += 1


def run_quietly(script: str) -> str:
    """What a program prints, which ends well and warns of nothing."""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=WAIT,
        check=False,
    )
    assert run.stderr == ""
    assert run.returncode == 0
    return run.stdout


# --- the same wherever it is trained ---


@pytest.mark.parametrize("epochs", [0, 1, 6])
@pytest.mark.parametrize("stay", [{}, STAY, {0: np.zeros(4, bool)}], ids=["all", "some", "none"])
def test_a_worker_yields_what_fit_yields(
    stay: dict[int, NDArray[np.bool_]], epochs: int, worker: Worker, rows: tuple[Rows, Rows]
) -> None:
    assert curves(worker, rows, stay=stay, epochs=epochs) == curves(
        None, rows, stay=stay, epochs=epochs
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
    after: int, worker: Worker, rows: tuple[Rows, Rows]
) -> None:
    def kill() -> None:
        worker.process.kill()
        worker.process.wait()

    assert curves(worker, rows, after={after: kill}) == curves(None, rows)
    assert not worker.ready()


def test_a_worker_is_ready_for_the_next_stack_when_one_is_stopped(
    worker: Worker, rows: tuple[Rows, Rows]
) -> None:
    training = begin(worker, rows)
    next(training)
    training.close()
    assert curves(worker, rows) == curves(None, rows)
    training = begin(worker, rows)
    next(training)
    worker.process.kill()
    training.close()  # nothing to say to the dead


def test_what_goes_wrong_there_goes_wrong_here(worker: Worker, rows: tuple[Rows, Rows]) -> None:
    wide = Rows(np.zeros((40, 7)), rows[1].y)
    with pytest.raises(ValueError, match="7") as here:
        curves(None, (rows[0], wide))
    with pytest.raises(ValueError, match="7") as there:
        curves(worker, (rows[0], wide))
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
    worker: Worker, rows: tuple[Rows, Rows], make_rows: MakeRows
) -> None:
    others = make_rows("classification", 90, 10, 5)
    expected = {id(part): curves(None, part) for part in (rows, others)}

    def check(k: int) -> None:
        part = (rows, others)[k % 2]
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
        from trainer.worker import Worker, WorkerDiedError
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


# --- when there are workers ---


def test_a_stack_alone_trains_here_and_one_beside_it_in_a_worker(
    two: Workers, rows: tuple[Rows, Rows]
) -> None:
    expected = curves(None, rows)
    for _ in range(3):
        assert curves(two, rows) == expected
    assert not two._all

    def beside() -> list[Worker]:
        first = begin(two, rows)
        next(first)
        used: list[Worker] = []
        note = {0: lambda: used.extend(two._busy)}
        assert curves(two, rows, after=note) == expected
        first.close()
        return used

    assert beside() == []
    (worker,) = two._all
    until(worker.ready)
    assert beside() == [worker]
    assert not two._busy
    worker.process.kill()
    worker.process.wait()
    assert beside() == []
    assert two._all == [worker]  # one that was killed is not replaced


def test_a_worker_that_exists_is_the_first_and_is_not_closed(
    worker: Worker, rows: tuple[Rows, Rows]
) -> None:
    with Workers(2, first=worker) as two, closing(begin(two, rows)) as first:
        next(first)
        note = {0: lambda: used.extend(two._busy)}
        used: list[Worker] = []
        assert curves(two, rows, after=note) == curves(None, rows)
        assert used == [worker]
    assert worker.ready()


@pytest.mark.parametrize(("most", "cores", "after"), [(2, 2, 1e6), (2, 1, 0.0), (1, 2, 0.0)])
def test_no_worker_is_begun_where_it_is_not_worth_it(
    most: int, cores: int, after: float, rows: tuple[Rows, Rows], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "BEGIN_AFTER", after)
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    with Workers(most) as none, closing(begin(none, rows)) as first:
        next(first)
        curves(none, rows)
        assert not none._all


def test_many_stacks_on_threads_are_the_same_to_the_bit(two: Workers) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((300, 8)), rng.integers(0, 3, 300)
    settings = [{"learning_rate": float(rate)} for rate in np.geomspace(1e-3, 1, 120)]

    def train(threads: int | Workers) -> dict[str, bytes]:
        made = train_population(X, y, X, y, settings=settings, threads=threads, batch_size=100)
        return {name: values.tobytes() for name, values in made.items()}

    expected = train(1)
    assert train(3) == expected
    for _ in range(6):
        assert train(two) == expected
    (worker,) = two._all
    until(worker.ready)
    assert train(two) == expected
    assert two._all == [worker]


def test_two_stacks_never_share_a_worker(two: Workers, rows: tuple[Rows, Rows]) -> None:
    expected = curves(None, rows)
    with ThreadPoolExecutor(4) as pool:
        for _ in range(4):
            for made in pool.map(lambda _: curves(two, rows), range(8)):
                assert made == expected


def test_a_fork_leaves_its_parents_workers_alone() -> None:
    script = """
        import os, sys, time, warnings
        import numpy as np
        from trainer import Workers
        from trainer.fit import fit
        from trainer.recipe import Recipe, Rows
        from trainer.worker import Worker

        warnings.simplefilter("ignore", DeprecationWarning)  # a fork where threads were, from Python 3.12 on
        rows = Rows(np.arange(40.0).reshape(20, 2), np.arange(20) % 2)
        def train():
            return two.training(fit, {"train": rows, "validation": rows}, Recipe(2), [{}], epochs=3, seed=0)
        with Worker() as worker, Workers(2, first=worker) as two:
            while not worker.ready():
                time.sleep(0.01)
            first, second = train(), train()
            next(first), next(second)  # the second in the worker
            assert two._busy == {worker}
            child = os.fork()
            if not child:
                assert not worker.ready()
                assert len(list(train())) == 3
                two.close()
                worker.close()
                os._exit(7)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
            assert len(list(second)) == 2
            assert worker.ready()
    """
    run_quietly(script)


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


def test_workers_end_quietly_with_a_call_that_began_them() -> None:
    script = """
        import os
        import numpy as np
        from trainer import train_population, worker, workers
        workers.BEGIN_AFTER = 0.0
        os.cpu_count = lambda: 2
        begun = []
        class Counted(worker.Worker):
            def __init__(self, *modules):
                super().__init__(*modules)
                begun.append(self.process)
        workers.Worker = Counted
        X = np.arange(80.0).reshape(40, 2)
        train_population(X, np.arange(40) % 2, X, np.arange(40) % 2, settings=[{}] * 80)
        process, = begun
        assert process.returncode is not None
        print(process.pid)
    """
    assert gone(int(run_quietly(script)))


# --- data that are read in a worker ---

OPTIONS: dict[str, Any] = {"seed": 3, "rows": None, "dtype": "float32"}


def same(one: Splits, other: Splits) -> bool:
    arrays = [(part.X, part.y) for s in (one, other) for part in (s.train, s.validation)]
    for (X, y), (other_X, other_y) in zip(arrays[:2], arrays[2:], strict=True):
        np.testing.assert_array_equal(X, other_X, strict=True)
        np.testing.assert_array_equal(y, other_y, strict=True)
    return (one.task, one.outputs, one.target_scale, one.fingerprint) == (
        other.task,
        other.outputs,
        other.target_scale,
        other.fingerprint,
    )


@pytest.mark.parametrize("options", [OPTIONS, {"seed": 0, "rows": 100, "dtype": "float64"}])
@pytest.mark.parametrize("source", ["iris", "diabetes"])
def test_a_worker_draws_what_load_draws(
    source: str, options: dict[str, Any], worker: Worker, rows: tuple[Rows, Rows]
) -> None:
    expected = load(source, None, **options)
    draw = RemoteDraw(worker, source, None, **options)
    training = begin(worker, rows)
    next(training)
    for which in (0, 2, TEST):
        assert same(draw(which), expected(which))
    assert len(list(training)) == 5


def test_a_file_is_found_from_the_folder_one_is_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = [f"{i},{'ab'[i % 2]}" for i in range(40)]
    (tmp_path / "ü x.csv").write_text("\n".join(["x,y", *cells]), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with Worker() as worker:
        draw = RemoteDraw(worker, "ü x.csv", "y", **OPTIONS)
        assert same(draw(0), load("ü x.csv", "y", **OPTIONS)(0))


@pytest.mark.parametrize(
    ("source", "target", "rows"),
    [
        ("nowhere.csv", "y", None),
        ("irises", None, None),
        ("iris", "kind", None),
        ("iris", None, 119),
    ],
)
def test_an_error_is_the_one_that_load_raises(
    source: str, target: str | None, rows: int | None, worker: Worker
) -> None:
    options = {**OPTIONS, "rows": rows}
    with pytest.raises(DataError) as here:
        load(source, target, **options)(0)
    with pytest.raises(DataError) as there:
        RemoteDraw(worker, source, target, **options)(0)
    assert str(there.value) == str(here.value)


def test_a_killed_process_names_what_it_was_reading_and_how_it_ended(worker: Worker) -> None:
    draw = RemoteDraw(worker, "iris", None, **OPTIONS)
    worker.process.kill()
    with pytest.raises(RuntimeError, match=r"iris.*status -9"):
        draw(0)
    with pytest.raises(RuntimeError, match=r"iris.*status -9"):
        RemoteDraw(worker, "iris", None, **OPTIONS)


@pytest.mark.parametrize("name", ["trainer", "sklearn", "pickle"])
def test_a_file_of_the_users_does_not_take_a_modules_place(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong file was run')")
    monkeypatch.chdir(tmp_path)
    with Worker(*MODULES) as worker:
        assert RemoteDraw(worker, "iris", None, **OPTIONS)(0).outputs == 3
