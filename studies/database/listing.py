"""All studies of a database at once, in a handful of statements however many there are.

The database counts and looks for the best; of most trials no row is read. A study that plain Optuna made is listed
as far as Optuna recorded it: nobody knows who runs it, or when it was created.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from studies.database import lease, tables
from studies.database.engine import now
from studies.database.lease import Holder
from studies.database.reader import Reader, state_of
from studies.database.records import (
    ENDED,
    OPTUNA_STATES,
    Direction,
    State,
    TrialState,
    direction_of,
    read_distribution,
)
from studies.database.store import open_store


@dataclass(frozen=True)
class Best:
    """The complete trial with the best finite value, with its parameters as Optuna stores them."""

    trial: int
    value: float
    stored: tuple[tuple[str, float, str], ...]  # name, value, distribution

    @property
    def params(self) -> dict[str, Any]:
        """Its parameters. Optuna, which is slow to import, is needed to read them."""
        return {
            name: read_distribution(text).to_external_repr(value)
            for name, value, text in self.stored
        }


@dataclass(frozen=True)
class Listed:
    """What a list says of a study. Times are naive UTC; None where nobody has recorded them.

    `last` is when the last thing happened: a batch began or ended, a setting was confirmed, the search was over.
    """

    name: str
    state: State
    by_optuna: bool
    metric: str
    directions: Sequence[Direction]
    trials: Mapping[TrialState, int]
    best: Best | None
    created: datetime | None
    last: datetime | None
    holder: Holder | None

    def as_mapping(self) -> dict[str, Any]:
        """The same as plain data, as `hpo list --json` prints it."""
        several = {"directions": [*self.directions]} if len(self.directions) > 1 else {}
        best, holder = self.best, self.holder
        return {
            "study": self.name,
            "state": self.state,
            "metric": self.metric,
            "direction": None if several else self.directions[0],
            **several,
            "trials": {state: self.trials.get(state, 0) for state in ENDED},
            "best": best and {"trial": best.trial, "value": best.value, "params": best.params},
            "created": _iso(self.created),
            "last": _iso(self.last),
            "holder": holder
            and {"host": holder.host, "process": holder.process, "since": _iso(holder.since)},
        }


def listing(storage: str) -> list[Listed]:
    """The studies of a database, oldest first, all as they were at one moment.

    Raises:
        studies.errors.StoreError: there is no such database, or it can't be read.
    """
    with open_store(storage) as store:
        return listed(store)


def listed(store: Reader) -> list[Listed]:
    """The studies of an open database."""
    s, d = store.table("studies"), store.table("study_directions")
    store.table("trials")  # looked up before a transaction begins
    with store.reading() as connection:
        there = set(sa.inspect(connection).get_table_names())
        ours, holders = {}, {}
        if tables.studies.name in there:
            known = tables.studies.c
            ours = {
                row.study_id: row
                for row in connection.execute(
                    sa.select(known.study_id, known.metric, known.created, known.completed)
                )
            }
            holders = lease.living_holders(connection)
        ended = _last_beside_trials(connection, there)
        trials = _trials(store, connection)
        bests = _bests(store, connection)
        names: dict[int, tuple[str, list[Direction]]] = {}
        for study_id, name, word in connection.execute(
            sa.select(s.c.study_id, s.c.study_name, d.c.direction)
            .join(d, d.c.study_id == s.c.study_id)
            .order_by(s.c.study_id, d.c.objective)
        ):
            names.setdefault(study_id, (name, []))[1].append(direction_of(word))
    made = []
    for study_id, (name, directions) in names.items():
        found = trials.get(study_id, _Trials({}, None))
        plan, holder = ours.get(study_id), holders.get(study_id)
        times = (found.last, ended.get(study_id), *((plan.created, plan.completed) if plan else ()))
        last = max((time for time in times if time is not None), default=None)
        made.append(
            Listed(
                name,
                state_of(plan, holder, found.states),
                plan is None,
                plan.metric if plan else "value",
                directions,
                found.counts,
                bests.get(study_id) if len(directions) == 1 else None,
                plan.created if plan else None,
                last and min(last, now()),  # another's clock may be ahead
                holder,
            )
        )
    return made


@dataclass(frozen=True)
class _Trials:
    """How many trials of a study are in which of Optuna's states, and when one of them last began or ended."""

    states: dict[str, int]
    last: datetime | None

    @property
    def counts(self) -> dict[TrialState, int]:
        made: dict[TrialState, int] = {}
        for word, count in self.states.items():
            state = OPTUNA_STATES[word]
            made[state] = made.get(state, 0) + count
        return made


def _trials(store: Reader, connection: sa.Connection) -> dict[int, _Trials]:
    t = store.table("trials")
    made: dict[int, _Trials] = {}
    for study_id, state, count, *times in connection.execute(
        sa.select(
            t.c.study_id,
            t.c.state,
            sa.func.count(),
            sa.func.max(t.c.datetime_start),
            sa.func.max(t.c.datetime_complete),
        ).group_by(t.c.study_id, t.c.state)
    ):
        seen = made.get(study_id, _Trials({}, None))
        last = max((time for time in (seen.last, *times) if time is not None), default=None)
        made[study_id] = _Trials({**seen.states, state: count}, last)
    return made


def _bests(store: Reader, connection: sa.Connection) -> dict[int, Best]:
    """The best trial of every study by its first objective, the earliest of equals."""
    t, v, p = (store.table(name) for name in ("trials", "trial_values", "trial_params"))
    d = store.table("study_directions")
    cost = sa.case((d.c.direction == "MAXIMIZE", -v.c.value), else_=v.c.value)
    place = sa.func.row_number().over(partition_by=t.c.study_id, order_by=(cost, t.c.number))
    ranked = (
        sa.select(t.c.study_id, t.c.trial_id, t.c.number, v.c.value, place.label("place"))
        .join(v, sa.and_(v.c.trial_id == t.c.trial_id, v.c.objective == 0))
        .join(d, sa.and_(d.c.study_id == t.c.study_id, d.c.objective == 0))
        .where(t.c.state == "COMPLETE", v.c.value_type == "FINITE")
        .subquery()
    )
    made: dict[int, Best] = {}
    for study_id, number, value, *param in connection.execute(
        sa.select(
            ranked.c.study_id,
            ranked.c.number,
            ranked.c.value,
            p.c.param_name,
            p.c.param_value,
            p.c.distribution_json,
        )
        .outerjoin(p, p.c.trial_id == ranked.c.trial_id)
        .where(ranked.c.place == 1)
        .order_by(p.c.param_id)
    ):
        before = made.get(study_id, Best(number, value, ()))
        more = () if param[0] is None else ((param[0], param[1], param[2]),)
        made[study_id] = Best(number, value, before.stored + more)
    return made


def _last_beside_trials(connection: sa.Connection, there: set[str]) -> dict[int, datetime]:
    """When something last happened to each study that is told in a table of ours; older databases lack some."""
    times: dict[int, datetime] = {}
    for column in (
        tables.confirmations.c.finished,
        tables.tests.c.opened,
        tables.stops.c.stopped,
        tables.plans.c.made,
        tables.environments.c.since,
    ):
        if column.table.name not in there:
            continue
        study = column.table.c.study_id
        for study_id, time in connection.execute(
            sa.select(study, sa.func.max(column)).where(column.is_not(None)).group_by(study)
        ):
            times[study_id] = max(time, times.get(study_id, time))
    return times


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat(timespec="seconds") + "Z"
