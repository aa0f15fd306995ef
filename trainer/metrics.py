"""Scores of a stack of K trials on the same rows, as (K,) arrays.

Each metric is a score for every row, (K, B), and what makes a number of their mean; so rows can be scored a chunk
at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Metric(NamedTuple):
    """`rows(outputs, labels)` scores every row; `finish(mean)` makes the metric of the mean over rows."""

    name: str
    rows: Callable[[Array, Array], Array]
    finish: Callable[[Array], Array]


def _correct(outputs: Array, labels: Array) -> Array:
    result: Array = outputs.argmax(axis=-1) == labels
    return result


def _squared(outputs: Array, targets: Array) -> Array:
    result: Array = (outputs[..., 0] - targets) ** 2
    return result


ACCURACY = Metric("accuracy", _correct, lambda mean: mean)
"""The share of rows whose largest output is that of their class."""

RMSE = Metric("rmse", _squared, np.sqrt)
"""√(mean squared error), in the units of the targets that the network was given."""

METRICS: dict[str, Metric] = {"classification": ACCURACY, "regression": RMSE}
