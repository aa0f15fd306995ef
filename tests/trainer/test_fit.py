"""What `fit` yields, who leaves when, and what a step does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit, log_softmax

from trainer.data import load, read
from trainer.fit import PER_TRIAL, Recipe, Rows, fit
from trainer.layers import ACTIVATIONS
from trainer.network import Network
from trainer.optimizers import OPTIMIZERS

Array = NDArray[Any]
Train = Callable[..., dict[str, Array]]
MakeRows = Callable[..., tuple[Rows, Rows]]
FORMULAS: dict[str, Callable[[Array], Array]] = {
    "relu": lambda z: np.where(z > 0, z, 0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "tanh": np.tanh,
    "sigmoid": expit,
    "identity": lambda z: z,
}

CLASSES = Recipe("classification", 3, hidden=(8,), batch_size=16)
QUANTITY = Recipe("regression", 1, hidden=(8,), batch_size=16)
TAME = {"learning_rate": 0.01}
WILD = {"learning_rate": 1e30}


@pytest.fixture
def classes(make_rows: MakeRows) -> tuple[Rows, Rows]:
    return make_rows("classification", 60, 40, 5)


@pytest.fixture
def quantity(make_rows: MakeRows) -> tuple[Rows, Rows]:
    return make_rows("regression", 60, 40, 5)


def outputs(network: Network, theta: Array, X: Array) -> Array:
    """The networks' outputs (K, N, C) from the formulas, in float64."""
    weights, biases = network.views(theta.astype(float))
    a = X
    for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        a = a @ weight + bias
        if layer < network.layers - 1:
            a = FORMULAS[network.activation](a)
    return a


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_epoch_yields_four_figures_for_each_trial(
    dtype: str, classes: tuple[Rows, Rows], quantity: tuple[Rows, Rows]
) -> None:
    for recipe, rows, metric in ((CLASSES, classes, "accuracy"), (QUANTITY, quantity, "rmse")):
        made = list(fit(replace(recipe, dtype=dtype), [TAME] * 4, *rows, epochs=3, seed=0))
        assert len(made) == 3
        for figures in made:
            names = ["train_loss", f"train_{metric}", "validation_loss", f"validation_{metric}"]
            assert list(figures) == names
            for values in figures.values():
                assert values.shape == (4,)
                assert values.dtype == np.float64
                assert np.isfinite(values).all()


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("hidden", [(), (8,), (6, 4)])
def test_figures_are_those_of_the_networks_after_the_epoch(
    hidden: tuple[int, ...], activation: str, make_rows: MakeRows, thetas: list[Array]
) -> None:
    # 300 validation rows are scored in three parts; all 70 training rows are fewer and so all seen.
    train, validation = make_rows("classification", 70, 300, 5)
    recipe = replace(CLASSES, hidden=hidden, activation=activation, dtype="float64")
    settings = [{"learning_rate": rate, "weight_decay": 0.1} for rate in (0.01, 0.1)]
    network = Network((5, *hidden, 3), activation)
    for figures in fit(recipe, settings, train, validation, epochs=2, seed=0):
        for name, rows in (("train", train), ("validation", validation)):
            logits = outputs(network, thetas[-1], rows.X)
            losses = -log_softmax(logits, axis=-1)[:, np.arange(len(rows.y)), rows.y]
            correct = logits.argmax(axis=-1) == rows.y
            np.testing.assert_allclose(figures[f"{name}_loss"], losses.mean(axis=1), rtol=1e-10)
            np.testing.assert_allclose(
                figures[f"{name}_accuracy"], correct.mean(axis=1), rtol=1e-12
            )


def test_rmse_is_in_the_users_units_and_the_loss_is_not(
    quantity: tuple[Rows, Rows], thetas: list[Array]
) -> None:
    recipe = replace(QUANTITY, dtype="float64", target_scale=25.0)
    network = Network((5, 8, 1))
    for figures in fit(recipe, [TAME, {"learning_rate": 0.05}], *quantity, epochs=2, seed=0):
        errors = outputs(network, thetas[-1], quantity[1].X)[..., 0] - quantity[1].y
        mean_square = (errors**2).mean(axis=1)
        np.testing.assert_allclose(figures["validation_loss"], mean_square / 2, rtol=1e-10)
        np.testing.assert_allclose(figures["validation_rmse"], 25 * mean_square**0.5, rtol=1e-10)


