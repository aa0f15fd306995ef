"""Going on with a study by another plan: what may change, and what that means; what may not, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hpo.errors import PlanError
from hpo.plan.plan import Plan, make_plan
from hpo.plan.space import Categorical, Numeric, Parameter, contains, to_mapping
from studies.words import describe

DRAWN = "the trials so far were drawn by it"
COMPARED = "values got with the one and with the other can't be compared"
FIXED = (
    dict.fromkeys(("seed", "sampler", "halving", "finalists", "repeats"), DRAWN)
    | dict.fromkeys(("metric", "direction", "trainer", "target", "rows", "epochs"), COMPARED)
    | {"rounds": "how many there are follows from trials"}
)
"""Why a field can't change. Those of the network that are not named here can't be compared, either."""


@dataclass(frozen=True)
class Change:
    """One field of a plan, as plain data, before and after, and what that means in a sentence."""

    field: str
    before: Any
    after: Any
    means: str


def changed_plan(plan: Plan, given: Mapping[str, Any]) -> Plan:
    """A plan with other values in some fields. Of `space`, only the parameters that are named are replaced; further
    `trials` come in further rounds of the size that the first ones had.

    Raises:
        PlanError: a value breaks its rule, or fewer trials than the plan has.
    """
    fields = dict(given)
    trials = fields.pop("trials", None)
    if "space" in fields:
        fields["space"] = {**plan.space, **dict(fields["space"])}
    if fields:
        # All that was given once, and the rounds, whose default may follow from what is given now.
        given_once = {name: getattr(plan, name) for name in plan.model_fields_set | {"rounds"}}
        plan = make_plan(given_once | fields)
    if trials is None:
        return plan
    return plan.extended_to(make_plan(plan.model_dump() | {"trials": trials}).trials)


def changes(before: Plan, after: Plan) -> list[Change]:
    """What is different, and what each difference means for the study.

    Raises:
        PlanError: something that can't be changed in mid-study is; the message says why not.
    """
    found = []
    for name in Plan.model_fields:
        old, new = getattr(before, name), getattr(after, name)
        if old == new or (name == "rounds" and before.trials != after.trials):
            continue
        if name == "space":
            found += _changes_of_space(old, new)
            continue
        means = _allowed(name, before, after)
        if means is None:
            raise PlanError(
                f"{name} can't be changed from {_said(old)} to {_said(new)}: {FIXED.get(name, COMPARED)}: "
                "start a new study"
            )
        found.append(Change(name, old, new, f"{name} {_said(old)} → {_said(new)}: {means}"))
    return found


def _allowed(name: str, before: Plan, after: Plan) -> str | None:
    """What the change of a field means, None if it is not allowed."""
    more = after.trials - before.trials
    means = {
        "trials": f"{more} more trainings, those that confirm included; the ones so far stay",
        "timeout": "seconds from now on",
        "patience": "counted from the rounds to come",
        "max_failures": "those so far count",
        "extend": "from the next verdict on, ranges are "
        + ("extended past their ends" if after.extend else "extended no more"),
        "source": "the same data, in another place",  # their hash is compared
    }
    if name == "trainer" and Path(before.trainer or "").name == Path(after.trainer or "").name:
        return "the same function, in a file that has been moved"
    return means.get(name)


def _said(value: Any) -> str:
    return "its default" if value is None else str(value)


def _changes_of_space(
    before: Mapping[str, Parameter], after: Mapping[str, Parameter]
) -> list[Change]:
    for name in after.keys() - before.keys():
        raise PlanError(f"space.{name}: the trials so far have no {name}: start a new study")
    return [
        Change(
            f"space.{name}",
            to_mapping(old),
            to_mapping(after[name]),
            f"{name} {describe(old)} → {describe(after[name])}: the next round draws from all of it; "
            "the trials so far stay, and count",
        )
        for name, old in before.items()
        if _wider(name, old, after[name])
    ]


def _wider(name: str, old: Parameter, new: Parameter) -> bool:
    """Whether a range is wider than it was, or the same.

    Raises:
        PlanError: it is neither.
    """
    if old == new:
        return False
    if isinstance(old, Categorical) or isinstance(new, Categorical):
        if not (isinstance(old, Categorical) and isinstance(new, Categorical)):
            raise PlanError(f"space.{name}: a range can't become choices, nor the other way round")
        lost = [choice for choice in old.choices if choice not in new.choices]
        if lost:
            raise PlanError(
                f"space.{name}: {lost[0]!r} can't be taken away, since trials have it: choices can be added"
            )
        return True
    if type(old) is not type(new) or _beside_its_ends(old) != _beside_its_ends(new):
        raise PlanError(
            f"space.{name}: only the ends of its range can move, and {to_mapping(old)} would become {to_mapping(new)}"
        )
    if not (contains(new, old.low) and contains(new, old.high)):
        raise PlanError(
            f"space.{name}: {describe(new)} does not hold all of {describe(old)}: a range can be made wider, and is "
            "narrowed on evidence"
        )
    return True


def _beside_its_ends(p: Numeric) -> dict[str, Any]:
    return {name: value for name, value in asdict(p).items() if name not in ("low", "high")}


def data_changes(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What is different about the data of a study, from two of `Table.contents`, in a few words each."""
    said = [
        f"{name} {_said(then.get(name))}, now {_said(now.get(name))}"
        for name in ("task", "rows", "classes")
        if then.get(name) != now.get(name)
    ]
    old, new = then.get("columns", {}), now.get("columns", {})
    said += [f"column {name!r} is gone" for name in old if name not in new]
    said += [f"column {name!r} is new" for name in new if name not in old]
    if then.get("rows") == now.get("rows"):
        said += [
            f"column {name!r} has other values"
            for name in old
            if new.get(name, old[name]) != old[name]
        ]
        said += [
            f"the {part} are others"
            for part in ("numbers", "labels")
            if then.get(part) != now.get(part)
        ]
    return said
