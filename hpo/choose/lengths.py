"""How many epochs the recommended settings should train: fewer than they did, where fewer are better beyond the noise.

All trainings of some settings, that of the search and those that confirm, tell after which epoch their mean score is
best. The best of many epochs is best in part by luck. So the epoch is chosen anew for each training by all others, and
is believed if it is better than the last epoch in the trainings that had no say in it, by a paired t-test.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from hpo.choose.concluding import EQUAL
from hpo.choose.student import differs
from hpo.choose.types import Direction

ENOUGH = 3  # trainings: with two, there is one difference to tell the noise of two from


def recommended_epochs(curves: Iterable[Sequence[float]], direction: Direction, epochs: int) -> int:
    """The epoch after which the mean of the curves is best, the earliest of equals, if it is better than the last one
    of the trainings at 5 %; else all `epochs`.

    Each curve has the score of one training after each epoch; those without any are left out. A training that ended
    early by itself is compared at its own last epoch. If all curves are the same, they are exact.
    """
    curves = [curve for curve in curves if len(curve)]
    if len(curves) < 2:
        return epochs
    shared = min(map(len, curves))
    sign = 1.0 if direction == "maximize" else -1.0
    scores = sign * np.array([curve[:shared] for curve in curves], float)
    ends = sign * np.array([curve[-1] for curve in curves], float)
    largest = max(np.abs(scores).max(), np.abs(ends).max()) or 1.0
    gains = np.round(scores / largest - (ends / largest)[:, None], EQUAL)  # over the last epoch
    of_all = gains.mean(axis=0)
    best = int(of_all.argmax())
    if not of_all[best] > 0:
        return epochs
    if (gains == gains[0]).all() and (scores == scores[0]).all():
        return best + 1
    if len(curves) < ENOUGH:
        return epochs
    by_others = (gains.sum(axis=0) - gains).argmax(axis=1)
    unseen = gains[np.arange(len(curves)), by_others]
    error = float(unseen.std(ddof=1)) / math.sqrt(len(curves))
    if error == 0:
        return best + 1 if unseen[0] > 0 else epochs
    better = unseen.mean() > 0 and differs(float(unseen.mean()) / error, len(curves) - 1)
    return best + 1 if better else epochs
