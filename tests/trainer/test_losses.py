"""Losses and their gradients: against scipy, and where floating point is thin."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import log_softmax

from trainer.losses import softmax_cross_entropy, squared_error

Array = NDArray[Any]


@settings(max_examples=100, deadline=None)
@given(
    trials=st.integers(1, 5),
    rows=st.integers(1, 20),
    classes=st.integers(1, 8),
    spread=st.sampled_from([1e-3, 1.0, 30.0, 1e4]),
    seed=st.integers(0, 999),
)
def test_softmax_cross_entropy_agrees_with_scipy(
    trials: int, rows: int, classes: int, spread: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    outputs = rng.standard_normal((trials, rows, classes)) * spread
    labels = rng.integers(0, classes, rows)
    expected = log_softmax(outputs, axis=-1)
    hot = np.zeros((rows, classes))
    hot[np.arange(rows), labels] = 1

    gradient = outputs.copy()
    loss = softmax_cross_entropy(gradient, labels)

    assert loss.shape == (trials, rows)
    np.testing.assert_allclose(
        loss, -expected[:, np.arange(rows), labels], rtol=1e-12, atol=1e-12 * (1 + spread)
    )
    np.testing.assert_allclose(gradient, (np.exp(expected) - hot) / rows, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_softmax_cross_entropy_is_stable_for_outputs_of_ten_thousand(dtype: str) -> None:
    outputs = np.array(
        [[[1e4, -1e4, 0], [1e4, -1e4, 0], [1e4, 1e4, 1e4], [-1e4, -1e4, -1e4]]], dtype
    )
    loss = softmax_cross_entropy(outputs, np.array([0, 1, 2, 0]))
    np.testing.assert_allclose(loss, [[0, 2e4, np.log(3), np.log(3)]], rtol=1e-6)
    assert loss.dtype == outputs.dtype == dtype
    assert np.isfinite(outputs).all()
    np.testing.assert_allclose(outputs.sum(axis=-1), 0, atol=1e-7)
    np.testing.assert_allclose(outputs[0, 1], [0.25, -0.25, 0], atol=1e-7)


@settings(max_examples=100, deadline=None)
@given(
    rows=st.integers(1, 20),
    classes=st.integers(2, 8),
    spread=st.sampled_from([1.0, 1e2, 1e4]),
    seed=st.integers(0, 999),
)
def test_softmax_gradient_sums_to_nothing_in_float32(
    rows: int, classes: int, spread: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    outputs = rng.uniform(-spread, spread, (3, rows, classes)).astype(np.float32)
    loss = softmax_cross_entropy(outputs, rng.integers(0, classes, rows))
    assert np.isfinite(loss).all()
    assert (loss >= 0).all()
    np.testing.assert_allclose(outputs.sum(axis=-1), 0, atol=classes * 2e-7 / rows)


def test_squared_error_is_half_the_square_and_its_slope() -> None:
    outputs = np.array([[[1.0], [2.0]], [[0.0], [-3.0]]])
    loss = squared_error(outputs, np.array([0.5, 4.0]))
    np.testing.assert_array_equal(loss, [[0.125, 2.0], [0.125, 24.5]])
    np.testing.assert_array_equal(outputs[..., 0], [[0.25, -1.0], [-0.25, -3.5]])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_squared_error_keeps_the_dtype(dtype: str) -> None:
    outputs = np.ones((2, 3, 1), dtype)
    loss = squared_error(outputs, np.zeros(3, dtype))
    assert loss.dtype == outputs.dtype == dtype
    assert loss.shape == (2, 3)
