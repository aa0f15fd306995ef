"""Settings as positions: a row of numbers from 0 to 1, one for each parameter, in the space it is searched in.

The position of a choice is its index. A 0 beside a range counts as the range's low end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hpo.plan.space import Categorical, Float, Numeric, Parameter, Settings, at, place

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


def positions(ranges: Mapping[str, Parameter], settings: Sequence[Settings]) -> Array:
    """The positions (N, P) of N settings."""
    columns = []
    for name, parameter in ranges.items():
        values = [s[name] for s in settings]
        if isinstance(parameter, Categorical):
            columns.append(np.array([place(parameter, v) for v in values], float))
            continue
        column = np.array(values, float)
        if isinstance(parameter, Float) and parameter.zero:
            column[column == 0] = parameter.low
        columns.append(relative(parameter, column))
    return np.ascontiguousarray(np.stack(columns, axis=1))


def relative(parameter: Numeric, values: Array) -> Array:
    """`hpo.plan.space.position` of many values."""
    low, high = _ends(parameter)
    if low == high:
        return np.full(len(values), 0.5)
    values = np.log(values) if parameter.log else values
    return np.asarray((values - low) / (high - low))


def setting(ranges: Mapping[str, Parameter], position: Array) -> Settings:
    """The setting at a position (P,)."""
    return {
        name: p.choices[int(x)] if isinstance(p, Categorical) else at(p, x)
        for (name, p), x in zip(ranges.items(), position.tolist(), strict=True)
    }


def are_choices(ranges: Mapping[str, Parameter]) -> Mask:
    """Which parameters (P,) are categorical."""
    return np.array([isinstance(p, Categorical) for p in ranges.values()])


def snapped(ranges: Mapping[str, Parameter], X: Array) -> Array:
    """Positions (M, P) moved to the nearest whole numbers and steps; indices of choices stay."""
    for column, p in enumerate(ranges.values()):
        if isinstance(p, Categorical):
            continue
        low, high = _ends(p)
        if low == high:
            X[:, column] = 0.5
        elif p.step is not None:
            values = low + X[:, column] * (high - low)
            values = np.exp(values) if p.log else values
            values = p.low + np.round((values - p.low) / p.step) * p.step
            X[:, column] = relative(p, np.clip(values, p.low, p.high))
    return X


def _ends(parameter: Numeric) -> tuple[float, float]:
    low, high = float(parameter.low), float(parameter.high)
    return (float(np.log(low)), float(np.log(high))) if parameter.log else (low, high)
