"""How far a score of N rows may be from that of all rows there could be: 95 % intervals, (K,) low and (K,) high.

A share of rows that are right has Wilson's interval (1927), which also holds near 0 and 1. The mean of the shares of
several groups has the intervals of its parts put together by their squares (Zou & Donner 2008, eq. 5). Any other score
is computed again on rows drawn with replacement: the bootstrap's percentiles (Efron 1979).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.arrays import Array

Ends = tuple[NDArray[np.float64], NDArray[np.float64]]

Z = 1.959964  # the normal distribution's quantile of 97.5 %
RESAMPLES = 500


def of_shares(right: Array, groups: Sequence[NDArray[np.bool_]]) -> Ends:
    """The interval of the mean over groups of the share of rows (K, N) that are right, 1 or 0. Groups are (N,)."""
    below, above, middle = [], [], []
    for group in groups:
        rows = np.count_nonzero(group)
        share = right[:, group].mean(axis=1, dtype=np.float64)
        centre = (share + Z**2 / (2 * rows)) / (1 + Z**2 / rows)
        half = Z * np.sqrt(share * (1 - share) / rows + Z**2 / (4 * rows**2)) / (1 + Z**2 / rows)
        middle.append(share)
        below.append(share - (centre - half))
        above.append(centre + half - share)
    mean = np.mean(middle, axis=0)
    return (
        np.maximum(mean - np.linalg.norm(below, axis=0) / len(groups), 0.0),
        np.minimum(mean + np.linalg.norm(above, axis=0) / len(groups), 1.0),
    )


def bootstrap(
    score: Callable[[NDArray[np.intp]], NDArray[np.float64]],
    rows: int,
    seed: np.random.SeedSequence,
) -> Ends:
    """The interval of `score(positions)`, which is (K,), over rows drawn with replacement; the same for the same seed.

    NaN where it says nothing: all draws have the same score, or many have none, such as a ROC curve of one class.
    """
    rng = np.random.default_rng(seed)
    scores = np.array([score(rng.integers(rows, size=rows)) for _ in range(RESAMPLES)])
    scores = np.where(np.isfinite(scores), scores, np.nan)
    telling = (np.isfinite(scores).mean(axis=0) > 0.5) & (scores != scores[0]).any(axis=0)
    low, high = np.full((2, scores.shape[1]), np.nan)
    for k in np.flatnonzero(telling):
        low[k], high[k] = np.nanpercentile(scores[:, k], [2.5, 97.5])
    return low, high
