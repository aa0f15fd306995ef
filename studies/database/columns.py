"""Many trials at once, read as columns: 100,000 take about a second, a tenth of what objects of their own would take.

`studies.analysis.frames` makes DataFrames of the columns.
"""

from __future__ import annotations

import functools
import gc
import itertools
import json
import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from pydantic_core import from_json  # in a third of the time that json takes

from studies.database import tables
from studies.database.reader import Reader
from studies.database.records import (
    OPTUNA_STATES,
    TrialState,
    read_distribution,
    read_number,
    stored_points,
)

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


@dataclass(frozen=True)
class TrialColumns:
    """Trials in the order of their numbers: each list has one entry a trial, None for what it does not have."""

    numbers: list[int]
    states: list[TrialState]
    values: list[float | None]
    started: list[datetime | None]
    finished: list[datetime | None]
    epochs: list[int]  # that were trained
    params: dict[str, list[Any]] = field(default_factory=dict)
    rounds: list[Any] = field(default_factory=list)
    diverged: list[Any] = field(default_factory=list)  # at which epoch
    errors: list[Any] = field(default_factory=list)  # in a line
    objectives: list[list[float | None]] = field(default_factory=list)  # of each of several
    # Where these are but some of the trials, values that say of which kind each parameter is.
    elsewhere: dict[str, list[Any]] = field(default_factory=dict)


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


@contextmanager
def _uncollected() -> Iterator[None]:
    """Put off the search for garbage: among a million rows that are none it takes a third of all the time."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@_uncollected()
def trial_columns(
    store: Reader, study_id: int, *, among: Sequence[int] | None = None
) -> TrialColumns:
    """All trials of a study, or those whose numbers are `among` some."""
    t, a = store.table("trials"), store.table("trial_user_attributes")
    i = store.table("trial_intermediate_values")
    of_study = t.c.study_id == study_id
    with store.reading() as connection:
        elsewhere: dict[str, list[Any]] = {}
        if among is not None:
            elsewhere = _kinds(store, connection, study_id)
            some = sa.select(t.c.trial_id).where(of_study, t.c.number.in_(among))
            of_study = t.c.trial_id.in_(connection.execute(some).scalars().all())
        trials = connection.execute(store.of_trials(of_study)).all()
        # Not in the order in which they were stored: to sort so many rows takes as long as to find them.
        settings = connection.execute(store.of_params(of_study).order_by(None)).all()
        foreign, several = store.foreign(study_id), store.objectives(study_id, of_study)
        attributes = connection.execute(
            sa.select(a.c.trial_id, a.c.key, a.c.value_json)
            .join(t, t.c.trial_id == a.c.trial_id)
            .where(
                of_study, store.ours(study_id), a.c.key.in_(("round", "diverged_epoch", "error"))
            )
        ).all()
        epochs = connection.execute(
            sa.select(i.c.trial_id, sa.func.count())
            # SQLite takes twice as long for a join.
            .where(i.c.trial_id.in_(sa.select(t.c.trial_id).where(of_study)))
            .group_by(i.c.trial_id)
        ).all()
        names = [*elsewhere]
        if among is None:
            names = _in_order(
                store, connection, study_id, len({name for _, name, _, _ in settings})
            )
    ids, numbers, states, started, finished, values, kinds = map(
        list, zip(*trials, strict=True) if trials else [()] * 7
    )
    place = {trial_id: k for k, trial_id in enumerate(ids)}

    def column(pairs: Iterable[Any], empty: Any) -> list[Any]:
        entries = [empty] * len(ids)
        for trial_id, value in pairs:
            entries[place[trial_id]] = value
        return entries

    read = functools.cache(json.loads)  # many trials have the same round

    def attribute(key: str) -> list[Any]:
        return column(((n, read(text)) for n, name, text in attributes if name == key), None)

    rounds = attribute("round")
    if math.isfinite(foreign):  # the trials of an adopted study are its first round
        rounds = [0 if number < foreign else r for number, r in zip(numbers, rounds, strict=True)]
    params: dict[str, list[Any]] = {name: [None] * len(ids) for name in names}
    known: dict[tuple[str, str], tuple[list[Any], Callable[[float], Any]]] = {}
    for trial_id, name, value, text in settings:
        if (name, text) not in known:
            known[name, text] = params[name], read_distribution(text).to_external_repr
        of_name, to_external = known[name, text]
        of_name[place[trial_id]] = to_external(value)
    return TrialColumns(
        numbers,
        [OPTUNA_STATES[state] for state in states],
        [None] * len(ids) if several is not None else list(map(read_number, values, kinds)),
        started,
        finished,
        column(epochs, 0),
        params,
        rounds,
        attribute("diverged_epoch"),
        attribute("error"),
        _by_objective(
            several or {}, ids, 0 if several is None else store.count_objectives(study_id)
        ),
        elsewhere,
    )


def _kinds(store: Reader, connection: sa.Connection, study_id: int) -> dict[str, list[Any]]:
    """Of each parameter of a study, in the order of columns, values that say which kind of column it has.

    These are a number, its choices if all are text or all are yes and no, else those choices that some trial has.
    """
    t, p = store.table("trials"), store.table("trial_params")
    joined = sa.join(p, t, t.c.trial_id == p.c.trial_id)
    of_study = t.c.study_id == study_id
    distributions: dict[str, list[BaseDistribution]] = {}
    for name, text in connection.execute(
        sa.select(p.c.param_name, p.c.distribution_json)
        .select_from(joined)
        .where(of_study)
        .distinct()
    ):
        distributions.setdefault(name, []).append(read_distribution(text))
    names = _in_order(store, connection, study_id, len(distributions))
    kinds = {name: _of_kind(distributions[name]) for name in names}
    for name in [name for name, values in kinds.items() if values is None]:
        rows = connection.execute(
            sa.select(p.c.param_value, p.c.distribution_json)
            .select_from(joined)
            .where(of_study, p.c.param_name == name)
            .distinct()
        )
        kinds[name] = [read_distribution(d).to_external_repr(value) for value, d in rows]
    return {name: values or [] for name, values in kinds.items()}


def _in_order(store: Reader, connection: sa.Connection, study_id: int, count: int) -> list[str]:
    """The names of a study's parameters, of which there are `count`, in the order in which they were first stored."""
    t, p = store.table("trials"), store.table("trial_params")
    of_study = t.c.study_id == study_id
    first = sa.select(sa.func.min(t.c.trial_id)).where(of_study).scalar_subquery()
    in_order = sa.select(p.c.param_name).where(p.c.trial_id == first).order_by(p.c.param_id)
    names = list(connection.execute(in_order).scalars())
    if len(names) < count:  # some do not apply in the first trial
        joined = sa.select(p.c.param_name).join(t, t.c.trial_id == p.c.trial_id).where(of_study)
        in_order = joined.group_by(p.c.param_name).order_by(sa.func.min(p.c.param_id))
        names = list(connection.execute(in_order).scalars())
    return names


