"""Functions of the user's: every form of them trains, what they raise fails a trial, and what can't work is told."""

from __future__ import annotations

import math
import textwrap
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import hpo
import studies
from hpo.choose.rounds import EXPLORING
from hpo.errors import PlanError, TooManyFailuresError
from hpo.executors.threads import Threads
from hpo.plan.space import Settings
from hpo.trainables.function import Function
from hpo.trainables.task import Task
from tests.hpo.scripted import tasks_of, trained, trained_alone
from tests.running import Run, Tables

Array = NDArray[Any]
Params = Mapping[str, Any]

X = {"x": hpo.Float(0, 1)}
# The search alone, without what confirms.
PLAN: dict[str, Any] = {"space": X, "trials": 30, "epochs": 3, "finalists": 0}


def score(params: Params) -> float:
    return 1 - float(params["x"] - 0.3) ** 2


def generator(params: Params, *, epochs: int, seed: int) -> Iterator[dict[str, float]]:
    assert seed >= 0
    for epoch in range(epochs):
        yield {"accuracy": score(params) - 0.1 / (epoch + 1)}


def endless(params: Params) -> Iterator[dict[str, float]]:
    while True:
        yield {"accuracy": score(params)}


def number(params: Params) -> float:
    return score(params)


def mapping(params: Params, seed: int) -> dict[str, float]:
    return {"accuracy": score(params), "loss": float(seed)}


def numpy_number(params: Params, **given: int) -> Any:
    assert given.keys() == {"epochs", "seed"}
    return np.float32(score(params))


@hpo.population
def together(settings: Sequence[Params], *, epochs: int) -> Iterator[dict[str, Array]]:
    for _ in range(epochs):
        yield {"accuracy": np.array([score(params) for params in settings])}


class Trainer:
    """Something with state, and a method that trains."""

    def train(self, params: Params, epochs: int) -> Iterator[dict[str, float]]:
        for _ in range(epochs):
            yield {"accuracy": score(params)}


@pytest.mark.parametrize(
    ("train", "metric", "epochs"),
    [
        (generator, "accuracy", 3),
        (endless, "accuracy", 3),
        (number, "value", 1),
        (mapping, "accuracy", 1),
        (numpy_number, "value", 1),
        (together, "accuracy", 3),
        (Trainer().train, "accuracy", 3),
        (lambda params: score(params), "value", 1),
    ],
    ids=["generator", "endless", "number", "mapping", "numpy", "population", "method", "lambda"],
)
def test_every_form_of_function_is_searched(
    train: Callable[..., Any], metric: str, epochs: int, storage: str
) -> None:
    plan = PLAN | ({"metric": metric} if train is mapping else {})
    study = hpo.search(train, **plan, storage=storage, name="f")
    said = study.summary()
    assert (said["metric"], said["direction"], said["state"]) == (metric, "maximize", "complete")
    assert said["trials"] == {"complete": 30, "pruned": 0, "failed": 0}
    assert said["epochs_trained"] == 30 * epochs
    assert study.best is not None
    assert abs(study.best.params["x"] - 0.3) < 0.1
    assert len(study.epochs_frame()) == 30 * epochs
    assert study.optuna().best_trial.number == study.best.number
    page = study.report()
    assert metric in page
    for row in ("hidden", "activation", "source"):  # it has no network of ours
        assert f">{row}<" not in page


def test_the_same_seed_gives_the_same_study_whoever_trains_it(
    tmp_path: Path, tables: Tables
) -> None:
    made = []
    for workers in (1, 3):
        storage = f"sqlite:///{tmp_path}/{workers}.db"
        hpo.search(generator, **PLAN, storage=storage, name="f", workers=workers)
        made.append(tables("f", storage))
    assert made[0] == made[1]


def test_it_is_minimized_where_that_is_said(storage: str) -> None:
    study = hpo.search(
        lambda params: {"loss": score(params)},
        **PLAN, metric="loss", direction="minimize", storage=storage, name="f",
    )  # fmt: skip
    assert study.best is not None
    assert study.best.params["x"] > 0.9  # as far from 0.3 as it may be, or further


def test_a_study_goes_on_with_its_function(storage: str, tables: Tables) -> None:
    alone = hpo.search(generator, **PLAN, storage=storage, name="alone")

    class Stopped(BaseException):
        pass

    left = 21

    def stopping(params: Params, *, epochs: int, seed: int) -> Iterator[dict[str, float]]:
        nonlocal left
        left -= 1
        if left < 0:
            raise Stopped
        yield from generator(params, epochs=epochs, seed=seed)

    with pytest.raises(Stopped):
        hpo.search(stopping, **PLAN, storage=storage, name="f", workers=1)
    assert studies.load("f", storage).summary()["state"] == "interrupted"
    hpo.resume("f", storage=storage, train=generator)
    assert tables("f", storage) == tables("alone", storage)
    assert alone.summary()["seed"] == 0


# --- what confirms ---


def noisy(params: Params, *, epochs: int, seed: int) -> Iterator[dict[str, float]]:
    luck = np.random.default_rng(seed).normal(0, 0.1)
    for _ in range(epochs):
        yield {"accuracy": score(params) + luck}