def test_training_figures_are_of_evenly_spaced_rows_as_many_as_validate(
    make_rows: MakeRows, thetas: list[Array]
) -> None:
    train, validation = make_rows("classification", 31, 11, 5)
    recipe = replace(CLASSES, dtype="float64")
    (figures,) = fit(recipe, [TAME], train, validation, epochs=1, seed=0)
    third = slice(0, 31, 3)  # 11 rows, the first and the last among them
    logits = outputs(Network((5, 8, 3)), thetas[-1], train.X[third])[0]
    losses = -log_softmax(logits, axis=-1)[np.arange(11), train.y[third]]
    assert figures["train_loss"][0] == pytest.approx(losses.mean(), rel=1e-10)


def test_no_epochs_yield_nothing(classes: tuple[Rows, Rows]) -> None:
    assert list(fit(CLASSES, [TAME], *classes, epochs=0, seed=0)) == []


def test_the_same_seed_gives_the_same_curves_and_another_others(
    train: Train, classes: tuple[Rows, Rows]
) -> None:
    one, again, other = (train(CLASSES, [TAME], classes, seed=seed) for seed in (4, 4, 5))
    assert all(np.array_equal(one[name], again[name]) for name in one)
    assert (one["validation_loss"] != other["validation_loss"]).all()


def test_the_rows_given_are_not_changed(train: Train, classes: tuple[Rows, Rows]) -> None:
    before = [array.copy() for rows in classes for array in (rows.X, rows.y)]
    train(replace(CLASSES, dtype="float64"), [TAME, WILD], classes)
    after = [array for rows in classes for array in (rows.X, rows.y)]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_equal_settings_have_equal_curves(train: Train, classes: tuple[Rows, Rows]) -> None:
    curves = train(CLASSES, [TAME, {"learning_rate": 0.1}, TAME], classes)
    for values in curves.values():
        assert np.array_equal(values[:, 0], values[:, 2])
    assert (curves["train_loss"][:, 0] != curves["train_loss"][:, 1]).all()


def test_trials_share_first_weights_and_the_order_of_minibatches(
    train: Train, classes: tuple[Rows, Rows], thetas: list[Array]
) -> None:
    # The gradient of the first minibatch is (first weights − weights after one step of sgd) / learning rate: it
    # is the same for all trials only if they started alike and saw the same rows.
    recipe = replace(CLASSES, optimizer="sgd", dtype="float64")
    rates = np.array([1e-3, 1e-2, 0.1])
    train(recipe, [{"learning_rate": rate} for rate in rates], classes, epochs=1)
    assert (thetas[0] == thetas[0][0]).all()
    gradients = (thetas[0] - thetas[1]) / rates[:, None]
    np.testing.assert_allclose(gradients, gradients[:1].repeat(3, axis=0), atol=1e-12)


def test_an_epoch_sees_every_row_once_and_epochs_differ_in_order(thetas: list[Array]) -> None:
    # Row i is 1 in column i and 0 elsewhere, and there is no hidden layer: a step moves only the weights of the
    # rows it saw, so the path of the weights tells the order.
    count = 12
    rows = Rows(np.eye(count), np.ones(count))
    recipe = Recipe("regression", 1, hidden=(), optimizer="sgd", batch_size=5, dtype="float64")
    list(fit(recipe, [{"learning_rate": 0.01}], rows, rows, epochs=2, seed=0))
    weights = [theta[0, :count] for theta in thetas]
    moved = [set(np.flatnonzero(a != b).tolist()) for a, b in pairwise(weights)]
    assert [len(batch) for batch in moved] == [5, 5, 2, 5, 5, 2]
    assert set.union(*moved[:3]) == set.union(*moved[3:]) == set(range(count))
    assert moved[:3] != moved[3:]


def test_a_batch_larger_than_the_rows_is_all_rows(
    train: Train, classes: tuple[Rows, Rows], thetas: list[Array]
) -> None:
    exactly, larger = (
        train(replace(CLASSES, batch_size=size), [TAME], classes, epochs=3) for size in (60, 1000)
    )
    assert all(np.array_equal(exactly[name], larger[name]) for name in exactly)
    assert len(thetas) == 2 * (1 + 3)


