"""What is understood of a source, before and without training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpo.plan.plan import Plan
from hpo.trainables.network import on_data
from hpo.trainables.source import drawn, reading_of, skewed
from trainer.data import InMemory, load, unlabelled
from trainer.data.files import is_table
from trainer.data.overview import overview
from trainer.errors import DataError


def inspect(plan: Plan, data: InMemory | None = None) -> Mapping[str, Any]:
    """The facts of a plan's source or of `data`, as a study stores them (`trainer.data.overview`), with
    all notes. If rows can't be split as the plan says, `problem` says why. Without a target, no task is
    known.

    Raises:
        PlanError: the task or the metric does not fit the labels.
        trainer.errors.DataError: the source can't be read or used.
    """
    if plan.target is None and data is not None and data.y is None:
        return data.unlabelled(reading_of(plan))
    if plan.target is None and data is None and is_table(plan.source or ""):
        return unlabelled(plan.source or "", reading_of(plan))
    draw = drawn(plan, load if data is None else data.load)
    try:
        network = on_data(plan, draw)
    except DataError as error:
        facts = overview(draw.table, (), draw.table.notes)
        return facts | {"notes": facts["notes"] + skewed(plan, facts), "problem": str(error)}
    facts = dict(network.overview)
    return facts | {"notes": facts["notes"] + skewed(plan, facts)}
