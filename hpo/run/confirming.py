"""What is checked before a stored study is confirmed, and what its user is told after it."""

from __future__ import annotations

import math

from hpo.choose.concluding import conclude
from hpo.choose.confirming import repeats_exactly
from hpo.choose.next_step import Done, next_step
from hpo.choose.types import History, Traits
from hpo.errors import PlanError
from hpo.plan.plan import Plan
from studies.database.records import StudyRecord
from studies.database.store import Store
from studies.words import counted

WASTED = "values repeat exactly, and the best settings gave theirs again: training them more often would be wasted"


def check_confirmable(store: Store, record: StudyRecord) -> None:
    """Check that a study has settings to confirm.

    Raises:
        PlanError: no trial has trained to its end.
    """
    if record.several:
        raise PlanError(
            f"study {record.name!r} has {len(record.directions)} objectives, so no settings are its best"
        )
    values = [t.value for t in store.trials(record.study_id) if t.state == "complete"]
    if not any(value is not None and math.isfinite(value) for value in values):
        raise PlanError(
            f"study {record.name!r} has no trial that succeeded, so there is nothing to confirm"
        )


def after_confirming(plan: Plan, traits: Traits, history: History) -> list[str]:
    """What the results do not show: trainings left out, a test score of other settings, the rest of a plan."""
    lines = []
    if history.owed and repeats_exactly(traits, history):
        lines.append(f"{WASTED}; {counted(history.owed * (plan.folds or 1), 'training')} left out")
    baselines = range(len(plan.baseline))
    finalists = conclude(
        history.searched(), history.confirmed, traits.direction, baselines=baselines
    ).finalists
    if history.tested not in (None, finalists[0].trial):
        lines.append(
            f"the test rows are seen once, and were opened for the settings of trial {history.tested}: "
            f"those of trial {finalists[0].trial}, recommended now, have no test score"
        )
    if not isinstance(next_step(plan, traits, history), Done):
        lines.append("the search is not at its end: hpo resume goes on with the rest of its plan")
    return lines
