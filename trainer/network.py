"""A network of K trials: where its parameters lie in memory, and how it goes forward and backward.

**Where the parameters lie.** All parameters of one trial are one row of theta (K, P), so that an optimizer updates
every layer in one pass, and a trial leaves by dropping a row. A unit's weights and its bias lie side by side: of each
layer theta holds a block (O, I + 1), and after the blocks, with batch normalization, a γ and a β of every hidden unit.
`Layer` has views of them in their usual shapes: W (K, I, O), b (K, 1, O), and both in one, [W; b] (K, I + 1, O).

**Forward.** The input of a layer has a column of ones, so that one product includes the bias: z = [a 1] [W; b]; then,
for a hidden layer, batch normalization, a = f(z) and dropout. The outputs are the z of the last layer.

**Backward**, in reverse, from the loss's ∂L/∂outputs: for each layer ∂L/∂a = ∂L/∂z Wᵀ for the layer before,
then ∂L/∂[W; b] = [a 1]ᵀ ∂L/∂z, then through dropout, f and batch normalization to the ∂L/∂z of the layer before
(*Deep Learning from Scratch*, 5.6.2).

In memory an array (K, B, O) lies as (K, O, B), the rows of a unit side by side. So the ones are a row at the end of
each trial's block, which interrupts nothing, and a loss that works over the few classes of a row works on many rows at
a time. BLAS takes either order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from trainer import arrays
from trainer.arrays import Array
from trainer.initializers import deviation
from trainer.layers import (
    ACTIVATIONS,
    batch_norm,
    batch_norm_backward,
    batch_norm_by_running,
    dropout_mask,
)

FORWARD_NUMBERS = 2**17
"""How many outputs of a layer a pass without backward computes at a time, over all its trials: half a megabyte."""


@dataclass(frozen=True)
class Layer:
    """Views of one layer's parameters in theta, or of their gradients."""

    affine: Array  # [W; b] (K, I + 1, O)

    @property
    def weight(self) -> Array:
        """W (K, I, O)."""
        return self.affine[:, :-1]

    @property
    def bias(self) -> Array:
        """The bias b (K, 1, O)."""
        return self.affine[:, -1:]


