"""First weights: how large, how drawn, and the same draw for all trials."""

# Law 3: a trial does not feel its neighbours.

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from trainer.initializers import INITIALIZERS, deviation
from trainer.network import Network


@pytest.mark.parametrize(
    ("init", "inputs", "outputs", "expected"),
    [
        ("he", 8, 99, math.sqrt(2 / 8)),
        ("he", 200, 1, 0.1),
        ("xavier", 8, 24, 0.25),
        ("xavier", 24, 8, 0.25),
        ("lecun", 16, 99, 0.25),
        ("zeros", 16, 8, 0.0),
        ("normal:0.01", 16, 8, 0.01),
        ("normal:0", 3, 8, 0.0),
        ("normal:2e-3", 1000, 1, 0.002),
    ],
)
def test_deviation_is_the_papers(init: str, inputs: int, outputs: int, expected: float) -> None:
    assert deviation(init)(inputs, outputs) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(
    "init", ["He", "", "normal", "normal:", "normal:wide", "normal:-1", "normal:nan", "normal:inf"]
)
def test_an_init_that_is_none_is_told_with_all_there_are(init: str) -> None:
    with pytest.raises(ValueError, match="is not one of") as error:
        deviation(init)
    assert repr(init) in str(error.value)
    assert all(name in str(error.value) for name in (*INITIALIZERS, "normal:STD"))


@pytest.mark.parametrize("init", [*sorted(INITIALIZERS.keys() - {"zeros"}), "normal:0.3"])
def test_weights_are_normal_with_that_deviation(init: str) -> None:
    network = Network((300, 200, 100))
    theta, _ = network.initial([init], np.random.default_rng(0), np.dtype("float64"))
    sizes = pairwise(network.sizes)
    for (inputs, outputs), layer in zip(sizes, network.views(theta), strict=True):
        standard = layer.weight[0] / deviation(init)(inputs, outputs)
        assert standard.shape == (inputs, outputs)
        assert abs(standard.mean()) < 0.03
        assert standard.std() == pytest.approx(1, abs=0.02)
        assert (np.abs(standard) < 1).mean() == pytest.approx(0.6827, abs=0.015)


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_all_trials_start_alike_and_biases_at_zero(dtype: str, batch_norm: bool) -> None:
    network = Network((6, 5, 4, 3), batch_norm=batch_norm)
    theta, statistics = network.initial(["he"] * 7, np.random.default_rng(1), np.dtype(dtype))
    assert theta.shape == (7, network.parameter_count)
    assert statistics.shape == (7, network.statistics)
    assert theta.dtype == statistics.dtype == dtype
    assert (theta == theta[0]).all()
    for layer in network.views(theta):
        assert (layer.weight != 0).all()
        assert (layer.bias == 0).all()
    for gamma, beta in network.scales(theta):
        assert (gamma == 1).all()
        assert (beta == 0).all()
    for mean, variance in network.running(statistics):
        assert (mean == 0).all()
        assert (variance == 1).all()


def test_each_trial_scales_the_same_draw_by_its_own_init() -> None:
    network = Network((6, 5, 3))
    inits = ["he", "normal:1", "zeros", "xavier", "normal:0.1"]
    theta, _ = network.initial(inits, np.random.default_rng(0), np.dtype("float64"))
    for (inputs, outputs), layer in zip(pairwise(network.sizes), network.views(theta), strict=True):
        draw = layer.weight[1]
        for init, weight in zip(inits, layer.weight, strict=True):
            expected = draw * deviation(init)(inputs, outputs)
            np.testing.assert_allclose(weight, expected, rtol=1e-15)


@pytest.mark.parametrize("init", ["xavier", "normal:0.2", "zeros"])
def test_a_start_does_not_depend_on_the_neighbours(init: str) -> None:
    network = Network((6, 5, 3))
    inits = ["he", init] + 62 * ["lecun"]
    (alone, _), (among, _) = (
        network.initial(of, np.random.default_rng(2), np.dtype("float32")) for of in ([init], inits)
    )
    np.testing.assert_array_equal(among[1], alone[0])


def test_another_seed_draws_other_weights() -> None:
    network = Network((6, 5, 3))
    (one, _), (other, _) = (
        network.initial(["he"], np.random.default_rng(seed), np.dtype("float64")) for seed in (0, 1)
    )
    for layer, elsewhere in zip(network.views(one), network.views(other), strict=True):
        assert (layer.weight != elsewhere.weight).all()
