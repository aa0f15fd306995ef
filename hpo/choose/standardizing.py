"""Values on a scale that a model can be fitted to: mean 0, variance 1, the lowest compressed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hpo.choose.positions import Array


class Standardized(NamedTuple):
    """Values z (N,) with mean 0 and variance 1, and the sum of the logarithms of dz / dvalue, up to a constant."""

    z: Array
    log_slopes: float


def standardized(values: Sequence[float | None], threshold: float) -> Standardized:
    """Values as z, the lowest compressed, since how bad a setting is says little about where good ones are.

    The unit is the distance from the median to the best tenth. What lies more than `threshold` units below the median
    is compressed logarithmically. A failed trial counts as the worst value. Any finite values give finite numbers; if
    all are equal, they are 0.
    """
    known = np.array([v for v in values if v is not None])
    if not len(known) or known.min() == known.max():
        return Standardized(np.zeros(len(values)), 0.0)
    known = known / np.abs(known).max()  # so that no difference overflows or underflows
    known = (known - np.median(known)) / _unit(known)
    excess = np.maximum(-known - threshold, 0)
    log_slopes = -np.log1p(excess)
    known = np.where(excess > 0, -threshold + log_slopes, known)
    z = np.full(len(values), known.min())
    z[[v is not None for v in values]] = known
    scale = z.std()
    return Standardized((z - z.mean()) / scale, float((log_slopes - np.log(scale)).sum()))


def _unit(values: Array) -> float:
    """The distance from the median to the best tenth, or the standard deviation if nothing is that far apart."""
    unit = np.quantile(values, 0.9) - np.median(values)
    return float(unit if unit > 1e-9 * np.ptp(values) else values.std())
