"""What stands between two products, each part alone: against formulas, finite differences and drawn lots."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from scipy.special import ndtr

from tests.trainer.shared import STEP, WORST, Array, relative_error
from trainer.layers import (
    ACTIVATIONS,
    batch_norm,
    batch_norm_backward,
    batch_norm_by_running,
    dropout_mask,
)

Formulas = Mapping[str, Callable[[Array], Array]]


def numeric(function: Callable[[], float], argument: Array) -> Array:
    """∂function/∂argument, one number of the argument after the other moved a little up and down."""
    gradient = np.empty_like(argument)
    for index in np.ndindex(*argument.shape):
        at = argument[index]
        argument[index] = at + STEP
        above = function()
        argument[index] = at - STEP
        gradient[index] = (above - function()) / (2 * STEP)
        argument[index] = at
    return gradient


def forward(name: str, z: Array, *, kept: Array | None = None) -> Array:
    a = z.copy()
    ACTIVATIONS[name].forward(a, np.empty_like(a), kept)
    return a


def backward(name: str, z: Array, da: Array) -> Array:
    """∂L/∂z, by way of a forward pass that keeps what the way back needs."""
    a, kept, dz = z.copy(), np.empty_like(z), da.copy()
    ACTIVATIONS[name].forward(a, np.empty_like(a), kept)
    ACTIVATIONS[name].backward(a, dz, np.empty_like(a), kept)
    return dz


# --- activations ---


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_is_its_formula_and_its_slope_that_of_the_formula(
    name: str, activations: Formulas
) -> None:
    z = np.concatenate([np.linspace(-6, -0.01, 40), np.linspace(0.01, 6, 40)])
    da = np.linspace(0.5, 2, len(z))
    formula = activations[name]
    np.testing.assert_allclose(forward(name, z), formula(z), rtol=1e-12, atol=1e-14)
    expected = da * (formula(z + STEP) - formula(z - STEP)) / (2 * STEP)
    assert relative_error(backward(name, z, da), expected) <= WORST


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_gives_the_same_with_a_backward_to_follow_and_without(
    name: str, dtype: str
) -> None:
    z = np.random.default_rng(0).standard_normal((3, 5, 7)).astype(dtype)
    kept = np.empty_like(z)
    assert forward(name, z).dtype == dtype
    np.testing.assert_array_equal(forward(name, z), forward(name, z, kept=kept))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_relu_passes_the_gradient_where_it_was_above_nothing(dtype: str) -> None:
    tiny = np.finfo(dtype).smallest_subnormal
    z = np.array([-np.inf, -1, -tiny, -0.0, 0.0, tiny, 1, np.inf, np.nan] * 5, dtype)
    a, dz = forward("relu", z), backward("relu", z, np.full_like(z, -3))
    np.testing.assert_array_equal(a, np.where(np.isnan(z), z, np.fmax(z, 0)))
    known = ~np.isnan(z)
    np.testing.assert_array_equal(dz[known], np.where(z > 0, -3, 0)[known])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "low"), [("tanh", -1), ("sigmoid", 0), ("gelu", 0)])
def test_activations_saturate_without_overflow(name: str, low: float, dtype: str) -> None:
    z = np.array([-1e4, 1e4], dtype)
    np.testing.assert_array_equal(forward(name, z), [low, 1e4 if name == "gelu" else 1])
    slopes = backward(name, z, np.ones_like(z))
    np.testing.assert_array_equal(slopes, [0, 1 if name == "gelu" else 0])


def test_gelu_is_near_the_product_with_the_normal_distribution() -> None:
    z = np.linspace(-8, 8, 1001)
    np.testing.assert_allclose(forward("gelu", z), z * ndtr(z), atol=5e-4)


# --- batch normalization ---

TRIALS, ROWS, UNITS = 3, 6, 4


class Normalized:
    """A stack of numbers to normalize, and all that goes with them."""

    def __init__(self, rows: int = ROWS, dtype: str = "float64") -> None:
        rng = np.random.default_rng(0)
        self.z = (rng.standard_normal((TRIALS, rows, UNITS)) * 3 + 1).astype(dtype)
        self.gamma, self.beta, self.mean, self.variance = (
            (rng.random((TRIALS, 1, UNITS)) + 0.5).astype(dtype) for _ in range(4)
        )
        self.normal = np.empty_like(self.z)
        self.ones = np.ones((1, rows), dtype)

    def forward(self) -> tuple[Array, Array]:
        """γ ẑ + β and 1 / √(variance + ε)."""
        out = self.z.copy()
        running = (self.mean.copy(), self.variance.copy())
        inverse = batch_norm(out, self.gamma, self.beta, running, self.normal, self.ones)
        return out, inverse


def test_batch_norm_takes_the_rows_own_mean_and_variance() -> None:
    part = Normalized()
    out, inverse = part.forward()
    mean, variance = part.z.mean(axis=1, keepdims=True), part.z.var(axis=1, keepdims=True)
    normal = (part.z - mean) / np.sqrt(variance + 1e-5)
    np.testing.assert_allclose(part.normal, normal, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(inverse, 1 / np.sqrt(variance + 1e-5), rtol=1e-12)
    np.testing.assert_allclose(out, part.gamma * normal + part.beta, rtol=1e-10, atol=1e-12)


def test_running_statistics_move_a_tenth_of_the_way_to_those_of_the_rows() -> None:
    part = Normalized()
    mean, variance = part.mean.copy(), part.variance.copy()
    batch_norm(part.z.copy(), part.gamma, part.beta, (mean, variance), part.normal, part.ones)
    own_mean, own_variance = part.z.mean(axis=1, keepdims=True), part.z.var(axis=1, keepdims=True)
    np.testing.assert_allclose(mean, 0.9 * part.mean + 0.1 * own_mean, rtol=1e-12)
    np.testing.assert_allclose(variance, 0.9 * part.variance + 0.1 * own_variance, rtol=1e-12)


def test_rows_are_scored_by_running_statistics_one_by_one() -> None:
    part = Normalized()
    running = (part.mean, part.variance)
    expected = part.gamma * (part.z - part.mean) / np.sqrt(part.variance + 1e-5) + part.beta
    together, alone = part.z.copy(), part.z[:, 2:3].copy()
    batch_norm_by_running(together, part.gamma, part.beta, running)
    batch_norm_by_running(alone, part.gamma, part.beta, running)
    np.testing.assert_allclose(together, expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(together[:, 2:3], alone)


@pytest.mark.parametrize("rows", [3, ROWS])
@pytest.mark.parametrize("of", ["z", "gamma", "beta"])
def test_the_slope_of_batch_norm_by_its_inputs_and_by_gamma_and_beta(of: str, rows: int) -> None:
    part = Normalized(rows)
    weights = np.random.default_rng(1).standard_normal(part.z.shape)  # of the sum, and so its slope
    found = {"z": weights.copy(), "gamma": np.empty_like(part.gamma), "beta": part.beta.copy()}
    _, inverse = part.forward()
    batch_norm_backward(
        found["z"],
        part.gamma,
        part.normal,
        inverse,
        part.ones,
        np.empty_like(part.z),
        found["gamma"],
        found["beta"],
    )
    expected = numeric(lambda: float((weights * part.forward()[0]).sum()), getattr(part, of))
    assert relative_error(found[of], expected) <= WORST


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_row_is_normalized_to_beta_and_has_no_slope_and_no_variance_to_tell_of(
    dtype: str,
) -> None:
    part = Normalized(1, dtype)
    mean, variance = part.mean.copy(), part.variance.copy()
    batch_norm(part.z.copy(), part.gamma, part.beta, (mean, variance), part.normal, part.ones)
    np.testing.assert_array_equal(mean, part.mean)
    np.testing.assert_array_equal(variance, part.variance)
    out, inverse = part.forward()
    np.testing.assert_array_equal(out, part.beta)
    dz = np.ones_like(part.z)
    dgamma, dbeta = np.empty_like(part.gamma), np.empty_like(part.beta)
    scratch = np.empty_like(dz)
    batch_norm_backward(dz, part.gamma, part.normal, inverse, part.ones, scratch, dgamma, dbeta)
    np.testing.assert_array_equal(dz, 0)
    np.testing.assert_array_equal(dgamma, 0)
    np.testing.assert_array_equal(dbeta, 1)


# --- dropout ---


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dropout_leaves_out_a_share_and_makes_up_for_it(dtype: str) -> None:
    rates = np.array([0.0, 0.2, 0.5, 0.9], dtype)[:, None, None]
    mask = np.empty((4, 200, 100), dtype)
    dropout_mask(np.random.default_rng(0), rates, mask)
    for trial, rate in enumerate(rates.ravel()):
        kept = mask[trial] != 0
        assert kept.mean() == pytest.approx(1 - rate, abs=0.015)
        np.testing.assert_array_equal(mask[trial][kept], 1 / (1 - rate))
    assert (mask[0] == 1).all()


def test_all_trials_drop_by_the_same_draw() -> None:
    rates = np.array([0.3, 0.3, 0.6])[:, None, None]
    mask = np.empty((3, 50, 40))
    dropout_mask(np.random.default_rng(0), rates, mask)
    np.testing.assert_array_equal(mask[0], mask[1])
    assert not mask[2][mask[0] == 0].any()  # what is dropped at 0.3 is dropped at 0.6 too
    again = np.empty((3, 50, 40))
    dropout_mask(np.random.default_rng(1), rates, again)
    assert (again[0] != mask[0]).any()
