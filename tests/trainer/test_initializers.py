"""First weights: how large, how drawn, and the same for all trials."""

from __future__ import annotations

import math

import numpy as np
import pytest

from trainer.initializers import INITIALIZERS, initial_weights
from trainer.network import Network


@pytest.mark.parametrize(
    ("init", "inputs", "outputs", "deviation"),
    [
        ("he", 8, 99, math.sqrt(2 / 8)),
        ("he", 200, 1, 0.1),
        ("xavier", 8, 24, 0.25),
        ("xavier", 24, 8, 0.25),
        ("lecun", 16, 99, 0.25),
        ("zeros", 16, 8, 0.0),
    ],
)
def test_deviation_is_the_papers(init: str, inputs: int, outputs: int, deviation: float) -> None:
    assert INITIALIZERS[init](inputs, outputs) == pytest.approx(deviation, rel=1e-15)


@pytest.mark.parametrize("init", sorted(INITIALIZERS.keys() - {"zeros"}))
def test_weights_are_normal_with_that_deviation(init: str) -> None:
    sizes = (300, 200, 100)
    for (inputs, outputs), weight in zip(
        [(300, 200), (200, 100)],
        initial_weights(sizes, init, np.random.default_rng(0)),
        strict=True,
    ):
        assert weight.shape == (inputs, outputs)
        standard = weight / INITIALIZERS[init](inputs, outputs)
        assert abs(standard.mean()) < 0.03
        assert standard.std() == pytest.approx(1, abs=0.02)
        assert (np.abs(standard) < 1).mean() == pytest.approx(0.6827, abs=0.015)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_all_trials_start_alike_and_biases_at_zero(dtype: str) -> None:
    network = Network((6, 5, 4, 3))
    theta = network.initial("he", np.random.default_rng(1), 7, np.dtype(dtype))
    assert theta.shape == (7, network.numbers)
    assert theta.dtype == dtype
    assert (theta == theta[0]).all()
    assert (theta[:, network.weights :] == 0).all()
    weights, _ = network.views(theta)
    for ours, drawn in zip(
        weights, initial_weights(network.sizes, "he", np.random.default_rng(1)), strict=True
    ):
        np.testing.assert_array_equal(ours[3], drawn.astype(dtype))


def test_the_draw_does_not_know_how_many_trials_there_are() -> None:
    network = Network((6, 5, 3))
    one, many = (
        network.initial("xavier", np.random.default_rng(2), k, np.dtype("float32")) for k in (1, 64)
    )
    np.testing.assert_array_equal(many, np.repeat(one, 64, axis=0))


def test_another_seed_draws_other_weights() -> None:
    network = Network((6, 5, 3))
    one, other = (
        network.initial("he", np.random.default_rng(seed), 1, np.dtype("float64"))
        for seed in (0, 1)
    )
    assert (one[:, : network.weights] != other[:, : network.weights]).all()