def _of_kind(distributions: Sequence[BaseDistribution]) -> list[Any] | None:
    """Values of a parameter that say of which kind it is; None if that depends on which choices were taken."""
    values = [
        value
        for d in distributions
        for value in (getattr(d, "choices", None) or (d.to_external_repr(d.low),))  # type: ignore[attr-defined]
    ]
    numbers = not any(hasattr(d, "choices") for d in distributions)
    return values if numbers or {*map(type, values)} in ({str}, {bool}) else None


def _by_objective(
    several: Mapping[int, tuple[float | None, ...]], ids: Sequence[int], count: int
) -> list[list[float | None]]:
    return [
        [several[n][k] if n in several and k < len(several[n]) else None for n in ids]
        for k in range(count)
    ]


@_uncollected()
def curves(store: Reader, study_id: int, *, among: Sequence[int] | None = None) -> list[Curves]:
    """All curves of a study, or of the trials whose numbers are `among` some, by metric in the order of names.

    The intermediate values of trials that plain Optuna made are curves of a metric named "value".
    """
    t, c = store.table("trials"), tables.curves
    i = store.table("trial_intermediate_values")
    by_metric: dict[str, tuple[list[int], list[str]]] = {}  # numbers of trials, and their curves
    which = t.c.study_id == study_id
    if among is not None:
        which = sa.and_(which, t.c.number.in_(among))
    foreign = which
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
            foreign = which & ~sa.exists().where(c.c.trial_id == t.c.trial_id)
        points = connection.execute(
            sa.select(t.c.number, i.c.intermediate_value, i.c.intermediate_value_type)
            .join(i, i.c.trial_id == t.c.trial_id)
            .where(foreign)
            .order_by(t.c.number, i.c.step)
        ).all()
    for number, rows in itertools.groupby(points, key=operator.itemgetter(0)):
        numbers, texts = by_metric.setdefault("value", ([], []))
        values = [read_number(value, kind) for _, value, kind in rows]
        numbers.append(number)
        texts.append(stored_points([math.nan if v is None else v for v in values]))
    return [_parse(metric, *by_metric[metric]) for metric in sorted(by_metric)]


def metrics(store: Reader, study_id: int) -> list[str]:
    """The metrics of which some trial of a study has a curve, in the order of their names."""
    t, c = store.table("trials"), tables.curves
    i = store.table("trial_intermediate_values")
    names: set[str] = set()
    foreign = t.c.study_id == study_id
    with store.reading() as connection:
        if tables.present(connection, c):
            joined = sa.select(c.c.metric).join(t, t.c.trial_id == c.c.trial_id)
            names.update(connection.execute(joined.where(foreign).distinct()).scalars())
            foreign = foreign & ~sa.exists().where(c.c.trial_id == t.c.trial_id)
        other = sa.select(i.c.trial_id).join(t, t.c.trial_id == i.c.trial_id).where(foreign)
        if connection.execute(other.limit(1)).first() is not None:
            names.add("value")
    return sorted(names)


def _parse(metric: str, numbers: list[int], texts: list[str]) -> Curves:
    # All in one call: one for each curve would take twice as long.
    curves = from_json(f"[{','.join(texts)}]".encode())
    order = sorted(range(len(numbers)), key=numbers.__getitem__)
    curves = [curves[k] for k in order]
    points = np.array(list(itertools.chain.from_iterable(curves)), float)  # null is NaN
    lengths = np.fromiter(map(len, curves), np.int64, len(curves))
    return Curves(metric, np.array(numbers, np.int64)[order], lengths, points)
