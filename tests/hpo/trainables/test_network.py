"""What trains together, and what the network accepts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpo.errors import PlanError
from hpo.plan.network import SHARED
from hpo.plan.plan import make_plan
from hpo.plan.space import Settings
from hpo.trainables.network import mlp
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


def test_a_metric_that_does_not_fit_the_labels_is_named() -> None:
    with pytest.raises(PlanError, match=r"metric 'rmse' .* digits.* accuracy, balanced_accuracy"):
        mlp(make_plan({"source": "digits", "metric": "rmse"}))


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


@pytest.mark.parametrize(
    ("source", "folds", "fresh"),
    [("wine", None, True), ("wine", 5, True), ("digits", None, False), ("breast_cancer", 5, False)],
)
def test_batches_have_splits_of_their_own_where_few_rows_validate_on_folds_all_of_them(
    source: str, folds: int | None, fresh: bool
) -> None:
    assert mlp(make_plan({"source": source, "folds": folds})).traits.fresh_splits == fresh