def test_one_whose_values_repeat_is_hardly_confirmed_and_the_search_gets_the_rest(
    storage: str,
) -> None:
    study = hpo.search(
        generator, **PLAN | {"finalists": 4, "repeats": 3}, storage=storage, name="f"
    )
    said, values = study.summary(), study.trials_frame().set_index("number")["value"]
    again = [f["values"] for f in said["finalists"]]
    assert again == [[values[f["trial"]]] for f in said["finalists"]]
    assert 1 <= len(again) <= 6  # of the 12 that the plan has for it
    trainings = said["trials"]["complete"] + len(again)
    assert 29 <= trainings <= 30  # the last is for a better one than those, if there is one
    assert said["epochs_trained"] == trainings * 3
    assert said["recommended"]["trial"] == values.idxmax()
    assert said["test"] is None  # it has no test rows


def test_one_whose_values_vary_is_confirmed_with_its_share_of_the_trainings(storage: str) -> None:
    study = hpo.search(noisy, **PLAN | {"finalists": 4, "repeats": 3}, storage=storage, name="f")
    said = study.summary()
    assert said["trials"] == {"complete": 18, "pruned": 0, "failed": 0}
    assert sum(len(finalist["values"]) for finalist in said["finalists"]) == 12
    assert len({value for finalist in said["finalists"] for value in finalist["values"]}) == 12
    assert said["test"] is None


# --- what goes wrong in it ---


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
        (None, "TypeError: the trainer reported value = None, which is not a number"),
        ([1.0, 2.0], "ValueError: the trainer reported 2 values of value for 1 trials"),
        ({}, "ValueError: the trainer reported no metric"),
        (
            {"a": 1, "b": 2},
            "ValueError: the trainer reported a, b: say with metric which one decides",
        ),
        (iter(()), "TypeError: the trainer reported value = "),
        ((x for x in list[float]()), "ValueError: the trainer ended without any metric"),
    ],
    ids=["text", "nothing", "two", "empty", "which", "iterator", "no_epoch"],
)
def test_what_is_no_metric_fails_the_trial_with_a_word(told: object, message: str) -> None:
    function = Function(lambda _: told, None, "maximize")
    outcome = trained_alone(function, {"x": 1.0}, epochs=3, seed=0)
    assert outcome.error is not None
    assert outcome.error.line.startswith(message)
    assert outcome.metrics == {}


def test_a_metric_that_is_not_told_is_asked_for(storage: str) -> None:
    with pytest.raises(TooManyFailuresError, match="the trainer reported accuracy, and no f1"):
        hpo.search(generator, **PLAN, metric="f1", storage=storage, name="f")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
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


# --- what can't be searched ---


def needs_more(params: Params, folder: str) -> float:
    raise AssertionError(params, folder)


def takes_nothing() -> float:
    return 0.0


@pytest.mark.parametrize(
    ("train", "plan", "message"),
    [
        (needs_more, PLAN, "needs_more needs 'folder', which a search does not pass"),
        (takes_nothing, PLAN, "takes_nothing takes no settings"),
        (3, PLAN, "3 is neither the name of a source nor a function"),
        (number, {}, "space: give the ranges"),
        (number, PLAN | {"hidden": (9,)}, "hidden is a field of the network, which "),
        (number, PLAN | {"metric": "loss"}, "direction: say whether loss is to be minimized"),
        (number, PLAN | {"halving": 3}, "halving: number is no generator function"),
    ],
)
def test_what_cannot_be_searched_is_told_before_anything_is_written(
    train: Any, plan: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(PlanError) as caught:
        hpo.search(train, **plan, storage=f"sqlite:///{tmp_path}/new.db")
    assert str(caught.value).startswith(message)
    assert list(tmp_path.iterdir()) == []


MODEL = """
    def train(params, *, epochs, seed):
        for epoch in range(epochs):
            yield {"accuracy": 1 - (params["x"] - 0.3) ** 2}

    def bad(params):
        raise KeyError("x" * 3)
"""


def test_the_command_line_searches_and_resumes_a_function(run_hpo: Run, tmp_path: Path) -> None:
    (tmp_path / "my_model.py").write_text(textwrap.dedent(MODEL))
    own = ("search", "--trainer", "my_model:train", "--space", "x=0:1", "--epochs", 2)
    done = run_hpo(*own, "--trials", 12, "--finalists", 0)
    assert done.returncode == 0, done.stderr
    assert "train · complete · 12 trials · 24 epochs trained" in done.stdout
    again = run_hpo("resume", "train", "--trials", 20)
    assert again.returncode == 0, again.stderr
    assert "20 trials · 40 epochs trained" in again.stdout

    bad = run_hpo("search", "--trainer", "my_model:bad", "--space", "x=0:1")
    assert bad.returncode == 1
    assert bad.stderr.splitlines()[-1] == (
        "Error: all of 10 trainings failed, the last with KeyError: 'xxx'"
    )
    shown = run_hpo("show", "bad").stdout
    assert "10 trials (10 failed)" in shown
    assert "10 × KeyError: 'xxx'" in shown
    for flags in (("digits", "--trainer", "my_model:train", "--space", "x=0:1"), own[1:3], ()):
        wrong = run_hpo("search", *flags)
        assert wrong.returncode == 2, flags
        assert "Traceback" not in wrong.stderr
