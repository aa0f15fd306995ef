"""What goes wrong in a function of the user's: it fails one trial, is recorded, and does not stop the search."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

import numpy as np
import pytest

import hpo
import studies
from hpo.choose.rounds import EXPLORING
from hpo.errors import TooManyFailuresError
from hpo.executors.threads import Threads
from hpo.plan.space import Settings
from hpo.trainables.function import Function
from hpo.trainables.session import Session
from hpo.trainables.task import Task
from studies.words import without_addresses
from tests.hpo.scripted import tasks_of, trained, trained_alone
from tests.hpo.trainables.functions import PLAN, Array, Params, generator, score


def fails_above_a_half(params: Params) -> float:
    if params["x"] > 0.5:
        raise RuntimeError(f"x is {params['x']:.2f}\nand that is too much")
    return score(params)


def test_what_it_raises_fails_the_trial_and_the_search_goes_on(storage: str) -> None:
    study = hpo.search(fails_above_a_half, **PLAN, storage=storage, name="f")
    counts = study.summary()["trials"]
    assert counts["failed"] > 0
    assert counts["complete"] + counts["failed"] == 30
    for trial in study.optuna().trials:
        if trial.params["x"] > 0.5:
            assert trial.state.name == "FAIL"
            assert trial.user_attrs["error"] == f"RuntimeError: x is {trial.params['x']:.2f}"
            assert "fails_above_a_half" in trial.user_attrs["traceback"]
        else:
            assert trial.state.name == "COMPLETE"
    frame = study.trials_frame()
    assert (frame["x"] > 0.5).equals(frame["state"] == "failed")
    assert study.errors().total() == counts["failed"]


def raises(error: BaseException) -> float:
    raise error


def raises_when_closed(error: BaseException) -> Iterator[float]:
    try:
        while True:
            yield 1.0
    finally:
        raise error


def goes_on_when_closed(_: object) -> Iterator[float]:
    with suppress(GeneratorExit):
        while True:
            yield 1.0
    yield 2.0


@pytest.mark.parametrize(
    ("train", "error", "line"),
    [
        (raises, SystemExit(0), "SystemExit: the function called sys.exit(0)"),
        (raises, SystemExit(), "SystemExit: the function called sys.exit()"),
        (raises, KeyboardInterrupt(), "KeyboardInterrupt"),
        (raises, GeneratorExit("x"), "GeneratorExit: x"),
        (raises_when_closed, OSError("locked"), "OSError: locked"),
        (raises_when_closed, SystemExit("no"), "SystemExit: the function called sys.exit('no')"),
        (goes_on_when_closed, None, "RuntimeError: generator ignored GeneratorExit"),
    ],
)
def test_whatever_it_raises_fails_its_trial_alone(
    train: Callable[..., object], error: object, line: str
) -> None:
    def some(params: Params) -> object:
        return train(error) if params["x"] else 1.0

    function = Function(some, None, "maximize")
    with Threads(function, 1) as threads:
        ended = trained(threads, tasks_of(function, [{"x": 1}, {"x": 0}], epochs=3))
    assert ended[0].error is not None
    assert ended[0].error.line == line
    assert f"in {train.__name__}\n" in ended[0].error.full or error is None
    assert ended[1].value == 1.0


def test_an_error_while_a_pruned_trial_is_closed_is_kept_with_what_it_printed() -> None:
    function = Function(lambda _: raises_when_closed(OSError("locked")), None, "maximize")
    task = Task((0,), ({"x": 1},), 3, 0, 0, (1,))
    session = Session(task, function.training(task).here(), function.score)
    session.advance(1)
    session.advance(3, [False])
    (outcome,) = session.outcomes()
    assert (outcome.pruned, outcome.error) == (True, None)
    assert "OSError: locked" in outcome.output


def test_it_fails_half_way_and_its_curve_is_kept(storage: str) -> None:
    def train(params: Params, epochs: int) -> Iterator[dict[str, float]]:
        yield {"accuracy": score(params)}
        raise ValueError(epochs)

    with pytest.raises(TooManyFailuresError):
        hpo.search(train, **PLAN, storage=storage, name="f")
    study = studies.load("f", storage)
    assert (study.trials_frame()["epochs"] == 1).all()
    assert study.trials_frame()["diverged_epoch"].isna().all()


@pytest.mark.parametrize("most", [0, 3])
def test_it_stops_after_more_failures_than_allowed(most: int, storage: str) -> None:
    with pytest.raises(TooManyFailuresError, match=r"trainings failed, the last with RuntimeError"):
        hpo.search(fails_above_a_half, **PLAN, max_failures=most, storage=storage, name="f")
    failed = studies.load("f", storage).summary()["trials"]["failed"]
    assert most < failed <= most + EXPLORING


def test_one_that_always_fails_is_not_called_for_ever(storage: str) -> None:
    calls = []

    def train(params: Params) -> float:
        calls.append(params)
        return 1 / 0

    with pytest.raises(
        TooManyFailuresError, match="all of 10 trainings failed, the last with Zero"
    ):
        hpo.search(train, **{**PLAN, "trials": 300}, storage=storage, name="f")
    assert len(calls) == EXPLORING  # the first batch


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ("good", "TypeError: the trainer reported value = 'good', which is not a number"),
        ("0.5", "TypeError: the trainer reported value = '0.5', which is not a number"),
        (None, "TypeError: the trainer reported None, and no number: report {"),
        ({"a": None}, "TypeError: the trainer reported a = None, which is not a number"),
        (1j, "TypeError: the trainer reported value = 1j, which is not a number"),
        ([1.0, 2.0], "TypeError: the trainer reported 2 values, [1.0, 2.0], without names: report"),
        (np.ones(2), "ValueError: the trainer reported 2 values of value for 1 trial: yield one"),
        ((x for x in (1.0, None)), "TypeError: the trainer reported None in epoch 2, and no"),
        ({}, "ValueError: the trainer reported no metric"),
        (
            {"a": 1, "b": 2},
            "ValueError: the trainer reported a, b: say with metric which one decides",
        ),
        (iter(()), "TypeError: the trainer returned a tuple_iterator, which is neither"),
        ((x for x in list[float]()), "ValueError: the trainer ended without any metric"),
    ],
    ids=lambda value: without_addresses(str(value)),
)
def test_what_is_no_metric_fails_the_trial_with_a_word(told: object, message: str) -> None:
    function = Function(lambda _: told, None, "maximize")
    outcome = trained_alone(function, {"x": 1.0}, epochs=3, seed=0)
    assert outcome.error is not None
    assert outcome.error.line.startswith(message)
    assert outcome.epochs == (1 if "epoch 2" in message else 0)


def test_a_metric_that_is_not_told_is_asked_for(storage: str) -> None:
    with pytest.raises(TooManyFailuresError, match="the trainer reported accuracy, and no f1"):
        hpo.search(generator, **PLAN, metric="f1", storage=storage, name="f")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e308, -1e151])
def test_a_value_that_is_not_finite_is_a_divergence(value: float, storage: str) -> None:
    def train(params: Params) -> float:
        return value if params["x"] > 0.5 else score(params)

    study = hpo.search(train, **PLAN, storage=storage, name="f")
    frame = study.trials_frame()
    assert (frame["x"] > 0.5).tolist() == frame["diverged_epoch"].notna().tolist()
    assert study.best is not None
    assert study.best.params["x"] <= 0.5


def test_a_population_is_trained_together_and_one_that_diverges_leaves_the_others() -> None:
    sizes = []

    def train(settings: Sequence[Params], epochs: int) -> Iterator[dict[str, Array]]:
        sizes.append(len(settings))
        for epoch in range(epochs):
            yield {"a": np.array([math.nan if epoch == k else 1.0 for k in range(len(settings))])}

    function = Function(hpo.population(train), "a", "maximize")
    settings: list[Settings] = [{"x": float(k)} for k in range(5)]
    assert function.populations(settings) == [[0, 1, 2, 3, 4]]
    counts: list[int] = []
    with Threads(function, 2, counts.append) as threads:
        outcomes = trained(threads, tasks_of(function, settings, epochs=3))
    assert [o.diverged_epoch for o in outcomes] == [1, 2, 3, None, None]
    assert [o.epochs for o in outcomes] == [0, 1, 2, 3, 3]
    assert (sizes, counts) == ([5], [5, 4, 3])


def test_a_generator_is_closed_when_the_search_is_stopped() -> None:
    closed = []

    def train(params: Params) -> Iterator[float]:
        try:
            while True:
                yield score(params)
        finally:
            closed.append(params)

    begun = threading.Event()
    function = Function(train, None, "maximize")
    with Threads(function, 1, lambda _: begun.set()) as threads:
        threads.start(Task((0,), ({"x": 0.5},), 10**9, 0))
        begun.wait()
        assert not closed
    assert len(closed) == 1


def test_a_generator_may_be_a_list(storage: str) -> None:
    def train(params: Params, *, epochs: int) -> Iterator[float]:
        yield from [score(params)] * epochs

    assert hpo.search(train, **PLAN, storage=storage).summary()["epochs_trained"] == 90
