"""A network of K trials: where its numbers lie, and its way forward and backward.

All numbers of one trial are one row of theta (K, P), so that an optimizer steps every layer in one pass, and a
trial leaves by dropping a row. The weights of all layers come first, then the biases: weight decay concerns
`theta[:, :weights]` and nothing else. `views` gives each layer's W (K, I, O) and b (K, 1, O) inside theta.

Forward, for a hidden layer: z = a W + b, a = f(z); the last layer has no activation. Backward, in reverse:
∂L/∂z from the loss, then dW, db and ∂L/∂a of each layer, times f′. Every activation is overwritten in place in a
`Workspace` that is made once for a number of trials and rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer import arrays
from trainer.initializers import initial_weights
from trainer.layers import ACTIVATIONS, dense_backward, dense_forward

Array = NDArray[Any]


@dataclass(frozen=True)
class Network:
    """The shape of a multilayer perceptron: `sizes` = (inputs, hidden …, outputs), and its hidden activation."""

    sizes: tuple[int, ...]
    activation: str = "relu"
    _starts: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        layers = list(pairwise(self.sizes))
        lengths = [i * o for i, o in layers] + [o for _, o in layers]
        object.__setattr__(self, "_starts", tuple(accumulate(lengths, initial=0)))

    @property
    def layers(self) -> int:
        """The number of dense layers."""
        return len(self.sizes) - 1

    @property
    def weights(self) -> int:
        """How many of the P numbers are weights; the rest are biases."""
        return self._starts[self.layers]

    @property
    def numbers(self) -> int:
        """P, the count of weights and biases of one trial."""
        return self._starts[-1]

    def initial(self, init: str, rng: np.random.Generator, trials: int, dtype: Any) -> Array:
        """Parameters (K, P) to start from: one draw, the same for all K trials."""
        row = np.zeros(self.numbers)
        for start, weight in zip(
            self._starts, initial_weights(self.sizes, init, rng), strict=False
        ):
            row[start : start + weight.size] = weight.ravel()
        theta = arrays.empty((trials, self.numbers), np.dtype(dtype))
        theta[:] = row
        return theta

    def views(self, theta: Array) -> tuple[list[Array], list[Array]]:
        """Each layer's W (K, I, O) and b (K, 1, O): views into theta (K, P)."""
        k, n, starts = theta.shape[0], self.layers, self._starts
        weights = [
            theta[:, starts[i] : starts[i + 1]].reshape(k, self.sizes[i], self.sizes[i + 1])
            for i in range(n)
        ]
        biases = [
            theta[:, starts[n + i] : starts[n + i + 1]].reshape(k, 1, self.sizes[i + 1])
            for i in range(n)
        ]
        return weights, biases


class Workspace:
    """Arrays that a pass of K trials over B rows writes into, with views of theta and of its gradient."""

    def __init__(self, network: Network, theta: Array, gradient: Array | None, rows: int) -> None:
        k, dtype = theta.shape[0], theta.dtype
        self.network = network
        self.weights, self.biases = network.views(theta)
        *hidden, outputs = network.sizes[1:]
        self.activations = [arrays.empty((k, rows, o), dtype) for o in hidden]
        # The outputs (K, B, C) lie in memory as (K, C, B): what a loss does over the few classes of a row, it does
        # for many rows at a time.
        self.activations.append(arrays.empty((k, outputs, rows), dtype).swapaxes(1, 2))
        self.scratch = {o: arrays.empty((k, rows, o), dtype) for o in set(hidden)}
        self.ones = np.ones((1, rows), dtype)
        if gradient is not None:
            self.dweights, self.dbiases = network.views(gradient)
            self.deltas = [arrays.empty((k, rows, o), dtype) for o in hidden]

    def forward(self, rows: Array) -> Array:
        """The last layer's outputs (K, B, C) for `rows` (B, I), which every trial sees."""
        activation = ACTIVATIONS[self.network.activation]
        a = rows
        for layer, z in enumerate(self.activations):
            dense_forward(a, self.weights[layer], self.biases[layer], z)
            if layer < self.network.layers - 1:
                activation.forward(z, self.scratch[z.shape[-1]])
            a = z
        return a

    def backward(self, rows: Array, dz: Array) -> None:
        """Fill the gradient from dz (K, B, C), the gradient of the outputs of the last `forward(rows)`."""
        activation = ACTIVATIONS[self.network.activation]
        for layer in range(self.network.layers - 1, -1, -1):
            a = self.activations[layer - 1] if layer else rows
            da = self.deltas[layer - 1] if layer else None
            dense_backward(
                a, self.weights[layer], dz, self.ones, self.dweights[layer], self.dbiases[layer], da
            )
            if da is not None:
                activation.backward(a, da, self.scratch[a.shape[-1]])
                dz = da
