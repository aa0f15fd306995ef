"""What stands between two products: activations, batch normalization and dropout, forward and backward, on a stack.

Everything works in place on arrays (K, B, O), and no step allocates an array: at each step of training a fresh one
would cost more than the arithmetic. Sums over rows are products with a row of ones, which BLAS runs trial by trial, so
a trial's results do not depend on how many others share the stack.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from trainer import arrays
from trainer.arrays import Array

LEAK = 0.01  # the slope of leaky ReLU below 0 (Maas et al. 2013)
GELU_CUBE = 0.044715  # Hendrycks & Gimpel 2016, section 2
BATCH_NORM_EPSILON = 1e-5
BATCH_NORM_MOMENTUM = 0.9  # what running statistics keep of themselves at a step

_INTEGERS = {np.dtype(f"f{size}"): np.dtype(f"i{size}") for size in (4, 8)}  # as wide as floats


class Activation(NamedTuple):
    """A function of one number, in place: `forward(z, scratch, kept)` turns z into a = f(z), and
    `backward(a, da, scratch, kept)` turns da = ∂L/∂a into ∂L/∂z.

    `scratch` is an array like z to write into. Most compute their derivative from their output. One that `keeps` gets
    another array like z, which stays from forward to backward (None when no backward follows).
    """

    forward: Callable[[Array, Array, Array | None], None]
    backward: Callable[[Array, Array, Array, Array | None], None]
    keeps: bool = False


@lru_cache(maxsize=16)
def _zeros(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Zeros to compare with, which nobody may write to. Each of a few shapes is used at every step."""
    zeros = arrays.empty(shape, dtype)
    zeros.fill(0)
    zeros.flags.writeable = False
    return zeros


def _relu(z: Array, scratch: Array, kept: Array | None) -> None:
    # NumPy's maximum of two arrays takes half the time of that of an array and a number. All trials share the zeros,
    # unless they are so few that to broadcast them takes longer.
    trials = 1 if z[0].size > arrays.BUFFER else len(z)
    np.maximum(z, _zeros((trials, *z.shape[1:]), z.dtype), out=z)


def _relu_backward(a: Array, da: Array, scratch: Array, kept: Array | None) -> None:
    # da where a > 0, else 0, as integers of the same bits: an output of ReLU is +0 or more, so its sign as an integer
    # is 0 or 1, and da times it is +0 or da. (What is no number gives nonsense: its trial has diverged.)
    integer = _INTEGERS[a.dtype]
    sign, da = scratch.view(integer), da.view(integer)
    np.sign(a.view(integer), out=sign)
    np.multiply(da, sign, out=da)


def _leaky_relu(z: Array, scratch: Array, kept: Array | None) -> None:
    np.multiply(z, z.dtype.type(LEAK), out=scratch)
    np.maximum(z, scratch, out=z)


def _leaky_relu_backward(a: Array, da: Array, scratch: Array, kept: Array | None) -> None:
    # The slope: 1 where a > 0, else LEAK.
    np.greater(a, 0, out=scratch, casting="unsafe")
    np.maximum(scratch, a.dtype.type(LEAK), out=scratch)
    da *= scratch


def _identity(z: Array, scratch: Array, kept: Array | None) -> None:
    """z as it is."""


def _identity_backward(a: Array, da: Array, scratch: Array, kept: Array | None) -> None:
    """da as it is."""


def _tanh(z: Array, scratch: Array, kept: Array | None) -> None:
    np.tanh(z, out=z)


def _tanh_backward(a: Array, da: Array, scratch: Array, kept: Array | None) -> None:
    np.multiply(a, a, out=scratch)
    np.subtract(1, scratch, out=scratch)
    da *= scratch


def _sigmoid(z: Array, scratch: Array, kept: Array | None) -> None:
    sigmoid(z)


def sigmoid(z: Array) -> None:
    """In place, 1 / (1 + e⁻ᶻ) = (1 + tanh(z / 2)) / 2, which can't overflow."""
    z *= 0.5
    np.tanh(z, out=z)
    z *= 0.5
    z += 0.5


def _sigmoid_backward(a: Array, da: Array, scratch: Array, kept: Array | None) -> None:
    np.subtract(1, a, out=scratch)
    scratch *= a
    da *= scratch


