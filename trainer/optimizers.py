"""Optimizers as init / update pairs over stacked parameters.

`init(theta)` is the state that an optimizer keeps for parameters theta (K, P): a dict of arrays like theta.
`update(theta, gradient, state, hyperparams, step, scratch)` makes step number `step` (from 1), in place. It may
overwrite the gradient and `scratch`, an array like theta. All of it is elementwise, so theta may also be some trials
and some of their parameters, with the same part of everything else. `hyperparams` has learning_rate and what else the
optimizer reads, in float64, as (K, 1), or (1, 1) where all trials have the same; only momentum is in theta's dtype.

The step of a *linear* optimizer is linear in the gradient: its gradient is already multiplied by the learning rate,
which `stack` does where the gradient begins and is smallest, in ∂L/∂outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from trainer import arrays
from trainer.arrays import Array

State = dict[str, Array]
Hyperparams = Mapping[str, Array]
Update = Callable[[Array, Array, State, Hyperparams, int, Array], None]

ADAM_EPSILON = 1e-8
ADAGRAD_EPSILON = 1e-7
RMSPROP_EPSILON = 1e-8


class Optimizer(NamedTuple):
    """An init / update pair.

    A `decoupled` one takes weight decay apart from the gradient: θ ← θ − η λ θ (Loshchilov & Hutter 2019).
    """

    init: Callable[[Array], State]
    update: Update
    linear: bool = False
    decoupled: bool = False


def _nothing(theta: Array) -> State:
    return {}


def _sgd(
    theta: Array, gradient: Array, state: State, hyperparams: Hyperparams, step: int, scratch: Array
) -> None:
    """θ ← θ − η g (*Deep Learning from Scratch*, eq. 6.1)."""
    theta -= gradient


def _velocity(theta: Array) -> State:
    return {"velocity": arrays.zeros_like(theta)}


def _momentum(
    theta: Array, gradient: Array, state: State, hyperparams: Hyperparams, step: int, scratch: Array
) -> None:
    """v ← α v − η g, θ ← θ + v (*Deep Learning from Scratch*, eq. 6.3 and 6.4).

    PyTorch multiplies by the current rate, v ← α v + g, θ ← θ − η v: the same as long as η stays the same.
    """
    velocity = state["velocity"]
    velocity *= hyperparams["momentum"]
    velocity -= gradient
    theta += velocity


def _nesterov(
    theta: Array, gradient: Array, state: State, hyperparams: Hyperparams, step: int, scratch: Array
) -> None:
    """v ← α v − η g, θ ← θ + α v − η g: Nesterov's momentum (Sutskever et al. 2013), where θ stands for the point
    that momentum alone would lead to, so that g is the gradient there (Bengio et al. 2013, Advances in Optimizing
    Recurrent Networks). PyTorch multiplies by the current rate, as with `_momentum`.
    """
    velocity = state["velocity"]
    velocity *= hyperparams["momentum"]
    velocity -= gradient
    theta -= gradient
    np.multiply(velocity, hyperparams["momentum"], out=scratch)
    theta += scratch


def _squares(theta: Array) -> State:
    return {"squares": arrays.zeros_like(theta)}


def _adagrad(
    theta: Array, gradient: Array, state: State, hyperparams: Hyperparams, step: int, scratch: Array
) -> None:
    """h ← h + g², θ ← θ − η g / (√h + ε) (*Deep Learning from Scratch*, eq. 6.5 and 6.6; Duchi et al. 2011).

    ε is the book's, 1e-7; PyTorch's default is 1e-10.
    """
    squares = state["squares"]
    np.multiply(gradient, gradient, out=scratch)
    squares += scratch
    _divided_step(theta, gradient, squares, scratch, ADAGRAD_EPSILON, hyperparams["learning_rate"])


def _rmsprop(
    theta: Array, gradient: Array, state: State, hyperparams: Hyperparams, step: int, scratch: Array
) -> None:
    """h ← ρ h + (1 − ρ) g², θ ← θ − η g / (√h + ε) (Tieleman & Hinton 2012, lecture 6.5)."""
    squares = state["squares"]
    rho = hyperparams["rho"]
    squares *= rho.astype(theta.dtype)
    np.multiply(gradient, gradient, out=scratch)
    scratch *= (1 - rho).astype(theta.dtype)
    squares += scratch
    _divided_step(theta, gradient, squares, scratch, RMSPROP_EPSILON, hyperparams["learning_rate"])


def _divided_step(
    theta: Array, gradient: Array, squares: Array, scratch: Array, epsilon: float, rate: Array
) -> None:
    """θ ← θ − η g / (√squares + ε)."""
    np.sqrt(squares, out=scratch)
    scratch += theta.dtype.type(epsilon)
    gradient /= scratch
    gradient *= rate.astype(gradient.dtype)
    theta -= gradient


def _moments(theta: Array) -> State:
    return {"mean": arrays.zeros_like(theta), "square": arrays.zeros_like(theta)}


def _adam(
    theta: Array, gradient: Array, state: State, hyperparams: Hyperparams, step: int, scratch: Array
) -> None:
    """θ ← θ − η m̂ / (√v̂ + ε) (Kingma & Ba 2015, algorithm 1), in fewer passes than written there.

    The state is M = m / (1 − β₁) and V = v / (1 − β₂), so that M ← β₁ M + g and V ← β₂ V + g². With
    a = (1 − β₁) / (1 − β₁ᵗ) and b = √((1 − β₂) / (1 − β₂ᵗ)), m̂ = a M and √v̂ = b √V, and the step is
    η a / b · M / (√V + ε / b).
    """
    mean, square = state["mean"], state["square"]
    beta1, beta2 = (hyperparams[name].astype(theta.dtype) for name in ("beta1", "beta2"))
    mean *= beta1
    mean += gradient
    square *= beta2
    gradient *= gradient
    square += gradient
    a = (1 - hyperparams["beta1"]) / (1 - hyperparams["beta1"] ** step)
    b = np.sqrt((1 - hyperparams["beta2"]) / (1 - hyperparams["beta2"] ** step))
    np.sqrt(square, out=gradient)
    gradient += (ADAM_EPSILON / b).astype(theta.dtype)
    np.divide(mean, gradient, out=gradient)
    gradient *= (hyperparams["learning_rate"] * (a / b)).astype(theta.dtype)
    theta -= gradient


OPTIMIZERS: dict[str, Optimizer] = {
    "sgd": Optimizer(_nothing, _sgd, linear=True, decoupled=True),  # for it the two are the same
    "momentum": Optimizer(_velocity, _momentum, linear=True),
    "nesterov": Optimizer(_velocity, _nesterov, linear=True),
    "adagrad": Optimizer(_squares, _adagrad),
    "rmsprop": Optimizer(_squares, _rmsprop),
    "adam": Optimizer(_moments, _adam),
    "adamw": Optimizer(_moments, _adam, decoupled=True),
}