@dataclass(frozen=True)
class Network:
    """The shape of a multilayer perceptron: `sizes` = (inputs, hidden …, outputs), and what its hidden layers do.

    A layer with batch normalization has no bias, because subtracting the mean would cancel it: its place stays 0.
    """

    sizes: tuple[int, ...]
    activation: str = "relu"
    batch_norm: bool = False
    _starts: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        lengths = [(i + 1) * o for i, o in pairwise(self.sizes)]
        if self.batch_norm:
            lengths += [o for o in self.sizes[1:-1] for _ in range(2)]
        object.__setattr__(self, "_starts", tuple(accumulate(lengths, initial=0)))

    @property
    def layers(self) -> int:
        """The number of layers with weights."""
        return len(self.sizes) - 1

    @property
    def parameter_count(self) -> int:
        """P, the number of parameters of one trial."""
        return self._starts[-1]

    @property
    def statistics(self) -> int:
        """The number of running means and variances of one trial."""
        return 2 * sum(self.sizes[1:-1]) if self.batch_norm else 0

    def block(self, layer: int) -> slice:
        """Where in theta's P the weights and biases of a layer lie."""
        return slice(self._starts[layer], self._starts[layer + 1])

    def beyond(self) -> slice:
        """Where in theta's P the γ and β of all layers lie."""
        return slice(self._starts[self.layers], self.parameter_count)

    def ones(self, layer: int) -> int:
        """The value of the column of ones beside a layer's input: 1, or 0 where the layer has no bias."""
        return 0 if self.batch_norm and layer < self.layers - 1 else 1

    def affine(self, layer: int, block: Array) -> Array:
        """[W; b] (K, I + 1, O) as a view of a layer's block (K, O (I + 1))."""
        inputs, outputs = self.sizes[layer : layer + 2]
        return block.reshape(len(block), outputs, inputs + 1).swapaxes(1, 2)

    def views(self, theta: Array) -> list[Layer]:
        """Each layer's weights and biases: views into theta (K, P)."""
        return [
            Layer(self.affine(layer, theta[:, self.block(layer)])) for layer in range(self.layers)
        ]

    def no_weights(self, part: slice, values: Array) -> list[Array]:
        """Views of what is no weight in a part of theta, (k, p): of biases, γ and β. The part is a block, or all."""
        views = []
        for layer in range(self.layers):
            block = self.block(layer)
            if part.start <= block.start and block.stop <= part.stop:
                own = values[:, block.start - part.start : block.stop - part.start]
                views.append(self.affine(layer, own)[:, -1])
        beyond = self.beyond()
        if part.stop == beyond.stop and beyond.start < beyond.stop:
            views.append(values[:, beyond.start - part.start :])
        return views

    def scales(self, theta: Array) -> list[tuple[Array, Array]]:
        """Each hidden layer's γ and β (K, 1, O), if it has them: views into theta (K, P)."""
        return self.pairs(theta[:, self.beyond()])

    def running(self, statistics: Array) -> list[tuple[Array, Array]]:
        """Each hidden layer's running mean and variance (K, 1, O), if it has them: views into statistics (K, …)."""
        return self.pairs(statistics)

    def pairs(self, values: Array) -> list[tuple[Array, Array]]:
        """Values (K, …), two of each hidden unit, as two views (K, 1, O) a layer; none without batch normalization."""
        if not self.batch_norm:
            return []
        starts = accumulate((o for o in self.sizes[1:-1] for _ in range(2)), initial=0)
        views = [values[:, None, start:end] for start, end in pairwise(starts)]
        return list(zip(views[::2], views[1::2], strict=True))

    def initial(
        self, inits: list[str], rng: np.random.Generator, dtype: np.dtype[Any]
    ) -> tuple[Array, Array]:
        """Parameters (K, P) and running statistics to start from: one draw, scaled for each trial as its init says."""
        theta = arrays.empty((len(inits), self.parameter_count), dtype)
        theta.fill(0)
        deviations = [deviation(init) for init in inits]
        for layer, (inputs, outputs) in zip(self.views(theta), pairwise(self.sizes), strict=True):
            draw = rng.standard_normal((inputs, outputs))
            for weight, scale in zip(layer.weight, deviations, strict=True):
                weight[:] = draw * scale(inputs, outputs)
        for gamma, _ in self.scales(theta):
            gamma[:] = 1
        statistics = arrays.empty((len(inits), self.statistics), dtype)
        for mean, variance in self.running(statistics):
            mean[:], variance[:] = 0, 1
        return theta, statistics


