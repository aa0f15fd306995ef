"""The plan by which hpo goes on with a study that plain Optuna wrote, or the reason why it can't.

The space has for each parameter the smallest range that includes all ranges its trials were drawn from. The trials are
the first round of the search, judged like any other round, and not counted among those of the plan that its user gives.
A parameter that some trials lack applies for the values of the choice that explains it. What Optuna does not record
has a plan's default.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from hpo.errors import PlanError
from hpo.plan.fields import FIELDS
from hpo.plan.plan import Plan, make_plan
from hpo.plan.space import Categorical, Float, Int, Parameter, Space, When
from studies.words import condition, counted, describe, distinct

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

    from studies.database.optunas import OptunasStudy, OptunasTrial

FOLLOWING = ("source", "space", "direction", "rounds")
"""Fields that follow from the study."""

WHOLE = ("COMPLETE", "PRUNED")  # the states of trials that have all their parameters


def adopting_plan(study: OptunasStudy, fields: Mapping[str, Any], *, confirm: bool = False) -> Plan:
    """The plan to go on with a study of Optuna's by some fields of a plan: `trials` more trainings by a `trainer`.

    To `confirm` its best, it adds no trials to those that the study has.

    Raises:
        PlanError: its space can't be searched by hpo, a field is missing, or one follows from the study.
    """
    for field in fields.keys() & set(FOLLOWING):
        raise PlanError(
            f"{field}: the plan of a study that Optuna made follows from it; set trainer or program, trials, and if "
            "need be metric, epochs and seed"
        )
    try:
        space = space_of(study)
    except ValueError as error:
        raise PlanError(f"hpo can't go on with study {study.name!r} of Optuna's: {error}") from None
    made = len(study.trials)
    theirs = fields.get("trainer") or fields.get("program")
    if theirs is None or (not confirm and fields.get("trials") is None):
        trials = "" if confirm else f" and --trials, how many more than the {made} it has,"
        raise PlanError(
            f"study {study.name!r} was made by Optuna, which does not record what trains: give --trainer or --program"
            f"{trials.removesuffix(',')}"
        )
    found = {"space": space, "direction": study.directions[0], "rounds": 1}
    if confirm:
        return make_plan({**fields, **found, "trials": made})
    more = make_plan({**fields, **found}).trials
    # The first round is done, and each other round needs a trial.
    rounds = min(FIELDS["rounds"].default, 1 + more)
    return make_plan({**fields, **found, "trials": made + more, "rounds": rounds})


def refusal(study: OptunasStudy) -> str | None:
    """Why hpo can't go on with a study of Optuna's; None if it can."""
    try:
        space_of(study)
    except ValueError as error:
        return str(error)
    return None


def notices(study: OptunasStudy, plan: Plan) -> list[str]:
    """What its user should know before a study of Optuna's gets a plan, one line each."""
    ranges = "; ".join(f"{name} {describe(p)}{condition(p)}" for name, p in plan.space.items())
    lines = [
        f"The {len(study.trials)} trials that Optuna made are the first round; their ranges are the space: {ranges}",
        f"{plan.trainer or plan.program} trains; if it takes epochs, {counted(plan.epochs, 'epoch')}",
    ]
    if study.unended:
        numbers = ", ".join(map(str, study.unended))
        lines.append(f"Trials that have not ended are recorded as failed: {numbers}")
    return lines


def space_of(study: OptunasStudy) -> Space:
    """The space that the trials of a study were drawn from.

    Raises:
        ValueError: hpo can't search such a space; the message says why.
    """
    if len(study.directions) > 1:
        raise ValueError(f"it has {len(study.directions)} objectives, and a search has one")
    if not study.trials:
        raise ValueError("it has no trials, so its ranges are unknown")
    if [t.number for t in study.trials] != list(range(len(study.trials))):
        raise ValueError("its trials are not numbered one after another")
    names = _names(study.trials)
    if not names:
        raise ValueError("its trials have no parameters")
    space: Space = {}
    for name in names:
        drawn_from = [t.distributions[name] for t in study.trials if name in t.distributions]
        try:
            space[name] = widest(drawn_from)
        except ValueError as error:
            raise ValueError(f"parameter {name!r}: {error}") from None
    whole = [t for t in study.trials if t.state in WHOLE]
    for name in names:
        if any(name not in trial.distributions for trial in whole):
            space[name] = replace(space[name], when=_condition(name, space, whole))
    make_plan({"trainer": "a:b", "space": space})  # refuses names that a plan can't have
    return space


