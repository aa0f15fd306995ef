"""Stacks in workers: the same figures as here, whatever happens to a worker, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from tests.trainer.shared import MakeRows
from trainer import apart, train_population
from trainer.apart import Worker
from trainer.fit import fit
from trainer.recipe import Recipe, Rows

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
    with closing(Worker()) as made:
        until(made.ready)
        yield made


@pytest.fixture
def no_workers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """None but those that a test begins, at once where stacks train beside each other."""
    with closing(apart._Workers(1)) as anew:
        monkeypatch.setattr(apart, "_WORKERS", anew)
        monkeypatch.setattr(apart, "BEGIN_AFTER", 0.0)
        yield


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
    place: Callable[..., apart.Training],
    rows: tuple[Rows, Rows],
    *,
    recipe: Recipe = RECIPE,
    epochs: int = 6,
    seed: int = 0,
    stay: Mapping[int, NDArray[np.bool_]] = STAY,
    after: Mapping[int, Callable[[], None]] | None = None,
) -> list[tuple[str, bytes]]:
    """All that a training yields, to the bit; `after` an epoch something may happen."""
    yielded: list[tuple[str, bytes]] = []
    with threadpool_limits(1, user_api="blas"):
        training = place(recipe, SETTINGS, *rows, epochs=epochs, seed=seed)
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
    assert curves(worker.fit, rows, stay=stay, epochs=epochs) == curves(
        fit, rows, stay=stay, epochs=epochs
    )


def test_a_worker_trains_one_stack_after_another_on_the_rows_of_each(
    worker: Worker, make_rows: MakeRows
) -> None:
    few, more = make_rows("classification", 60, 40, 5), make_rows("classification", 90, 10, 5)
    weighted = (Rows(few[0].X, few[0].y, np.linspace(0.1, 2, 60)), few[1])
    for rows in (few, few, more, weighted, few):
        for seed in (0, 1):
            assert curves(worker.fit, rows, seed=seed) == curves(fit, rows, seed=seed)
    other = Recipe(3, hidden=(4, 4), activation="tanh", optimizer="adam", batch_norm=True)
    assert curves(worker.fit, few, recipe=other) == curves(fit, few, recipe=other)


def test_rows_that_were_let_go_are_not_taken_for_others(
    worker: Worker, make_rows: MakeRows
) -> None:
    # New rows may lie where old ones lay.
    for count in (50, 60, 70):
        rows = make_rows("classification", count, 40, 5)
        assert curves(worker.fit, rows) == curves(fit, rows)
        del rows


@pytest.mark.parametrize("after", [0, 1, 4])
def test_a_worker_that_is_killed_is_missed_by_nobody(
    after: int, worker: Worker, rows: tuple[Rows, Rows]
) -> None:
    def kill() -> None:
        worker.process.kill()
        worker.process.wait()

    assert curves(worker.fit, rows, after={after: kill}) == curves(fit, rows)
    assert not worker.ready()


def test_a_worker_is_ready_for_the_next_stack_when_one_is_stopped(
    worker: Worker, rows: tuple[Rows, Rows]
) -> None:
    training = worker.fit(RECIPE, SETTINGS, *rows, epochs=6, seed=0)
    next(training)
    training.close()
    assert curves(worker.fit, rows) == curves(fit, rows)
    training = worker.fit(RECIPE, SETTINGS, *rows, epochs=6, seed=0)
    next(training)
    worker.process.kill()
    training.close()  # nothing to say to the dead


def test_what_goes_wrong_there_goes_wrong_here(worker: Worker, rows: tuple[Rows, Rows]) -> None:
    wide = Rows(np.zeros((40, 7)), rows[1].y)
    with pytest.raises(ValueError, match="7") as here:
        curves(fit, (rows[0], wide))
    with pytest.raises(ValueError, match="7") as there:
        curves(worker.fit, (rows[0], wide))
    assert str(there.value) == str(here.value)


# --- when there are workers ---


@pytest.mark.usefixtures("no_workers")
def test_a_stack_alone_trains_here_and_one_beside_it_in_a_worker(rows: tuple[Rows, Rows]) -> None:
    expected = curves(fit, rows)
    for _ in range(3):
        assert curves(apart.fit, rows) == expected
    assert not apart._WORKERS._all

    def beside() -> list[Worker]:
        first = apart.fit(RECIPE, SETTINGS, *rows, epochs=6, seed=0)
        next(first)
        used: list[Worker] = []
        note = {0: lambda: used.extend(apart._WORKERS._busy)}
        assert curves(apart.fit, rows, after=note) == expected
        first.close()
        return used

    assert beside() == []
    (worker,) = apart._WORKERS._all
    until(worker.ready)
    assert beside() == [worker]
    assert not apart._WORKERS._busy
    worker.process.kill()
    worker.process.wait()
    assert beside() == []
    assert apart._WORKERS._all == [worker]  # one that was killed gets no heir


@pytest.mark.usefixtures("no_workers")
def test_no_worker_is_begun_before_it_is_worth_it(
    rows: tuple[Rows, Rows], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "BEGIN_AFTER", 1e6)
    first = apart.fit(RECIPE, SETTINGS, *rows, epochs=6, seed=0)
    next(first)
    curves(apart.fit, rows)
    first.close()
    assert not apart._WORKERS._all


@pytest.mark.usefixtures("no_workers")
def test_many_stacks_on_threads_are_the_same_to_the_bit() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((300, 8)), rng.integers(0, 3, 300)
    settings = [{"learning_rate": float(rate)} for rate in np.geomspace(1e-3, 1, 120)]

    def train(threads: int) -> dict[str, bytes]:
        made = train_population(X, y, X, y, settings=settings, threads=threads, batch_size=100)
        return {name: values.tobytes() for name, values in made.items()}

    expected = train(1)
    for _ in range(6):
        assert train(3) == expected
    assert apart._WORKERS._all


def test_a_fork_leaves_its_parents_workers_alone() -> None:
    script = """
        import os, time, warnings
        import numpy as np
        from trainer import apart
        from trainer.recipe import Recipe, Rows

        warnings.simplefilter("ignore", DeprecationWarning)  # a fork where threads were, from Python 3.12 on
        apart.BEGIN_AFTER = 0.0
        rows = Rows(np.arange(40.0).reshape(20, 2), np.arange(20) % 2)
        def train():
            return apart.fit(Recipe(2), [{}], rows, rows, epochs=3, seed=0)
        first = train()
        next(first)
        list(train())
        worker, = apart._WORKERS._all
        while not worker.ready():
            time.sleep(0.01)
        second = train()  # in the worker
        next(second)
        assert apart._WORKERS._busy == {worker}
        child = os.fork()
        if not child:
            assert not apart._WORKERS._all
            assert len(list(train())) == 3
            os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert len(list(second)) == 2
        assert worker.ready()
    """
    run_quietly(script)


# --- nothing is left behind ---


def test_nothing_is_left_running_or_open_after_a_worker(worker: Worker) -> None:
    pid = worker.process.pid
    worker.close()
    worker.close()
    assert gone(pid)
    assert worker._questions.closed
    assert worker._answers.closed


@pytest.mark.usefixtures("no_workers")
def test_a_worker_that_nobody_asks_ends_and_may_be_followed_by_another(
    rows: tuple[Rows, Rows],
) -> None:
    idle = Worker()
    apart._WORKERS._all.append(idle)
    until(idle.ready)
    idle._questions.close()  # as if its time had run out: it ends by itself
    until(lambda: idle.process.poll() == 0)
    first = apart.fit(RECIPE, SETTINGS, *rows, epochs=6, seed=0)
    next(first)
    curves(apart.fit, rows)
    first.close()
    (heir,) = apart._WORKERS._all
    assert heir is not idle


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_ends_with_the_process_that_began_it(number: signal.Signals) -> None:
    script = """
        import time
        from trainer.apart import Worker
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


def test_workers_end_quietly_with_a_program_that_ends_by_itself() -> None:
    script = """
        import numpy as np
        from trainer import apart, train_population
        apart.BEGIN_AFTER = 0.0
        X = np.arange(80.0).reshape(40, 2)
        for _ in range(3):
            train_population(X, np.arange(40) % 2, X, np.arange(40) % 2, settings=[{}] * 40)
        worker, = apart._WORKERS._all
        print(worker.process.pid)
    """
    told = run_quietly(script)
    assert gone(int(told))


@pytest.mark.usefixtures("no_workers")
def test_two_stacks_never_share_a_worker(rows: tuple[Rows, Rows]) -> None:
    expected = curves(fit, rows)
    with ThreadPoolExecutor(4) as pool:
        for _ in range(4):
            for made in pool.map(lambda _: curves(apart.fit, rows), range(8)):
                assert made == expected
