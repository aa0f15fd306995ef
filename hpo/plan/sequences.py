"""Ranges and choices as users may write them: as text, as a table, or in Python as `(0.0, 0.5)`, `(8, 64)`,
`["relu", "tanh"]`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpo.plan.fields import RANGE
from hpo.plan.notation import parse_parameter
from hpo.plan.space import Categorical, Float, Int, Parameter, from_mapping, plain

WIDE = 100
"""A range whose ends differ by this factor may be meant on a log scale."""


def as_parameter(value: Any) -> Parameter:
    """A parameter, from one, from text, from a table or from a pair.

    Raises:
        ValueError: it is none.
    """
    if isinstance(value, Float | Int | Categorical):
        return value
    if isinstance(value, str):
        return parse_parameter(value)
    if isinstance(value, Mapping):
        return from_mapping(value)
    if isinstance(value := plain(value), tuple | list):
        return from_sequence(value)
    raise ValueError(f"{value!r} is not a range: write {RANGE}, a,b,c or a table")


def from_sequence(values: tuple[Any, ...] | list[Any]) -> Parameter:
    """(low, high) as a range on a linear scale, where that is plain; other values as choices.

    Two whole numbers are a range of whole numbers. (0, 1) is a range of fractions, since no whole number lies between.

    Raises:
        ValueError: a list of two numbers, or a pair so wide that it may be meant on a log scale.
    """
    values = type(values)(map(plain, values))
    pair = len(values) == 2 and all(
        isinstance(v, int | float) and not isinstance(v, bool) for v in values
    )
    if not pair:
        return Categorical(tuple(values))
    low, high = values
    if isinstance(values, list):
        raise ValueError(
            f"{values} may be a range or two choices: write ({low}, {high}) or hpo.Categorical({values})"
        )
    if low > 0 and high / low >= WIDE:
        raise ValueError(
            f"{values} spans so much that its scale must be said: hpo.Float({low}, {high}, log=True), "
            "or without log"
        )
    whole_numbers = isinstance(low, int) and isinstance(high, int) and values != (0, 1)
    return Int(low, high) if whole_numbers else Float(low, high)
