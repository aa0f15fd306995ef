"""All studies of a database at once, in a handful of statements however many there are.

The database itself counts the trials and finds the best ones, so few rows are read. Of a study that plain Optuna made,
it is not recorded who runs it or when it was created.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import sqlalchemy as sa

from studies.database import lease, served, tables
from studies.database.aggregates import best_trials
from studies.database.engine import is_served, now
from studies.database.lease import Holder
from studies.database.owner import read_owners
from studies.database.reader import Reader, state_of
from studies.database.records import (
    ENDED,
    Direction,
    State,
    TrialState,
    by_state,
    direction_of,
    read_distribution,
)
from studies.database.store import open_store


@dataclass(frozen=True)
class Best:
    """The complete trial with the best finite value, with its parameters as Optuna stores them, or `known` already."""

    trial: int
    value: float
    stored: tuple[tuple[str, float, str], ...] = ()  # name, value, distribution
    known: Mapping[str, Any] | None = None

    @property
    def params(self) -> Mapping[str, Any]:
        """Its parameters. Optuna, which is slow to import, is needed to read what it stores."""
        if self.known is not None:
            return self.known
        return {
            name: read_distribution(text).to_external_repr(value)
            for name, value, text in self.stored
        }


@dataclass(frozen=True)
class Listed:
    """A study in a list. Times are naive UTC, and None where they are not recorded.

    `last` is when the study last changed: a batch began or ended, a setting was confirmed, the search ended.
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
    owner: str | None = None
    number: int | None = None  # its study_id

    @classmethod
    def from_mapping(cls, sent: Mapping[str, Any]) -> Self:
        """The inverse of `as_mapping`, with `by_optuna` and `number` beside what that has."""
        best, holder = sent["best"], sent["holder"]
        since = _time(holder["since"]) if holder else None
        return cls(
            sent["study"],
            sent["state"],
            sent["by_optuna"],
            sent["metric"],
            sent.get("directions") or [sent["direction"]],
            sent["trials"],
            best and Best(best["trial"], best["value"], known=best["params"]),
            _time(sent["created"]),
            _time(sent["last"]),
            Holder(holder["host"], holder["process"], None, since, since) if since else None,
            sent["owner"],
            sent["number"],
        )

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
            "owner": self.owner,
            "holder": holder
            and {"host": holder.host, "process": holder.process, "since": _iso(holder.since)},
        }


def listing(storage: str) -> list[Listed]:
    """The studies of a database or of a service, oldest first, all as they were at one moment.

    Raises:
        studies.errors.StoreError: there is no such database or service, or it can't be read.
    """
    if is_served(storage):
        return [Listed.from_mapping(sent) for sent in served.get(storage, "/studies")]
    with open_store(storage) as store:
        return listed(store)


def listed(store: Reader) -> list[Listed]:
    """The studies of an open database."""
    s, d = store.table("studies"), store.table("study_directions")
    store.table("trials")  # Optuna's tables are looked up before the transaction begins
    with store.reading() as connection:
        existing = set(sa.inspect(connection).get_table_names())
        ours, holders = {}, {}
        if tables.studies.name in existing:
            t = tables.studies.c
            query = sa.select(t.study_id, t.metric, t.created, t.completed)
            ours = {row.study_id: row for row in connection.execute(query)}
            holders = lease.living_holders(connection)
        owners = read_owners(store, connection)
        last_beside = _last_beside_trials(connection, existing)
        trials = _trials(store, connection)
        bests = _bests(store)
        names: dict[int, tuple[str, list[Direction]]] = {}
        for study_id, name, word in connection.execute(
            sa.select(s.c.study_id, s.c.study_name, d.c.direction)
            .join(d, d.c.study_id == s.c.study_id)
            .order_by(s.c.study_id, d.c.objective)
        ):
            names.setdefault(study_id, (name, []))[1].append(direction_of(word))
    studies = []
    for study_id, (name, directions) in names.items():
        states, *times = trials.get(study_id, ({}, None))
        row, holder = ours.get(study_id), holders.get(study_id)
        if row is not None:
            times += [row.created, row.completed]
        last = max(filter(None, [*times, last_beside.get(study_id)]), default=None)
        studies.append(
            Listed(
                name,
                state_of(row, holder, states),
                row is None,
                row.metric if row else "value",
                directions,
                by_state(states.items()),
                bests.get(study_id) if len(directions) == 1 else None,
                row.created if row else None,
                last and min(last, now()),  # the clock of another machine may be ahead
                holder,
                owners.get(study_id),
                study_id,
            )
        )
    return studies


def _trials(
    store: Reader, connection: sa.Connection
) -> dict[int, tuple[dict[str, int], datetime | None]]:
    """Of each study, how many trials are in which state, in Optuna's words, and when a trial last began or ended."""
    t = store.table("trials")
    trials: dict[int, tuple[dict[str, int], datetime | None]] = {}
    for study_id, word, count, *times in connection.execute(
        sa.select(
            t.c.study_id,
            t.c.state,
            sa.func.count(),
            sa.func.max(t.c.datetime_start),
            sa.func.max(t.c.datetime_complete),
        ).group_by(t.c.study_id, t.c.state)
    ):
        states, last = trials.get(study_id, ({}, None))
        latest = max(filter(None, [last, *times]), default=None)
        trials[study_id] = {**states, word: count}, latest
    return trials


def _bests(store: Reader) -> dict[int, Best]:
    rows = best_trials(store)
    ids = [row.trial_id for row in rows.values()]
    stored: dict[int, list[tuple[str, float, str]]] = {}
    with store.reading() as connection:
        of_best = store.of_params(store.table("trials").c.trial_id.in_(ids))
        for trial_id, *param in connection.execute(of_best):
            stored.setdefault(trial_id, []).append(tuple(param))
    return {
        study_id: Best(row.number, row.value, tuple(stored.get(row.trial_id, ())))
        for study_id, row in rows.items()
    }


def _last_beside_trials(connection: sa.Connection, existing: set[str]) -> dict[int, datetime]:
    """When something last happened to each study that is recorded in our tables, as far as these exist."""
    times: dict[int, datetime] = {}
    for column in (
        tables.confirmations.c.finished,
        tables.tests.c.opened,
        tables.stops.c.stopped,
        tables.plans.c.made,
        tables.environments.c.since,
    ):
        if column.table.name not in existing:
            continue
        study = column.table.c.study_id
        for study_id, time in connection.execute(
            sa.select(study, sa.func.max(column)).where(column.is_not(None)).group_by(study)
        ):
            times[study_id] = max(time, times.get(study_id, time))
    return times


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat(timespec="seconds") + "Z"


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).replace(tzinfo=None)
