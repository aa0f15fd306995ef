"""Many trials at once, read as columns: 100,000 of them in about a second, where objects of their own take ten.

`studies.analysis.frames` makes DataFrames of these. Summaries need no row of most trials: they ask the database to
count.
"""

from __future__ import annotations

import itertools
import json
import math
import operator
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from studies.database import tables
from studies.database.reader import Reader
from studies.database.records import (
    OPTUNA_STATES,
    TrialState,
    by_state,
    read_distribution,
    read_number,
    stored_points,
)

COMPARED = 10_000  # trials: more make a rank correlation no surer that anybody would notice


@dataclass(frozen=True)
class TrialColumns:
    """Trials in the order of their numbers, a list with one entry a trial for each thing that is known of them.

    `params` and `attributes` have None where a trial has no such parameter, or nothing of that name.
    """

    numbers: list[int]
    states: list[TrialState]
    values: list[float | None]
    started: list[datetime | None]
    finished: list[datetime | None]
    epochs: list[int]  # that were trained
    params: dict[str, list[Any]] = field(default_factory=dict)
    rounds: list[Any] = field(default_factory=list)
    diverged: list[Any] = field(default_factory=list)  # at which epoch
    objectives: list[list[float | None]] = field(default_factory=list)  # of each of several


@dataclass(frozen=True)
class Curves:
    """All curves of one metric: which trials have it (M,), how many epochs of it (M,), the points of all in a row."""

    metric: str
    trials: NDArray[np.int64]
    lengths: NDArray[np.int64]
    points: NDArray[np.float64]

    def by_trial(self) -> dict[int, list[float]]:
        """The points of each curve, by the number of its trial."""
        each = np.split(self.points, np.cumsum(self.lengths)[:-1])
        return {n: points.tolist() for n, points in zip(self.trials.tolist(), each, strict=True)}


def trial_columns(store: Reader, study_id: int) -> TrialColumns:
    """All trials of a study."""
    t, a = store.table("trials"), store.table("trial_user_attributes")
    i = store.table("trial_intermediate_values")
    mine = t.c.study_id == study_id
    with store.reading() as connection:
        rows = connection.execute(store.of_trials(mine)).all()
        given = connection.execute(store.of_params(mine)).all()
        foreign, several = store.foreign(study_id), store.objectives(study_id)
        told = connection.execute(
            sa.select(a.c.trial_id, a.c.key, a.c.value_json)
            .join(t, t.c.trial_id == a.c.trial_id)
            .where(mine, _ours(t, foreign), a.c.key.in_(("round", "diverged_epoch")))
        ).all()
        counted = connection.execute(
            sa.select(i.c.trial_id, sa.func.count())
            .join(t, t.c.trial_id == i.c.trial_id)
            .where(mine)
            .group_by(i.c.trial_id)
        ).all()
    ids, numbers, states, started, finished, values, kinds = map(
        list, zip(*rows, strict=True) if rows else [()] * 7
    )
    place = dict(zip(ids, range(len(ids)), strict=True))

    def placed(pairs: Sequence[Any], empty: Any) -> list[Any]:
        column = [empty] * len(ids)
        for trial_id, value in pairs:
            column[place[trial_id]] = value
        return column

    def attribute(key: str) -> list[Any]:
        return placed([(n, json.loads(text)) for n, name, text in told if name == key], None)

    rounds = attribute("round")
    if math.isfinite(foreign):  # what Optuna made before is the first
        rounds = [0 if number < foreign else r for number, r in zip(numbers, rounds, strict=True)]
    params: dict[str, list[Any]] = {}
    read: dict[str, Callable[[float], Any]] = {}
    for trial_id, name, value, text in given:
        column = params.get(name)
        if column is None:
            column = params[name] = [None] * len(ids)
        meant = read.get(text)
        if meant is None:
            meant = read[text] = read_distribution(text).to_external_repr
        column[place[trial_id]] = meant(value)
    return TrialColumns(
        numbers,
        [OPTUNA_STATES[state] for state in states],
        [
            None if several is not None else read_number(value, kind)
            for value, kind in zip(values, kinds, strict=True)
        ],
        started,
        finished,
        placed(counted, 0),
        params,
        rounds,
        attribute("diverged_epoch"),
        _by_objective(several or {}, ids),
    )


def _ours(t: sa.Table, foreign: float) -> sa.ColumnElement[bool]:
    """Trials that plain Optuna did not make: a user of it may have given attributes of our names."""
    return t.c.number >= int(foreign) if math.isfinite(foreign) else sa.false()


def _by_objective(
    several: Mapping[int, tuple[float | None, ...]], ids: Sequence[int]
) -> list[list[float | None]]:
    count = max(map(len, several.values()), default=0)
    return [
        [several[trial_id][k] if trial_id in several else None for trial_id in ids]
        for k in range(count)
    ]


