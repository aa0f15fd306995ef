"""Optimizers, against loops written from their formulas and against scikit-learn's."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

from trainer.optimizers import ADAM_BETA1, ADAM_BETA2, ADAM_EPSILON, OPTIMIZERS, keep_trials, spread

Array = NDArray[Any]

TRIALS, NUMBERS, STEPS = 3, 7, 20
RATES = [0.003, 0.1, 1.5]
MOMENTA = [0.0, 0.5, 0.95]


def start() -> Array:
    return np.random.default_rng(0).standard_normal((TRIALS, NUMBERS))


def gradients() -> list[Array]:
    """A gradient for each step; of very different sizes, as Adam must cope with."""
    rng = np.random.default_rng(1)
    sizes = 10.0 ** rng.uniform(-6, 3, NUMBERS)
    return [rng.standard_normal((TRIALS, NUMBERS)) * sizes for _ in range(STEPS)]


def path(name: str, theta: Array, steps: list[Array], dtype: str = "float64") -> list[Array]:
    """Where the stacked optimizer is after each step."""
    theta = theta.astype(dtype)
    numbers = {
        "learning_rate": np.array(RATES, dtype)[:, None],
        "momentum": np.array(MOMENTA, dtype)[:, None],
    }
    state = OPTIMIZERS[name].init(theta)
    reached = []
    for gradient in steps:
        OPTIMIZERS[name].update(theta, gradient.astype(dtype), state, numbers)
        reached.append(theta.copy())
    return reached


def sgd_by_hand(x: float, gradients: list[float], rate: float, _: float) -> Iterator[float]:
    for gradient in gradients:
        x = x - rate * gradient
        yield x


def momentum_by_hand(
    x: float, gradients: list[float], rate: float, alpha: float
) -> Iterator[float]:
    velocity = 0.0
    for gradient in gradients:
        velocity = alpha * velocity - rate * gradient
        x = x + velocity
        yield x


def adam_by_hand(x: float, gradients: list[float], rate: float, _: float) -> Iterator[float]:
    mean = square = 0.0
    for step, gradient in enumerate(gradients, start=1):
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        corrected_mean, corrected_square = mean / (1 - 0.9**step), square / (1 - 0.999**step)
        x = x - rate * corrected_mean / (math.sqrt(corrected_square) + 1e-8)
        yield x


def nesterov_by_hand(
    x: float, gradients: list[float], rate: float, alpha: float
) -> Iterator[float]:
    velocity = 0.0
    for gradient in gradients:
        velocity = alpha * velocity - rate * gradient
        x = x + alpha * velocity - rate * gradient
        yield x


def adagrad_by_hand(x: float, gradients: list[float], rate: float, _: float) -> Iterator[float]:
    squares = 0.0
    for gradient in gradients:
        squares += gradient**2
        x = x - rate * gradient / (math.sqrt(squares) + 1e-7)
        yield x


def rmsprop_by_hand(x: float, gradients: list[float], rate: float, _: float) -> Iterator[float]:
    squares = 0.0
    for gradient in gradients:
        squares = 0.99 * squares + 0.01 * gradient**2
        x = x - rate * gradient / (math.sqrt(squares) + 1e-8)
        yield x


BY_HAND = {
    "sgd": sgd_by_hand,
    "momentum": momentum_by_hand,
    "nesterov": nesterov_by_hand,
    "adagrad": adagrad_by_hand,
    "rmsprop": rmsprop_by_hand,
    "adam": adam_by_hand,
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_twenty_steps_agree_with_the_formulas_one_number_at_a_time(name: str) -> None:
    theta, steps = start(), gradients()
    reached = path(name, theta, steps)
    for trial in range(TRIALS):
        for number in range(NUMBERS):
            met = [float(gradient[trial, number]) for gradient in steps]
            by_hand = BY_HAND[name](theta[trial, number], met, RATES[trial], MOMENTA[trial])
            found = [there[trial, number] for there in reached]
            np.testing.assert_allclose(found, list(by_hand), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["sgd", "momentum", "nesterov"])
def test_twenty_steps_agree_with_sklearns_sgd(name: str) -> None:
    theta, steps = start(), gradients()
    reached = path(name, theta, steps)
    for trial in range(TRIALS):
        params = [theta[trial].copy()]
        momentum = MOMENTA[trial] if name != "sgd" else 0.0
        reference = SGDOptimizer(
            params, RATES[trial], momentum=momentum, nesterov=name == "nesterov"
        )
        for gradient, there in zip(steps, reached, strict=True):
            reference.update_params(params, [gradient[trial]])
            np.testing.assert_allclose(there[trial], params[0], rtol=1e-12, atol=1e-12)


def test_twenty_steps_agree_with_sklearns_adam() -> None:
    # scikit-learn folds both bias corrections into the learning rate, so its ε is added to √v and not to √v̂.
    # ε √(1 − β₂ᵗ) there is ε here; with that the two are equal but for rounding.
    theta, steps = start(), gradients()
    reached = path("adam", theta, steps)
    for trial in range(TRIALS):
        params = [theta[trial].copy()]
        reference = AdamOptimizer(params, RATES[trial], beta_1=ADAM_BETA1, beta_2=ADAM_BETA2)
        for t, (gradient, there) in enumerate(zip(steps, reached, strict=True), start=1):
            reference.epsilon = ADAM_EPSILON * math.sqrt(1 - ADAM_BETA2**t)
            reference.update_params(params, [gradient[trial]])
            np.testing.assert_allclose(there[trial], params[0], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_float32_stays_float32_and_near_float64(name: str) -> None:
    reached = path(name, start(), gradients(), "float32")
    assert all(there.dtype == np.float32 for there in reached)
    expected = path(name, start(), gradients())[-1]
    np.testing.assert_allclose(reached[-1], expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_update_works_in_place(name: str) -> None:
    theta = start()
    before, numbers = theta.copy(), {n: np.ones((TRIALS, 1)) for n in ("learning_rate", "momentum")}
    OPTIMIZERS[name].update(theta, gradients()[0], OPTIMIZERS[name].init(theta), numbers)
    assert (theta != before).all()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_trials_that_are_kept_go_on_as_if_nobody_had_left(name: str) -> None:
    keep = np.array([0, 2])
    theta, steps = start(), gradients()
    expected = path(name, theta, steps)[-1][keep]

    theta = theta.copy()
    numbers = {
        "learning_rate": np.array(RATES)[:, None],
        "momentum": np.array(MOMENTA)[:, None],
    }
    state = OPTIMIZERS[name].init(theta)
    for step, gradient in enumerate(steps):
        if step == 8:
            theta, state = theta[keep], keep_trials(state, keep)
            numbers = {n: values[keep] for n, values in numbers.items()}
        now = gradient if step < 8 else gradient[keep]
        OPTIMIZERS[name].update(theta, now.copy(), state, numbers)
    np.testing.assert_array_equal(theta, expected)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("values", [[0.1, 0.1, 0.1], [0.1, 0.1, 0.3]])
def test_numbers_that_are_spread_give_the_same_to_the_last_bit(
    name: str, values: list[float]
) -> None:
    numbers = dict.fromkeys(("learning_rate", "momentum"), np.array(values)[:, None])
    reached = []
    for given in (numbers, {n: spread(v, NUMBERS) for n, v in numbers.items()}):
        theta = start()
        state = OPTIMIZERS[name].init(theta)
        for gradient in gradients():
            OPTIMIZERS[name].update(theta, gradient, state, given)
        reached.append(theta)
    np.testing.assert_array_equal(reached[0], reached[1])


def test_keep_trials_takes_rows_of_arrays_and_leaves_counts() -> None:
    state = {"step": 4, "mean": np.arange(6).reshape(3, 2)}
    kept = keep_trials(state, np.array([2, 0]))
    assert kept["step"] == 4
    np.testing.assert_array_equal(kept["mean"], [[4, 5], [0, 1]])
    kept["mean"][:] = 0
    np.testing.assert_array_equal(state["mean"], [[0, 1], [2, 3], [4, 5]])
