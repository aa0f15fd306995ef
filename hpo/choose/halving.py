"""Successive halving: after which epochs the worst trials of a batch leave, how many stay, and which.

A few epochs tell bad settings from good ones at a fraction of the cost (Jamieson and Talwalkar 2016). At a rung all
trials of a batch are compared; the best go on, and the others keep the curve they have. Everything is computed by
dividing whole numbers, because rounding a logarithm can lose a rung.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import NamedTuple

from hpo.choose.types import Direction

RUNGS = 3  # at the most: at the epochs / η³, / η² and / η


class Rung(NamedTuple):
    """After `epoch` epochs, `stay` trials of a batch go on."""

    epoch: int
    stay: int


def rungs(size: int, epochs: int, eta: int) -> list[Rung]:
    """The rungs of a batch of `size` trials that train for at most `epochs`; a share of 1/η goes on at each.

    At least one trial goes on. An epoch at which no trial would leave is not a rung.
    """
    table: list[Rung] = []
    for epoch in rung_epochs(epochs, eta):
        training = table[-1].stay if table else size
        stay = max(1, training // eta)
        if stay < training:
            table.append(Rung(epoch, stay))
    return table


def rung_epochs(epochs: int, eta: int) -> list[int]:
    """The epochs after which the worst leave: epochs / η³, / η² and / η, rounded down; those that are at least 1."""
    parts = [int(eta**power) for power in range(RUNGS, 0, -1)]
    return [epochs // part for part in parts if epochs >= part]


def batch_size(eta: int) -> int:
    """The number of trials in a batch of which one trains to the end."""
    return int(eta**RUNGS)


def cost(epochs: int, eta: int) -> float:
    """The mean cost of a trial of such a batch, as a share of a training to the end."""
    size = batch_size(eta)
    training, epoch, trained = size, 0, 0
    for rung in (*rungs(size, epochs, eta), Rung(epochs, 0)):
        trained += training * (rung.epoch - epoch)
        epoch, training = rung
    return trained / (size * epochs)


def staying(
    scores: Sequence[float], stay: int, direction: Direction, kept: Collection[int] = ()
) -> list[bool]:
    """Which trials go on: the best `stay`, the earlier of equals, and those at the positions that are `kept`. The score
    of a trial that has left already is NaN.
    """
    sign = -1.0 if direction == "maximize" else 1.0
    training = [k for k, score in enumerate(scores) if not math.isnan(score)]
    best = set(sorted(training, key=lambda k: (sign * scores[k], k))[:stay])
    return [k in best or (k in kept and k in training) for k in range(len(scores))]
