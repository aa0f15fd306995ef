"""What summaries need to know of all trials together. The database counts and compares; few rows are read."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence

import sqlalchemy as sa

from studies.database.reader import Reader
from studies.database.records import OPTUNA_STATES, TrialState, by_state, read_number
from studies.words import without_addresses

COMPARED = 10_000  # trials: with more, a rank correlation is not noticeably more certain


def counts(store: Reader, study_id: int) -> Counter[TrialState]:
    """How many trials there are of each state."""
    t = store.table("trials")
    query = sa.select(t.c.state, sa.func.count()).where(t.c.study_id == study_id)
    with store.reading() as connection:
        return by_state((r[0], r[1]) for r in connection.execute(query.group_by(t.c.state)))


def searched(store: Reader, study_id: int) -> dict[int, float]:
    """The finite values of the complete trials, by their numbers."""
    t, v = store.table("trials"), store.table("trial_values")
    query = (
        sa.select(t.c.number, v.c.value)
        .join(v, v.c.trial_id == t.c.trial_id)
        .where(t.c.study_id == study_id, _complete(t, v))
        .order_by(t.c.number)
    )
    with store.reading() as connection:
        return {row.number: row.value for row in connection.execute(query)}


def best_trials(
    store: Reader, study_id: int | None = None
) -> dict[int, sa.Row[int, int, int, float]]:
    """The complete trial with the best finite value, the earliest of equals, of each study, or of one.

    Each is a row of study_id, trial_id, number and value, by its study_id. Of several objectives the first counts.
    """
    t, v, d = (store.table(name) for name in ("trials", "trial_values", "study_directions"))
    studies = d.alias()
    best = (
        sa.select(t.c.trial_id)
        .join(v, v.c.trial_id == t.c.trial_id)
        .join(d, sa.and_(d.c.study_id == t.c.study_id, d.c.objective == 0))
        .where(t.c.study_id == studies.c.study_id, _complete(t, v))
        .order_by(sa.case((d.c.direction == "MAXIMIZE", -v.c.value), else_=v.c.value), t.c.number)
        .limit(1)
        .scalar_subquery()
    )
    trial, value = t.alias(), v.alias()
    query = (
        sa.select(trial.c.study_id, trial.c.trial_id, trial.c.number, value.c.value)
        .join_from(studies, trial, trial.c.trial_id == best)
        .join(value, value.c.trial_id == trial.c.trial_id)
        .where(studies.c.objective == 0, value.c.objective == 0)
    )
    if study_id is not None:
        query = query.where(studies.c.study_id == study_id)
    with store.reading() as connection:
        rows = connection.execute(query).all()
    return {row.study_id: row for row in rows}


def _complete(t: sa.Table, v: sa.Table) -> sa.ColumnElement[bool]:
    return sa.and_(t.c.state == "COMPLETE", v.c.objective == 0, v.c.value_type == "FINITE")


def epochs_trained(store: Reader, study_id: int) -> int:
    """How many epochs all trials together were trained: as many as there are intermediate values."""
    t, i = store.table("trials"), store.table("trial_intermediate_values")
    with store.reading() as connection:
        count: int = connection.execute(
            sa.select(sa.func.count())
            .select_from(t)
            .join(i, i.c.trial_id == t.c.trial_id)
            .where(t.c.study_id == study_id)
        ).scalar_one()
    return count


def errors(store: Reader, study_id: int) -> Counter[str]:
    """The messages of the trainings that failed with an error, and how often each came, whatever places in memory it
    names.
    """
    t, a = store.table("trials"), store.table("trial_user_attributes")
    with store.reading() as connection:
        rows = connection.execute(
            sa.select(a.c.value_json, sa.func.count())
            .join(t, t.c.trial_id == a.c.trial_id)
            .where(store.ours(study_id), a.c.key == "error")
            .group_by(a.c.value_json)
            .order_by(sa.func.min(a.c.trial_user_attribute_id))
        ).all()
    counts: Counter[str] = Counter()
    for text, count in rows:
        counts[without_addresses(str(json.loads(text)))] += count
    return counts


def diverged(store: Reader, study_id: int) -> int:
    """How many trials diverged."""
    t, a = store.table("trials"), store.table("trial_user_attributes")
    query = sa.select(sa.func.count()).select_from(t).join(a, a.c.trial_id == t.c.trial_id)
    with store.reading() as connection:
        return int(
            connection.execute(
                query.where(store.ours(study_id), a.c.key == "diverged_epoch")
            ).scalar_one()
        )


def lengths(store: Reader, study_id: int) -> Counter[tuple[TrialState, int]]:
    """How many trials of each state were trained for how many epochs, of the trials that `scores_after` reads."""
    t, i = store.table("trials"), store.table("trial_intermediate_values")
    with store.reading() as connection:
        longest = sa.select(sa.func.max(i.c.step)).where(i.c.trial_id == t.c.trial_id)
        rows = connection.execute(
            sa.select(t.c.state, longest.scalar_subquery()).where(_compared(store, study_id))
        ).all()
    return Counter((OPTUNA_STATES[state], epochs) for state, epochs in rows if epochs is not None)


def _compared(store: Reader, study_id: int) -> sa.ColumnElement[bool]:
    """The trials that are compared after some epochs; of more than `COMPARED`, about that many, evenly spaced."""
    t = store.table("trials")
    with store.reading() as connection:
        count = sa.select(sa.func.count()).where(t.c.study_id == study_id)
        apart = 1 + connection.execute(count).scalar_one() // COMPARED
    return sa.and_(store.ours(study_id), t.c.number % apart == 0)


def scores_after(
    store: Reader, study_id: int, epochs: Sequence[int]
) -> dict[int, dict[int, float]]:
    """For each of these epochs, the finite scores that trials had after it, by their numbers.

    Trials that plain Optuna made are left out, since their steps need not be epochs. Of more than `COMPARED` trials,
    about that many are read, evenly spaced.
    """
    t, i = store.table("trials"), store.table("trial_intermediate_values")
    with store.reading() as connection:
        rows = connection.execute(
            sa.select(i.c.step, t.c.number, i.c.intermediate_value, i.c.intermediate_value_type)
            .join(i, i.c.trial_id == t.c.trial_id)
            .where(_compared(store, study_id), i.c.step.in_(epochs))
        ).all()
    scores: dict[int, dict[int, float]] = {epoch: {} for epoch in epochs}
    for step, number, value, kind in rows:
        score = read_number(value, kind)
        if score is not None and math.isfinite(score):
            scores[step][number] = score
    return scores
