"""What a step does beside following the gradient: rates, penalties, clipping, weights of rows, dropout."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tests.trainer.shared import Array, MakeRows, PathOf, Setting, weights_of
from trainer.fields import NUMBERS
from trainer.network import Network
from trainer.optimizers import OPTIMIZERS
from trainer.pieces import clip_by_norm
from trainer.recipe import Recipe, Rows
from trainer.schedules import SCHEDULES
from trainer.stack import WHOLE, Stack

QUANTITY = Recipe(1, loss="squared_error", metric="rmse", hidden=(), dtype="float64")


# --- every optimizer, schedule and penalty, by hand ---

EPOCHS, STEPS_AN_EPOCH = 3, 4
BY_HAND: list[dict[str, float]] = [
    {"learning_rate": 0.01},
    {"learning_rate": 0.03, "weight_decay": 0.5, "momentum": 0.5, "beta1": 0.5, "rho": 0.5},
    {"learning_rate": 0.02, "l1": 0.3, "schedule_factor": 0.5, "schedule_every": 0.75},
    {"learning_rate": 0.05, "warmup": 2.0, "weight_decay": 0.1, "l1": 0.2, "beta2": 0.9},
]
CLIPPED: list[dict[str, float]] = [{**s, "clip_norm": 0.5 + k} for k, s in enumerate(BY_HAND)]


def factor_by_hand(schedule: str, step: int, s: Setting) -> float:
    time = step / STEPS_AN_EPOCH
    warm = max(s["warmup"] * STEPS_AN_EPOCH, 1)
    factors = {
        "constant": 1.0,
        "step": s["schedule_factor"] ** math.floor(time / s["schedule_every"]),
        "exponential": s["schedule_factor"] ** (time / s["schedule_every"]),
        "cosine": (1 + math.cos(math.pi * time / EPOCHS)) / 2,
    }
    return float(min((step + 1) / warm, 1) * factors[schedule])


def change_by_hand(name: str, memory: dict[str, Any], g: Array, rate: float, s: Setting) -> Array:
    if name == "sgd":
        return -rate * g
    if name in ("momentum", "nesterov"):
        memory["v"] = s["momentum"] * memory.get("v", 0) - rate * g
        return np.asarray(
            memory["v"] if name == "momentum" else s["momentum"] * memory["v"] - rate * g
        )
    if name in ("adagrad", "rmsprop"):
        kept, taken, epsilon = (1, 1, 1e-7) if name == "adagrad" else (s["rho"], 1 - s["rho"], 1e-8)
        memory["h"] = kept * memory.get("h", 0) + taken * g**2
        return np.asarray(-rate * g / (np.sqrt(memory["h"]) + epsilon))
    memory["t"] = memory.get("t", 0) + 1
    memory["m"] = s["beta1"] * memory.get("m", 0) + (1 - s["beta1"]) * g
    memory["v"] = s["beta2"] * memory.get("v", 0) + (1 - s["beta2"]) * g**2
    mean, square = (
        memory[k] / (1 - s[b] ** memory["t"]) for k, b in (("m", "beta1"), ("v", "beta2"))
    )
    return np.asarray(-rate * mean / (np.sqrt(square) + 1e-8))


def path_by_hand(name: str, schedule: str, setting: Setting, w: float, rest: float) -> list[Array]:
    """A weight of an input of 1, one of an input of 0, and the bias, after each step; the target is 0."""
    s = {number: rule.default for number, rule in NUMBERS.items()} | dict(setting)
    x, memory, reached = np.array([w, rest, 0.0]), dict[str, Any](), []
    weight = np.array([1, 1, 0])
    for step in range(EPOCHS * STEPS_AN_EPOCH):
        rate = s["learning_rate"] * factor_by_hand(schedule, step, s)
        g = (x[0] + x[2]) * np.array([1, 0, 1])
        g *= min(1, s["clip_norm"] / np.linalg.norm(g))
        g = g + s["l1"] * np.sign(x) * weight
        if name == "adamw":
            x = x - rate * s["weight_decay"] * x * weight
        else:
            g = g + s["weight_decay"] * x * weight
        x = x + change_by_hand(name, memory, g, rate, s)
        reached.append(x)
    return reached


@pytest.mark.parametrize(
    ("inputs", "settings"),
    [(2, BY_HAND), (2, CLIPPED), (WHOLE + 7, BY_HAND)],
    ids=["at once", "clipped", "in pieces"],
)
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_steps_are_those_of_the_formulas(
    optimizer: str,
    schedule: str,
    inputs: int,
    settings: list[dict[str, float]],
    path_of: PathOf,
) -> None:
    X = np.zeros((STEPS_AN_EPOCH * 3, inputs))
    X[:, 0] = 1
    recipe = Recipe(
        1,
        loss="squared_error",
        metric="rmse",
        hidden=(),
        optimizer=optimizer,
        schedule=schedule,
        init="normal:3",
        batch_size=3,
        dtype="float64",
    )
    start, *reached = path_of(recipe, settings, Rows(X, np.zeros(len(X))), epochs=EPOCHS)
    assert len(reached) == EPOCHS * STEPS_AN_EPOCH
    for trial, setting in enumerate(settings):
        expected = path_by_hand(optimizer, schedule, setting, start[trial, 0], start[trial, 1])
        found = [theta[trial, [0, 1, -1]] for theta in reached]
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-10)


# --- penalties ---


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adamw"])
def test_penalties_pull_weights_and_leave_all_else(
    optimizer: str, batch_norm: bool, path_of: PathOf, make_rows: MakeRows
) -> None:
    # One step, from the same weights on the same rows: it differs from that without decay by −η λ W, in weights only.
    rows, _ = make_rows("regression", 60, 1, 5)
    settings = [{"learning_rate": 0.1, "weight_decay": decay} for decay in (0.0, 0.5, 2.0)]
    recipe = Recipe(
        1,
        loss="squared_error",
        metric="rmse",
        hidden=(8,),
        optimizer=optimizer,
        batch_norm=batch_norm,
        batch_size=60,
        dtype="float64",
    )
    of_weights = weights_of(Network((5, 8, 1), batch_norm=batch_norm))
    (start, *_), (plain, half, two) = path_of(recipe, settings, rows, epochs=1)
    for decay, stepped in ((0.5, half), (2.0, two)):
        pulled = plain - 0.1 * decay * start
        np.testing.assert_allclose(stepped[of_weights], pulled[of_weights], rtol=1e-12, atol=1e-14)
        np.testing.assert_array_equal(stepped[~of_weights], plain[~of_weights])


def test_a_bias_that_batch_norm_makes_needless_stays_zero(
    path_of: PathOf, make_rows: MakeRows
) -> None:
    rows, _ = make_rows("classification", 40, 1, 5)
    recipe = Recipe(3, hidden=(6, 4), batch_norm=True, optimizer="adam", batch_size=8)
    theta = path_of(recipe, [{"learning_rate": 0.1, "l1": 0.1, "clip_norm": 1.0}], rows)[-1]
    *hidden, last = Network((5, 6, 4, 3), batch_norm=True).views(theta)
    assert all((layer.bias == 0).all() for layer in hidden)
    assert (last.bias != 0).all()


# --- clipping ---


def test_a_gradient_is_shortened_to_its_limit_and_no_further() -> None:
    gradient = np.array([[3.0, 4.0], [3.0, 4.0], [0.3, 0.4], [0.0, 0.0], [1e9, 0.0]])
    clip_by_norm(gradient, np.array([[1.0], [math.inf], [1.0], [1.0], [2.0]]))
    expected = np.array([[0.6, 0.8], [3, 4], [0.3, 0.4], [0, 0], [2, 0]])
    np.testing.assert_allclose(gradient, expected)


@pytest.mark.parametrize("hidden", [(8,), (90, 200)], ids=["small", "large"])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_a_step_is_clipped_by_the_length_of_all_of_a_trials_gradient(
    batch_norm: bool, hidden: tuple[int, ...], path_of: PathOf, make_rows: MakeRows
) -> None:
    rows, _ = make_rows("classification", 40, 1, 5)
    recipe = Recipe(
        3, hidden=hidden, optimizer="sgd", batch_norm=batch_norm, batch_size=40, dtype="float64"
    )
    settings = [{"learning_rate": 0.1}, {"learning_rate": 0.1, "clip_norm": 0.01}]
    (start, _), (free, clipped) = path_of(recipe, settings, rows, epochs=1)
    gone, short = start - free, start - clipped
    assert np.linalg.norm(short) == pytest.approx(0.1 * 0.01, rel=1e-9)
    np.testing.assert_allclose(
        short, gone * np.linalg.norm(short) / np.linalg.norm(gone), atol=1e-14
    )


# --- how much rows count ---


def learned(rows: Rows, recipe: Recipe, epochs: int = 3, rate: float = 0.1) -> Array:
    """The parameters after some epochs."""
    stack = Stack(recipe, [{"learning_rate": rate}], rows.X.shape[1], seed=0, epochs=epochs)
    for _ in range(epochs):
        stack.epoch(stack.ready(rows, training=True))
    return stack.theta


def test_a_row_of_weight_two_counts_as_two_rows_of_a_whole_batch(make_rows: MakeRows) -> None:
    rows, _ = make_rows("classification", 20, 1, 4)
    counts = np.random.default_rng(0).integers(0, 4, 20)
    repeated = Rows(np.repeat(rows.X, counts, axis=0), np.repeat(rows.y, counts))
    recipe = Recipe(3, hidden=(5,), optimizer="sgd", batch_size=100, dtype="float64")
    weighted = learned(Rows(rows.X, rows.y, counts), recipe)
    np.testing.assert_allclose(weighted, learned(repeated, recipe), rtol=1e-10, atol=1e-12)
    assert np.abs(weighted - learned(rows, recipe)).max() > 1e-3


def test_a_row_pulls_by_its_weight_whatever_minibatch_it_is_in(make_rows: MakeRows) -> None:
    # With so small a rate all steps of an epoch begin at the first weights: their sum is that of the rows' pulls.
    rows, _ = make_rows("classification", 20, 1, 4)
    weighted = Rows(rows.X, rows.y, np.random.default_rng(0).random(20))

    def pulls(batch_size: int) -> Array:
        recipe = Recipe(3, hidden=(5,), optimizer="sgd", batch_size=batch_size, dtype="float64")
        first, after = (
            learned(weighted, recipe, epochs=1, rate=rate) for rate in (0.0, 1e-7 * batch_size)
        )
        return after - first

    whole = pulls(20)
    for batch_size in (1, 5):
        assert np.linalg.norm(pulls(batch_size) - whole) <= 1e-4 * np.linalg.norm(whole)


@pytest.mark.parametrize("weights", [False, True])
def test_a_classs_weight_is_that_of_each_of_its_rows(weights: bool, make_rows: MakeRows) -> None:
    rows, _ = make_rows("classification", 30, 1, 4)
    own = np.random.default_rng(0).random(30) if weights else np.ones(30)
    of_class = (0.5, 2.0, 3.0)
    recipe = Recipe(3, hidden=(5,), batch_size=8, dtype="float64")
    expected = learned(Rows(rows.X, rows.y, own * np.array(of_class)[rows.y]), recipe)
    weighed = Recipe(3, hidden=(5,), batch_size=8, dtype="float64", class_weight=of_class)
    found = learned(Rows(rows.X, rows.y, own if weights else None), weighed)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("batch_size", [1, 2])
def test_a_minibatch_of_rows_that_do_not_count_teaches_nothing(
    batch_size: int, make_rows: MakeRows
) -> None:
    rows, _ = make_rows("classification", 20, 1, 4)
    recipe = Recipe(3, hidden=(5,), optimizer="sgd", batch_size=batch_size, dtype="float64")
    theta = learned(Rows(rows.X, rows.y, (np.arange(20) == 7).astype(float)), recipe)
    assert np.isfinite(theta).all()
    one = learned(Rows(rows.X[7:8], rows.y[7:8]), recipe)
    np.testing.assert_allclose(theta, one, rtol=1e-10, atol=1e-12)


# --- dropout ---


def test_dropout_is_of_training_and_not_of_scores(make_rows: MakeRows) -> None:
    rows, others = make_rows("classification", 40, 30, 4)
    recipe = Recipe(3, hidden=(20,), dtype="float64")
    settings = [{"learning_rate": 0.0, "dropout": rate} for rate in (0.0, 0.5)]
    stack = Stack(recipe, settings, 4, seed=0, epochs=1)
    stack.epoch(stack.ready(rows, training=True))
    for figures in (stack.score(stack.ready(r, training=False)) for r in (rows, others)):
        assert all(values[0] == values[1] for values in figures)


def test_dropout_makes_a_step_another_and_every_step_another(
    path_of: PathOf, make_rows: MakeRows
) -> None:
    rows, _ = make_rows("classification", 40, 1, 4)
    recipe = Recipe(3, hidden=(20,), optimizer="sgd", batch_size=40, dtype="float64")
    settings = [{"learning_rate": 1e-9, "dropout": rate} for rate in (0.0, 0.5)]
    start, *reached = path_of(recipe, settings, rows, epochs=3)
    # With so small a rate all gradients are those at the start: the same each time, but for dropout.
    steps = np.diff([start, *reached], axis=0) / 1e-9
    np.testing.assert_allclose(steps[1:, 0], steps[:-1, 0], atol=1e-5)
    for one, other in ((0, 1), (1, 2), (0, 2)):
        assert np.abs(steps[one, 1] - steps[other, 1]).max() > 1e-2
    assert np.abs(steps[:, 0] - steps[:, 1]).max() > 1e-2
