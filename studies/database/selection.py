"""Some of a study's trials: those of some states, of a round, with values between limits; a page of them at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from studies.database.reader import Reader
from studies.database.records import OPTUNA_STATES, TrialState


@dataclass(frozen=True)
class Selection:
    """Which trials, and in which order: by their numbers, or `best` first, where those without a value come last.

    Of a study with several objectives, values are those of the first.
    """

    states: Sequence[TrialState] = ()  # none: of all states
    round: int | None = None
    low: float | None = None
    high: float | None = None
    order: Literal["number", "best"] = "number"


def numbers(
    store: Reader, study_id: int, selection: Selection, *, limit: int, offset: int = 0
) -> list[int]:
    """The numbers of at most `limit` selected trials, after the first `offset` of them."""
    t, v, d = (store.table(name) for name in ("trials", "trial_values", "study_directions"))
    first = sa.and_(v.c.trial_id == t.c.trial_id, v.c.objective == 0)
    query = sa.select(t.c.number).outerjoin(v, first).where(t.c.study_id == study_id)
    if selection.states:
        words = [word for word, state in OPTUNA_STATES.items() if state in selection.states]
        query = query.where(t.c.state.in_(words))
    if selection.low is not None:
        query = query.where(sa.or_(v.c.value >= selection.low, v.c.value_type == "INF_POS"))
    if selection.high is not None:
        query = query.where(sa.or_(v.c.value <= selection.high, v.c.value_type == "INF_NEG"))
    if selection.round is not None:
        query = query.where(_of_round(store, study_id, selection.round))
    with store.reading() as connection:
        if selection.order == "best":
            direction = sa.select(d.c.direction).where(d.c.study_id == study_id, d.c.objective == 0)
            most = connection.execute(direction).scalar() == "MAXIMIZE"
            best, worst = ("INF_POS", "INF_NEG") if most else ("INF_NEG", "INF_POS")
            kind = sa.case(
                (v.c.value_type == best, 0),
                (v.c.value_type == "FINITE", 1),
                (v.c.value_type == worst, 2),
                else_=3,
            )
            query = query.order_by(kind, -v.c.value if most else v.c.value)
        query = query.order_by(t.c.number).limit(limit).offset(offset)
        return list(connection.execute(query).scalars())


def _of_round(store: Reader, study_id: int, number: int) -> sa.ColumnElement[bool]:
    """The condition that a trial is of a round; the trials of an adopted study are its round 0."""
    t, a = store.table("trials"), store.table("trial_user_attributes")
    of_ours = sa.exists().where(
        a.c.trial_id == t.c.trial_id, a.c.key == "round", a.c.value_json == str(number)
    )
    foreign = store.foreign(study_id)
    recorded = sa.and_(store.ours(study_id), of_ours)
    if number == 0 and math.isfinite(foreign):
        return sa.or_(recorded, t.c.number < int(foreign))
    return recorded
