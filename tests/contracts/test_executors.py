"""What every executor promises: the same outcomes wherever tasks train, in any order, and nothing left behind."""

# Law 2: the same seed gives the same study.

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from hpo.choose.halving import Rung, rungs, staying
from hpo.executors.cluster import Cluster
from hpo.executors.processes import Processes
from hpo.executors.protocol import Ended, Executor, Paused, Underway
from hpo.executors.stacks import Stacks
from hpo.executors.threads import Threads, default_workers
from hpo.plan.plan import make_plan
from hpo.plan.space import Settings
from hpo.trainables import session
from hpo.trainables.network import MLP, mlp
from hpo.trainables.protocol import Trainable
from hpo.trainables.task import Outcome, Task
from tests.hpo.scripted import Scripted, tasks_of, trained
from trainer.worker import AVAILABLE, Worker

NAN = math.nan
Make = Callable[[Trainable, int], Executor]
SLOW_TO_BEGIN = [pytest.param(name, marks=pytest.mark.slow) for name in ("stacks", "cluster")]


@pytest.fixture(scope="module")
def worker() -> object:
    """A worker that is ready, so that processes lend it from the first task on."""
    if not AVAILABLE:
        pytest.skip("no worker processes on this system")
    with Worker("trainer.fit") as begun:
        while not begun.ready():
            pass
        yield begun


@pytest.fixture(params=["threads", "stacks", "processes", "cluster"])
def executor(request: pytest.FixtureRequest) -> Make:
    if request.param == "stacks":
        first = request.getfixturevalue("worker")
        return lambda trainable, workers: Stacks(trainable, workers, first=first)
    if request.param == "cluster":
        pytest.importorskip("distributed")
    return {"threads": Threads, "processes": Processes, "cluster": Cluster}[request.param]


def flat(value: float, epochs: int = 4) -> list[float]:
    return [value] * epochs


def halved(
    executor: Executor, trainable: Trainable, tasks: Sequence[Task], table: Sequence[Rung]
) -> list[Outcome]:
    """The outcomes where the worst leave at each rung."""
    outcomes: dict[int, Outcome] = {}
    scores: dict[int, float] = {}
    count, table = sum(len(task.trials) for task in tasks), list(table)
    for task in tasks:
        executor.start(task)
    while len(outcomes) < count:
        for event in executor.events(1.0):
            if isinstance(event, Ended):
                outcomes |= zip(event.task.trials, event.outcomes, strict=True)
            else:
                assert isinstance(event, Paused)
                assert not all(map(math.isnan, event.scores))  # then it has ended
                scores |= zip(event.task.trials, event.scores, strict=True)
            if scores and len(scores) + sum(k not in scores for k in outcomes) == count:
                ranked = [scores.get(k, NAN) for k in range(count)]
                stay = staying(ranked, table.pop(0).stay, trainable.traits.direction)
                for task in tasks:
                    if task.trials[0] in scores:
                        executor.go_on(task, [stay[k] for k in task.trials])
                scores.clear()
    return [outcomes[k] for k in range(count)]


# --- scripted trainings, which stay on threads ---


def test_outcomes_come_for_each_trial_however_they_are_grouped() -> None:
    scripted = Scripted(*map(flat, (0.1, 0.2, 0.3, 0.4)), parts=[[3, 1], [2], [0]])
    with Threads(scripted, 2) as threads:
        outcomes = trained(threads, tasks_of(scripted, [{}] * 4, epochs=4, pauses=(2,)))
    assert [o.value for o in outcomes] == [0.1, 0.2, 0.3, 0.4]


