"""Functions of the user's: every form of them trains, what they raise fails a trial, and what can't work is told."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hpo
import studies
from hpo.errors import PlanError
from hpo.run.cancel import Cancel
from tests.hpo.trainables.functions import PLAN, Array, Params, generator, score
from tests.running import Call, Tables


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


@pytest.mark.usefixtures("undrawn")
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

    left, cancel = 21, Cancel()

    def stopping(params: Params, *, epochs: int, seed: int) -> Iterator[dict[str, float]]:
        nonlocal left
        left -= 1
        if left < 0:
            cancel.request()
        yield from generator(params, epochs=epochs, seed=seed)

    with pytest.raises(hpo.CancelledError):
        hpo.search(stopping, **PLAN, storage=storage, name="f", cancel=cancel)
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


# --- what can't be searched ---


def needs_more(params: Params, path: str) -> float:
    raise AssertionError(params, path)


def takes_nothing() -> float:
    return 0.0


@pytest.mark.parametrize(
    ("train", "plan", "message"),
    [
        (needs_more, PLAN, "needs_more needs 'path', which a search does not pass"),
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


def test_the_command_line_searches_and_resumes_a_function(call_hpo: Call, tmp_path: Path) -> None:
    (tmp_path / "commanded.py").write_text(textwrap.dedent(MODEL))
    done = call_hpo(
        "search --trainer commanded:train --space x=0:1 --epochs 2 --trials 12 --finalists 0"
    )
    assert done.status == 0, done.err
    assert "commanded-train · complete · 12 trials · 24 epochs trained" in done.out
    again = call_hpo("resume train --trials 20")
    assert again.status == 0, again.err
    assert "20 trials · 40 epochs trained" in again.out

    bad = call_hpo("search --trainer commanded:bad --space x=0:1")
    assert bad.status == 1
    assert bad.err.splitlines()[-1] == (
        "Error: all of 10 trainings failed, the last with KeyError: 'xxx'"
    )
    shown = call_hpo("show bad").out
    assert "10 trials (10 raised an error)" in shown
    assert "10 × KeyError: 'xxx'" in shown
    for flags in (
        "digits --trainer commanded:train --space x=0:1",
        "--trainer commanded:train",
        "",
    ):
        wrong = call_hpo(f"search {flags}")
        assert wrong.status == 2, flags
        assert "Traceback" not in wrong.err
