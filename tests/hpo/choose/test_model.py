"""The Gaussian process agrees with an independent one, and is fitted to what the values are like."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hpo.choose.model import (
    BAND,
    JITTER,
    MAX_TRIALS,
    THRESHOLDS,
    Model,
    _unlikely,
    fit,
)
from hpo.choose.positions import Array
from hpo.choose.standardizing import standardized

values_ = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1)


def numbers(parameters: int) -> np.typing.NDArray[np.bool_]:
    return np.zeros(parameters, bool)


# --- standardized ---


@settings(deadline=None)
@given(values_, st.sampled_from(THRESHOLDS))
@example([1e-300, 2e-300, -1e-300], 1.0)
@example([1e308, -1e308, 1.7e308, 1e-300], 3.0)
@example([5e-324, 0.0], math.inf)
@example([1.0, 1.0 + 2**-52] + 50 * [1.0], 1.0)
def test_any_finite_values_become_numbers_of_mean_0_and_variance_1_in_the_same_order(
    values: list[float], threshold: float
) -> None:
    z, log_slopes = standardized(np.array(values), threshold)
    assert np.isfinite(z).all()
    assert math.isfinite(log_slopes)
    if min(values) == max(values):
        assert z.tolist() == [0.0] * len(values)
        return
    assert z.mean() == pytest.approx(0, abs=1e-6)
    assert z.std() == pytest.approx(1)
    assert (np.diff(z[np.argsort(values)]) >= 0).all()


def test_only_what_lies_far_below_the_median_is_compressed() -> None:
    usual = np.linspace(-1.0, 1.0, 41)
    z = standardized(np.append(usual, -1000.0), 3.0).z
    np.testing.assert_allclose(np.diff(z[:41]), z[1] - z[0])
    assert z[0] - z[41] < 5 * (z[40] - z[0])
    exact = standardized(np.append(usual, -1000.0), math.inf)
    assert exact.z[0] - exact.z[41] > 400 * (exact.z[40] - exact.z[0])


# --- the posterior ---


def test_the_posterior_is_scikit_learns() -> None:
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    rng = np.random.default_rng(0)
    U, X = rng.random((12, 3)), rng.random((BAND + 9, 3))
    z = np.sin(5 * U).sum(axis=1)
    lengths, variance, noise = np.array([0.4, 0.6, 0.9]), 1.7, 0.3
    kernel = ConstantKernel(variance) * Matern(lengths, nu=2.5)
    L = np.linalg.cholesky(kernel(U) + (noise + JITTER) * np.eye(12))
    ours = Model(lengths, variance, noise, numbers(3), numbers(3), U, z, L, doubt=0.0)
    theirs = GaussianProcessRegressor(
        kernel + WhiteKernel(noise), alpha=JITTER, optimizer=None
    ).fit(U, z)
    expected, covariance = theirs.predict(X, return_cov=True)
    covariance -= noise * np.eye(len(X))
    mean, V = ours.posterior(X)
    np.testing.assert_allclose(mean, expected, atol=1e-8)
    np.testing.assert_allclose(ours.variances(V), np.diag(covariance), atol=1e-8)
    draws = ours.draws(X[:4], 100_000, rng)
    np.testing.assert_allclose(draws.mean(axis=0), expected[:4], atol=0.02)
    np.testing.assert_allclose(np.cov(draws.T), covariance[:4, :4], atol=0.02)


def test_draws_do_not_depend_on_how_the_covariance_is_shared_out_into_bands() -> None:
    model = sine(30, 0.1)
    X = np.random.default_rng(1).random((2 * BAND + 5, 2))
    root = np.tril(model._root(X, model.posterior(X)[1]))
    V = model.posterior(X)[1]
    expected = model.kernel(X, X) - V.T @ V + JITTER * (1 + model.variance) * np.eye(len(X))
    np.testing.assert_allclose(root @ root.T, expected, atol=1e-8)


# --- the fit ---


def sine(count: int, noise: float, seed: int = 0, repeats: int = 1) -> Model:
    """A model of a wave in the first of two parameters, each setting tried so many times."""
    rng = np.random.default_rng(seed)
    U = np.repeat(rng.random((count, 2)), repeats, axis=0)
    values = np.sin(6 * U[:, 0]) + noise * rng.standard_normal(len(U))
    return fit(U, values, numbers(2))


@given(st.lists(st.floats(-4, 4), min_size=1, max_size=9))
def test_alike_length_scales_are_likelier_and_the_slope_is_that_of_the_density(
    lengths: list[float],
) -> None:
    logs, step = np.array(lengths), 1e-6
    unlikely, slope = _unlikely(logs)
    steps = step * np.eye(len(logs))
    by_steps = [(_unlikely(logs + s)[0] - _unlikely(logs - s)[0]) / (2 * step) for s in steps]
    np.testing.assert_allclose(slope, by_steps, rtol=1e-4, atol=1e-4)
    assert unlikely >= _unlikely(np.full(len(logs), logs.mean()))[0] - 1e-9


def test_a_parameter_without_effect_has_a_long_length_scale() -> None:
    for seed in range(5):
        lengths = sine(30, 0.05, seed).lengths
        assert lengths[1] > 3 * lengths[0]
        assert lengths[1] > 1  # range


@pytest.mark.parametrize("noise", [0.05, 0.3])
def test_the_noise_is_found_where_settings_are_tried_again(noise: float) -> None:
    for seed in range(3):
        model = sine(30, noise, seed, repeats=4)
        unit = math.sqrt(0.5 + noise**2)  # the deviation of all values, by which they are divided
        assert math.sqrt(model.noise) * unit == pytest.approx(noise, rel=0.25)


def test_noise_alone_is_doubted_and_a_slope_is_not_once_there_are_a_few_values() -> None:
    for seed in range(10):
        rng = np.random.default_rng(seed)
        U = rng.random((24, 3))
        assert fit(U, rng.standard_normal(24), numbers(3)).doubt > 0.5
        slope = U[:, 0] + 0.05 * rng.standard_normal(24)
        assert fit(U, slope, numbers(3)).doubt < 0.01


def test_values_without_noise_are_met() -> None:
    model = sine(30, 0.0)
    assert model.noise < 1e-3
    np.testing.assert_allclose(model.posterior(model.U)[0], model.z, atol=0.05)


def test_two_choices_are_a_whole_range_apart_whichever_they_are() -> None:
    U = np.array([[float(k % 4)] for k in range(24)])
    values = np.array([float(k % 4 == 2) + 0.01 * (k // 4) for k in range(24)])
    model = fit(U, values, ~numbers(1))
    K = model.kernel(np.array([[0.0]]), np.array([[0.0], [1.0], [2.0], [3.0]]))[0]
    assert K[0] == pytest.approx(model.variance)
    assert K[1] == K[2] == K[3] < K[0]
    mean = model.posterior(np.array([[0.0], [1.0], [2.0], [3.0]]))[0]
    assert np.argmax(mean) == 2


def test_values_at_one_position_count_as_their_mean() -> None:
    # The means are those of a slope, whose single values lie far from it.
    U = np.repeat(np.linspace(0, 1, 9), 2)[:, None]
    values = U[:, 0] + np.tile([-1.0, 1.0], 9)
    model = fit(U, values, numbers(1))
    assert model.U[:, 0].tolist() == np.linspace(0, 1, 9).tolist()
    assert (np.diff(model.z) > 0).all()
    assert model.noise > 0.5


@pytest.mark.parametrize("values", [[1.0], [0.5] * 30, [0.0, 1e300]])
def test_few_or_equal_values_say_nothing_and_are_no_fault(values: list[float]) -> None:
    U = np.random.default_rng(0).random((len(values), 2))
    mean, V = (model := fit(U, np.array(values), numbers(2))).posterior(U)
    assert np.isfinite(mean).all()
    assert (model.variances(V) > 0).all()


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.5, 0.5 + 1e-9, 1.0]), st.sampled_from([-1e308, 0, 1, 1e308])),
        min_size=1, max_size=30,
    )
)  # fmt: skip
def test_crowded_positions_and_wild_values_have_a_model(tried: list[tuple[float, float]]) -> None:
    U: Array = np.array([[place] for place, _ in tried])
    model = fit(U, np.array([value for _, value in tried], float), numbers(1))
    X = np.linspace(0, 1, 40)[:, None]
    assert np.isfinite(model.draws(X, 3, np.random.default_rng(0))).all()


def test_of_many_trials_the_better_half_and_some_of_the_others_are_kept() -> None:
    U = np.random.default_rng(0).random((3 * MAX_TRIALS, 1))
    model = fit(U, U[:, 0], numbers(1))
    assert len(model.U) == MAX_TRIALS
    best = np.sort(U[:, 0])[-MAX_TRIALS // 2 :]
    assert set(best) <= set(model.U[:, 0])
    assert model.U.min() < 0.05
