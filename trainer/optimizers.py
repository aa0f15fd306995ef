"""Optimizers as init / update pairs over stacked parameters.

`init(theta)` makes the state an optimizer carries for parameters theta (K, P). `update(theta, gradient, state,
numbers)` changes theta and the state in place; `gradient` may be overwritten. `numbers` holds learning_rate, and
momentum where the optimizer has one, as arrays that broadcast to (K, P): see `spread`. The state is a dict of arrays
whose first axis is K (and a step count, the same for all trials), so trials can leave a population by indexing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trainer import arrays

Array = NDArray[Any]
State = dict[str, Any]

ADAM_BETA1, ADAM_BETA2, ADAM_EPSILON = 0.9, 0.999, 1e-8
ADAGRAD_EPSILON = 1e-7
RMSPROP_DECAY, RMSPROP_EPSILON = 0.99, 1e-8


class Optimizer(NamedTuple):
    """An init / update pair, and whether it has a momentum."""

    init: Callable[[Array], State]
    update: Callable[[Array, Array, State, Mapping[str, Array]], None]
    momentum: bool = False


def _sgd_init(theta: Array) -> State:
    del theta
    return {}


def _sgd(theta: Array, gradient: Array, state: State, numbers: Mapping[str, Array]) -> None:
    """θ ← θ − η g (*Deep Learning from Scratch*, eq. 6.1)."""
    del state
    gradient *= numbers["learning_rate"]
    theta -= gradient


def _momentum_init(theta: Array) -> State:
    return {"velocity": arrays.zeros_like(theta)}


def _momentum(theta: Array, gradient: Array, state: State, numbers: Mapping[str, Array]) -> None:
    """v ← α v − η g, θ ← θ + v (*Deep Learning from Scratch*, eq. 6.3 and 6.4)."""
    velocity = state["velocity"]
    velocity *= numbers["momentum"]
    gradient *= numbers["learning_rate"]
    velocity -= gradient
    theta += velocity


def _nesterov(theta: Array, gradient: Array, state: State, numbers: Mapping[str, Array]) -> None:
    """v ← α v − η g, θ ← θ + α v − η g: Nesterov's momentum (Sutskever et al. 2013), where θ stands for the point
    that momentum alone would lead to, so that g is the gradient there (Bengio et al. 2013, Advances in Optimizing
    Recurrent Networks).
    """
    velocity = state["velocity"]
    velocity *= numbers["momentum"]
    gradient *= numbers["learning_rate"]
    velocity -= gradient
    theta -= gradient
    np.multiply(velocity, numbers["momentum"], out=gradient)
    theta += gradient


def _squares_init(theta: Array) -> State:
    return {"squares": arrays.zeros_like(theta), "scratch": arrays.zeros_like(theta)}


def _adagrad(theta: Array, gradient: Array, state: State, numbers: Mapping[str, Array]) -> None:
    """h ← h + g², θ ← θ − η g / (√h + ε) (*Deep Learning from Scratch*, eq. 6.5 and 6.6; Duchi et al. 2011)."""
    squares, scratch = state["squares"], state["scratch"]
    np.multiply(gradient, gradient, out=scratch)
    squares += scratch
    _divided_step(theta, gradient, squares, scratch, ADAGRAD_EPSILON, numbers)


def _rmsprop(theta: Array, gradient: Array, state: State, numbers: Mapping[str, Array]) -> None:
    """h ← ρ h + (1 − ρ) g², θ ← θ − η g / (√h + ε) (Tieleman & Hinton 2012, lecture 6.5)."""
    squares, scratch = state["squares"], state["scratch"]
    one = theta.dtype.type
    squares *= one(RMSPROP_DECAY)
    np.multiply(gradient, gradient, out=scratch)
    scratch *= one(1 - RMSPROP_DECAY)
    squares += scratch
    _divided_step(theta, gradient, squares, scratch, RMSPROP_EPSILON, numbers)


def _divided_step(
    theta: Array,
    gradient: Array,
    squares: Array,
    scratch: Array,
    epsilon: float,
    numbers: Mapping[str, Array],
) -> None:
    """θ ← θ − η g / (√squares + ε)."""
    np.sqrt(squares, out=scratch)
    scratch += theta.dtype.type(epsilon)
    gradient /= scratch
    gradient *= numbers["learning_rate"]
    theta -= gradient


def _adam_init(theta: Array) -> State:
    return {"step": 0, "mean": arrays.zeros_like(theta), "square": arrays.zeros_like(theta)}


def _adam(theta: Array, gradient: Array, state: State, numbers: Mapping[str, Array]) -> None:
    """Kingma & Ba 2015, algorithm 1, with the step size of its section 2: ε is added to √v̂."""
    state["step"] += 1
    mean, square = state["mean"], state["square"]
    one = theta.dtype.type
    mean *= one(ADAM_BETA1)
    mean += one(1 - ADAM_BETA1) * gradient
    square *= one(ADAM_BETA2)
    gradient *= gradient
    gradient *= one(1 - ADAM_BETA2)
    square += gradient
    # The denominator √(v / (1 − β₂ᵗ)) + ε takes the place of the gradient, which is used up.
    np.multiply(square, one(1 / (1 - ADAM_BETA2 ** state["step"])), out=gradient)
    np.sqrt(gradient, out=gradient)
    gradient += one(ADAM_EPSILON)
    np.divide(mean, gradient, out=gradient)
    gradient *= numbers["learning_rate"] * one(1 / (1 - ADAM_BETA1 ** state["step"]))
    theta -= gradient


OPTIMIZERS: dict[str, Optimizer] = {
    "sgd": Optimizer(_sgd_init, _sgd),
    "momentum": Optimizer(_momentum_init, _momentum, momentum=True),
    "nesterov": Optimizer(_momentum_init, _nesterov, momentum=True),
    "adagrad": Optimizer(_squares_init, _adagrad),
    "rmsprop": Optimizer(_squares_init, _rmsprop),
    "adam": Optimizer(_adam_init, _adam),
}


def spread(values: Array, numbers: int) -> Array:
    """One value a trial (K, 1), as NumPy multiplies fastest by it: one for all where it is the same, else (K, P).

    To broadcast (K, 1) takes it two to three times as long, and gives the same numbers.
    """
    if (values == values[0]).all():
        return values[:1]
    full = arrays.empty((len(values), numbers), values.dtype)
    full[:] = values
    return full


def keep_trials(state: State, keep: NDArray[np.intp]) -> State:
    """The state of the trials at positions `keep` of the stack."""
    return {
        name: arrays.rows(v, keep) if isinstance(v, np.ndarray) else v for name, v in state.items()
    }
