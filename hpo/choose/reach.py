"""How far a search may extend its ranges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hpo.plan.space import Categorical, Limit, Parameter, Space, ends, within


def reachable(
    ranges: Mapping[str, Parameter],
    first: Mapping[str, Parameter],
    limits: Mapping[str, Limit],
    *,
    extend: bool,
) -> Space:
    """The same ranges, each with the widest that it may become as its limit.

    That is the range that the search began with where `extend` is false for the search or for the parameter. `limits`
    are the values that the trainable accepts. A range that is beyond them already stays as it is.
    """
    bounded: Space = {}
    for name, parameter in ranges.items():
        start = first[name]
        if isinstance(parameter, Categorical) or isinstance(start, Categorical):
            bounded[name] = parameter
            continue
        may_grow = extend and start.extend
        low, high = ends(within(start, limits.get(name))) if may_grow else (start.low, start.high)
        widest = min(low, parameter.low), max(high, parameter.high)
        bounded[name] = replace(parameter, limit=widest)
    return bounded


def final_ends(parameter: Parameter) -> tuple[bool, bool]:
    """Whether the lower and the upper end of a range can't move outwards any more."""
    if isinstance(parameter, Categorical):
        return True, True
    low, high = ends(parameter)
    return low >= parameter.low, high <= parameter.high
