"""Successive halving in whole numbers: after which epochs the worst leave, how many stay, and who.

Training for a few epochs tells bad settings from good ones at a fraction of the price (Jamieson and Talwalkar 2016).
All trials of a batch are compared at a rung; the best of them go on, the others keep the curve they have. Every number
comes from dividing whole numbers, never from a logarithm: rounding has cost others a rung.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from hpo.choose.types import Direction

RUNGS = 3  # at the most: at the epochs / η³, / η² and / η


class Rung(NamedTuple):
    """After `epoch` epochs, so many trials of a batch go on."""

    epoch: int
    stay: int


def rungs(size: int, epochs: int, eta: int) -> list[Rung]:
    """The rungs of a batch of `size` trials that are trained for at most `epochs`, a part 1/η going on at each.

    At least one trial goes on; an epoch at which nobody would leave is no rung.
    """
    table: list[Rung] = []
    for epoch in rung_epochs(epochs, eta):
        left = table[-1].stay if table else size
        stay = max(1, left // eta)
        if stay < left:
            table.append(Rung(epoch, stay))
    return table


def rung_epochs(epochs: int, eta: int) -> list[int]:
    """The epochs after which the worst leave: epochs / η³, / η² and / η, rounded down; those that are at least 1."""
    parts = [int(eta**power) for power in range(RUNGS, 0, -1)]
    return [epochs // part for part in parts if epochs >= part]


def batch_size(eta: int) -> int:
    """How many trials make a batch in which one is trained to the end."""
    return int(eta**RUNGS)


def cost(epochs: int, eta: int) -> float:
    """What a trial of such a batch costs, as a share of one that is trained to the end."""
    size, begun, trained = batch_size(eta), 0, 0
    going = size
    for rung in (*rungs(size, epochs, eta), Rung(epochs, 0)):
        trained += going * (rung.epoch - begun)
        going, begun = rung.stay, rung.epoch
    return trained / (size * epochs)


def staying(scores: Sequence[float], stay: int, direction: Direction) -> list[bool]:
    """Which trials go on: the best `stay`, the earlier of equals; NaN is of one that has left already."""
    sign = -1.0 if direction == "maximize" else 1.0
    here = [k for k, score in enumerate(scores) if not math.isnan(score)]
    best = set(sorted(here, key=lambda k: (sign * scores[k], k))[:stay])
    return [k in best for k in range(len(scores))]