class Workspace:
    """Arrays that a pass of K trials over B rows writes into, beside views of theta and of the running statistics.

    To go backward, it needs `dbeyond`, an array for the gradient of what lies `beyond` the weights and biases in theta.
    """

    def __init__(
        self,
        network: Network,
        theta: Array,
        statistics: Array,
        rows: int,
        dbeyond: Array | None = None,
    ) -> None:
        k, dtype = len(theta), theta.dtype
        *hidden, outputs = network.sizes[1:]
        self.network = network
        self.training = dbeyond is not None
        # Where no backward follows, a few trials at a time go forward, in arrays that stay in the cache.
        most = k if self.training else max(1, FORWARD_NUMBERS // (max(hidden, default=1) * rows))
        self.groups = arrays.even_slices(k, most)
        together = self.groups[0].stop
        self.activation = ACTIVATIONS[network.activation]
        self.layers = network.views(theta)
        self.scales = network.scales(theta)
        self.running = network.running(statistics)
        # Each layer's outputs with a row of ones below, (K, O + 1, B). Where no backward follows, two arrays of a size
        # take turns.
        blocks: dict[tuple[int, int], Array] = {}
        self.blocks: list[Array] = []
        for layer, units in enumerate(hidden):
            key = (units, layer if self.training else layer % 2)
            if key not in blocks:
                blocks[key] = arrays.empty((together, units + 1, rows), dtype)
                blocks[key][:, -1] = 1  # the activation is applied to it, too
            self.blocks.append(blocks[key])
        self.scratch = {o: arrays.empty((together, o + 1, rows), dtype) for o in set(hidden)}
        self.kept: list[Array | None] = [None] * len(hidden)
        if self.training and self.activation.keeps:
            self.kept = [np.empty_like(block) for block in self.blocks]
        # X lies in both orders: BLAS is fastest where neither side of a product is transposed, which needs columns
        # forward, and rows for the gradient.
        self.columns, self.X = (
            arrays.empty(shape, dtype)
            for shape in ((network.sizes[0] + 1, rows), (rows, network.sizes[0] + 1))
        )
        self.columns[-1], self.X[:, -1] = network.ones(0), network.ones(0)
        self.inputs = [self.X, *(block.swapaxes(1, 2) for block in self.blocks)]
        self.outputs = arrays.empty((k, outputs, rows), dtype).swapaxes(1, 2)
        # Views that every step needs: z and ∂L/∂a of the hidden layers, and Wᵀ of all.
        self.z = [_inner(block) for block in self.blocks]
        self.transposed = [layer.weight.swapaxes(1, 2) for layer in self.layers]
        self.ones = np.ones((1, rows), dtype)
        self.masks: list[Array] | None = None
        if dbeyond is not None:
            # As wide as the blocks, so that the two can be combined as they lie; the last row stays as it is.
            self.dblocks = [arrays.zeros_like(block) for block in self.blocks]
            self.da = [_inner(block) for block in self.dblocks]
            self.dscales = network.pairs(dbeyond)
            if network.batch_norm:
                self.normal = [np.empty_like(da) for da in self.da]
                self.inverse: list[Array] = [np.empty(0)] * len(hidden)

    def drop(self, rng: np.random.Generator, rates: Array) -> None:
        """Draw which units the next pass drops; rates are (K, 1, 1)."""
        if self.masks is None:
            self.masks = [np.ones_like(block) for block in self.blocks]
            self.dropped = [np.empty_like(block) for block in self.blocks]
            self.inputs = [self.X, *(block.swapaxes(1, 2) for block in self.dropped)]
        for mask in self.masks:
            dropout_mask(rng, rates, _inner(mask))

    def forward(self, X: Array) -> Array:
        """The outputs (K, B, C) for rows (B, I), which all trials see."""
        self.columns[:-1] = X.T
        if self.training:
            self.X[:, :-1] = X
        for trials in self.groups:
            self._forward(trials)
        return self.outputs

    def _forward(self, trials: slice) -> None:
        count = trials.stop - trials.start
        inputs = self.columns.T
        for i, units in enumerate(self.network.sizes[1:-1]):
            block, z = self.blocks[i][:count], self.z[i][:count]
            np.matmul(inputs, self.layers[i].affine[trials], out=z)
            if self.network.batch_norm:
                self._normalize(i, z, trials)
            self.activation.forward(block, self.scratch[units][:count], self.kept[i])
            block[:, -1] = self.network.ones(i + 1)
            if self.masks is not None:
                np.multiply(block, self.masks[i], out=self.dropped[i])
            inputs = self.inputs[i + 1][:count]
        np.matmul(inputs, self.layers[-1].affine[trials], out=self.outputs[trials])

    def _normalize(self, i: int, z: Array, trials: slice) -> None:
        if self.training:
            self.inverse[i] = batch_norm(
                z, *self.scales[i], self.running[i], self.normal[i], self.ones
            )
        else:
            gamma, beta = (values[trials] for values in self.scales[i])
            mean, variance = (values[trials] for values in self.running[i])
            batch_norm_by_running(z, gamma, beta, (mean, variance))

    def backward(self) -> Iterator[tuple[int, Array]]:
        """Each layer, last first, and its ∂L/∂z (K, B, O); when it is yielded, the layer's weights are not needed any
        more. `outputs` must hold ∂L/∂outputs. The gradients of γ and β are written into `dbeyond`.
        """
        dz = self.outputs
        for layer in range(self.network.layers - 1, -1, -1):
            if layer:
                block, dblock, da = (a[layer - 1] for a in (self.blocks, self.dblocks, self.da))
                np.matmul(dz, self.transposed[layer], out=da)
            yield layer, dz
            if layer:
                if self.masks is not None:
                    dblock *= self.masks[layer - 1]
                scratch = self.scratch[da.shape[2]]
                self.activation.backward(block, dblock, scratch, self.kept[layer - 1])
                if self.network.batch_norm:
                    self._normalize_backward(layer - 1, da, _inner(scratch))
                dz = da

    def _normalize_backward(self, i: int, dz: Array, scratch: Array) -> None:
        gamma, _ = self.scales[i]
        batch_norm_backward(
            dz, gamma, self.normal[i], self.inverse[i], self.ones, scratch, *self.dscales[i]
        )


def _inner(block: Array) -> Array:
    """(K, B, O) of a block (K, O + 1, B), without the row of ones."""
    return block[:, :-1].swapaxes(1, 2)