@pytest.mark.parametrize("recipe", [CLASSES, QUANTITY])
def test_a_trial_that_diverges_is_nan_and_the_others_go_on(
    recipe: Recipe, train: Train, classes: tuple[Rows, Rows], quantity: tuple[Rows, Rows]
) -> None:
    rows = classes if recipe is CLASSES else quantity
    curves = train(recipe, [TAME, WILD, TAME], rows, epochs=4)
    for values in curves.values():
        assert np.isnan(values[:, 1]).all()
        assert np.isfinite(values[:, [0, 2]]).all()


def test_a_trial_is_nan_from_the_epoch_on_in_which_it_diverges(train: Train) -> None:
    # θ ← θ − η (θ − 1): the error is multiplied by 1 − η in each epoch, and its square overflows float32 in the
    # epoch in which |1 − η|ᵉ passes √(2 × 3.4e38) = 2.6e19 times the first.
    rows = Rows(np.ones((4, 1)), np.zeros(4))
    recipe = Recipe("regression", 1, hidden=(), optimizer="sgd", batch_size=4)
    curves = train(recipe, [TAME, {"learning_rate": 500.0}], (rows, rows), epochs=12)
    for values in curves.values():
        finite = np.isfinite(values[:, 1])
        first = int(finite.argmin())
        assert 4 <= first <= 8
        assert finite[:first].all()
        assert np.isnan(values[first:, 1]).all()
        assert np.isfinite(values[:, 0]).all()


def test_training_ends_when_all_have_diverged(classes: tuple[Rows, Rows]) -> None:
    made = list(fit(CLASSES, [WILD, WILD], *classes, epochs=50, seed=0))
    assert len(made) == 1
    assert all(np.isnan(values).all() for values in made[0].values())


def test_a_trial_in_training_has_only_finite_figures(train: Train) -> None:
    # Errors of 1e19: their squares, 1e38, fit into float32 and so does half their sum over 4 rows, which is the
    # loss. The sum itself does not, though the root of the mean square is 1e19 again.
    rows = Rows(np.zeros((4, 1)), np.full(4, 1e19))
    recipe = Recipe("regression", 1, hidden=())
    curves = train(recipe, [{"learning_rate": 0.0}], (rows, rows), epochs=2)
    in_training = np.isfinite(curves["train_loss"])
    assert np.isfinite(curves["train_rmse"][in_training]).all()
    assert np.isnan(curves["train_rmse"][~in_training]).all()


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
    there = np.isfinite(curves["validation_loss"])
    assert there.sum(axis=0).tolist() == [2, 4, 6, 2]
    assert (np.sort(there, axis=0)[::-1] == there).all()
    for values in curves.values():
        assert (np.isfinite(values) == there).all()


def test_sending_nothing_keeps_all(train: Train, classes: tuple[Rows, Rows]) -> None:
    curves = train(CLASSES, [TAME, TAME], classes)
    same = train(CLASSES, [TAME, TAME], classes, stay={0: np.full(2, True), 1: np.full(2, True)})
    assert all(np.array_equal(curves[name], same[name]) for name in curves)
    assert np.isfinite(curves["train_loss"]).all()


def test_sending_all_away_ends_training(classes: tuple[Rows, Rows]) -> None:
    generator = fit(CLASSES, [TAME, TAME], *classes, epochs=5, seed=0)
    next(generator)
    with pytest.raises(StopIteration):
        generator.send(np.array([False, False]))


def test_what_was_yielded_does_not_change_later(classes: tuple[Rows, Rows]) -> None:
    generator = fit(CLASSES, [TAME, TAME], *classes, epochs=3, seed=0)
    first = next(generator)
    kept = {name: values.copy() for name, values in first.items()}
    generator.send(np.array([True, False]))
    next(generator)
    assert all(np.array_equal(first[name], kept[name]) for name in first)


def test_a_closed_training_is_over(classes: tuple[Rows, Rows]) -> None:
    generator = fit(CLASSES, [TAME], *classes, epochs=5, seed=0)
    next(generator)
    generator.close()
    assert list(generator) == []


