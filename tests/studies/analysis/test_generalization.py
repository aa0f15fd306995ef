"""Over- and underfitting in words: what the curves of the best trial say, in both directions."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from studies.analysis.generalization import Generalization, best_with_curves, generalization
from studies.analysis.goal import Goal
from studies.words import number
from tests.studies.columns_of import epochs_of
from tests.studies.figures import DOWN, UP, made

EPOCHS = np.arange(1, 21)
RISING = [float(v) for v in 1 - np.exp(-EPOCHS / 8)]  # still gains at the end
SETTLED = [float(v) for v in 0.9 - 0.5 * np.exp(-EPOCHS / 1.5)]
WORSE = [float(v) for v in 0.9 - 0.5 * np.exp(-EPOCHS / 1.5) - 0.01 * np.clip(EPOCHS - 6, 0, None)]


def said_of(
    train: list[float], validation: list[float], goal: Goal = UP, names: str = "accuracy"
) -> Generalization:
    trials = made([validation[-1]])[0]
    curves = [(0, f"train_{names}", train), (0, f"validation_{names}", validation)]
    found = generalization(trials, epochs_of(curves), goal=goal)
    assert found is not None
    return found


def test_validation_that_gets_worse_while_training_goes_on_is_overfitting() -> None:
    found = said_of(RISING, WORSE)
    assert found.kind == "overfitting"
    assert found.sentence.startswith("Overfitting: validation was best at epoch 6 ")
    assert found.best_epoch == 6
    assert found.gap == pytest.approx(RISING[-1] - WORSE[-1])


def test_validation_that_stops_while_training_goes_on_is_slight_overfitting() -> None:
    train = [0.02 + s + 0.005 * k for k, s in enumerate(SETTLED)]
    found = said_of(train, SETTLED)
    assert found.kind == "overfitting"
    assert f"after epoch {found.since} validation gained only " in found.sentence
    assert " more while training went on" in found.sentence
    assert 4 <= found.since <= 10


def test_validation_that_gets_worse_alone_is_not_called_overfitting() -> None:
    for train in ([v - 0.2 for v in WORSE], WORSE):  # training got worse, too
        found = said_of(train, WORSE)
        assert found.kind == "fine"
        assert "validation was best at epoch 6 (0.8908) and got worse after it" in found.sentence
        assert "while training went on" not in found.sentence


def test_both_still_getting_better_is_underfitting() -> None:
    found = said_of([v + 0.01 for v in RISING], RISING)
    assert found.kind == "underfitting"
    assert "still getting better over the last 6 epochs, and so was training" in found.sentence
    assert "more epochs may help" in found.sentence


def test_both_settled_is_fine() -> None:
    found = said_of([s + 0.02 for s in SETTLED], SETTLED)
    assert found.kind == "fine"
    assert "training ends ahead of it" in found.sentence
    assert "training ends level with it" in said_of(SETTLED, SETTLED).sentence
    assert "training ends behind it" in said_of([s - 0.05 for s in SETTLED], SETTLED).sentence


def test_training_far_ahead_is_overfitting_though_both_settled() -> None:
    found = said_of([s + 0.3 for s in SETTLED], SETTLED)
    assert found.kind == "overfitting"
    assert "training ends far ahead of it" in found.sentence


def test_the_jitter_of_few_rows_is_no_course() -> None:
    noise = 0.01 * np.random.default_rng(0).standard_normal(20)
    train = [s + 0.02 for s in SETTLED]
    assert said_of(train, list(SETTLED + noise)).kind == "fine"


@pytest.mark.parametrize(
    ("train", "validation"), [(RISING, WORSE), (RISING, RISING), (SETTLED, SETTLED)]
)
def test_a_loss_is_read_the_other_way_round(train: list[float], validation: list[float]) -> None:
    up = said_of(train, validation, Goal("r2", "maximize"), "r2")
    down = said_of([-v for v in train], [-v for v in validation], DOWN, "rmse")
    assert (down.kind, down.since, down.best_epoch) == (up.kind, up.since, up.best_epoch)
    assert down.gap == pytest.approx(up.gap)


@pytest.mark.parametrize(
    "rmse",
    [
        [150.0, 80.0, 66.5, 66.9, 65.8, 63.0, 61.8],  # the first epochs gained far more
        [1000.0 / k for k in range(1, 101)],
        [3 - 0.01 * k for k in range(10)],
    ],
)
def test_a_curve_that_still_falls_has_not_gained_all(rmse: list[float]) -> None:
    found = said_of([0.95 * v for v in rmse], rmse, DOWN, "rmse")
    assert (found.kind, found.best_epoch) == ("underfitting", len(rmse))
    assert "more epochs may help" in found.sentence
    still = said_of([60.0] * len(rmse), rmse, DOWN, "rmse")
    assert "but training was not" in still.sentence


def test_what_is_gained_after_a_steep_beginning_is_no_jitter() -> None:
    rmse = [125000.0, 75500.0, 66000.0, 70500.0, 64500.0, 64700.0]  # California housing
    found = said_of([0.97 * v for v in rmse], rmse, DOWN, "rmse")
    assert (
        "after epoch 3 validation gained 1500 more, which is within what it moves" in found.sentence
    )


def test_a_gain_within_the_jitter_is_not_called_small() -> None:
    rng = np.random.default_rng(0)
    validation = [0.5, 0.7, *(0.75 + 0.05 * rng.standard_normal(18))]
    found = said_of(validation, validation)
    assert "more, which is within what it moves from epoch to epoch" in found.sentence
    assert "training ends level with it" in found.sentence
    apart = said_of([v + 0.03 for v in validation], validation)
    assert "training ends no further from it than that" in apart.sentence


@pytest.mark.parametrize("later", [[0.8999] * 6, [0.9 + 0.0001 * (k % 2) for k in range(6)]])
def test_nothing_more_is_said_only_where_it_is_nothing(later: list[float]) -> None:
    validation = [0.5, 0.7, 0.8, 0.9, *later]
    found = said_of(validation, validation)
    more = max(validation[found.since - 1 :]) - validation[found.since - 1]
    words = "nothing more" if more == 0 else f"only {number(more, 2)} more"
    assert f"after epoch {found.since} validation gained {words}" in found.sentence
    assert f"(trial {found.trial}: accuracy " in found.sentence


@pytest.mark.parametrize("count", [1, 3])
def test_few_epochs_tell_nothing(count: int) -> None:
    found = said_of([0.9] * count, [0.8] * count)
    assert found.kind == "too short"
    assert "too few to tell" in found.sentence


def test_without_curves_of_both_splits_nothing_is_said() -> None:
    trials, epochs, _ = made([0.5, 0.6])
    assert generalization(trials, epochs.drop(columns="train_accuracy"), goal=UP) is None
    assert generalization(trials, pd.DataFrame(columns=["trial", "epoch"]), goal=UP) is None
    assert generalization(made([None])[0], epochs, goal=UP) is None


def test_it_is_of_the_best_complete_trial() -> None:
    trials, epochs, _ = made([0.5, 0.9, 0.6])
    trials.loc[1, "state"] = "pruned"
    found = generalization(trials, epochs, goal=UP)
    assert found is not None
    assert found.trial == 2


@pytest.mark.parametrize("prefix", ["validation", "val"])
def test_a_trainer_may_name_its_metric_after_the_split(prefix: str) -> None:
    trials = made([0.4])[0]
    epochs = epochs_of([(0, "train_loss", [0.5, 0.1]), (0, f"{prefix}_loss", [0.6, 0.4])])
    (curve,) = best_with_curves(trials, epochs, goal=Goal(f"{prefix}_loss", "minimize"))
    assert list(curve["gap"]) == pytest.approx([0.1, 0.3])


def test_epochs_without_a_number_are_left_out() -> None:
    trials = made([0.8])[0]
    epochs = epochs_of(
        [(0, "train_accuracy", [0.5, math.nan, 0.9]), (0, "validation_accuracy", [0.4, 0.6, 0.8])]
    )
    (curve,) = best_with_curves(trials, epochs, goal=UP)
    assert list(curve["epoch"]) == [1.0, 3.0]
