"""Optimizers, against loops written from their formulas and against scikit-learn's."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

from tests.trainer.shared import Array, Setting
from trainer import arrays
from trainer.fields import OPTIMIZERS as READS
from trainer.optimizers import ADAM_EPSILON, OPTIMIZERS

NUMBERS, STEPS = 7, 20
SETTINGS: list[dict[str, float]] = [
    {"learning_rate": 0.003, "momentum": 0.0, "beta1": 0.9, "beta2": 0.999, "rho": 0.99},
    {"learning_rate": 0.1, "momentum": 0.5, "beta1": 0.0, "beta2": 0.9, "rho": 0.5},
    {"learning_rate": 1.5, "momentum": 0.95, "beta1": 0.8, "beta2": 0.0, "rho": 0.0},
]
TRIALS = len(SETTINGS)
LINEAR = ["sgd", "momentum", "nesterov"]


def start() -> Array:
    return np.random.default_rng(0).standard_normal((TRIALS, NUMBERS))


def gradients() -> list[Array]:
    """A gradient for each step; of very different sizes, as Adam must cope with."""
    rng = np.random.default_rng(1)
    sizes = 10.0 ** rng.uniform(-6, 3, NUMBERS)
    return [rng.standard_normal((TRIALS, NUMBERS)) * sizes for _ in range(STEPS)]


def numbers_of(settings: list[dict[str, float]], dtype: str = "float64") -> dict[str, Array]:
    return {name: np.array([[s[name]] for s in settings], dtype) for name in settings[0]}


def given_to(name: str, gradient: Array, rate: Array) -> Array:
    """What an optimizer is given of a gradient: a linear one has the learning rate in it already."""
    return gradient * rate if OPTIMIZERS[name].linear else gradient.copy()


def path(name: str, steps: list[Array], dtype: str = "float64") -> list[Array]:
    """Where the stacked optimizer is after each step."""
    theta, numbers = start().astype(dtype), numbers_of(SETTINGS, dtype)
    state, scratch = OPTIMIZERS[name].init(theta), np.full_like(theta, np.nan)
    reached = []
    for step, gradient in enumerate(steps, start=1):
        given = given_to(name, gradient.astype(dtype), numbers["learning_rate"])
        OPTIMIZERS[name].update(theta, given, state, numbers, step, scratch)
        reached.append(theta.copy())
    return reached


def sgd_by_hand(x: float, gradients: list[float], s: Setting) -> Iterator[float]:
    for gradient in gradients:
        x = x - s["learning_rate"] * gradient
        yield x


def momentum_by_hand(x: float, gradients: list[float], s: Setting) -> Iterator[float]:
    velocity = 0.0
    for gradient in gradients:
        velocity = s["momentum"] * velocity - s["learning_rate"] * gradient
        x = x + velocity
        yield x


def nesterov_by_hand(x: float, gradients: list[float], s: Setting) -> Iterator[float]:
    velocity = 0.0
    for gradient in gradients:
        velocity = s["momentum"] * velocity - s["learning_rate"] * gradient
        x = x + s["momentum"] * velocity - s["learning_rate"] * gradient
        yield x


def adagrad_by_hand(x: float, gradients: list[float], s: Setting) -> Iterator[float]:
    squares = 0.0
    for gradient in gradients:
        squares += gradient**2
        x = x - s["learning_rate"] * gradient / (math.sqrt(squares) + 1e-7)
        yield x


def rmsprop_by_hand(x: float, gradients: list[float], s: Setting) -> Iterator[float]:
    squares = 0.0
    for gradient in gradients:
        squares = s["rho"] * squares + (1 - s["rho"]) * gradient**2
        x = x - s["learning_rate"] * gradient / (math.sqrt(squares) + 1e-8)
        yield x


def adam_by_hand(x: float, gradients: list[float], s: Setting) -> Iterator[float]:
    one, two = s["beta1"], s["beta2"]
    mean = square = 0.0
    for step, gradient in enumerate(gradients, start=1):
        mean = one * mean + (1 - one) * gradient
        square = two * square + (1 - two) * gradient**2
        corrected_mean, corrected_square = mean / (1 - one**step), square / (1 - two**step)
        x = x - s["learning_rate"] * corrected_mean / (math.sqrt(corrected_square) + 1e-8)
        yield x


BY_HAND: dict[str, Callable[[float, list[float], Setting], Iterator[float]]] = {
    "sgd": sgd_by_hand,
    "momentum": momentum_by_hand,
    "nesterov": nesterov_by_hand,
    "adagrad": adagrad_by_hand,
    "rmsprop": rmsprop_by_hand,
    "adam": adam_by_hand,
    "adamw": adam_by_hand,  # whose weight decay is no part of the update
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_twenty_steps_agree_with_the_formulas_one_number_at_a_time(name: str) -> None:
    theta, steps = start(), gradients()
    reached = path(name, steps)
    for trial, setting in enumerate(SETTINGS):
        for number in range(NUMBERS):
            met = [float(gradient[trial, number]) for gradient in steps]
            by_hand = BY_HAND[name](theta[trial, number], met, setting)
            found = [there[trial, number] for there in reached]
            np.testing.assert_allclose(found, list(by_hand), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", LINEAR)
def test_twenty_steps_agree_with_sklearns_sgd(name: str) -> None:
    theta, steps = start(), gradients()
    reached = path(name, steps)
    for trial, setting in enumerate(SETTINGS):
        params = [theta[trial].copy()]
        momentum = setting["momentum"] if name != "sgd" else 0.0
        reference = SGDOptimizer(
            params, setting["learning_rate"], momentum=momentum, nesterov=name == "nesterov"
        )
        for gradient, there in zip(steps, reached, strict=True):
            reference.update_params(params, [gradient[trial]])
            np.testing.assert_allclose(there[trial], params[0], rtol=1e-12, atol=1e-12)


def test_twenty_steps_agree_with_sklearns_adam() -> None:
    # scikit-learn folds both bias corrections into the learning rate, so its ε is added to √v and not to √v̂.
    # ε √(1 − β₂ᵗ) there is ε here; with that the two are equal but for rounding.
    theta, steps = start(), gradients()
    reached = path("adam", steps)
    for trial, setting in enumerate(SETTINGS):
        params = [theta[trial].copy()]
        one, two = setting["beta1"], setting["beta2"]
        reference = AdamOptimizer(params, setting["learning_rate"], beta_1=one, beta_2=two)
        for t, (gradient, there) in enumerate(zip(steps, reached, strict=True), start=1):
            reference.epsilon = ADAM_EPSILON * math.sqrt(1 - two**t)
            reference.update_params(params, [gradient[trial]])
            np.testing.assert_allclose(there[trial], params[0], rtol=1e-9, atol=1e-12)


def test_linear_optimizers_are_those_whose_step_is_linear_in_the_gradient() -> None:
    assert [name for name, optimizer in OPTIMIZERS.items() if optimizer.linear] == LINEAR


def test_weight_decay_is_apart_from_the_gradient_in_adamw_alone() -> None:
    assert [name for name, optimizer in OPTIMIZERS.items() if optimizer.decoupled] == [
        "sgd",
        "adamw",
    ]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_float32_stays_float32_and_near_float64(name: str) -> None:
    reached = path(name, gradients(), "float32")
    assert all(there.dtype == np.float32 for there in reached)
    expected = path(name, gradients())[-1]
    np.testing.assert_allclose(reached[-1], expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_reads_no_number_but_those_it_names(name: str) -> None:
    optimizer, numbers = OPTIMIZERS[name], numbers_of(SETTINGS)
    # A linear one has been given the learning rate with the gradient.
    read = [*READS[name], *([] if optimizer.linear else ["learning_rate"])]
    theta = start()
    given = given_to(name, gradients()[0], numbers["learning_rate"])
    only = {number: numbers[number] for number in read}
    optimizer.update(theta, given, optimizer.init(theta), only, 1, np.empty_like(theta))
    np.testing.assert_array_equal(theta, path(name, gradients()[:1])[0])
    assert (theta != start()).all()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_trials_that_are_kept_go_on_as_if_nobody_had_left(name: str) -> None:
    keep = np.array([0, 2])
    expected = path(name, gradients())[-1][keep]
    theta, numbers, optimizer = start(), numbers_of(SETTINGS), OPTIMIZERS[name]
    state = optimizer.init(theta)
    for step, gradient in enumerate(gradients(), start=1):
        if step == 9:
            theta = arrays.rows(theta, keep)
            state = {part: arrays.rows(values, keep) for part, values in state.items()}
            numbers = {number: values[keep] for number, values in numbers.items()}
        given = given_to(name, gradient if step < 9 else gradient[keep], numbers["learning_rate"])
        optimizer.update(theta, given, state, numbers, step, np.empty_like(theta))
    np.testing.assert_array_equal(theta, expected)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_to_update_piece_by_piece_is_to_update_all(name: str) -> None:
    expected = path(name, gradients())[-1]
    theta, numbers, optimizer = start(), numbers_of(SETTINGS), OPTIMIZERS[name]
    state = optimizer.init(theta)
    pieces = [(slice(0, 2), slice(0, 3)), (slice(0, 2), slice(3, 7)), (slice(2, 3), slice(0, 7))]
    for step, gradient in enumerate(gradients(), start=1):
        for trials, part in pieces:
            own = {number: values[trials] for number, values in numbers.items()}
            given = given_to(name, gradient[trials, part], own["learning_rate"])
            of_piece = {key: values[trials, part] for key, values in state.items()}
            scratch = np.full_like(given, np.nan)
            optimizer.update(theta[trials, part], given, of_piece, own, step, scratch)
    np.testing.assert_array_equal(theta, expected)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_one_number_for_all_trials_is_the_same_number_for_each(name: str) -> None:
    each = dict.fromkeys(SETTINGS[0], np.full((TRIALS, 1), 0.1))
    for_all = {number: values[:1] for number, values in each.items()}
    reached = []
    for given in (each, for_all):
        theta = start()
        state, scratch = OPTIMIZERS[name].init(theta), np.empty_like(theta)
        for step, gradient in enumerate(gradients(), start=1):
            OPTIMIZERS[name].update(theta, gradient.copy(), state, given, step, scratch)
        reached.append(theta)
    np.testing.assert_array_equal(reached[0], reached[1])
