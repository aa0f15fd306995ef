"""Pieces of theta: some trials and some of their parameters, with all that belongs to them, updated in one pass."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from trainer.arrays import BUFFER, Array
from trainer.optimizers import Optimizer, State


@dataclass(frozen=True)
class Piece:
    """Views of theta, its gradient and the optimizer's state, each (k, p), and what an update needs.

    `decay` times a weight and `l1` times its sign are added to its gradient; where weight decay is apart from the
    gradient, `shrink` times the weight is subtracted from it. Each is (k, 1), or None where it is 0 for all.
    `unpenalized` has views of what is no weight, in theta and at the same places of `scratch`. `trials` says which of
    the stack's trials these are; `hyperparams` are those that the optimizer reads.
    """

    trials: slice
    theta: Array
    gradient: Array
    scratch: Array
    unpenalized: list[tuple[Array, Array]]
    state: State
    hyperparams: dict[str, Array]
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
            return replace(
                self, decay=changed(self.decay), l1=changed(self.l1), shrink=changed(self.shrink)
            )
        rate = self.hyperparams["learning_rate"] * change[self.trials]
        hyperparams = {**self.hyperparams, "learning_rate": rate}
        return replace(self, hyperparams=hyperparams, shrink=changed(self.shrink))

    def update(self, optimizer: Optimizer, step: int) -> None:
        """Make step number `step`, from 1; overwrites the gradient."""
        rows, length = self.theta.shape
        if rows == 1 or length > BUFFER:
            self._update(optimizer, step)
            return
        # With the smallest buffer one number per trial is broadcast at full speed.
        before = np.setbufsize(16)
        try:
            self._update(optimizer, step)
        finally:
            np.setbufsize(before)

    def _update(self, optimizer: Optimizer, step: int) -> None:
        if self.keep is not None:
            for values, kept in self.unpenalized:
                np.copyto(kept, values)
            np.multiply(self.theta, self.keep, out=self.theta)
            for values, kept in self.unpenalized:
                np.copyto(values, kept)
        if self.decay is not None:
            np.multiply(self.theta, self.decay, out=self.scratch)
            self._add_penalty()
        if self.l1 is not None:
            np.sign(self.theta, out=self.scratch)
            np.multiply(self.scratch, self.l1, out=self.scratch)
            self._add_penalty()
        optimizer.update(
            self.theta, self.gradient, self.state, self.hyperparams, step, self.scratch
        )

    def _add_penalty(self) -> None:
        """Add what is in scratch to the gradients of the weights."""
        for values, penalty in self.unpenalized:
            np.multiply(values, 0, out=penalty)
        np.add(self.gradient, self.scratch, out=self.gradient)


def clip_by_norm(gradient: Array, limit: Array) -> None:
    """Shorten in place each trial's gradient (K, P) that is longer than its limit (K, 1) (Pascanu et al. 2013).

    PyTorch's clip_grad_norm_ divides by the length + 1e-6, and so leaves it a little shorter than the limit.
    """
    norm = np.sqrt(np.matmul(gradient[:, None, :], gradient[:, :, None])[:, 0])
    long = norm > limit
    if long.any():
        gradient *= np.where(long, limit / np.where(long, norm, 1), 1)


def one_for_all(values: Array) -> Array:
    """(K, 1), or (1, 1) where all trials have the same."""
    return values[:1] if (values == values[0]).all() else values
