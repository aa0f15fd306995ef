"""How much better the recommended settings are than a reference that was fitted on the same splits."""

from __future__ import annotations

import math
from collections.abc import Mapping

from hpo.choose.student import reach

FEWEST = 3  # stages without which the interval would be wider than anything it could tell
OVERLAP = 1 / 3
"""Rows that validate for each that trains. Splits of the same rows overlap, so the variance of the mean of their
differences is larger by this than n values suggest (Nadeau & Bengio 2003, eq. 9)."""


def gain(
    own: Mapping[int, float], reference: Mapping[int, float], *, maximize: bool
) -> tuple[float | None, tuple[float, float] | None]:
    """The mean difference of two models' values in the stages that both have, positive where the first is better, and
    its 95 % interval: the corrected resampled t-test.

    The gain is None if they have no stage in common, and the interval if they have too few.
    """
    sign = 1.0 if maximize else -1.0
    differences = [sign * (own[s] - reference[s]) for s in sorted(own.keys() & reference.keys())]
    count = len(differences)
    if not count:
        return None, None
    mean = math.fsum(differences) / count
    if count < FEWEST:
        return mean, None
    variance = math.fsum((d - mean) ** 2 for d in differences) / (count - 1)
    factor = reach(count - 1)
    half = factor * math.sqrt((1 / count + OVERLAP) * variance)
    return mean, (mean - half, mean + half)
