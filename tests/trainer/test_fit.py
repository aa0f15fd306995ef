"""What `fit` yields, who leaves when, and what an epoch is."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from tests.trainer.shared import (
    CLASSES,
    LINE,
    QUANTITY,
    TAME,
    WILD,
    LossesOf,
    MakeRows,
    OutputsOf,
    PathOf,
    Train,
)
from trainer.data import load, read
from trainer.fields import NUMBERS
from trainer.fit import fit
from trainer.layers import ACTIVATIONS
from trainer.network import Network
from trainer.optimizers import OPTIMIZERS
from trainer.recipe import Recipe, Rows


@pytest.fixture
def quantity(make_rows: MakeRows) -> tuple[Rows, Rows]:
    return make_rows("regression", 60, 40, 5)


# --- what is yielded ---


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_epoch_yields_four_figures_for_each_trial(
    dtype: str, classes: tuple[Rows, Rows], quantity: tuple[Rows, Rows]
) -> None:
    log_loss = replace(CLASSES, metric="log_loss")
    for recipe, rows in ((CLASSES, classes), (log_loss, classes), (QUANTITY, quantity)):
        made = list(fit(replace(recipe, dtype=dtype), [TAME] * 4, *rows, epochs=3, seed=0))
        assert len(made) == 3
        for figures in made:
            assert list(figures) == [
                "train_loss",
                f"train_{recipe.metric}",
                "validation_loss",
                f"validation_{recipe.metric}",
            ]
            for values in figures.values():
                assert values.shape == (4,)
                assert values.dtype == np.float64
                assert np.isfinite(values).all()


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("hidden", [(), (8,), (6, 4)])
def test_figures_are_those_of_the_networks_after_the_epoch(
    hidden: tuple[int, ...],
    activation: str,
    make_rows: MakeRows,
    path_of: PathOf,
    outputs_of: OutputsOf,
    losses_of: LossesOf,
) -> None:
    # 300 validation rows are scored in three parts; all 70 training rows are fewer and so all seen.
    train, validation = make_rows("classification", 70, 300, 5)
    recipe = replace(CLASSES, hidden=hidden, activation=activation, dtype="float64", batch_size=70)
    settings = [{"learning_rate": rate, "weight_decay": 0.1} for rate in (0.01, 0.1)]
    network = Network((5, *hidden, 3), activation)
    thetas = path_of(recipe, settings, train, epochs=2)[1:]
    yielded = fit(recipe, settings, train, validation, epochs=2, seed=0)
    for theta, figures in zip(thetas, yielded, strict=True):
        for name, rows in (("train", train), ("validation", validation)):
            logits = np.stack([outputs_of(network, trial, rows.X)[0] for trial in theta])
            losses = losses_of(recipe.loss, logits, rows.y).mean(axis=1)
            shares = (logits.argmax(axis=-1) == rows.y).mean(axis=1)
            np.testing.assert_allclose(figures[f"{name}_loss"], losses, rtol=1e-10)
            np.testing.assert_allclose(figures[f"{name}_accuracy"], shares, rtol=1e-12)


def test_rmse_is_in_the_users_units_and_the_loss_is_not(
    quantity: tuple[Rows, Rows], path_of: PathOf, outputs_of: OutputsOf
) -> None:
    recipe = replace(QUANTITY, dtype="float64", target_scale=25.0)
    settings = [TAME, {"learning_rate": 0.05}]
    train, validation = quantity
    (figures,) = fit(recipe, settings, train, validation, epochs=1, seed=0)
    for trial, theta in enumerate(path_of(recipe, settings, train, epochs=1)[-1]):
        logits, _ = outputs_of(Network((5, 8, 1)), theta, validation.X)
        mean_square = ((logits[:, 0] - validation.y) ** 2).mean()
        assert figures["validation_loss"][trial] == pytest.approx(mean_square / 2, rel=1e-10)
        assert figures["validation_rmse"][trial] == pytest.approx(25 * mean_square**0.5, rel=1e-10)


@pytest.mark.parametrize("weighted", [False, True])
def test_training_figures_are_of_evenly_spaced_rows_as_many_as_validate(
    weighted: bool,
    make_rows: MakeRows,
    path_of: PathOf,
    outputs_of: OutputsOf,
    losses_of: LossesOf,
) -> None:
    train, validation = make_rows("classification", 31, 11, 5)
    weights = np.random.default_rng(0).random(31) if weighted else np.ones(31)
    train = Rows(train.X, train.y, weights if weighted else None)
    recipe = replace(CLASSES, dtype="float64")
    (figures,) = fit(recipe, [TAME], train, validation, epochs=1, seed=0)
    third = slice(0, 31, 3)  # 11 rows, the first and the last among them
    theta = path_of(recipe, [TAME], train, epochs=1)[-1][0]
    logits, _ = outputs_of(Network((5, 8, 3)), theta, train.X[third])
    losses = losses_of(recipe.loss, logits, train.y[third])
    told = np.average(losses, weights=weights[third])
    assert figures["train_loss"][0] == pytest.approx(told, rel=1e-10)
    share = (logits.argmax(axis=-1) == train.y[third]).mean()
    assert figures["train_accuracy"][0] == pytest.approx(share, rel=1e-12)


def test_no_epochs_and_no_trials_yield_nothing(classes: tuple[Rows, Rows]) -> None:
    assert list(fit(CLASSES, [TAME], *classes, epochs=0, seed=0)) == []
    assert list(fit(CLASSES, [], *classes, epochs=3, seed=0)) == []


def test_what_was_yielded_does_not_change_later(classes: tuple[Rows, Rows]) -> None:
    generator = fit(CLASSES, [TAME, TAME], *classes, epochs=3, seed=0)
    first = next(generator)
    kept = {name: values.copy() for name, values in first.items()}
    generator.send(np.array([True, False]))
    next(generator)
    assert all(np.array_equal(first[name], kept[name]) for name in first)


def test_the_loss_that_is_told_has_no_penalty_in_it(train: Train) -> None:
    rows = Rows(np.zeros((8, 4)), np.zeros(8))
    setting = {"learning_rate": 0.01, "weight_decay": 0.5, "l1": 0.5, "label_smoothing": 0.5}
    curves = train(replace(QUANTITY, hidden=(3,)), [setting], (rows, rows))
    assert (curves["train_loss"] == 0).all()
    assert (curves["validation_loss"] == 0).all()


def test_the_rows_given_are_not_changed(train: Train, classes: tuple[Rows, Rows]) -> None:
    given, validation = classes
    weights = np.random.default_rng(0).random(60)
    rows = Rows(given.X, given.y, weights), validation
    before = [array.copy() for r in rows for array in (r.X, r.y)]
    recipe = replace(CLASSES, dtype="float64", class_weight=(1.0, 2.0, 3.0))
    train(recipe, [TAME, WILD], rows)
    after = [array for r in rows for array in (r.X, r.y)]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    np.testing.assert_array_equal(weights, np.random.default_rng(0).random(60))


# --- an epoch ---


def test_the_same_seed_gives_the_same_curves_and_another_others(
    train: Train, classes: tuple[Rows, Rows]
) -> None:
    settings = [{**TAME, "dropout": 0.5}]
    one, again, other = (train(CLASSES, settings, classes, seed=seed) for seed in (4, 4, 5))
    assert all(np.array_equal(one[name], again[name]) for name in one)
    assert (one["validation_loss"] != other["validation_loss"]).all()


def test_equal_settings_have_equal_curves(train: Train, classes: tuple[Rows, Rows]) -> None:
    curves = train(CLASSES, [TAME, {"learning_rate": 0.1}, TAME], classes)
    for values in curves.values():
        assert np.array_equal(values[:, 0], values[:, 2])
    assert (curves["train_loss"][:, 0] != curves["train_loss"][:, 1]).all()


def test_numbers_that_are_not_given_have_their_defaults(
    train: Train, classes: tuple[Rows, Rows]
) -> None:
    defaults = {name: number.default for name, number in NUMBERS.items()}
    curves = train(CLASSES, [{}, {**defaults, "init": CLASSES.init}], classes)
    assert all(np.array_equal(values[:, 0], values[:, 1]) for values in curves.values())


def test_trials_share_first_weights_and_the_order_of_minibatches(
    path_of: PathOf, classes: tuple[Rows, Rows]
) -> None:
    # The gradient of the first minibatch is (first weights − weights after one step of sgd) / learning rate: it
    # is the same for all trials only if they started alike and saw the same rows.
    recipe = replace(CLASSES, optimizer="sgd", dtype="float64")
    rates = np.array([1e-3, 1e-2, 0.1])
    thetas = path_of(recipe, [{"learning_rate": rate} for rate in rates], classes[0], epochs=1)
    assert (thetas[0] == thetas[0][0]).all()
    gradients = (thetas[0] - thetas[1]) / rates[:, None]
    np.testing.assert_allclose(gradients, gradients[:1].repeat(3, axis=0), atol=1e-12)


@pytest.mark.parametrize(
    ("size", "batches"),
    [(12, [12]), (100, [12]), (1, [1] * 12), (5, [5, 5, 2]), (4, [4, 4, 4]), (11, [11, 1])],
    ids=["whole", "more than all", "one by one", "a short last", "even", "a last of one"],
)
def test_an_epoch_sees_every_row_once_and_epochs_differ_in_order(
    size: int, batches: list[int], path_of: PathOf
) -> None:
    # Row i is 1 in column i and 0 elsewhere, and there is no hidden layer: a step moves only the weights of the
    # rows it saw, so the path of the weights tells the order.
    count, steps = 12, len(batches)
    rows = Rows(np.eye(count), np.ones(count))
    recipe = replace(LINE, batch_size=size, dtype="float64")
    weights = [theta[0, :count] for theta in path_of(recipe, [TAME], rows, epochs=2)]
    moved = [set(np.flatnonzero(a != b).tolist()) for a, b in pairwise(weights)]
    assert [len(batch) for batch in moved] == batches * 2
    assert set.union(*moved[:steps]) == set.union(*moved[steps:]) == set(range(count))
    if steps > 1:
        assert moved[:steps] != moved[steps:]


def test_a_batch_larger_than_the_rows_is_all_rows(train: Train, classes: tuple[Rows, Rows]) -> None:
    exactly, larger = (
        train(replace(CLASSES, batch_size=size), [TAME], classes, epochs=3) for size in (60, 1000)
    )
    assert all(np.array_equal(exactly[name], larger[name]) for name in exactly)


def test_errors_of_floating_point_are_told_again_between_epochs(
    classes: tuple[Rows, Rows],
) -> None:
    before = np.geterr()
    generator = fit(CLASSES, [TAME, WILD], *classes, epochs=3, seed=0)
    next(generator)
    assert np.geterr() == before
    generator.close()
    assert np.geterr() == before


# --- learning ---


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_each_optimizer_learns(optimizer: str, train: Train, classes: tuple[Rows, Rows]) -> None:
    recipe = replace(CLASSES, optimizer=optimizer)
    curves = train(recipe, [{"learning_rate": 0.05}], classes, epochs=20)
    assert curves["train_loss"][-1, 0] < 0.5 * curves["train_loss"][0, 0]
    assert curves["validation_accuracy"][-1, 0] > 0.85


def test_digits_are_learned_in_ten_epochs(train: Train) -> None:
    splits = load("digits", None, seed=0, rows=None, dtype="float32")(0)
    recipe = Recipe(splits.outputs, hidden=(50,), optimizer="momentum")
    curves = train(recipe, [{"learning_rate": 0.05}], (splits.train, splits.validation), epochs=10)
    assert curves["validation_accuracy"][-1, 0] >= 0.95


def test_diabetes_is_told_better_than_by_its_mean(train: Train) -> None:
    splits = load("diabetes", None, seed=0, rows=None, dtype="float32")(0)
    recipe = replace(QUANTITY, hidden=(20,), batch_size=32, target_scale=splits.target_scale)
    curves = train(recipe, [{"learning_rate": 0.01}], (splits.train, splits.validation), epochs=20)
    assert 30 < curves["validation_rmse"][-1, 0] < 0.85 * read("diabetes").labels.std()
