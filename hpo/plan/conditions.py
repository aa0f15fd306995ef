"""Conditional parameters: which parameters of a space apply in a setting.

A parameter with `when` applies where each choice that it names applies itself and has one of the values given for it.
Where it does not apply, a setting does not have it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from hpo.plan.space import (
    Categorical,
    Choice,
    Float,
    Int,
    Parameter,
    Settings,
    Space,
    contains,
)
from studies.words import distinct, nearest, one_of


def check_conditions(space: Space) -> Space:
    """The space, of which every condition can be met.

    Raises:
        ValueError: it is on a parameter that is not in the space or has no choices, on a value that is none of these,
            or on itself; the message names the parameter.
    """
    for name, parent, values in _conditions(space):
        if parent not in space:
            known = f"the space has {', '.join(space)}"
            raise ValueError(
                f"{name} applies when {parent} = {one_of(values)}, but {parent} is not searched; "
                f"{nearest(parent, [n for n in space if n != name], known)}"
            )
        of_parent = space[parent]
        if not isinstance(of_parent, Categorical):
            raise ValueError(
                f"{name} applies when {parent} = {one_of(values)}, but {parent} is a range: a condition is on "
                f"choices, such as {parent} = {','.join(map(str, values))}"
            )
        for value in values:
            if not contains(of_parent, value):
                known = f"it has {', '.join(map(str, of_parent.choices))}"
                near = nearest(str(value), map(str, of_parent.choices), known)
                raise ValueError(
                    f"{name} applies when {parent} = {value}, which is no choice; {near}"
                )
    parents_first(space)
    return space


def _conditions(
    space: Mapping[str, Parameter],
) -> Iterator[tuple[str, str, tuple[Choice, ...]]]:
    for name, parameter in space.items():
        for parent, values in (parameter.when or {}).items():
            yield name, parent, values


def parents_first(space: Mapping[str, Parameter]) -> list[str]:
    """The names of a space, each after those that its condition is on.

    Raises:
        ValueError: conditions go round in a circle.
    """
    order: dict[str, None] = {}

    def place(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            circle = " → ".join([*path[path.index(name) :], name])
            raise ValueError(f"conditions go round in a circle, so none could be met: {circle}")
        for parent in space[name].when or {}:
            place(parent, (*path, name))
        order[name] = None

    for name in space:
        place(name, ())
    return list(order)


def applies(name: str, space: Mapping[str, Parameter], settings: Mapping[str, object]) -> bool:
    """Whether a parameter applies in settings, which have those that its condition is on."""
    when = space[name].when
    if when is None:  # of most, and asked of every trial
        return True
    return all(
        parent in settings
        and distinct(settings[parent]) in map(distinct, values)
        and applies(parent, space, settings)
        for parent, values in when.items()
    )


def applying(space: Mapping[str, Parameter], settings: Settings) -> Settings:
    """The settings of the parameters of a space that apply."""
    return {name: settings[name] for name in space if applies(name, space, settings)}


def inside(space: Mapping[str, Parameter], settings: Mapping[str, Choice]) -> bool:
    """Whether settings have exactly the parameters of the space that apply, each with a value inside its range."""
    for name, parameter in space.items():
        has = name in settings
        if has != applies(name, space, settings) or (
            has and not contains(parameter, settings[name])
        ):
            return False
    return True


def fits(space: Mapping[str, Parameter], settings: Mapping[str, Choice]) -> bool:
    """Whether settings have a value for every parameter that applies, of its kind, inside its range or not."""
    kinds = {Float: int | float, Int: int}
    return all(
        name in settings
        and (
            contains(p, settings[name])
            if isinstance(p, Categorical)
            else isinstance(settings[name], kinds[type(p)])
        )
        for name, p in space.items()
        if applies(name, space, settings)
    )


def where_it_applies(space: Mapping[str, Parameter], name: str) -> Space:
    """The part of a space in which a parameter applies: choices that it is not for are left out, and parameters that
    never apply there. It is empty if the parameter applies nowhere.
    """
    part = dict(space)
    for parent, values in (space[name].when or {}).items():
        if parent not in part:
            return {}
        part = where_it_applies(part, parent)
        of_parent = part.get(parent)
        if not isinstance(of_parent, Categorical):
            return {}
        wanted = [*map(distinct, values)]
        choices = tuple(c for c in of_parent.choices if distinct(c) in wanted)
        if not choices:
            return {}
        part[parent] = replace(of_parent, choices=choices)
    return _settled(part)


def _settled(space: Space) -> Space:
    """The same space without the conditions that are always met, and without the parameters whose are never met."""
    settled: Space = {}
    for name in parents_first(space):
        parameter, left = space[name], {}
        for parent, values in (parameter.when or {}).items():
            of_parent = settled.get(parent)
            if not isinstance(of_parent, Categorical):
                break
            wanted = [*map(distinct, values)]
            has = [distinct(choice) in wanted for choice in of_parent.choices]
            if not any(has):
                break
            if not all(has) or of_parent.when is not None:
                left[parent] = values
        else:
            settled[name] = replace(parameter, when=left or None)
    return {name: settled[name] for name in space if name in settled}
