"""The settings in use today, which a search trains first and compares its recommendation with.

They are the first trials of a search. They may lie outside of its ranges, since they are what is in use; such a trial
is trained and compared like any other, and choosing does not learn from it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from hpo.plan.conditions import applies, applying, parents_first
from hpo.plan.notation import parse_value
from hpo.plan.space import (
    HUGE,
    Categorical,
    Int,
    Parameter,
    Settings,
    Value,
    contains,
    on_a_step,
    place,
    plain,
)
from studies.words import condition, describe, distinct, nearest, number, settings
from trainer import fields

DEFAULT = "default"
NUMBER = fields.number(-HUGE, HUGE)


def as_mappings(given: Any) -> tuple[Mapping[str, Any], ...]:
    """One or several baselines, each a mapping or text: `NAME=VALUE,…`, or `default`, which names no parameter.

    Raises:
        ValueError: it is something else.
    """
    if isinstance(given, str | Mapping):
        given = [given]
    if not isinstance(given, Sequence):
        raise ValueError(f"{given!r} is neither NAME=VALUE,… nor {DEFAULT}, nor a table")
    return tuple(one if isinstance(one, Mapping) else _parsed(one) for one in given)


def _parsed(text: Any) -> Mapping[str, Any]:
    if text == DEFAULT:
        return {}
    pairs = [part.partition("=") for part in text.split(",")] if isinstance(text, str) else []
    values = {name.strip(): parse_value(value.strip()) for name, _, value in pairs}
    if "" in values or "" in values.values() or not len(values) == len(pairs) > 0:
        raise ValueError(f"{text!r} is neither NAME=VALUE,… with every name once, nor {DEFAULT}")
    return values


def whole(
    baselines: Sequence[Mapping[str, Any]],
    space: Mapping[str, Parameter],
    network: Mapping[str, Any] | None,
) -> tuple[Settings, ...]:
    """The baselines with a value for every parameter of the space that applies in them.

    `network` has the fields of the plan that decide what its network has by default; None if a function trains.

    Raises:
        ValueError: a parameter is unknown or missing, does not apply, or can't have its value.
    """
    complete: list[Settings] = []
    for baseline in baselines:
        for name in baseline:
            if name not in space:
                known = f"the space has {', '.join(space)}"
                raise ValueError(f"{name} is not searched; {nearest(name, space, known)}")
        of_all: Settings = {}
        for name in parents_first(space):
            if applies(name, space, of_all):
                value = plain(baseline[name]) if name in baseline else _default(name, network)
                of_all[name] = _value(name, space[name], value)
            elif name in baseline and not _is_default(baseline[name], name, network):
                raise ValueError(f"{name} does not apply: it does{condition(space[name])}")
        of_all = applying(space, of_all)
        if any(
            b.keys() == of_all.keys() and all(distinct(b[n]) == distinct(of_all[n]) for n in b)
            for b in complete
        ):
            raise ValueError(f"{settings(of_all)} is there twice")
        complete.append(of_all)
    return tuple(complete)


def _is_default(value: Any, name: str, network: Mapping[str, Any] | None) -> bool:
    """Whether a value is what the network has anyway, so that it can be left out where it does not apply."""
    return (
        network is not None and name in fields.SEARCHED and value == fields.SEARCHED[name].default
    )


def _default(name: str, network: Mapping[str, Any] | None) -> Any:
    if network is None:
        raise ValueError(f"{name} is missing: a trainer of yours has no defaults, so name them all")
    widths = network["hidden"]
    values = {name: field.default for name, field in fields.SEARCHED.items()} | dict(network)
    values |= {"units": widths[0] if len(set(widths)) == 1 else None, "layers": len(widths)}
    value = values.get(name)
    if value is None or value == math.inf:
        raise ValueError(f"{name} is missing, and the network has no default that can be searched")
    return value


def _value(name: str, parameter: Parameter, value: Any) -> Value:
    """The value as the parameter has it.

    Raises:
        ValueError: it can't have it.
    """
    if isinstance(parameter, Categorical):
        if not contains(parameter, value):
            raise ValueError(f"{name} = {value!r} is not one of the choices {describe(parameter)}")
        return parameter.choices[place(parameter, value)]
    if not NUMBER.allows(value):
        raise ValueError(f"{name} = {value!r} is not a number")
    if isinstance(parameter, Int) and value != int(value):
        raise ValueError(f"{name} = {value!r} is not a whole number")
    checked = int(value) if isinstance(parameter, Int) else float(value)
    if parameter.step is not None and not on_a_step(parameter, checked):
        raise ValueError(
            f"{name} = {number(checked)} is no step of {number(parameter.step)} from {number(parameter.low)}"
        )
    return checked


def outside(baselines: Sequence[Settings], space: Mapping[str, Parameter]) -> list[str]:
    """What their user should know of baselines that lie outside of the ranges, a line each."""
    return [
        f"baseline {name} = {number(value)} lies outside of {describe(space[name])}: it is trained and compared, "
        "but no range is made wider, and choosing does not learn from it"
        for baseline in baselines
        for name, value in baseline.items()
        if isinstance(value, int | float) and not contains(space[name], value)
    ]
