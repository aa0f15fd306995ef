"""The source of a plan: how it is read and understood, and what is said of its labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from hpo.plan.plan import Plan
from trainer.data import Draw, Reading
from trainer.data.remote import RemoteDraw
from trainer.fields import METRICS

SKEWED, MUCH = 10, 0.8
"""How many times the rows of the rarest class, or which share of all rows, are too many of one class for accuracy."""

D = TypeVar("D", bound=Draw | RemoteDraw)


def drawn(plan: Plan, load: Callable[..., D]) -> D:
    """What draws the splits of a plan's data.

    Raises:
        trainer.errors.DataError: the source can't be read or used.
    """
    rows = {"seed": plan.seed, "rows": plan.rows, "dtype": plan.dtype}
    binned = plan.preset == "tabular"
    return load(plan.source or "", plan.target, reading=reading_of(plan), binned=binned, **rows)


def task_in_words(facts: Mapping[str, Any]) -> list[str]:
    """What the labels are taken for, of a source that does not know them by itself."""
    if not (label := facts.get("label")):
        return []
    if not (classes := facts.get("classes")):
        return [f"regression: {label!r} is a quantity"]
    return [f"classification: {label!r} has {len(classes) + facts.get('other_classes', 0)} classes"]


def skewed(plan: Plan, facts: Mapping[str, Any]) -> list[str]:
    """A note if the commonest class is so common that accuracy says little."""
    classes = facts.get("classes")
    if not classes or plan.metric is not None:
        return []
    most, least = max(classes, key=classes.__getitem__), min(classes, key=classes.__getitem__)
    all_known = "other_classes" not in facts
    is_rare = all_known and classes[most] > SKEWED * classes[least]
    if classes[most] <= MUCH * facts["rows"] and not is_rare:
        return []
    rare = f", {classes[least]} are {least!r}" if all_known else ""
    return [
        f"{classes[most]} of {facts['rows']} rows are {most!r}{rare}, so accuracy says little of the rarer classes: "
        "--metric balanced_accuracy counts all classes the same"
    ]


def reading_of(plan: Plan) -> Reading:
    """How the source of a plan is to be understood."""
    same = ("drop", "dates", "drop_rare", "group", "time", "weight", "encoding", "header")
    options = {name: getattr(plan, name) for name in same}
    return Reading(task=task_of(plan), version=plan.understanding, **options)


def task_of(plan: Plan) -> Any:
    """The task that a plan says, by itself or by its metric; None if the labels decide."""
    if plan.task is not None or plan.metric not in METRICS:
        return plan.task
    return "classification" if METRICS[plan.metric].classes else "regression"
