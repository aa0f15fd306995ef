"""Settings as positions: a row of numbers from 0 to 1, one for each parameter, in the space it is searched in.

The position of a choice is its index. A 0 beside a range counts as the range's low end. A parameter that does not apply
in a setting has the position ABSENT.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from hpo.plan.conditions import parents_first
from hpo.plan.space import Categorical, Float, Numeric, Parameter, Settings, Value, at, place
from studies.words import distinct

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

ABSENT = -1.0


def positions(ranges: Mapping[str, Parameter], settings: Sequence[Settings]) -> Array:
    """The positions (N, P) of N settings."""
    U = np.full((len(settings), len(ranges)), ABSENT)
    for column, (name, parameter) in enumerate(ranges.items()):
        has = [parameter.when is None or name in s for s in settings]
        U[has, column] = _column(parameter, [s[name] for s in compress(settings, has)])
    return U


def _column(parameter: Parameter, values: Sequence[Value]) -> Array:
    if isinstance(parameter, Categorical):
        return np.array([place(parameter, v) for v in values], float)
    column = np.array(values, float)
    if isinstance(parameter, Float) and parameter.zero:
        column[column == 0] = parameter.low
    return relative(parameter, column)


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
        if x != ABSENT
    }


def are_choices(ranges: Mapping[str, Parameter]) -> Mask:
    """Which parameters (P,) are categorical."""
    return np.array([isinstance(p, Categorical) for p in ranges.values()])


def are_conditional(ranges: Mapping[str, Parameter]) -> Mask:
    """Which parameters (P,) apply in some settings only."""
    return np.array([p.when is not None for p in ranges.values()])


def snapped(ranges: Mapping[str, Parameter], X: Array) -> Array:
    """Positions (M, P) moved to the nearest whole numbers and steps; indices of choices stay. What does not apply is
    made absent.
    """
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
    if are_conditional(ranges).any():
        _make_absent(ranges, X)
    return X


def _make_absent(ranges: Mapping[str, Parameter], X: Array) -> None:
    column = {name: k for k, name in enumerate(ranges)}
    for name in parents_first(ranges):
        for parent, values in (ranges[name].when or {}).items():
            of_parent, wanted = ranges[parent], [*map(distinct, values)]
            assert isinstance(of_parent, Categorical)  # noqa: S101  # conditions are on choices
            met = [k for k, choice in enumerate(of_parent.choices) if distinct(choice) in wanted]
            X[~np.isin(X[:, column[parent]], met), column[name]] = ABSENT


def _ends(parameter: Numeric) -> tuple[float, float]:
    low, high = float(parameter.low), float(parameter.high)
    return (float(np.log(low)), float(np.log(high))) if parameter.log else (low, high)
