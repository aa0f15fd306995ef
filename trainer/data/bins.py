"""Numbers in bins, for `--preset tabular`: beside each number, by how far it fills each of eight bins.

Each bin holds equally many training rows. Its input is 0 below the bin, 1 above it, and in between how far the number
has come (piecewise-linear encoding, Gorishniy et al. 2022, *On Embeddings for Numerical Features*, eq. 1); then it is
scaled to mean 0 and variance 1. So already the first layer can bend where the rows are. Where a quantity is predicted,
that takes up to two thirds off the error on some tables and adds up to a third on others; for classes it brings
nothing (scripts/bench/RESULTS.md).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

from trainer.arrays import Array

BINS = 8
BEYOND = 3.0  # widths of a bin by which the outer ones go on
MOST = 200  # numbers that have bins: where there are more, the inputs would be too many


@dataclass(frozen=True)
class Bins:
    """What was learned of numbers, which have m bins together.

    `number` (m,) is the position of the number that each bin is of, `start` and `size` (m,) where it lies, `low` and
    `high` (m,) between which it is filled, `mean` and `scale` (m,) those of how far training rows fill it.
    """

    number: Array
    start: Array
    size: Array
    low: Array
    high: Array
    mean: Array
    scale: Array

    @classmethod
    def learned(cls, numbers: Array) -> Self:
        """Learn from the numbers (N, n) of training rows, none of them missing."""
        numbers = np.asarray(numbers, float)
        count = numbers.shape[1]
        places = range(count if count <= MOST else 0)
        found = [one for k in places for one in _bins(k, numbers[:, k])]
        number, start, size, low, high = np.array(found, float).reshape(-1, 5).T
        plain = np.zeros(len(found)), np.ones(len(found))
        learning = cls(number.astype(np.int64), start, size, low, high, *plain)
        filled = learning._filled(numbers)
        learned = vars(learning) | {"mean": filled.mean(axis=0), "scale": filled.std(axis=0)}
        return cls(**learned)

    @property
    def count(self) -> int:
        """How many bins there are."""
        return len(self.number)

    def write(self, inputs: Array, out: Array) -> None:
        """Write inputs (N, I), of which the first are the numbers, into `out` (N, I + m), the bins last."""
        out[:, : inputs.shape[1]] = inputs
        out[:, inputs.shape[1] :] = (self._filled(inputs) - self.mean) / self.scale

    def _filled(self, numbers: Array) -> Array:
        with np.errstate(over="ignore"):  # of a bin as narrow as numbers get: it is full or empty
            filled = (numbers[:, self.number] - self.start) / self.size
        return np.clip(filled, self.low, self.high)


def _bins(k: int, values: Array) -> Iterator[tuple[float, float, float, float, float]]:
    """The bins of number k: k, where each begins, its size, and between which values it is filled."""
    if len(np.unique(values)) < 3:  # a bin between two values would say nothing new
        return
    edges = np.unique(np.quantile(values, np.linspace(0, 1, BINS + 1), method="nearest"))
    last = len(edges) - 2
    for place, (low, high) in enumerate(itertools.pairwise(edges)):
        below, above = 0.0 if place else -BEYOND, 1.0 if place < last else 1 + BEYOND
        yield k, low, high - low, below, above