def test_the_worst_of_all_tasks_leave_and_what_ended_before_takes_no_place() -> None:
    scripted = Scripted(
        [0.9, NAN, NAN, NAN], flat(0.1), flat(0.2), flat(0.3), [0.8], flat(0.7),
        parts=[[0, 1], [2, 3], [4], [5]], fail=[5],
    )  # fmt: skip
    with Threads(scripted, 2) as threads:
        tasks = tasks_of(scripted, [{}] * 6, epochs=4, pauses=(2,))
        outcomes = halved(threads, scripted, tasks, [Rung(2, 2)])
    assert [o.pruned for o in outcomes] == [False, True, False, False, False, False]
    assert [o.diverged_epoch for o in outcomes] == [2, None, None, None, None, None]
    assert [o.epochs for o in outcomes] == [1, 2, 4, 4, 1, 1]
    assert [o.value for o in outcomes] == [None, 0.1, 0.2, 0.3, 0.8, None]
    assert sorted(scripted.closed) == [0, 2, 4, 5]


@pytest.mark.parametrize("workers", [1, 3])
def test_leaving_stops_what_trains_after_its_epoch_and_closes_it(workers: int) -> None:
    scripted = Scripted(*[flat(0.5, 10**6)] * 3, parts=[[0], [1], [2]])
    begun = threading.Event()
    threads = Threads(scripted, workers, lambda _: begun.set())
    before = threading.active_count()
    with threads:
        for task in tasks_of(scripted, [{}] * 3, epochs=10**6):
            threads.start(task)
        begun.wait()
    assert scripted.opened
    assert sorted(scripted.closed) == sorted(scripted.opened)
    assert sum(scripted.epochs) < 10**6
    assert threading.active_count() == before


def test_a_fault_in_what_listens_is_no_failed_trial_and_ends_the_search() -> None:
    def listen(_: int) -> None:
        raise ZeroDivisionError

    scripted = Scripted(flat(0.5))
    with pytest.raises(ZeroDivisionError), Threads(scripted, 1, listen) as threads:
        trained(threads, tasks_of(scripted, [{}], epochs=4))


def test_what_ended_before_a_fault_is_told_before_the_fault_is_raised() -> None:
    scripted = Scripted(flat(0.5, 1), flat(0.6, 1), parts=[[0], [1]])
    counts = iter([None])

    def listen(_: int) -> None:
        next(counts)  # the second training is a fault

    with Threads(scripted, 1, listen) as threads:
        for task in tasks_of(scripted, [{}] * 2, epochs=1):
            threads.start(task)
        while len(scripted.opened) < 2:
            time.sleep(0.01)
        time.sleep(0.1)  # so that the fault is there, too, if the machine is not slow
        (ended,) = threads.events(1.0)
        assert ended.task.trials == (0,)
        with pytest.raises(StopIteration):
            threads.events(60.0)


@pytest.mark.parametrize("executor", ["threads", "processes", *SLOW_TO_BEGIN], indirect=True)
def test_a_long_training_shows_its_curve_on_the_way(
    executor: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "SHOWING_SECONDS", 0.0)
    scripted = mlp(make_plan({"source": "wine"}))
    (task,) = tasks_of(scripted, settings_of(1), epochs=3)
    shown: list[list[list[float]]] = []
    ended: list[Outcome] = []
    with executor(scripted, 1) as place:
        place.start(task)
        while not ended:
            for event in place.events(1.0):
                if isinstance(event, Underway):
                    shown.append(event.curves)
                elif isinstance(event, Ended):
                    ended = event.outcomes
    whole = list(ended[0].metrics["validation_accuracy"])
    assert shown == [[whole[:k]] for k in (1, 2, 3)]


# --- the network, on every executor ---


@pytest.fixture(scope="module")
def wine() -> MLP:
    return mlp(make_plan({"source": "wine"}))


def settings_of(count: int) -> list[Settings]:
    """Of three shapes; every eighth diverges."""
    rng = np.random.default_rng(0)
    rates = 10 ** np.where(np.arange(count) % 8 == 7, 30, rng.uniform(-4, 1, count))
    return [{"learning_rate": float(r), "units": int(rng.choice([4, 8, 16]))} for r in rates]


def curves(outcomes: Sequence[Outcome]) -> list[object]:
    return [(o.metrics, o.pruned, o.diverged_epoch) for o in outcomes]


