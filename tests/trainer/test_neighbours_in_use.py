"""Law 3 in shapes that people use, and for every number that is learned: a trial alone is the trial among many."""

from __future__ import annotations

import numpy as np
import pytest

from tests.trainer.shared import MakeTargets, PathOf, Settings, Train
from trainer.optimizers import OPTIMIZERS
from trainer.recipe import Recipe, Rows

BIGGER: dict[str, tuple[Recipe, int, int, int]] = {  # with rows to train, to validate, and inputs
    "digits": (Recipe(10, hidden=(50,)), 300, 120, 64),
    "deep": (Recipe(10, hidden=(100,) * 6, batch_size=100), 200, 150, 64),
    "mnist": (Recipe(10, hidden=(100,), batch_size=100), 200, 60, 784),
    "a quantity": (
        Recipe(1, loss="squared_error", metric="r2", hidden=(50,), optimizer="adam"), 300, 150, 10,
    ),
    "questions": (
        Recipe(5, loss="binary_cross_entropy", metric="log_loss", hidden=(40, 40)), 300, 150, 20,
    ),
    "all at once": (
        Recipe(
            10, metric="roc_auc", hidden=(64, 32), activation="gelu", batch_norm=True,
            optimizer="adamw", schedule="cosine", class_weight=(1.0,) * 9 + (2.0,),
        ), 300, 150, 64,
    ),
}  # fmt: skip


def rows_of(
    make_targets: MakeTargets, recipe: Recipe, train: int, validation: int, inputs: int
) -> tuple[Rows, Rows]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((train + validation, inputs))
    y = make_targets(recipe.loss, recipe.outputs, len(X), rng)
    return Rows(X[:train], y[:train], rng.random(train)), Rows(X[train:], y[train:])


def different(trials: int, *, clipped: bool = False) -> Settings:
    """Settings that differ in all there is to differ in; every third has the defaults but for its learning rate."""
    rng = np.random.default_rng(1)
    made: Settings = []
    for trial in range(trials):
        setting: dict[str, float | str] = {"learning_rate": float(10 ** rng.uniform(-4, -1))}
        share = rng.uniform(0.05, 0.95, 6).tolist()
        if trial % 3:
            setting |= {
                "weight_decay": share[0] / 100,
                "l1": share[1] / 1000,
                "momentum": share[2],
                "beta1": share[3],
                "beta2": 1 - share[4] / 100,
                "rho": share[5],
                "dropout": share[0] / 2 if trial % 2 else 0.0,
                "label_smoothing": share[1] / 2,
                "schedule_factor": share[2],
                "schedule_every": 3 * share[3],
                "warmup": 2 * share[4],
                "init": ("he", "xavier", "normal:0.1", "lecun")[trial % 4],
            }
            setting |= {"clip_norm": share[5]} if clipped else {}
        made.append(setting)
    return made


@pytest.mark.parametrize("name", BIGGER)
def test_a_trial_alone_is_the_trial_among_64_in_shapes_people_use(
    name: str, train: Train, make_targets: MakeTargets
) -> None:
    recipe, *_ = BIGGER[name]
    everyone, rows = different(64), rows_of(make_targets, *BIGGER[name])
    among = train(recipe, everyone, rows, epochs=2)
    assert np.isfinite(among["validation_loss"]).all()
    for position in (0, 31, 63):
        alone = train(recipe, [everyone[position]], rows, epochs=2)
        for curve, values in among.items():
            np.testing.assert_array_equal(values[:, [position]], alone[curve])


@pytest.mark.parametrize("clipped", [False, True], ids=["free", "clipped"])
@pytest.mark.parametrize("hidden", [(50,), (200, 100)], ids=["at once", "in pieces"])
@pytest.mark.parametrize("batch_norm", [False, True], ids=["no batch norm", "batch norm"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_not_only_the_curves_but_every_number_is_the_same(
    optimizer: str,
    batch_norm: bool,
    hidden: tuple[int, ...],
    clipped: bool,
    path_of: PathOf,
    make_targets: MakeTargets,
) -> None:
    recipe = Recipe(10, hidden=hidden, optimizer=optimizer, batch_norm=batch_norm)
    everyone = different(8, clipped=clipped)
    rows, _ = rows_of(make_targets, recipe, 100, 50, 64)
    among = path_of(recipe, everyone, rows, epochs=2)
    assert np.isfinite(among[-1]).all()
    for position in (0, 4, 7):
        apart = path_of(recipe, [everyone[position]], rows, epochs=2)
        assert len(apart) == len(among) == 1 + 2 * 4
        for together, own in zip(among, apart, strict=True):
            np.testing.assert_array_equal(together[position], own[0])
