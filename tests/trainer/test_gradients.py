"""The way backward, against central finite differences in float64 that know nothing of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from trainer.layers import ACTIVATIONS, dense_backward, dense_forward
from trainer.losses import LOSSES
from trainer.network import Network, Workspace

Array = NDArray[Any]

TRIALS, ROWS = 3, 7
STEP = 1e-5
WORST = 1e-6  # relative error allowed
FORMULAS: dict[str, Callable[[Array], Array]] = {
    "relu": lambda z: z * (z > 0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "tanh": np.tanh,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "identity": lambda z: z,
}


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


def relative_error(one: Array, other: Array) -> float:
    return float(np.linalg.norm(one - other) / (np.linalg.norm(one) + np.linalg.norm(other)))


def smallest_hidden_z(network: Network, theta: Array, X: Array) -> float:
    """How near to 0, where ReLU and leaky ReLU have a kink, a hidden layer's z comes."""
    weights, biases = network.views(theta)
    a, smallest = X, np.inf
    for weight, bias in list(zip(weights, biases, strict=True))[:-1]:
        z = a @ weight + bias
        smallest = min(smallest, np.abs(z).min())
        a = FORMULAS[network.activation](z)
    return float(smallest)


def away_from_kinks(
    network: Network, seed: int, draw: Callable[[np.random.Generator, Array], Array]
) -> tuple[Array, Array, Array]:
    """Parameters (K, P), different for each trial, inputs (B, I) and labels (B,); no z of a ReLU near 0."""
    rng = np.random.default_rng(seed)
    for _ in range(1000):
        theta = rng.standard_normal((TRIALS, network.numbers)) * 0.7
        X = rng.standard_normal((ROWS, network.sizes[0]))
        if "relu" not in network.activation or smallest_hidden_z(network, theta, X) > 100 * STEP:
            return theta, X, draw(rng, X)
    raise AssertionError("no draw kept away from the kinks")


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("task", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_backward_of_two_hidden_layers_is_the_slope_of_the_mean_loss(
    activation: str, task: str, seed: int
) -> None:
    classes = 4 if task == "classification" else 1
    network = Network((5, 6, 3, classes), activation)

    def draw(rng: np.random.Generator, X: Array) -> Array:
        drawn: Array = (
            rng.integers(0, classes, len(X)) if classes > 1 else rng.standard_normal(len(X))
        )
        return drawn

    theta, X, y = away_from_kinks(network, seed, draw)
    gradient = np.full_like(theta, np.nan)
    workspace = Workspace(network, theta, gradient, ROWS)
    outputs = workspace.forward(X)
    LOSSES[task](outputs, y)
    workspace.backward(X, outputs)

    for trial in range(TRIALS):
        alone = theta[trial : trial + 1].copy()
        fresh = Workspace(network, alone, None, ROWS)
        expected = numeric(lambda f=fresh: float(LOSSES[task](f.forward(X), y).mean()), alone)  # type: ignore[misc]
        pieces = zip(network.views(gradient), network.views(expected), strict=True)
        for name, (found, numbers) in zip(("dW", "db"), pieces, strict=True):
            for layer, (ours, theirs) in enumerate(zip(found, numbers, strict=True)):
                error = relative_error(ours[trial], theirs[0])
                assert error <= WORST, f"{name} of layer {layer}, trial {trial}"


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_forward_is_the_formula_written_out(activation: str) -> None:
    network = Network((5, 6, 3, 2), activation)
    theta, X, _ = away_from_kinks(network, 0, lambda _, X: X)
    weights, biases = network.views(theta)
    outputs = Workspace(network, theta, None, ROWS).forward(X)
    for trial in range(TRIALS):
        a = X
        for layer in range(3):
            a = a @ weights[layer][trial] + biases[layer][trial]
            if layer < 2:
                a = FORMULAS[activation](a)
        np.testing.assert_allclose(outputs[trial], a, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("shared_rows", [True, False])
def test_dense_backward_alone_is_the_slope_of_dense_forward(shared_rows: bool) -> None:
    rng = np.random.default_rng(0)
    a = rng.standard_normal((ROWS, 4) if shared_rows else (TRIALS, ROWS, 4))
    weight, bias = rng.standard_normal((TRIALS, 4, 3)), rng.standard_normal((TRIALS, 1, 3))
    dz = rng.standard_normal((TRIALS, ROWS, 3))
    z = np.empty((TRIALS, ROWS, 3))

    def weighed_sum() -> float:
        """Σ dz · z, whose slope by z is dz."""
        dense_forward(a, weight, bias, z)
        return float((dz * z).sum())

    dweight, dbias = np.empty_like(weight), np.empty_like(bias)
    da = None if shared_rows else np.empty_like(a)
    dense_backward(a, weight, dz, np.ones((1, ROWS)), dweight, dbias, da)
    assert relative_error(dweight, numeric(weighed_sum, weight)) <= WORST
    assert relative_error(dbias, numeric(weighed_sum, bias)) <= WORST
    if da is not None:
        assert relative_error(da, numeric(weighed_sum, a)) <= WORST


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_and_its_slope(name: str) -> None:
    z = np.array([-3.0, -1.5, -0.2, 0.3, 1.0, 4.0])
    a, da = z.copy(), np.linspace(0.5, 2, len(z))
    ACTIVATIONS[name].forward(a, np.empty_like(a))
    np.testing.assert_allclose(a, FORMULAS[name](z), rtol=1e-14)
    expected = da * (FORMULAS[name](z + STEP) - FORMULAS[name](z - STEP)) / (2 * STEP)
    ACTIVATIONS[name].backward(a, da, np.empty_like(a))
    assert relative_error(da, expected) <= WORST


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_relu_passes_the_gradient_where_it_was_above_nothing(dtype: str) -> None:
    tiny = np.finfo(dtype).smallest_subnormal
    z = np.array([-np.inf, -1, -tiny, -0.0, 0.0, tiny, 1, np.inf, np.nan] * 5, dtype)
    a, da = z.copy(), np.full_like(z, -3)
    ACTIVATIONS["relu"].forward(a, np.empty_like(a))
    np.testing.assert_array_equal(a, np.where(np.isnan(z), z, np.fmax(z, 0)))
    ACTIVATIONS["relu"].backward(a, da, np.empty_like(a))
    known = ~np.isnan(z)
    np.testing.assert_array_equal(da[known], np.where(z > 0, -3, 0)[known])


@pytest.mark.parametrize("name", ["tanh", "sigmoid"])
def test_activations_saturate_without_overflow(name: str) -> None:
    a = np.array([-1e4, 1e4], np.float32)
    ACTIVATIONS[name].forward(a, np.empty_like(a))
    np.testing.assert_array_equal(a, [{"tanh": -1, "sigmoid": 0}[name], 1])


def test_views_share_memory_with_theta_and_cover_all_of_it() -> None:
    network = Network((4, 3, 2))
    theta = np.zeros((TRIALS, network.numbers))
    weights, biases = network.views(theta)
    assert [w.shape for w in weights] == [(TRIALS, 4, 3), (TRIALS, 3, 2)]
    assert [b.shape for b in biases] == [(TRIALS, 1, 3), (TRIALS, 1, 2)]
    for weight in weights:
        weight += 1
    for bias in biases:
        bias += 2
    assert network.numbers == 4 * 3 + 3 * 2 + 3 + 2
    np.testing.assert_array_equal(theta[:, : network.weights], 1)
    np.testing.assert_array_equal(theta[:, network.weights :], 2)
