"""Who leaves a training when: those that diverge, those that are sent away, those out of patience."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.trainer.shared import CLASSES, LINE, QUANTITY, TAME, WILD, Array, MakeRows, PathOf, Train
from trainer.fit import fit
from trainer.recipe import Recipe, Rows


def epochs_there(curves: dict[str, Array]) -> list[int]:
    """For how many epochs each trial has figures: all four of them, from the first on, or none."""
    there = np.isfinite(curves["validation_loss"])
    assert (np.sort(there, axis=0)[::-1] == there).all()
    for values in curves.values():
        assert (np.isfinite(values) == there).all()
    return there.sum(axis=0).tolist()  # type: ignore[no-any-return]


# --- divergence ---


@pytest.mark.parametrize("recipe", [CLASSES, QUANTITY], ids=["classes", "quantity"])
def test_a_trial_that_diverges_is_nan_and_the_others_go_on(
    recipe: Recipe, train: Train, make_rows: MakeRows
) -> None:
    rows = make_rows("classification" if recipe is CLASSES else "regression", 60, 40, 5)
    assert epochs_there(train(recipe, [TAME, WILD, TAME], rows, epochs=4)) == [4, 0, 4]


def test_a_trial_is_nan_from_the_epoch_on_in_which_it_diverges(train: Train) -> None:
    # θ ← θ − η (θ − 1): the error is multiplied by 1 − η in each epoch, and its square overflows float32 in the
    # epoch in which |1 − η|ᵉ passes √(2 × 3.4e38) = 2.6e19 times the first.
    rows = Rows(np.ones((4, 1)), np.zeros(4))
    curves = train(LINE, [TAME, {"learning_rate": 500.0}], (rows, rows), epochs=12)
    steady, wild = epochs_there(curves)
    assert steady == 12
    assert 4 <= wild <= 8


def test_training_ends_when_all_have_diverged(classes: tuple[Rows, Rows]) -> None:
    made = list(fit(CLASSES, [WILD, WILD], *classes, epochs=50, seed=0))
    assert len(made) == 1
    assert all(np.isnan(values).all() for values in made[0].values())


def test_a_trial_in_training_has_only_finite_figures(train: Train) -> None:
    # Errors of 1e19: their squares, 1e38, fit into float32 and so does half their sum over 4 rows, which is the
    # loss. The sum itself does not, though the root of the mean square is 1e19 again.
    rows = Rows(np.zeros((4, 1)), np.full(4, 1e19))
    curves = train(replace(QUANTITY, hidden=()), [{"learning_rate": 0.0}], (rows, rows), epochs=2)
    in_training = np.isfinite(curves["train_loss"])
    assert np.isfinite(curves["train_rmse"][in_training]).all()
    assert np.isnan(curves["train_rmse"][~in_training]).all()


def test_a_trial_leaves_when_a_parameter_is_infinite_even_if_its_figures_are_not(
    train: Train, path_of: PathOf
) -> None:
    # The bias of the one hidden unit falls by 1e37 times the weight behind it, to −∞. ReLU makes 0 of that: the output
    # is the last bias, about −1e37, and no loss at all where the answer is no.
    rows = Rows(np.full((4, 1), 0.01), np.zeros(4))
    recipe = Recipe(1, loss="binary_cross_entropy", hidden=(1,), optimizer="sgd", init="normal:100")
    seed = 0
    wild = {"learning_rate": 1e37}
    while (path_of(recipe, [TAME], rows, epochs=1, seed=seed)[0][0, [0, 2]] < 50).any():
        seed += 1  # until both weights are well above 0
    parameters = path_of(recipe, [wild], rows, epochs=1, seed=seed)[-1]
    assert np.isneginf(parameters).sum() == 1
    assert np.isfinite(parameters).sum() == 3
    curves = train(recipe, [TAME, wild], (rows, rows), epochs=2, seed=seed)
    assert epochs_there(curves) == [2, 0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_numbers_too_large_for_the_dtype_are_divergence_and_no_fault(
    optimizer: str, dtype: str, train: Train, classes: tuple[Rows, Rows]
) -> None:
    recipe = replace(CLASSES, optimizer=optimizer, dtype=dtype)
    wild = [{"learning_rate": 1e300}, {"learning_rate": 1e200, "weight_decay": 1e120}]
    assert epochs_there(train(recipe, [TAME, *wild], classes, epochs=2)) == [2, 0, 0]


@pytest.mark.parametrize("name", ["dropout", "beta1", "beta2"])
def test_a_number_just_below_one_can_be_trained_with(
    name: str, train: Train, classes: tuple[Rows, Rows]
) -> None:
    # In float32 it is 1, which these numbers may not be.
    recipe = replace(CLASSES, optimizer="adam")
    assert epochs_there(train(recipe, [TAME, {**TAME, name: 1 - 1e-9}], classes)) == [3, 3]


# --- masks ---


def test_trials_that_are_sent_away_are_nan_from_the_next_epoch_on(
    train: Train, classes: tuple[Rows, Rows]
) -> None:
    settings = [{"learning_rate": rate} for rate in (0.01, 0.02, 0.03, 0.04)]
    everybody = np.full(4, True)
    after_two, after_four = everybody.copy(), everybody.copy()
    after_two[[0, 3]] = False
    after_four[[0, 1]] = False  # a mask is of all K trials, gone or not, and brings nobody back
    curves = train(
        CLASSES, settings, classes, epochs=6, stay={0: everybody, 1: after_two, 3: after_four}
    )
    assert epochs_there(curves) == [2, 4, 6, 2]


def test_sending_nothing_keeps_all(train: Train, classes: tuple[Rows, Rows]) -> None:
    curves = train(CLASSES, [TAME, TAME], classes)
    same = train(CLASSES, [TAME, TAME], classes, stay={0: np.full(2, True), 1: np.full(2, True)})
    assert all(np.array_equal(curves[name], same[name]) for name in curves)
    assert epochs_there(curves) == [3, 3]


def test_sending_all_away_ends_training(classes: tuple[Rows, Rows]) -> None:
    generator = fit(CLASSES, [TAME, TAME], *classes, epochs=5, seed=0)
    next(generator)
    with pytest.raises(StopIteration):
        generator.send(np.array([False, False]))


def test_a_closed_training_is_over(classes: tuple[Rows, Rows]) -> None:
    generator = fit(CLASSES, [TAME], *classes, epochs=5, seed=0)
    next(generator)
    generator.close()
    assert list(generator) == []


# --- patience ---


def left_by_patience(losses: Array, patience: float) -> int:
    """How many epochs a trial with these validation losses has before it leaves."""
    for epoch in range(len(losses)):
        best = int(losses[: epoch + 1].argmin())
        if epoch - best >= patience:
            return epoch + 1
    return len(losses)


@pytest.mark.parametrize("epochs", [12])
def test_a_trial_leaves_after_so_many_epochs_without_a_lower_validation_loss(
    epochs: int, train: Train, make_rows: MakeRows
) -> None:
    rows = make_rows("classification", 60, 40, 5)
    rates = [0.001, 0.3, 1.0, 3.0]
    for_ever = train(CLASSES, [{"learning_rate": r} for r in rates], rows, epochs=epochs)
    settings = [{"learning_rate": r, "patience": p} for r in rates for p in (1, 2, 2.5, 5)]
    curves = train(CLASSES, settings, rows, epochs=epochs)
    there = []
    for trial, setting in enumerate(settings):
        own = for_ever["validation_loss"][:, trial // 4]
        there.append(left_by_patience(own, setting["patience"]))
        for name, values in curves.items():
            expected = np.where(
                np.arange(epochs) < there[-1], for_ever[name][:, trial // 4], np.nan
            )
            np.testing.assert_array_equal(values[:, trial], expected)
    assert epochs_there(curves) == there
    assert len(set(there)) > 4  # some leave early, some late
    assert epochs in there


def test_an_equal_loss_is_no_lower_one_and_training_ends_with_the_last_to_leave(
    classes: tuple[Rows, Rows],
) -> None:
    still = {"learning_rate": 0.0}
    settings = [{**still, "patience": patience} for patience in (1, 3, 2)]
    made = list(fit(CLASSES, settings, *classes, epochs=50, seed=0))
    assert [np.isfinite(figures["train_loss"]).tolist() for figures in made] == [
        [True, True, True],
        [True, True, True],
        [False, True, True],
        [False, True, False],
    ]


def test_patience_is_measured_by_the_loss_and_not_by_the_metric(
    train: Train, classes: tuple[Rows, Rows]
) -> None:
    curves = train(CLASSES, [{"learning_rate": 1e-6, "patience": 1}], classes, epochs=5)
    assert epochs_there(curves) == [5]
    assert len(np.unique(curves["validation_accuracy"])) == 1
