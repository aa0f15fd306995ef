"""What a layer does, forward and backward, on a stack of K trials.

A dense layer is z = a W + b with a (K, B, I), W (K, I, O), b (K, 1, O). The products run slice by slice (one BLAS
call a trial), so a trial's numbers do not depend on how many others share the stack. Sums over rows are products
with a row of ones for the same reason.

An activation works in place and finds its derivative from its own output, so nothing but the output is kept:
`forward(z, scratch)` turns z into a; `backward(a, da, scratch)` turns da = ∂L/∂a into ∂L/∂z. `scratch` is an array
like z to write into: a fresh one at each step would cost more than the arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

LEAK = 0.01  # the slope of leaky ReLU below 0 (Maas et al. 2013)


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

    forward: Callable[[Array, Array], None]
    backward: Callable[[Array, Array, Array], None]


def _relu(z: Array, scratch: Array) -> None:
    # NumPy's maximum of two arrays takes a fraction of the time of that of an array and a number.
    scratch.fill(0)
    np.maximum(z, scratch, out=z)


def _relu_backward(a: Array, da: Array, scratch: Array) -> None:
    # da where a > 0, else 0, by bits: an output of ReLU is +0 or more, and as an integer it is then 0 or more too.
    # The sign of its negative, spread over all bits, keeps da or clears it.
    integer = np.dtype(f"i{a.itemsize}")
    mask = scratch.view(integer)
    np.negative(a.view(integer), out=mask)
    np.right_shift(mask, 8 * a.itemsize - 1, out=mask)
    np.bitwise_and(da.view(integer), mask, out=da.view(integer))


def _leaky_relu(z: Array, scratch: Array) -> None:
    np.multiply(z, z.dtype.type(LEAK), out=scratch)
    np.maximum(z, scratch, out=z)


def _leaky_relu_backward(a: Array, da: Array, scratch: Array) -> None:
    # The slope: 1 where a > 0, else LEAK.
    np.greater(a, 0, out=scratch, casting="unsafe")
    np.maximum(scratch, a.dtype.type(LEAK), out=scratch)
    da *= scratch


def _identity(z: Array, scratch: Array) -> None:
    del z, scratch


def _identity_backward(a: Array, da: Array, scratch: Array) -> None:
    del a, da, scratch


def _tanh(z: Array, scratch: Array) -> None:
    del scratch
    np.tanh(z, out=z)


def _tanh_backward(a: Array, da: Array, scratch: Array) -> None:
    np.multiply(a, a, out=scratch)
    np.subtract(1, scratch, out=scratch)
    da *= scratch


def _sigmoid(z: Array, scratch: Array) -> None:
    # 1 / (1 + e⁻ᶻ) = (1 + tanh(z / 2)) / 2, which can't overflow.
    del scratch
    z *= 0.5
    np.tanh(z, out=z)
    z *= 0.5
    z += 0.5


def _sigmoid_backward(a: Array, da: Array, scratch: Array) -> None:
    np.subtract(1, a, out=scratch)
    scratch *= a
    da *= scratch


ACTIVATIONS: dict[str, Activation] = {
    "relu": Activation(_relu, _relu_backward),
    "leaky_relu": Activation(_leaky_relu, _leaky_relu_backward),
    "tanh": Activation(_tanh, _tanh_backward),
    "sigmoid": Activation(_sigmoid, _sigmoid_backward),
    "identity": Activation(_identity, _identity_backward),
}
