"""`train_population`: what it returns, what it takes, and what rows and classes count."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import trainer
from tests.trainer.shared import Array, Curves, MakeRows, Train
from trainer import train_population
from trainer.population import (
    ENOUGH_TRIALS,
    FEWEST_TRIALS,
    MOST_TRIALS,
    STACK_NUMBERS,
    even_parts,
    stack_size,
)
from trainer.recipe import Recipe

SETTINGS: list[dict[str, float | str]] = [{"learning_rate": 0.05}, {"init": "xavier"}, {}]


@pytest.fixture
def classes(make_rows: MakeRows) -> tuple[Array, ...]:
    train, validation = make_rows("classification", 60, 40, 5)
    return train.X, train.y, validation.X, validation.y


@pytest.fixture
def quantity(make_rows: MakeRows) -> tuple[Array, ...]:
    train, validation = make_rows("regression", 60, 40, 5)
    return train.X, train.y, validation.X, validation.y


def same(one: Curves, other: Curves) -> bool:
    return one.keys() == other.keys() and all(
        np.array_equal(one[name], other[name], equal_nan=True) for name in one
    )


# --- what is returned ---


def test_it_is_what_the_package_offers() -> None:
    assert "train_population" in trainer.__all__
    assert trainer.train_population is train_population


@pytest.mark.parametrize("epochs", [0, 1, 4])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_four_curves_of_epochs_and_trials_in_float64(
    dtype: str, epochs: int, classes: tuple[Array, ...]
) -> None:
    curves = train_population(*classes, settings=SETTINGS, epochs=epochs, dtype=dtype)
    names = ["train_loss", "train_accuracy", "validation_loss", "validation_accuracy"]
    assert list(curves) == names
    for values in curves.values():
        assert values.shape == (epochs, 3)
        assert values.dtype == np.float64
        assert np.isfinite(values).all()


def test_validation_curves_are_the_same_where_no_training_rows_are_scored(
    classes: tuple[Array, ...],
) -> None:
    all_curves = train_population(*classes, settings=SETTINGS, epochs=3)
    curves = train_population(*classes, settings=SETTINGS, epochs=3, score_training=False)
    assert [*curves] == ["validation_loss", "validation_accuracy"]
    assert same(curves, {name: all_curves[name] for name in curves})


def test_curves_are_those_of_fit(
    classes: tuple[Array, ...], train: Train, make_rows: MakeRows
) -> None:
    recipe = Recipe(3, hidden=(7,), activation="tanh", optimizer="adam", batch_size=16)
    rows = make_rows("classification", 60, 40, 5)
    expected = train(recipe, SETTINGS, rows, epochs=3, seed=4)
    found = train_population(
        *classes,
        settings=SETTINGS,
        hidden=[7],
        activation="tanh",
        optimizer="adam",
        batch_size=16,
        epochs=3,
        seed=4,
    )
    assert same(found, expected)


def test_a_trial_that_diverges_and_one_out_of_patience_are_nan_from_then_on(
    classes: tuple[Array, ...],
) -> None:
    settings = [{}, {"learning_rate": 1e30}, {"learning_rate": 0.0, "patience": 2}]
    for values in train_population(*classes, settings=settings, epochs=5).values():
        assert np.isfinite(values).sum(axis=0).tolist() == [5, 0, 3]
        assert np.isfinite(values[:3, 2]).all()


def test_what_is_given_is_left_alone(classes: tuple[Array, ...]) -> None:
    weights = np.random.default_rng(0).random(60)
    given = [*classes, weights]
    before = [array.copy() for array in given]
    options: dict[str, Any] = {"sample_weight": weights, "class_weight": {0: 2.0}}
    for dtype in ("float32", "float64"):
        train_population(*classes, settings=SETTINGS, dtype=dtype, epochs=2, **options)
    assert all(np.array_equal(a, b) for a, b in zip(before, given, strict=True))


# --- what labels can be ---


@pytest.mark.parametrize(
    "names", [["ant", "bee", "cow"], [-3, 0, 12], [0.5, 1.5, 2.5], [b"x", b"y", b"z"]], ids=str
)
def test_labels_are_numbered_in_their_order_whatever_they_are(
    names: list[Any], classes: tuple[Array, ...]
) -> None:
    X, y, X_validation, y_validation = classes
    expected = train_population(*classes, settings=SETTINGS, epochs=2)
    named = X, np.array(names)[y], X_validation, np.array(names)[y_validation]
    loss = "sparse_categorical_cross_entropy" if isinstance(names[0], float) else None
    assert same(train_population(*named, settings=SETTINGS, epochs=2, loss=loss), expected)


def test_booleans_are_two_classes(make_rows: MakeRows) -> None:
    train, validation = make_rows("classification", 60, 40, 5, classes=2)
    numbers = train.X, train.y, validation.X, validation.y
    truths = train.X, train.y == 1, validation.X, validation.y == 1
    expected = train_population(*numbers, settings=SETTINGS, epochs=2)
    assert same(train_population(*truths, settings=SETTINGS, epochs=2), expected)


def test_lists_will_do(classes: tuple[Array, ...]) -> None:
    expected = train_population(*classes, settings=SETTINGS, epochs=2)
    lists = [given.tolist() for given in classes]
    assert same(train_population(*lists, settings=SETTINGS, epochs=2), expected)


def test_floating_point_labels_are_quantities(quantity: tuple[Array, ...]) -> None:
    curves = train_population(*quantity, settings=[{"learning_rate": 0.01}], epochs=30)
    assert list(curves) == ["train_loss", "train_rmse", "validation_loss", "validation_rmse"]
    assert curves["validation_rmse"][-1, 0] < 0.5 * quantity[3].std()
    loss, rmse = curves["validation_loss"], curves["validation_rmse"]
    np.testing.assert_allclose(loss, rmse**2 / 2, rtol=1e-5)


def test_several_quantities_are_learned_together(quantity: tuple[Array, ...]) -> None:
    X, y, X_validation, y_validation = quantity
    two, two_validation = (np.stack([v, -v], axis=1) for v in (y, y_validation))
    curves = train_population(X, two, X_validation, two_validation, settings=SETTINGS, metric="r2")
    assert curves["validation_r2"].max() > 0.8


def test_one_hot_rows_are_the_labels_they_stand_for(classes: tuple[Array, ...]) -> None:
    X, y, X_validation, y_validation = classes
    hot = X, np.eye(3, dtype=int)[y], X_validation, np.eye(3, dtype=int)[y_validation]
    expected = train_population(*classes, settings=SETTINGS, dtype="float64")
    found = train_population(
        *hot, settings=SETTINGS, dtype="float64", loss="categorical_cross_entropy"
    )
    assert found.keys() == expected.keys()
    for name, values in found.items():
        np.testing.assert_allclose(values, expected[name], rtol=1e-10)


def test_each_column_of_yes_and_no_is_learned(classes: tuple[Array, ...]) -> None:
    X, y, X_validation, y_validation = classes
    questions = [np.stack([v == 1, v != 2], axis=1) for v in (y, y_validation)]
    curves = train_population(
        X,
        questions[0],
        X_validation,
        questions[1],
        settings=[{"learning_rate": 0.05}],
        loss="binary_cross_entropy",
        epochs=20,
    )
    assert curves["validation_accuracy"][-1, 0] > 0.8


# --- what counts how much ---

STEADY: dict[str, Any] = {"settings": SETTINGS, "dtype": "float64", "batch_size": 60, "epochs": 4}


def close(one: Curves, other: Curves) -> None:
    for name in ("validation_loss", "validation_accuracy"):
        np.testing.assert_allclose(one[name], other[name], rtol=1e-9)


def test_rows_of_no_weight_are_as_if_they_were_not_there(classes: tuple[Array, ...]) -> None:
    X, y, *validation = classes
    weights = (np.random.default_rng(0).random(60) < 0.7).astype(float)
    there = weights > 0
    weighted = train_population(X, y, *validation, sample_weight=weights, **STEADY)
    close(weighted, train_population(X[there], y[there], *validation, **STEADY))


def test_rows_of_a_weight_that_all_have_are_rows_without_weights(
    classes: tuple[Array, ...],
) -> None:
    equal = train_population(*classes, sample_weight=[3] * 60, **STEADY)
    close(equal, train_population(*classes, **STEADY))


def test_rows_that_do_not_count_are_no_divergence_where_they_alone_are_scored(
    classes: tuple[Array, ...],
) -> None:
    # One validation row: so one training row is scored, the first, which does not count.
    X, y, X_validation, y_validation = classes
    weights = np.ones(60)
    weights[0] = 0
    one = X, y, X_validation[:1], y_validation[:1]
    curves = train_population(*one, sample_weight=weights, **STEADY)
    assert np.isfinite(curves["validation_loss"]).all()


def test_a_classs_weight_is_that_of_its_rows(classes: tuple[Array, ...]) -> None:
    X, y, X_validation, y_validation = classes
    names = np.array(["ant", "bee", "cow"])
    named = X, names[y], X_validation, names[y_validation]
    weighed = train_population(*named, class_weight={"bee": 3, "cow": 0.5}, **STEADY)
    by_rows = train_population(*classes, sample_weight=np.array([1, 3, 0.5])[y], **STEADY)
    close(weighed, by_rows)
    plain = train_population(*classes, **STEADY)
    assert (weighed["validation_loss"] != plain["validation_loss"]).all()


# --- stacks ---


@pytest.mark.parametrize(
    ("hidden", "inputs", "expected"),
    [((1,), 1, MOST_TRIALS), ((1000, 1000), 1000, FEWEST_TRIALS), ((100,), 196, 12)],
)
def test_a_stack_is_as_large_as_its_numbers_allow(
    hidden: tuple[int, ...], inputs: int, expected: int
) -> None:
    assert stack_size(Recipe(10, hidden=hidden), inputs) == expected
    if FEWEST_TRIALS < expected < MOST_TRIALS:
        numbers = (inputs + 1) * hidden[0] + (hidden[0] + 1) * 10
        assert expected * numbers <= STACK_NUMBERS < (expected + 1) * numbers


@given(count=st.integers(1, 300), most=st.integers(1, 60))
def test_trials_are_cut_into_an_even_number_of_stacks_of_nearly_one_size(
    count: int, most: int
) -> None:
    parts = even_parts(range(count), most)
    assert [k for part in parts for k in part] == list(range(count))
    assert max(map(len, parts)) <= most
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    needed = -(-count // most)
    assert len(parts) in (needed, needed + 1)
    assert len(parts) in (1, count) or len(parts) % 2 == 0
    assert all(parts)
    assert (len(parts) == 1) == (needed == 1 and count < 2 * ENOUGH_TRIALS)