def curves(store: Reader, study_id: int, *, among: Sequence[int] | None = None) -> list[Curves]:
    """All curves of a study, or of the trials whose numbers are `among` some, by metric in the order of names.

    Trials that plain Optuna made have their intermediate values as the curve of a metric named "value".
    """
    t, c = store.table("trials"), tables.curves
    i = store.table("trial_intermediate_values")
    by_metric: dict[str, tuple[list[int], list[Any]]] = {}
    which = t.c.study_id == study_id
    if among is not None:
        which = sa.and_(which, t.c.number.in_(among))
    theirs = which
    with store.reading() as connection:
        if tables.present(connection, c):
            for number, metric, text in connection.execute(
                sa.select(t.c.number, c.c.metric, c.c.points)
                .join(c, c.c.trial_id == t.c.trial_id)
                .where(which)
                .order_by(t.c.trial_id, c.c.metric)
            ):
                numbers, texts = by_metric.setdefault(metric, ([], []))
                numbers.append(number)
                texts.append(text)
            theirs = theirs & ~sa.exists().where(c.c.trial_id == t.c.trial_id)
        points = connection.execute(
            sa.select(t.c.number, i.c.intermediate_value, i.c.intermediate_value_type)
            .join(i, i.c.trial_id == t.c.trial_id)
            .where(theirs)
            .order_by(t.c.number, i.c.step)
        ).all()
    numbers, texts = by_metric.setdefault("value", ([], []))
    for number, rows in itertools.groupby(points, key=operator.itemgetter(0)):
        values = [read_number(value, kind) for _, value, kind in rows]
        numbers.append(number)
        texts.append(stored_points([math.nan if v is None else v for v in values]))
    return [
        _read(metric, *by_metric[metric]) for metric in sorted(by_metric) if by_metric[metric][0]
    ]


def _read(metric: str, numbers: list[int], texts: list[str]) -> Curves:
    curves = json.loads(f"[{','.join(texts)}]")  # at once: a call for each takes twice as long
    order = sorted(range(len(numbers)), key=numbers.__getitem__)
    curves = [curves[k] for k in order]
    points = np.array(list(itertools.chain.from_iterable(curves)), float)  # null is NaN
    lengths = np.fromiter(map(len, curves), np.int64, len(curves))
    return Curves(metric, np.array(numbers, np.int64)[order], lengths, points)


# --- what a summary counts ---


def counts(store: Reader, study_id: int) -> Counter[TrialState]:
    """How many trials there are of each state."""
    t = store.table("trials")
    query = sa.select(t.c.state, sa.func.count()).where(t.c.study_id == study_id)
    with store.reading() as connection:
        return by_state((r[0], r[1]) for r in connection.execute(query.group_by(t.c.state)))


def searched(store: Reader, study_id: int) -> dict[int, float]:
    """The finite values of the complete trials, by their numbers."""
    t, v = store.table("trials"), store.table("trial_values")
    with store.reading() as connection:
        found = connection.execute(
            sa.select(t.c.number, v.c.value)
            .join(v, v.c.trial_id == t.c.trial_id)
            .where(t.c.study_id == study_id, _complete(t, v))
            .order_by(t.c.number)
        ).all()
    return {number: value for number, value in found}  # noqa: C416  # rows are no pairs to mypy


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
    """What the trainings that failed with an error said, and how often each was said."""
    t, a = store.table("trials"), store.table("trial_user_attributes")
    with store.reading() as connection:
        found = connection.execute(
            sa.select(a.c.value_json, sa.func.count())
            .join(t, t.c.trial_id == a.c.trial_id)
            .where(t.c.study_id == study_id, _ours(t, store.foreign(study_id)), a.c.key == "error")
            .group_by(a.c.value_json)
            .order_by(sa.func.min(a.c.trial_user_attribute_id))
        ).all()
    return Counter({str(json.loads(text)): count for text, count in found})


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
    """The trials that are compared after some epochs; of more than `COMPARED`, about so many, evenly spaced."""
    t = store.table("trials")
    with store.reading() as connection:
        count = sa.select(sa.func.count()).where(t.c.study_id == study_id)
        apart = 1 + connection.execute(count).scalar_one() // COMPARED
    ours = _ours(t, store.foreign(study_id))
    return sa.and_(t.c.study_id == study_id, ours, t.c.number % apart == 0)


def scores_after(
    store: Reader, study_id: int, epochs: Sequence[int]
) -> dict[int, dict[int, float]]:
    """For each of these epochs, the finite scores that trials had after it, by their numbers.

    Trials that plain Optuna made have none: their steps need not be epochs. Of more than `COMPARED` trials, about so
    many, evenly spaced.
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
