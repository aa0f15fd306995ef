"""Resuming a study with a changed plan: what may change and what that means, what may not and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from hpo.errors import PlanError
from hpo.plan.fields import FIELDS
from hpo.plan.plan import Plan, make_plan
from hpo.plan.sequences import as_parameter
from hpo.plan.space import Categorical, Numeric, Parameter, contains, to_mapping
from studies.words import condition, counted, describe, distinct, settings

CONFIRM = "confirm"
"""In place of a field: the trainings that `hpo confirm` asked for."""

DRAWN = "the trials so far were drawn with it"
COMPARED = "values from before and after can't be compared"
FIXED = (
    dict.fromkeys(("seed", "sampler", "ahead", "halving", "finalists", "repeats"), DRAWN)
    | dict.fromkeys(
        (
            "metric",
            "direction",
            "trainer",
            "program",
            "target",
            "task",
            "encoding",
            "header",
            "rows",
            "folds",
            "epochs",
        ),
        COMPARED,
    )
    | {"rounds": "the number of rounds follows from trials"}
    | {"baseline": "it is trained before all others"}
)
"""Why a field can't change. For the fields of the network, which are not named here, it is COMPARED."""


@dataclass(frozen=True)
class Change:
    """A field of a plan before and after, as plain data, and a sentence on what the change means."""

    field: str
    before: Any
    after: Any
    means: str


def changed_plan(plan: Plan, changed: Mapping[str, Any], adopted: int = 0) -> Plan:
    """A plan with other values in some fields.

    `space` replaces the parameters that it names and keeps the others. More `trials` are more rounds, each as large as
    the first ones. They are counted without the `adopted` first trials, which Optuna made.

    Raises:
        PlanError: a value breaks its rule, or fewer trials than the plan has.
    """
    fields = dict(changed)
    trials = fields.pop("trials", None)
    if "space" in fields:
        wider = {
            name: _with_its_condition(plan.space.get(name), value)
            for name, value in dict(fields["space"]).items()
        }
        fields["space"] = {**plan.space, **wider}
    if fields:
        # The rounds are kept, too: their default may follow from one of the new values.
        kept = {name: getattr(plan, name) for name in plan.model_fields_set | {"rounds"}}
        plan = make_plan(kept | fields)
    if trials is None:
        return plan
    asked = make_plan(plan.model_dump() | {"trials": trials, "rounds": 1}).trials
    return plan.extended_to(adopted + asked, adopted)


def _with_its_condition(old: Parameter | None, value: Any) -> Any:
    """A range under the condition of the old one, if it comes without."""
    try:
        parameter = as_parameter(value)
    except ValueError:
        return value  # the plan says what is wrong with it
    return parameter if old is None or parameter.when else replace(parameter, when=old.when)


def request(
    confirmed: int, trainings: int, trials: int, owed: int, *, ended: bool, folds: int = 1
) -> Change:
    """The change that records what `hpo confirm` asks for: see `hpo.choose.types.Request`.

    `owed` trainings remain of what it asked for before. Where each is one on several folds, the sentence counts all.
    """
    means = (
        f"{counted(trainings * folds, 'more training')}, which confirm the best of {counted(trials, 'trial')}, "
        "beside the plan's"
    )
    if owed:
        means += f"; {owed * folds} that were asked for before come first"
    after = {"confirmed": confirmed, "trainings": trainings, "trials": trials, "ended": ended}
    return Change(CONFIRM, None, after, means)


def changes(
    before: Plan, after: Plan, adopted: int = 0, *, untrained: bool = False
) -> list[Change]:
    """The differences between two plans, and what each means for the study. `adopted` is that of `changed_plan`.

    If the study is `untrained`, whose trials are all Optuna's, what trains and how can change.

    Raises:
        PlanError: a field differs that can't change once a study has trials; the message says why.
    """
    differences = []
    for name in FIELDS:
        old, new = getattr(before, name), getattr(after, name)
        if old == new or (name == "rounds" and before.trials != after.trials):
            continue
        if name == "space":
            differences += _changes_of_space(old, new)
            continue
        means = _allowed(name, before, after)
        if untrained and name in ("trainer", "program", "metric", "epochs", "seed"):
            means = "nothing has been trained with the other"
        if means is None:
            raise PlanError(
                f"{name} can't be changed from {_shown(old)} to {_shown(new)}: {FIXED.get(name, COMPARED)}: "
                "start a new study"
            )
        shown = (old - adopted, new - adopted) if name == "trials" else (_shown(old), _shown(new))
        differences.append(Change(name, old, new, f"{name} {shown[0]} → {shown[1]}: {means}"))
    return differences


