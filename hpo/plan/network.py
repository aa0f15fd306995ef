"""What a plan and a trial's settings say of the network: what may be searched, and what a network is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hpo.errors import PlanError
from hpo.plan.messages import broken
from hpo.plan.plan import Plan, make_plan
from hpo.plan.space import HUGE, Categorical, Float, Int, Limit, Parameter, Value
from studies.words import nearest
from trainer.fields import PER_TRIAL, SEARCHED, hidden_layers, readers

SHARED = tuple(name for name in SEARCHED if name not in PER_TRIAL)
"""What decides the shape of an array, or what is done to it, so that trials which differ in it train apart."""

LIMITS: dict[str, Limit] = {
    name: (low, None if high > HUGE else high)
    for name, field in SEARCHED.items()
    if field.rule.kind in (int, float)
    for low, high in [field.rule.ends]
}
"""The lowest and the highest value of every number that can be searched; None where there is none."""


def shared_fields(plan: Plan, setting: Mapping[str, Any]) -> dict[str, Any]:
    """What all trials of a population share, by the plan and by the setting of one of them: fields of a recipe."""
    fixed = {name: getattr(plan, name) for name in SHARED if name not in ("units", "layers")}
    chosen = {name: setting[name] for name in fixed.keys() & setting.keys()}
    hidden = hidden_layers(plan.hidden, setting.get("units"), setting.get("layers"))
    return fixed | chosen | {"hidden": hidden, "init": plan.init, "dtype": plan.dtype}


def own_fields(plan: Plan, setting: Mapping[str, Any]) -> dict[str, Any]:
    """What a trial of a population has of its own, by the plan and by its setting."""
    own = {name: setting[name] for name in PER_TRIAL if name in setting}
    return {"dropout": plan.dropout} | own


def check_space(plan: Plan) -> None:
    """Check that the network has what the plan searches, and can take every value of it.

    Raises:
        PlanError: it has not, or can't; the message names the parameter and the rule.
    """
    for name, parameter in plan.space.items():
        if name not in SEARCHED:
            known = f"it has {', '.join(SEARCHED)}"
            raise PlanError(
                f"space.{name}: the network has no such parameter; {nearest(name, SEARCHED, known)}"
            )
        rule = SEARCHED[name].rule
        if rule.kind is int and not _whole(parameter):
            raise PlanError(f"space.{name}: a whole number is needed: add :int to the range")
        for value in _extremes(parameter):
            if not rule.allows(value):
                raise PlanError(f"space.{name}: {broken(rule, value)}")
        for value in (baseline[name] for baseline in plan.baseline if name in baseline):
            if not rule.allows(value):
                raise PlanError(f"baseline: {name}: {broken(rule, value)}")
        if depends := readers(name):
            field, choices = depends
            has = (
                (getattr(plan, field),)
                if field not in plan.space
                else (parameter.when or {}).get(field, ())
            )
            if wrong := [choice for choice in has if choice not in choices]:
                raise PlanError(
                    f"space.{name}: the {field} {wrong[0]!r} has no {name}: {' and '.join(choices)} do"
                )
    if not plan.hidden and plan.space.keys() & {"units", "layers"}:
        raise PlanError("space.units and space.layers need a hidden layer: give hidden")
    if "layers" in plan.space and "units" not in plan.space and len(set(plan.hidden)) > 1:
        raise PlanError("space.layers: hidden layers of one width are needed, not several")


def with_conditions(plan: Plan) -> Plan:
    """The plan of a new search, in which what only some optimizers or schedules read applies where these are chosen.

    Raises:
        PlanError: none is chosen that reads it.
    """
    space = {}
    for name, parameter in plan.space.items():
        field, readers_of = readers(name) or ("", [])
        space[name] = parameter
        of_field, when = plan.space.get(field), parameter.when or {}
        if isinstance(of_field, Categorical) and field not in when:
            reading = tuple(choice for choice in of_field.choices if choice in readers_of)
            if not reading:
                raise PlanError(
                    f"space.{name}: no {field} that is searched has {name}: {' and '.join(readers_of)} do"
                )
            if len(reading) < len(of_field.choices):
                space[name] = replace(parameter, when={**when, field: reading})
    if space == plan.space:
        return plan
    fields = {name: getattr(plan, name) for name in plan.model_fields_set}
    return make_plan({**fields, "space": space})


def _extremes(parameter: Parameter) -> tuple[Value, ...]:
    if isinstance(parameter, Categorical):
        return parameter.choices
    zero = (0.0,) if isinstance(parameter, Float) and parameter.zero else ()
    return (parameter.low, parameter.high, *zero)


def _whole(parameter: Parameter) -> bool:
    if isinstance(parameter, Categorical):
        return all(isinstance(choice, int) for choice in parameter.choices)
    return isinstance(parameter, Int)
