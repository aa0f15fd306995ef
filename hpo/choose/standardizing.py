"""Values on a scale that a model can be fitted to: mean 0, variance 1, the lowest compressed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hpo.choose.positions import Array


class Standardized(NamedTuple):
    """Values z (N,) with mean 0 and variance 1, and the sum of the logarithms of dz / dvalue, up to a constant."""

    z: Array
    log_slopes: float


def standardized(values: Array, threshold: float) -> Standardized:
    """Values (N,) as z, the lowest compressed, since how bad a setting is says little about where good ones are.

    The unit is the distance from the median to the best tenth. What lies more than `threshold` units below the median
    is compressed logarithmically. Any finite values give finite numbers; if all are equal, they are 0.
    """
    if values.min() == values.max():
        return Standardized(np.zeros(len(values)), 0.0)
    z = values / np.abs(values).max()  # so that no difference overflows or underflows
    z = (z - np.median(z)) / _unit(z)
    excess = np.maximum(-z - threshold, 0)
    log_slopes = -np.log1p(excess)
    z = np.where(excess > 0, -threshold + log_slopes, z)
    scale = z.std()
    return Standardized((z - z.mean()) / scale, float((log_slopes - np.log(scale)).sum()))


def _unit(values: Array) -> float:
    """The distance from the median to the best tenth, or the standard deviation if nothing is that far apart."""
    unit = np.quantile(values, 0.9) - np.median(values)
    return float(unit if unit > 1e-9 * np.ptp(values) else values.std())