def test_errors_of_floating_point_are_told_again_between_epochs(
    classes: tuple[Rows, Rows],
) -> None:
    before = np.geterr()
    generator = fit(CLASSES, [TAME, WILD], *classes, epochs=3, seed=0)
    next(generator)
    assert np.geterr() == before
    generator.close()
    assert np.geterr() == before


def test_numbers_that_are_not_given_have_their_defaults(
    train: Train, classes: tuple[Rows, Rows]
) -> None:
    curves = train(CLASSES, [{}, PER_TRIAL], classes)
    assert all(np.array_equal(values[:, 0], values[:, 1]) for values in curves.values())


@pytest.mark.parametrize("optimizer", ["sgd", "momentum"])
def test_weight_decay_pulls_weights_and_leaves_biases(
    optimizer: str, train: Train, quantity: tuple[Rows, Rows], thetas: list[Array]
) -> None:
    # One step, from the same weights on the same rows: it differs from that without decay by −η λ W, in weights only.
    settings = [{"learning_rate": 0.1, "weight_decay": decay} for decay in (0.0, 0.5, 2.0)]
    recipe = replace(QUANTITY, optimizer=optimizer, batch_size=60, dtype="float64")
    train(recipe, settings, quantity, epochs=1)
    start, (plain, half, two) = thetas[0][0], thetas[1]
    weights = Network((5, 8, 1)).weights
    for decay, stepped in ((0.5, half), (2.0, two)):
        pulled = plain - 0.1 * decay * start
        np.testing.assert_allclose(stepped[:weights], pulled[:weights], rtol=1e-12, atol=1e-14)
        assert np.array_equal(stepped[weights:], plain[weights:])


def test_without_a_gradient_weight_decay_shrinks_weights_geometrically(
    train: Train, thetas: list[Array]
) -> None:
    # Inputs and targets of 0, and biases that start at 0: the loss is 0 and so is its gradient.
    rows = Rows(np.zeros((8, 4)), np.zeros(8))
    recipe = Recipe("regression", 1, hidden=(3,), optimizer="sgd", batch_size=4, dtype="float64")
    train(recipe, [{"learning_rate": 0.1, "weight_decay": 0.5}], (rows, rows), epochs=3)
    weights = Network((4, 3, 1)).weights
    np.testing.assert_allclose(
        thetas[-1][0, :weights], thetas[0][0, :weights] * 0.95**6, rtol=1e-12
    )
    assert (thetas[-1][0, weights:] == 0).all()


def test_the_loss_that_is_told_has_no_weight_decay_in_it(train: Train) -> None:
    rows = Rows(np.zeros((8, 4)), np.zeros(8))
    recipe = Recipe("regression", 1, hidden=(3,))
    curves = train(recipe, [{"learning_rate": 0.01, "weight_decay": 0.5}], (rows, rows))
    assert (curves["train_loss"] == 0).all()
    assert (curves["validation_loss"] == 0).all()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_each_optimizer_learns(optimizer: str, train: Train, classes: tuple[Rows, Rows]) -> None:
    recipe = replace(CLASSES, optimizer=optimizer)
    curves = train(recipe, [{"learning_rate": 0.05}], classes, epochs=20)
    assert curves["train_loss"][-1, 0] < 0.5 * curves["train_loss"][0, 0]
    assert curves["validation_accuracy"][-1, 0] > 0.85


def test_digits_are_learned_in_ten_epochs(train: Train) -> None:
    splits = load("digits", None, seed=0, rows=None, dtype="float32")
    recipe = Recipe("classification", splits.outputs, hidden=(50,), optimizer="momentum")
    curves = train(recipe, [{"learning_rate": 0.05}], (splits.train, splits.validation), epochs=10)
    assert curves["validation_accuracy"][-1, 0] >= 0.95


def test_diabetes_is_told_better_than_by_its_mean(train: Train) -> None:
    splits = load("diabetes", None, seed=0, rows=None, dtype="float32")
    recipe = Recipe("regression", 1, hidden=(20,), target_scale=splits.target_scale)
    curves = train(recipe, [{"learning_rate": 0.01}], (splits.train, splits.validation), epochs=20)
    assert 30 < curves["validation_rmse"][-1, 0] < 0.85 * read("diabetes").labels.std()