def _gelu(z: Array, scratch: Array, kept: Array | None) -> None:
    """½ z (1 + t), t = tanh(√(2/π) (z + 0.044715 z³)): the paper's approximation of z Φ(z), as NumPy has no erf.

    The slope, ½ (1 + t) + ½ z (1 − t²) √(2/π) (1 + 3 · 0.044715 z²), is kept: it does not follow from the output.
    """
    root = math.sqrt(2 / math.pi)
    np.multiply(z, z, out=scratch)
    if kept is not None:
        np.multiply(scratch, 3 * GELU_CUBE * root / 2, out=kept)
        kept += root / 2
        kept *= z
    scratch *= GELU_CUBE * root
    scratch += root
    scratch *= z
    np.tanh(scratch, out=scratch)
    if kept is not None:
        # kept is now ½ z √(2/π) (1 + 3 · 0.044715 z²); times 1 − t² = (1 + t)(1 − t)
        kept *= 1 + scratch
        kept *= 1 - scratch
    scratch += 1
    scratch *= 0.5
    if kept is not None:
        kept += scratch
    z *= scratch


def _gelu_backward(a: Array, da: Array, scratch: Array, kept: Array | None) -> None:
    da *= kept


ACTIVATIONS: dict[str, Activation] = {
    "relu": Activation(_relu, _relu_backward),
    "leaky_relu": Activation(_leaky_relu, _leaky_relu_backward),
    "tanh": Activation(_tanh, _tanh_backward),
    "sigmoid": Activation(_sigmoid, _sigmoid_backward),
    "gelu": Activation(_gelu, _gelu_backward, keeps=True),
    "identity": Activation(_identity, _identity_backward),
}


def batch_norm(
    z: Array, gamma: Array, beta: Array, running: tuple[Array, Array], normal: Array, ones: Array
) -> Array:
    """In place, γ ẑ + β with ẑ = (z − mean) / √(variance + ε) over the B rows (Ioffe & Szegedy 2015, algorithm 1).

    z, and `normal`, into which ẑ is written, are (K, B, O); gamma, beta and the `running` mean and variance are
    (K, 1, O), and ones (1, B). Returns 1 / √(variance + ε) as (K, 1, O). The running statistics move a tenth of the way
    to those of the rows. The running variance is that of the rows (divided by B), as in the book's 6.3; PyTorch's
    divides by B − 1.
    """
    rows = z.dtype.type(ones.size)
    mean = np.matmul(ones, z)
    mean /= rows
    z -= mean
    np.multiply(z, z, out=normal)
    variance = np.matmul(ones, normal)
    variance /= rows
    if ones.size > 1:  # a single row, as a last minibatch may have, has no variance
        for average, value in zip(running, (mean, variance), strict=True):
            average *= BATCH_NORM_MOMENTUM
            average += (1 - BATCH_NORM_MOMENTUM) * value
    variance += BATCH_NORM_EPSILON
    inverse: Array = 1 / np.sqrt(variance)
    np.multiply(z, inverse, out=normal)
    np.multiply(normal, gamma, out=z)
    z += beta
    return inverse


def batch_norm_by_running(
    z: Array, gamma: Array, beta: Array, running: tuple[Array, Array]
) -> None:
    """In place, γ (z − running mean) / √(running variance + ε) + β: how rows are scored, one by one."""
    mean, variance = running
    scale = gamma / np.sqrt(variance + z.dtype.type(BATCH_NORM_EPSILON))
    z -= mean
    z *= scale
    z += beta


def batch_norm_backward(
    dz: Array,
    gamma: Array,
    normal: Array,
    inverse: Array,
    ones: Array,
    scratch: Array,
    dgamma: Array,
    dbeta: Array,
) -> None:
    """In place, ∂L/∂z from ∂L/∂(γ ẑ + β), and ∂L/∂γ = Σ dz ẑ, ∂L/∂β = Σ dz (Ioffe & Szegedy 2015, section 3).

    ∂L/∂z = γ / √(variance + ε) · (dz − mean(dz) − ẑ mean(dz ẑ)), with `normal` ẑ, and `inverse` as `batch_norm`
    returned it. `scratch` is an array like z.
    """
    rows = dz.dtype.type(ones.size)
    np.matmul(ones, dz, out=dbeta)
    np.multiply(dz, normal, out=scratch)
    np.matmul(ones, scratch, out=dgamma)
    dz -= dbeta / rows
    np.multiply(normal, dgamma / rows, out=scratch)
    dz -= scratch
    dz *= gamma * inverse


def dropout_mask(rng: np.random.Generator, rate: Array, out: Array) -> None:
    """Into `out` (K, B, O), 1 / (1 − rate) where a unit stays for a row and 0 where not.

    rate is (K, 1, 1), below 1, in float64, where it stays below 1 though float32 might round it up. Because of the
    factor, nothing is scaled when rows are scored (inverted dropout: Srivastava et al. 2014, section 10). The noise has
    no K in its shape: all trials of a stack drop by the same draw, each by its own rate.
    """
    _, rows, units = out.shape
    noise = rng.random((units, rows), out.dtype)
    np.greater_equal(noise.T, rate.astype(out.dtype), out=out, casting="unsafe")
    out *= (1 / (1 - rate)).astype(out.dtype)
