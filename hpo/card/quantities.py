"""How good estimates of a quantity are, from held-out rows: what remains, and whether the interval holds it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpo.held_out import margin
from trainer.arrays import Array

RANGE = 30  # rows of the table that a range of estimates has at least
MOST_RANGES = 5
FOLDS = 5
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class Range:
    """Answers whose estimates lie from `low` to `high`, with the median `middle`: the QUANTILES of their residuals, and
    how many of them the interval holds, as a share.
    """

    low: float
    middle: float
    high: float
    answers: int
    quantiles: tuple[float, ...]
    inside: float


@dataclass(frozen=True)
class QuantityFacts:
    """How near estimates (N,) come on `rows` of the table. `residuals` (N,) are the quantity less the estimate.

    `inside` is the share of rows in the interval, whose width comes from other rows each time. `mean` is that of the
    residuals and `error` their mean size. `least` and `most` are the ends of the quantity, `at_least` and `at_most` the
    shares of the rows that lie exactly there.
    """

    estimates: NDArray[np.float64]
    residuals: NDArray[np.float64]
    rows: int
    ranges: list[Range]
    quantiles: tuple[float, ...]
    mean: float
    error: float
    inside: float
    least: float
    most: float
    at_least: float
    at_most: float


def quantity_facts(labels: Array, estimates: Array, positions: Array) -> QuantityFacts:
    """The facts of N answers: the quantities and the estimates (N,), and which row of the table each is of (N,)."""
    residuals = np.asarray(labels - estimates, np.float64)
    rows, first, of_row = np.unique(positions, return_index=True, return_inverse=True)
    inside = _inside(residuals, of_row)
    once = labels[first]
    return QuantityFacts(
        estimates=np.asarray(estimates, np.float64),
        residuals=residuals,
        rows=len(rows),
        ranges=_ranges(estimates, residuals, inside, len(rows)),
        quantiles=_quantiles(residuals),
        mean=float(residuals.mean()),
        error=float(np.abs(residuals).mean()),
        inside=float(inside.mean()),
        least=float(once.min()),
        most=float(once.max()),
        at_least=float((once == once.min()).mean()),
        at_most=float((once == once.max()).mean()),
    )


def _quantiles(residuals: Array) -> tuple[float, ...]:
    return tuple(map(float, np.quantile(residuals, QUANTILES)))


def _inside(residuals: Array, of_row: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Whether each residual lies in an interval that other rows gave: the rows are dealt into folds."""
    folds = np.random.default_rng(0).permutation(of_row.max() + 1)[of_row] % FOLDS
    inside = np.zeros(len(residuals), bool)
    for fold in range(FOLDS):
        own = folds == fold
        if own.any() and not own.all():
            inside[own] = np.abs(residuals[own]) <= margin(residuals[~own])
    return inside


def _ranges(estimates: Array, residuals: Array, inside: Array, rows: int) -> list[Range]:
    """Ranges of estimates with about as many answers each."""
    count = int(np.clip(rows // RANGE, 1, MOST_RANGES))
    found = []
    for part in np.array_split(np.argsort(estimates, kind="stable"), count):
        low, middle, high = np.quantile(estimates[part], [0, 0.5, 1])
        shown = _quantiles(residuals[part]), float(inside[part].mean())
        found.append(Range(float(low), float(middle), float(high), len(part), *shown))
    return found
