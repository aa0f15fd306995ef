"""What a layer does, forward and backward, on a stack of K trials.

A dense layer is z = a W + b with a (K, B, I), W (K, I, O), b (K, 1, O). The products run slice by slice (one BLAS
call a trial), so a trial's numbers do not depend on how many others share the stack. Sums over rows are products
with a row of ones for the same reason.

An activation works in place and finds its derivative from its own output, so nothing but the output is kept:
`forward(z)` turns z into a; `backward(a, da)` turns da = ∂L/∂a into ∂L/∂z.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def dense_forward(a: Array, weight: Array, bias: Array, out: Array) -> None:
    """out = a W + b; a is (K, B, I), or (B, I) where all trials see the same rows."""
    np.matmul(a, weight, out=out)
    out += bias


def dense_backward(
    a: Array, weight: Array, dz: Array, ones: Array, dweight: Array, dbias: Array, da: Array | None
) -> None:
    """dW = aᵀ dz, db = 1ᵀ dz, da = dz Wᵀ (*Deep Learning from Scratch*, 5.6.2); `ones` is (1, B).

    `da` is None for the first layer, whose input needs no gradient.
    """
    np.matmul(a.swapaxes(-1, -2), dz, out=dweight)
    np.matmul(ones, dz, out=dbias)
    if da is not None:
        np.matmul(dz, weight.swapaxes(-1, -2), out=da)


class Activation(NamedTuple):
    """A function of one number, and its derivative as a function of its output."""

    forward: Callable[[Array], None]
    backward: Callable[[Array, Array], None]


def _relu(z: Array) -> None:
    np.maximum(z, 0, out=z)


def _relu_backward(a: Array, da: Array) -> None:
    da *= a > 0


def _tanh(z: Array) -> None:
    np.tanh(z, out=z)


def _tanh_backward(a: Array, da: Array) -> None:
    slope = a * a
    np.subtract(1, slope, out=slope)
    da *= slope


def _sigmoid(z: Array) -> None:
    # 1 / (1 + e⁻ᶻ) = (1 + tanh(z / 2)) / 2, which can't overflow.
    z *= 0.5
    np.tanh(z, out=z)
    z *= 0.5
    z += 0.5


def _sigmoid_backward(a: Array, da: Array) -> None:
    slope = 1 - a
    slope *= a
    da *= slope


ACTIVATIONS: dict[str, Activation] = {
    "relu": Activation(_relu, _relu_backward),
    "tanh": Activation(_tanh, _tanh_backward),
    "sigmoid": Activation(_sigmoid, _sigmoid_backward),
}
