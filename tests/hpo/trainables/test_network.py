"""What trains together, and what the network accepts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpo.errors import PlanError
from hpo.plan.plan import make_plan
from hpo.plan.space import Settings
from hpo.trainables.network import SHARED, mlp
from tests.hpo.scripted import tasks_of
from trainer.population import MOST_TRIALS


def settings_of(rng: np.random.Generator, n: int) -> list[Settings]:
    made: list[Settings] = []
    for _ in range(n):
        setting: Settings = {
            "learning_rate": float(rng.uniform(0, 1)),
            "momentum": float(rng.uniform(0, 1)),
            "units": int(rng.choice([8, 16])),
            "optimizer": str(rng.choice(["sgd", "adam"])),
        }
        made.append(setting)
    return made


@pytest.fixture(scope="module")
def digits() -> Any:
    return mlp(make_plan({"source": "digits"}))


@given(seed=st.integers(0, 99), n=st.integers(1, 120))
def test_trials_of_one_shape_train_together_and_each_trial_once(
    digits: Any, seed: int, n: int
) -> None:
    settings = settings_of(np.random.default_rng(seed), n)
    parts = digits.populations(settings)
    assert sorted(k for part in parts for k in part) == list(range(n))
    for part in parts:
        assert 1 <= len(part) <= MOST_TRIALS
        shapes = {tuple(settings[k].get(name) for name in SHARED) for k in part}
        assert len(shapes) == 1


def test_every_part_that_can_be_searched_is_trained() -> None:
    trainable = mlp(make_plan({"source": "wine", "dropout": 0.1}))
    settings: list[Settings] = [
        {"learning_rate": 0.01, "batch_norm": True, "init": "normal:0.1"},
        {"learning_rate": 0.01, "batch_norm": True, "init": "he", "label_smoothing": 0.1},
        {"optimizer": "adamw", "schedule": "cosine", "warmup": 0.5, "clip_norm": 1.0},
        {"activation": "gelu", "dropout": 0.0, "l1": 1e-4},
    ]
    assert trainable.populations(settings) == [[0, 1], [2], [3]]
    first = [
        next(trainable.training(task).here())["validation_loss"]
        for task in tasks_of(trainable, settings, epochs=1)
    ]
    assert len(set(np.concatenate(first))) == 4
    assert np.isfinite(np.concatenate(first)).all()


def test_wide_networks_train_in_smaller_stacks() -> None:
    wide = mlp(make_plan({"source": "digits", "hidden": (1000, 1000)}))
    narrow = mlp(make_plan({"source": "digits"}))
    settings: list[Settings] = [{"learning_rate": 0.1}] * 50
    assert max(map(len, wide.populations(settings))) == 4
    assert list(map(len, narrow.populations(settings))) == [25, 25]


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ({"space": {"lr": "0:1"}}, "space.lr: the network has no such number; it has learning_rate"),
        ({"space": {"learning_rate": "-1:1"}}, "space.learning_rate: -1.0 is not a number of at least 0"),
        ({"space": {"momentum": "0:2"}}, "space.momentum: 2.0 is not a number of at least 0 and at most 1"),
        ({"space": {"units": "1.5:8"}}, "space.units: a whole number is needed: add :int to the range"),
        ({"space": {"units": "0:8:int"}}, "space.units: 0 is not a whole number of at least 1"),
        ({"space": {"activation": "relu,gelo"}}, "space.activation: 'gelo' is not one of relu, leaky_relu"),
        ({"space": {"momentum": "0:1"}, "optimizer": "sgd"}, "space.momentum: the optimizer 'sgd' has no momentum"),
        ({"space": {"rho": "0.9:1"}}, "space.rho: the optimizer 'momentum' has no rho"),
        ({"space": {"dropout": "0:1"}}, "space.dropout: 1.0 is not a number of at least 0 and below 1"),
        ({"space": {"schedule": "cosine,linear"}}, "space.schedule: 'linear' is not one of constant, step"),
        ({"space": {"schedule_every": "1:9"}}, "space.schedule_every: the schedule 'constant' has none: step and"),
        ({"space": {"init": "he,normal:x"}}, "space.init: 'normal:x' is not one of he, xavier"),
        ({"init": "hee"}, "init: 'hee' is not one of he, xavier, lecun, zeros or normal:STD"),
        ({"space": {"batch_norm": "0,1"}}, "space.batch_norm: 0 is not true or false"),
        ({"space": {"units": "2:8:int"}, "hidden": ()}, "space.units and space.layers need a hidden layer"),
        ({"space": {"layers": "1:3:int"}, "hidden": (8, 9)}, "space.layers: hidden layers of one width"),
        ({"metric": "rmse"}, "metric 'rmse' does not fit digits, a classification: give one of accuracy, balanced"),
    ],
)  # fmt: skip
def test_what_the_network_cannot_take_is_named(plan: dict[str, Any], message: str) -> None:
    with pytest.raises(PlanError) as caught:
        mlp(make_plan({"source": "digits"} | plan))
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("source", "metric", "score", "direction"),
    [
        ("digits", None, "validation_accuracy", "maximize"),
        ("digits", "loss", "validation_loss", "minimize"),
        ("digits", "roc_auc", "validation_roc_auc", "maximize"),
        ("digits", "log_loss", "validation_log_loss", "minimize"),
        ("diabetes", "r2", "validation_r2", "maximize"),
        ("diabetes", None, "validation_rmse", "minimize"),
        ("diabetes", "loss", "validation_loss", "minimize"),
    ],
)
def test_the_score_and_its_direction_follow_the_labels(
    source: str, metric: str | None, score: str, direction: str
) -> None:
    trainable = mlp(make_plan({"source": source, "metric": metric}))
    assert (trainable.score, trainable.traits.direction) == (score, direction)
    (task,) = tasks_of(trainable, [{"learning_rate": 0.01}], epochs=1)
    assert score in next(trainable.training(task).here())