def _allowed(name: str, before: Plan, after: Plan) -> str | None:
    """What the change of a field means; None if it can't change."""
    more = after.trials - before.trials
    means = {
        "trials": f"{more} more trainings, those that confirm included; the ones so far stay",
        "timeout": "seconds from now on",
        "trial_timeout": "for the trials to come",
        "trial_memory": "for the trials to come",
        "patience": "counted from the rounds to come",
        "max_failures": "those so far count",
        "extend": "from the next verdict on, ranges are "
        + ("extended past their ends" if after.extend else "extended no more"),
        "source": "the same data, in another place",  # their hash is compared
    }
    if name == "trainer" and Path(before.trainer or "").name == Path(after.trainer or "").name:
        return "the same function, in a file that has been moved"
    if name == "program" and str(before.program) == str(after.program):
        return f"the same program, in {after.program and after.program.folder}"
    return means.get(name)


def _shown(value: Any) -> str:
    if isinstance(value, tuple) and all(isinstance(one, Mapping) for one in value):
        return "; ".join(map(settings, value)) or "none"
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
            f"{name} {_described(old)} → {_described(after[name])}: the next round draws from all of it; "
            "the trials so far stay, and count",
        )
        for name, old in before.items()
        if _applies_more(name, before, after[name]) | _wider(name, old, after[name])
    ]


def _described(parameter: Parameter) -> str:
    return describe(parameter) + condition(parameter)


def _applies_more(name: str, before: Mapping[str, Parameter], new: Parameter) -> bool:
    """Whether a parameter now applies to choices that are new, too; false if its condition is the same.

    Raises:
        PlanError: the condition differs in what trials so far have.
    """
    old = before[name].when or {}
    if new.when == before[name].when:
        return False
    for parent in [*old, *(new.when or {})]:
        then, now = ({distinct(v) for v in (w or {}).get(parent, ())} for w in (old, new.when))
        of_parent = before[parent]
        assert isinstance(of_parent, Categorical)  # noqa: S101  # conditions are on choices
        had = {*map(distinct, of_parent.choices)}
        if not then or then - now or (now - then) & had:
            raise PlanError(
                f"space.{name}: it applies{condition(before[name]) or ' always'}, and trials so far were drawn so: "
                "its condition can only gain choices that are new"
            )
    return True


def _wider(name: str, old: Parameter, new: Parameter) -> bool:
    """Whether a range has become wider; false if it is the same.

    Raises:
        PlanError: it is neither.
    """
    if replace(old, when=new.when) == new:
        return False
    if isinstance(old, Categorical) or isinstance(new, Categorical):
        if not (isinstance(old, Categorical) and isinstance(new, Categorical)):
            raise PlanError(f"space.{name}: a range can't become choices, or choices a range")
        lost = [choice for choice in old.choices if not contains(new, choice)]
        if lost:
            raise PlanError(
                f"space.{name}: {lost[0]!r} can't be removed, since trials may have it; choices can only be added"
            )
        return True
    if type(old) is not type(new) or _beside_its_ends(old) != _beside_its_ends(new):
        raise PlanError(
            f"space.{name}: only the ends of a range can change, but {to_mapping(old)} would become {to_mapping(new)}"
        )
    if not (contains(new, old.low) and contains(new, old.high)):
        raise PlanError(
            f"space.{name}: {describe(new)} does not include all of {describe(old)}: a range can only be made wider; "
            "the search narrows it on evidence"
        )
    return True


def _beside_its_ends(p: Numeric) -> dict[str, Any]:
    return {name: value for name, value in asdict(p).items() if name not in ("low", "high", "when")}


def data_changes(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """How the data of a study have changed, from two of `Table.contents`, in a few words for each difference."""
    differences = [
        f"{name} {_shown(then.get(name))}, now {_shown(now.get(name))}"
        for name in ("task", "rows", "classes")
        if then.get(name) != now.get(name)
    ]
    old, new = then.get("columns", {}), now.get("columns", {})
    differences += [f"column {name!r} is gone" for name in old if name not in new]
    differences += [f"column {name!r} is new" for name in new if name not in old]
    if then.get("rows") == now.get("rows"):
        differences += [
            f"column {name!r} has other values"
            for name in old
            if new.get(name, old[name]) != old[name]
        ]
        differences += [
            f"the {part} have changed"
            for part in ("numbers", "labels")
            if then.get(part) != now.get(part)
        ]
    return differences
