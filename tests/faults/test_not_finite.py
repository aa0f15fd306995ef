"""A trainer that tells NaN or ±infinity: that is never the best, in either direction, and everything else reads it."""

from __future__ import annotations

import math
from typing import Any

import optuna
import pytest

import hpo
from hpo.choose.types import Direction
from hpo.plan.space import Categorical


def telling(word: str) -> Any:
    """A function whose every third setting gives what is no number."""

    def train(params: dict[str, Any], *, epochs: int) -> Any:
        for epoch in range(1, epochs + 1):
            odd = params["k"] == "odd" and epoch == epochs
            value = float(word) if odd else params["x"] + epoch / 100
            yield {"score": value, "beside": float(word)}

    return train


@pytest.mark.parametrize(
    ("word", "direction"),
    [
        ("nan", "maximize"),
        pytest.param("inf", "maximize", marks=pytest.mark.slow),
        ("-inf", "minimize"),
        pytest.param("nan", "minimize", marks=pytest.mark.slow),
        pytest.param("inf", "minimize", marks=pytest.mark.slow),
        pytest.param("-inf", "maximize", marks=pytest.mark.slow),
    ],
)
def test_what_is_no_number_is_never_the_best(word: str, direction: Direction, storage: str) -> None:
    space = {"x": hpo.Float(0, 1), "k": Categorical(("odd", "even"))}
    study = hpo.search(
        telling(word), space=space, metric="score", direction=direction, epochs=3, trials=24, rounds=2,
        finalists=3, repeats=2, sampler="sobol", storage=storage, name="n",
    )  # fmt: skip
    frame = study.trials_frame()
    odd = frame[frame["k"] == "odd"]
    assert 0 < len(odd) < len(frame)
    assert set(odd["state"]) == {"failed"}
    assert odd["value"].isna().all()
    assert set(odd["diverged_epoch"]) == {3}
    even = frame[frame["k"] == "even"]["value"]
    best = even.max() if direction == "maximize" else even.min()
    said = study.summary()
    assert said["best"]["value"] == best
    assert said["trials"]["failed"] == len(odd)
    assert all(f["params"]["k"] == "even" for f in said["finalists"])
    beside = study.epochs_frame()["beside"]
    assert all(math.isnan(x) if word == "nan" else x == float(word) for x in beside)
    assert "no trial has a value" not in study.report()
    theirs = optuna.load_study(study_name="n", storage=storage)
    assert theirs.best_value == best
    failed = [t for t in theirs.trials if t.state == optuna.trial.TrialState.FAIL]
    assert [(t.value, len(t.intermediate_values)) for t in failed] == [(None, 2)] * len(odd)