@pytest.fixture(scope="module")
def whole(wine: MLP) -> list[Outcome]:
    """The outcomes of training every setting to the end on one thread."""
    with Threads(wine, 1) as threads:
        return trained(threads, tasks_of(wine, settings_of(27), epochs=9, seed=1))


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.slow), 3])
def test_the_curves_are_the_same_on_any_executor_and_number_of_workers(
    executor: Make, workers: int, wine: MLP, whole: list[Outcome]
) -> None:
    with executor(wine, workers) as place:
        outcomes = trained(place, tasks_of(wine, settings_of(27), epochs=9, seed=1))
    assert curves(outcomes) == curves(whole)


def test_those_that_stay_are_trained_as_if_nobody_had_left(
    executor: Make, wine: MLP, whole: list[Outcome]
) -> None:
    table = rungs(27, 9, 3)
    assert table == [(1, 9), (3, 3)]
    tasks = tasks_of(wine, settings_of(27), epochs=9, seed=1, pauses=(1, 3))
    assert len(tasks) >= 3
    with executor(wine, 2) as place:
        outcomes = halved(place, wine, tasks, table)
    assert any(o.diverged_epoch for o in outcomes)
    last = [9] * 27
    for rung in table:  # by the whole curves, who leaves where?
        scores = [
            o.metrics[wine.score][rung.epoch - 1] if o.epochs >= rung.epoch <= last[k] else NAN
            for k, o in enumerate(whole)
        ]
        for k, stays in enumerate(staying(scores, rung.stay, "maximize")):
            if not stays and not math.isnan(scores[k]):
                last[k] = rung.epoch
    assert last.count(9) < 27
    for end, one, other in zip(last, whole, outcomes, strict=True):
        assert other.pruned == (end < 9)
        for metric, curve in one.metrics.items():
            assert other.metrics[metric] == curve[:end]
        if not other.pruned:
            assert other.diverged_epoch == one.diverged_epoch


def test_a_fresh_split_is_another_and_the_same_each_time(wine: MLP) -> None:
    with Threads(wine, 1) as threads:
        first, again, second = (
            trained(threads, tasks_of(wine, settings_of(9), epochs=3, split=split))
            for split in (1, 1, 2)
        )
    assert curves(first) == curves(again)
    assert curves(first) != curves(second)


def test_a_worker_that_is_killed_is_missed_by_nobody(wine: MLP, whole: list[Outcome]) -> None:
    if not AVAILABLE:
        pytest.skip("no worker processes on this system")
    with Worker("trainer.fit") as first:
        while not first.ready():
            pass
        with Stacks(wine, 3, first=first) as place:
            tasks = tasks_of(wine, settings_of(27), epochs=9, seed=1)
            for task in tasks[:-1]:
                place.start(task)
            os.kill(first.process.pid, signal.SIGKILL)
            place.start(tasks[-1])
            outcomes: dict[int, Outcome] = {}
            while len(outcomes) < 27:
                for event in place.events(1.0):
                    assert isinstance(event, Ended)
                    outcomes |= zip(event.task.trials, event.outcomes, strict=True)
    assert curves([outcomes[k] for k in range(27)]) == curves(whole)


# --- BLAS and cores ---


def blas_threads() -> set[int]:
    np.ones((2, 2)) @ np.ones((2, 2))
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


@pytest.mark.parametrize("executor", ["threads", "processes", *SLOW_TO_BEGIN], indirect=True)
def test_blas_has_one_thread_while_tasks_train_and_its_own_again_after(
    executor: Make, wine: MLP
) -> None:
    before = blas_threads()
    with executor(wine, 2):
        assert blas_threads() == {1}
    assert blas_threads() == before
    with pytest.raises(KeyboardInterrupt), executor(wine, 1):
        raise KeyboardInterrupt
    assert blas_threads() == before


@pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="only Linux pins processes to cores"
)
def test_the_default_is_the_cores_this_process_may_use() -> None:
    cores = os.sched_getaffinity(0)
    assert default_workers() == len(cores)
    try:
        os.sched_setaffinity(0, {min(cores)})
        assert default_workers() == 1
    finally:
        os.sched_setaffinity(0, cores)
