"""Ranges and choices as Python's users may write them: `(0.0, 0.5)`, `(8, 64)`, `["relu", "tanh"]`."""

from __future__ import annotations

from typing import Any

from hpo.plan.space import Categorical, Float, Int, Parameter, plain

WIDE = 100
"""A range whose ends differ by this factor may be meant on a log scale."""


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
