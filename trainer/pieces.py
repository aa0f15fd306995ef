"""Pieces of theta: some trials and some of their parameters, with all that belongs to them, updated in one go."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.optimizers import Optimizer, State

Array = NDArray[Any]


@dataclass(frozen=True)
class Piece:
    """Views of theta, its gradient and the optimizer's state (k, p), and what moves them.

    A parameter adds `decay` of itself and `l1` of its sign to its gradient; it loses `shrink` of itself where weight
    decay is apart from the gradient. Each is (k, p), 0 for what is no weight, or None where it is 0 for all. `trials`
    are the piece's in the stack; `numbers` are those that the optimizer reads.
    """

    trials: slice
    theta: Array
    gradient: Array
    scratch: Array
    state: State
    numbers: dict[str, Array]
    decay: Array | None
    l1: Array | None
    shrink: Array | None
    keep: Array | None = field(init=False)  # 1 − shrink

    def __post_init__(self) -> None:
        object.__setattr__(self, "keep", None if self.shrink is None else 1 - self.shrink)

    def scheduled(self, change: Array, optimizer: Optimizer) -> Piece:
        """The same with learning rates that a schedule multiplies by `change` (K, 1)."""
        factors = change[self.trials].astype(self.theta.dtype)

        def changed(values: Array | None) -> Array | None:
            return None if values is None else values * factors

        if optimizer.linear:
            decay, l1, numbers = changed(self.decay), changed(self.l1), self.numbers
        else:
            rate = self.numbers["learning_rate"] * change[self.trials]
            decay, l1, numbers = self.decay, self.l1, {**self.numbers, "learning_rate": rate}
        return replace(self, numbers=numbers, decay=decay, l1=l1, shrink=changed(self.shrink))

    def update(self, optimizer: Optimizer, step: int) -> None:
        """Make step number `step`, from 1, by the gradient, which is used up."""
        if self.keep is not None:
            np.multiply(self.theta, self.keep, out=self.theta)
        if self.decay is not None:
            np.multiply(self.theta, self.decay, out=self.scratch)
            np.add(self.gradient, self.scratch, out=self.gradient)
        if self.l1 is not None:
            np.sign(self.theta, out=self.scratch)
            np.multiply(self.scratch, self.l1, out=self.scratch)
            np.add(self.gradient, self.scratch, out=self.gradient)
        optimizer.update(self.theta, self.gradient, self.state, self.numbers, step, self.scratch)


def clip_by_norm(gradient: Array, limit: Array) -> None:
    """Shorten in place each trial's gradient (K, P) that is longer than its limit (K, 1) (Pascanu et al. 2013).

    PyTorch's clip_grad_norm_ divides by the length + 1e-6, and so leaves it a little shorter than the limit.
    """
    norm = np.sqrt(np.matmul(gradient[:, None, :], gradient[:, :, None])[:, 0])
    long = norm > limit
    if long.any():
        gradient *= np.where(long, limit / np.where(long, norm, 1), 1)
