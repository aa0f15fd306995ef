"""The machine: asked for tasks and told what came of them, in any order, it makes the same study."""

# Law 2: the same seed gives the same study.
# Law 5: nothing that is finished is lost.

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

import hpo
import studies
from hpo.choose.halving import batch_size
from hpo.choose.rounds import EXPLORING
from hpo.plan.place import HERE
from hpo.plan.plan import make_plan
from hpo.run.creating import creating
from hpo.run.journal import Journal
from hpo.run.machine import Done, Machine, Wait
from hpo.run.watcher import Watcher
from hpo.trainables.function import Function
from hpo.trainables.network import mlp
from hpo.trainables.protocol import Trainable
from hpo.trainables.session import Session
from hpo.trainables.task import Outcome, Task

Tables = Callable[[str, str], dict[str, bytes]]
BRACKET = batch_size(2)
SPACE = {"x": hpo.Float(0, 1), "y": hpo.Float(1e-3, 1, log=True)}
PLAN: dict[str, Any] = {
    "space": SPACE,
    "epochs": 3,
    "trials": 30,
    "metric": "loss",
    "direction": "minimize",
}


def train(params: dict[str, float], *, epochs: int, seed: int) -> Iterator[dict[str, float]]:
    luck = random.Random(seed).gauss(0, 0.01)  # noqa: S311  # a stand-in for noise
    for epoch in range(epochs):
        yield {"loss": (params["x"] - 0.3) ** 2 + params["y"] + luck / (epoch + 1)}


@contextmanager
def machine(
    trainable: Trainable, fields: dict[str, Any], storage: str, name: str
) -> Iterator[Machine]:
    plan = make_plan(fields)
    with creating(plan, trainable, name=name, storage=storage, place=HERE) as writer:
        journal = Journal(plan, trainable, writer, Watcher())
        yield Machine(plan, trainable, journal, lambda: 0.0)


def outcomes(trainable: Trainable, task: Task) -> list[Outcome]:
    session = Session(task, trainable.training(task).here(), trainable.score)
    session.advance(task.epochs)
    return session.outcomes()