def _names(trials: Sequence[OptunasTrial]) -> list[str]:
    """The parameters of the trials that have all of theirs, or else of the trial that has most; each after those that
    were drawn before it.

    Raises:
        ValueError: a trial that failed or has not ended has another one.
    """
    whole = [t for t in trials if t.state in WHOLE]
    longest = max(trials, key=lambda t: len(t.distributions))
    names = list(dict.fromkeys(name for t in whole or [longest] for name in t.distributions))
    for trial in trials:
        if odd := trial.distributions.keys() - set(names):
            raise ValueError(f"{min(odd)!r} is only in trials that failed or have not ended")
    return names


def _condition(name: str, space: Space, trials: Sequence[OptunasTrial]) -> When:
    """The choice from which it follows whether a trial has a parameter: the first of those drawn before it.

    Raises:
        ValueError: it follows from no single choice.
    """
    having = [t for t in trials if name in t.distributions]
    others = [t for t in trials if name not in t.distributions]
    for parent, of_parent in space.items():
        before = all(parent in itertools.takewhile(name.__ne__, t.distributions) for t in having)
        if not (before and isinstance(of_parent, Categorical)):
            continue
        values = {distinct(t.params[parent]) for t in having}
        if values.isdisjoint(
            distinct(t.params[parent]) for t in others if parent in t.distributions
        ):
            return {parent: tuple(c for c in of_parent.choices if distinct(c) in values)}
    raise ValueError(
        f"it has conditional parameters: {name!r} is in some trials and not in others, and no choice explains it"
    )


def widest(distributions: Sequence[BaseDistribution]) -> Parameter:
    """The smallest parameter that includes all values of some distributions.

    Raises:
        ValueError: they differ in more than their ends, or hpo has no such parameter.
    """
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    first, kinds = distributions[0], {type(d) for d in distributions}
    if len(kinds) > 1:
        raise ValueError(f"it is of several kinds: {', '.join(sorted(k.__name__ for k in kinds))}")
    if isinstance(first, CategoricalDistribution):
        if any(d != first for d in distributions):
            raise ValueError("its choices change from trial to trial")
        for k, choice in enumerate(first.choices):
            if choice in first.choices[:k]:  # such as True after 1, for which Optuna has recorded 1
                raise ValueError(
                    f"choice {choice!r} is one that Optuna can't tell from an equal one"
                )
            if isinstance(choice, float) and not abs(choice) < float("inf"):
                raise ValueError(f"choice {choice!r} is not a finite number")
        return Categorical(tuple(first.choices))
    if not isinstance(first, FloatDistribution | IntDistribution):
        raise ValueError(f"{type(first).__name__} is not a kind of range that hpo knows")
    ranges = [d for d in distributions if isinstance(d, FloatDistribution | IntDistribution)]
    low, high = min(d.low for d in ranges), max(d.high for d in ranges)
    if len({d.log for d in ranges}) > 1:
        raise ValueError("it is log in some trials and not in others")
    if len({d.step for d in ranges}) > 1 or not all(_on_grid(d.low, low, d.step) for d in ranges):
        raise ValueError("its steps change from trial to trial")
    if isinstance(first, IntDistribution):
        return Int(int(low), int(high), log=first.log, step=first.step)
    return Float(low, high, log=first.log, step=first.step)


def _on_grid(value: float, low: float, step: float | None) -> bool:
    """Whether a value is a whole number of steps above the low end. In decimal, where 0.1 × 3 is 0.3."""
    return step is None or (Decimal(str(value)) - Decimal(str(low))) % Decimal(str(step)) == 0
