"""Where a network's numbers lie, and its way forward against the formulas written out."""

from __future__ import annotations

import numpy as np
import pytest

from tests.trainer.shared import Array, OutputsOf
from trainer.layers import ACTIVATIONS
from trainer.network import Network, Workspace

TRIALS, ROWS, SIZES = 3, 7, (5, 6, 3, 2)


def drawn(network: Network, seed: int = 0) -> tuple[Array, Array, Array]:
    """Parameters (K, P) and running statistics (K, …), different for each trial, and rows (B, I)."""
    rng = np.random.default_rng(seed)
    theta = rng.standard_normal((TRIALS, network.parameter_count)) * 0.7
    statistics = rng.random((TRIALS, network.statistics)) + 0.5
    return theta, statistics, rng.standard_normal((ROWS, network.sizes[0]))


def in_training(network: Network, theta: Array, statistics: Array) -> Workspace:
    beyond = network.beyond()
    dbeyond = np.zeros((TRIALS, beyond.stop - beyond.start))
    return Workspace(network, theta, statistics, ROWS, dbeyond)


def forward(workspace: Workspace, X: Array) -> Array:
    with np.errstate(all="ignore"):  # of what stood in memory where nothing is written yet
        return workspace.forward(X).copy()


# --- where the numbers lie ---


@pytest.mark.parametrize("batch_norm", [False, True])
def test_views_share_memory_with_theta_and_cover_all_of_it(batch_norm: bool) -> None:
    network = Network((4, 3, 2), batch_norm=batch_norm)
    theta = np.zeros((TRIALS, network.parameter_count))
    layers = network.views(theta)
    assert [layer.weight.shape for layer in layers] == [(TRIALS, 4, 3), (TRIALS, 3, 2)]
    assert [layer.bias.shape for layer in layers] == [(TRIALS, 1, 3), (TRIALS, 1, 2)]
    assert [layer.affine.shape for layer in layers] == [(TRIALS, 5, 3), (TRIALS, 4, 2)]
    assert network.parameter_count == 5 * 3 + 4 * 2 + (2 * 3 if batch_norm else 0)
    for layer in layers:
        layer.weight[...] += 1
        layer.bias[...] += 2
    for gamma, beta in network.scales(theta):
        gamma += 3
        beta += 4
    counts = {1: 4 * 3 + 3 * 2, 2: 3 + 2} | ({3: 3, 4: 3} if batch_norm else {})
    for trial in theta:
        values, found = np.unique(trial, return_counts=True)
        assert dict(zip(values.tolist(), found.tolist(), strict=True)) == counts


def test_a_units_weights_and_its_bias_lie_side_by_side_layer_after_layer() -> None:
    network = Network((2, 3, 1))
    theta = np.arange(float(network.parameter_count))[None]
    first, second = network.views(theta)
    np.testing.assert_array_equal(first.affine[0], [[0, 3, 6], [1, 4, 7], [2, 5, 8]])
    np.testing.assert_array_equal(second.affine[0, :, 0], [9, 10, 11, 12])
    np.testing.assert_array_equal(theta[0, network.block(1)], [9, 10, 11, 12])


def test_gammas_and_betas_and_running_statistics_lie_layer_after_layer() -> None:
    network = Network((2, 3, 2, 1), batch_norm=True)
    theta = np.zeros((1, network.parameter_count))
    theta[:, network.beyond()] = np.arange(10)
    statistics = np.arange(float(network.statistics))[None]
    for views in (network.scales(theta), network.running(statistics)):
        flat = [view[0, 0].tolist() for pair in views for view in pair]
        assert flat == [[0, 1, 2], [3, 4, 5], [6, 7], [8, 9]]


def test_without_batch_norm_there_is_nothing_beyond_the_layers() -> None:
    network = Network(SIZES)
    theta, statistics, _ = drawn(network)
    assert network.statistics == statistics.size == 0
    assert theta[:, network.beyond()].size == 0
    assert network.scales(theta) == network.running(statistics) == []


# --- forward ---


@pytest.mark.parametrize("sizes", [(5, 2), (5, 6, 2), SIZES, (5, 4, 4, 4, 1)])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_forward_is_the_formula_written_out(
    activation: str, sizes: tuple[int, ...], outputs_of: OutputsOf
) -> None:
    network = Network(sizes, activation)
    theta, statistics, X = drawn(network)
    for workspace in (
        in_training(network, theta, statistics),
        Workspace(network, theta, statistics, ROWS),
    ):
        outputs = forward(workspace, X)
        for trial in range(TRIALS):
            expected, _ = outputs_of(network, theta[trial], X)
            np.testing.assert_allclose(outputs[trial], expected, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_batch_norm_is_by_the_minibatch_in_training_and_by_running_statistics_when_scored(
    activation: str, outputs_of: OutputsOf
) -> None:
    network = Network(SIZES, activation, batch_norm=True)
    theta, statistics, X = drawn(network)
    before = [(m.copy(), v.copy()) for m, v in network.running(statistics)]
    scored = forward(Workspace(network, theta, statistics, ROWS), X)
    trained = forward(in_training(network, theta, statistics), X)
    for trial in range(TRIALS):
        running = [(mean[trial, 0], variance[trial, 0]) for mean, variance in before]
        by_running, _ = outputs_of(network, theta[trial], X, running=running)
        by_rows, _ = outputs_of(network, theta[trial], X)
        np.testing.assert_allclose(scored[trial], by_running, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(trained[trial], by_rows, rtol=1e-10, atol=1e-12)
    after = network.running(statistics)
    for old, new in zip(before, after, strict=True):
        assert (old[0] != new[0]).all()
        assert (old[1] != new[1]).all()


@pytest.mark.parametrize("batch_norm", [False, True])
def test_dropout_multiplies_what_every_hidden_layer_gives_by_its_mask(
    batch_norm: bool, outputs_of: OutputsOf
) -> None:
    network = Network(SIZES, "tanh", batch_norm)
    theta, statistics, X = drawn(network)
    workspace = in_training(network, theta, statistics)
    rng = np.random.default_rng(0)
    seen = []
    for _ in range(2):
        workspace.drop(rng, np.array([0.0, 0.3, 0.6])[:, None, None])
        outputs = forward(workspace, X)
        assert workspace.masks is not None
        masks = [mask[:, :-1].swapaxes(1, 2).copy() for mask in workspace.masks]
        for trial in range(TRIALS):
            own = [mask[trial] for mask in masks]
            expected, _ = outputs_of(network, theta[trial], X, masks=own)
            np.testing.assert_allclose(outputs[trial], expected, rtol=1e-10, atol=1e-12)
        seen.append(masks)
    first, second = seen
    for layer in range(2):
        assert first[layer].shape == (TRIALS, ROWS, SIZES[layer + 1])
        assert (first[layer][0] == 1).all()
        assert (first[layer][2] != second[layer][2]).any()  # drawn anew for the next step
    assert not np.array_equal(first[0][2][:, :3], first[1][2])  # and for each layer


def test_a_second_pass_knows_nothing_of_the_first() -> None:
    network = Network(SIZES, "gelu")
    theta, statistics, X = drawn(network)
    workspace = in_training(network, theta, statistics)
    first = forward(workspace, X)
    forward(workspace, 100 * X)
    np.testing.assert_array_equal(forward(workspace, X), first)