def drive(asked: Machine, trainable: Trainable, take: Callable[[list[Task]], Task]) -> list[int]:
    """Train whatever is asked for, and tell it in the order in which `take` takes tasks; returns that order."""
    waiting: list[Task] = []
    order: list[int] = []
    while not isinstance(step := asked.ask(), Done):
        if isinstance(step, Task):
            waiting.append(step)
            continue
        task = take(waiting)
        waiting.remove(task)
        order += task.trials
        asked.tell(task, outcomes(trainable, task))
    assert not waiting
    return order


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({}, marks=pytest.mark.slow),
        {"ahead": 8},
        {"ahead": 5, "sampler": "tpe"},
        pytest.param({"ahead": 3, "sampler": "sobol"}, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_tasks_may_be_told_in_any_order(more: dict[str, Any], storage: str, tables: Tables) -> None:
    fields = {**PLAN, **more}
    hpo.search(train, **fields, storage=storage, name="a", executor="threads", workers=1)
    trainable = Function(train, "loss", "minimize")
    fields["trainer"] = "tests:train"
    picks = random.Random(0)  # noqa: S311  # which task ends first
    for name, take in (("last", lambda w: w[-1]), ("random", picks.choice)):
        with machine(trainable, fields, storage, name) as asked:
            order = drive(asked, trainable, take)
        assert order != sorted(order)
        assert tables(name, storage) == tables("a", storage)


@pytest.mark.parametrize(
    "stop", [12, 25, *(pytest.param(n, marks=pytest.mark.slow) for n in range(3, 30))]
)
def test_a_search_that_breaks_off_with_trials_in_training_goes_on_as_if_it_had_not(
    stop: int, storage: str, tables: Tables
) -> None:
    fields = {**PLAN, "ahead": 6}
    hpo.search(train, **fields, storage=storage, name="a", executor="threads", workers=1)
    trainable = Function(train, "loss", "minimize")
    picks = random.Random(stop)  # noqa: S311  # which task ends first
    told = 0

    def take(waiting: list[Task]) -> Task:
        nonlocal told
        told += 1
        if told > stop:
            raise InterruptedError
        return picks.choice(waiting)

    with (
        pytest.raises(InterruptedError),
        machine(trainable, {"trainer": "tests:train", **fields}, storage, "b") as asked,
    ):
        drive(asked, trainable, take)
    hpo.resume("b", storage=storage, train=train, executor="threads", workers=4)
    assert tables("b", storage) == tables("a", storage)


def halved(
    asked: Machine,
    trainable: Trainable,
    picks: random.Random,
    told: list[int],
    stop: int | None = None,
) -> int:
    """Train whatever is asked for, in any order, with those that stay at rungs; breaks off when `stop` have been told.

    Returns how many ended while those of the next bracket were in training.
    """
    sessions: dict[Task, Session] = {}
    ready: list[tuple[Task, Sequence[bool] | None]] = []
    beside = 0
    while not isinstance(step := asked.ask(), Done):
        if isinstance(step, Task):
            sessions[step] = Session(step, trainable.training(step).here(), trainable.score)
            ready.append((step, None))
            continue
        task, stay = ready.pop(picks.randrange(len(ready)))
        session = sessions[task]
        pause = next((p for p in task.pauses if p > session.reached), task.epochs)
        scores = session.advance(pause, stay)
        if session.ended:
            del sessions[task]
            if len(told) == stop:
                raise InterruptedError
            told.append(task.trial)
            beside += bool(sessions) and max(t.trial for t in sessions) - task.trial > BRACKET
            staying = asked.tell(task, session.outcomes())
        else:
            staying = asked.report(task, pause, scores)
        ready += staying.items()
    return beside


@pytest.mark.parametrize(
    "stop", [9, 20, *(pytest.param(n, marks=pytest.mark.slow) for n in range(29))]
)
def test_trials_that_leave_at_rungs_are_recorded_when_they_end_and_none_is_lost(
    stop: int, storage: str, tables: Tables
) -> None:
    def train(params: dict[str, float], *, epochs: int, seed: int) -> Iterator[dict[str, float]]:
        for epoch in range(epochs):
            if epoch == {0: 1, 1: 3}.get(int(100 * params["x"]) % 4):  # the rungs are at 1, 2 and 4
                raise RuntimeError("it fails now and then")
            luck = random.Random(seed + epoch).gauss(0, 0.1)  # noqa: S311
            yield {"loss": params["x"] ** 2 + params["y"] + luck * params["x"]}

    fields = {**PLAN, "epochs": 8, "halving": 2, "trials": 34, "baseline": [{"x": 0.7, "y": 0.3}]}
    alone = hpo.search(train, **fields, storage=storage, name="a", executor="threads", workers=1)
    assert set(alone.trials_frame()["state"]) == {"complete", "pruned", "failed"}
    trainable = Function(train, "loss", "minimize")
    picks = random.Random(stop)  # noqa: S311
    told: list[int] = []
    broken_off = pytest.raises(InterruptedError)
    with broken_off, machine(trainable, {"trainer": "t:train", **fields}, storage, "b") as asked:
        halved(asked, trainable, picks, told, stop)
    states = studies.load("b", storage).trials_frame()["state"]
    assert (states != "running").sum() == len(set(told))
    hpo.resume("b", storage=storage, train=train, executor="threads", workers=3)
    assert tables("b", storage) == tables("a", storage)


@pytest.mark.slow
def test_the_next_bracket_begins_while_the_last_of_one_train_on(
    storage: str, tables: Tables
) -> None:
    fields = {**PLAN, "epochs": 8, "halving": 2, "trials": 40, "ahead": 3}
    hpo.search(train, **fields, storage=storage, name="a", executor="threads", workers=1)
    trainable = Function(train, "loss", "minimize")
    at_once = 0
    for seed in range(5):
        picks = random.Random(seed)  # noqa: S311
        with machine(trainable, {"trainer": "t:train", **fields}, storage, f"{seed}") as asked:
            at_once += halved(asked, trainable, picks, [])
        assert tables(f"{seed}", storage) == tables("a", storage)
    assert at_once


def test_settings_of_a_function_are_drawn_while_others_train(storage: str) -> None:
    trainable = Function(train, "loss", "minimize")
    fields = {"trainer": "tests:train", **PLAN, "ahead": 4, "finalists": 0}
    with machine(trainable, fields, storage, "s") as asked:
        waiting = [task for _ in range(EXPLORING) if isinstance(task := asked.ask(), Task)]
        assert asked.ask() == Wait()
        for task in waiting:
            asked.tell(task, outcomes(trainable, task))
        waiting = [task for _ in range(4) if isinstance(task := asked.ask(), Task)]
        assert [task.trial for task in waiting] == [10, 11, 12, 13]
        assert asked.ask() == Wait()
        for task in waiting[1:]:
            asked.tell(task, outcomes(trainable, task))
            assert asked.ask() == Wait()  # trial 10 trains on, and the next depends on it
        asked.tell(waiting[0], outcomes(trainable, waiting[0]))
        again = [task for _ in range(4) if isinstance(task := asked.ask(), Task)]
        assert [task.trial for task in again] == [14, 15, 16, 17]


def test_a_trial_of_a_function_is_recorded_when_it_ends(storage: str) -> None:
    trainable = Function(train, "loss", "minimize")
    with machine(trainable, {"trainer": "tests:train", **PLAN}, storage, "s") as asked:
        tasks = [task for _ in range(EXPLORING) if isinstance(task := asked.ask(), Task)]
        assert [task.trial for task in tasks] == list(range(EXPLORING))
        assert asked.ask() == Wait()
        asked.tell(tasks[2], outcomes(trainable, tasks[2]))
        states = studies.load("s", storage).trials_frame()["state"].tolist()
        assert states == ["running"] * 2 + ["complete"] + ["running"] * (EXPLORING - 3)
    resumed = hpo.resume("s", storage=storage, train=train)
    alone = hpo.search(train, **PLAN, storage=storage, name="t")
    drop = ["started", "finished"]
    assert resumed.trials_frame().drop(columns=drop).equals(alone.trials_frame().drop(columns=drop))


def test_populations_are_recorded_when_all_of_their_batch_have_ended(storage: str) -> None:
    fields = {"source": "wine", "trials": 40, "epochs": 2, "space": {"units": "4:8:int"}}
    trainable = mlp(make_plan(fields))
    with machine(trainable, fields, storage, "s") as asked:
        tasks: list[Task] = []
        while isinstance(task := asked.ask(), Task):
            tasks.append(task)
        assert len(tasks) > 1
        for task in tasks[:-1]:
            asked.tell(task, outcomes(trainable, task))
        assert set(studies.load("s", storage).trials_frame()["state"]) == {"running"}
        asked.tell(tasks[-1], outcomes(trainable, tasks[-1]))
        assert set(studies.load("s", storage).trials_frame()["state"]) == {"complete"}


def test_who_stays_at_a_rung_is_known_when_the_last_task_has_reported(storage: str) -> None:
    fields = {"source": "wine", "trials": 60, "epochs": 9, "halving": 3, "finalists": 0,
              "space": {"units": "4:8:int", "learning_rate": "1e-4:1:log"}}  # fmt: skip
    trainable = mlp(make_plan(fields))
    with machine(trainable, fields, storage, "s") as asked:
        tasks: list[Task] = []
        while isinstance(task := asked.ask(), Task):
            tasks.append(task)
        count = sum(len(task.trials) for task in tasks)
        assert tasks[0].pauses == (1, 3)
        for task in tasks[:-1]:
            assert asked.report(task, 1, [0.0] * len(task.trials)) == {}
        with pytest.raises(ValueError, match="epoch 3"):
            asked.report(tasks[-1], 3, [0.0] * len(tasks[-1].trials))
        staying = asked.report(tasks[-1], 1, [1.0] * len(tasks[-1].trials))
        assert list(staying) == tasks
        assert sum(map(sum, staying.values())) == count // 3
        last = tasks[-1]
        assert sum(staying[last]) == min(len(last.trials), count // 3)


def test_where_nothing_is_to_be_confirmed_the_trials_in_training_end_and_no_other_begins(
    storage: str,
) -> None:
    trainable = Function(train, "loss", "minimize")
    plan = make_plan({"trainer": "t:train", **PLAN, "ahead": 4})
    with creating(plan, trainable, name="s", storage=storage, place=HERE) as writer:
        first = Machine(plan, trainable, Journal(plan, trainable, writer, Watcher()), lambda: 0.0)
        tasks = [task for _ in range(EXPLORING) if isinstance(task := first.ask(), Task)]
        for task in tasks:
            first.tell(task, outcomes(trainable, task))
        while not isinstance(task := first.ask(), Task) or task.split != 0:
            assert isinstance(task, Task)  # what measures the noise
            first.tell(task, outcomes(trainable, task))
        while isinstance(first.ask(), Task):
            pass
        journal = Journal(plan, trainable, writer, Watcher())
        again = Machine(plan, trainable, journal, lambda: 0.0, until_confirmed=True)
        order = drive(again, trainable, lambda waiting: waiting[0])
    assert order == [10, 11, 12, 13]


def test_what_is_not_in_training_can_be_neither_reported_nor_told(storage: str) -> None:
    trainable = Function(train, "loss", "minimize")
    with machine(trainable, {"trainer": "tests:train", **PLAN}, storage, "s") as asked:
        task = asked.ask()
        assert isinstance(task, Task)
        result: Sequence[Outcome] = outcomes(trainable, task)
        with pytest.raises(ValueError, match="not in training"):
            asked.tell(replace(task, trials=(99,)), result)
        with pytest.raises(ValueError, match="do not pause"):
            asked.report(task, 1, [0.0])
        asked.tell(task, result)
        with pytest.raises(ValueError, match="ended already"):
            asked.tell(task, result)
