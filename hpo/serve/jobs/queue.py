"""The queue of jobs: their states, whose turn it is, and how a process claims a job and ends it.

A job is a search over a table, or the training of a model. It is claimed by the process that runs it, in one
transaction, so no two processes run one job, however many servers begin processes. The row names that process by its
host, number and start, as the lease of a study does. If the process dies, the next one to look goes on with its job
from the record. A server has no part in this but to begin processes: those that run go on without it.
"""

from __future__ import annotations

import os
import socket
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

import sqlalchemy as sa

from hpo.serve.tables import jobs
from studies.database import lease, processes, tables
from studies.database.engine import now

Stored = Literal["queued", "running", "paused", "cancelled", "done", "failed"]
State = Literal[Stored, "pausing", "cancelling"]
Wanted = Literal["run", "pause", "cancel"]
Ending = Literal["done", "failed", "stopped"]

MOST_DEATHS = 5
"""After so many deaths in a row in which nothing was finished, a job has failed."""


def state_of(job: sa.Row[Any]) -> State:
    """The state of a job, in which one can see that a running one is about to pause or to end."""
    if job.state == "running" and job.wanted != "run":
        return "pausing" if job.wanted == "pause" else "cancelling"
    return cast("State", job.state)


Action = Literal["pause", "resume", "cancel"]
_LEADS_TO: dict[Action, dict[State, tuple[Stored, Wanted]]] = {
    "pause": {
        "queued": ("paused", "run"),
        "running": ("running", "pause"),
        "pausing": ("running", "pause"),
        "paused": ("paused", "run"),
    },
    "resume": {
        "queued": ("queued", "run"),
        "running": ("running", "run"),
        "pausing": ("running", "run"),
        "paused": ("queued", "run"),
        "failed": ("queued", "run"),
    },
    "cancel": {
        "queued": ("cancelled", "run"),
        "running": ("running", "cancel"),
        "pausing": ("running", "cancel"),
        "cancelling": ("running", "cancel"),
        "paused": ("cancelled", "run"),
        "failed": ("cancelled", "run"),
        "cancelled": ("cancelled", "run"),
    },
}


def act(connection: sa.Connection, job: sa.Row[Any], action: Action) -> bool:
    """Let a job pause, go on or end for good; returns whether it can. A process that runs it does so at its next look.

    The row of the job was read in the same transaction, for update.
    """
    if (leads := _LEADS_TO[action].get(state_of(job))) is None:
        return False
    state, now_wanted = leads
    values: dict[str, Any] = {"state": state, "wanted": now_wanted}
    if state in ("paused", "cancelled") and job.state != state:
        values["ended"] = now()
    connection.execute(sa.update(jobs).where(jobs.c.job_id == job.job_id).values(values))
    return True


def put(connection: sa.Connection, kind: str, search: str, owner: str, request: str) -> int:
    """Put a job into the queue; returns its job_id."""
    row = {
        "kind": kind, "search": search, "owner": owner, "request": request, "state": "queued",
        "wanted": "run", "created": now(), "progress": 0, "deaths": 0,
    }  # fmt: skip
    job_id: int = connection.execute(
        sa.insert(jobs).values(row).returning(jobs.c.job_id)
    ).scalar_one()
    return job_id


@dataclass(frozen=True)
class Waiting:
    """A job in the queue. One that was `interrupted`, with its server, had its turn already."""

    job_id: int
    owner: str
    interrupted: bool = False


def next_job(
    waiting: Collection[Waiting],
    running: Mapping[str, int],
    last_started: Mapping[str, datetime],
) -> int | None:
    """Whose turn it is: the job_id, or None if nothing waits.

    What was interrupted goes on first. Then comes the owner with the fewest running jobs; of several, the one whose
    last job started longest ago; and of that owner's jobs, the oldest.
    """

    def turn(job: Waiting) -> tuple[bool, int, datetime, int]:
        started = last_started.get(job.owner, datetime.min)
        return not job.interrupted, running.get(job.owner, 0), started, job.job_id

    return min(waiting, key=turn).job_id if waiting else None


def claim(connection: sa.Connection, slots: int) -> sa.Row[Any] | None:
    """Let this process run the job whose turn it is, unless this host already runs as many as it has `slots`.

    Jobs whose processes have died come before those that wait. Returns the job as it is then, or None.
    """
    if connection.dialect.name == "postgresql":  # SQLite has one writer at a time anyway
        connection.execute(sa.text(f"LOCK TABLE {jobs.name} IN SHARE ROW EXCLUSIVE MODE"))
    held = connection.execute(sa.select(jobs).where(jobs.c.state == "running")).all()
    living = [job for job in held if lease.is_alive(connection, job)]
    orphans = [job for job in held if job not in living and not _laid_down(connection, job)]
    if sum(job.host == socket.gethostname() for job in living) >= slots:
        return None
    if orphans:
        return _take(connection, min(orphans, key=lambda job: job.job_id).job_id)
    c = jobs.c
    waiting = [
        Waiting(row.job_id, row.owner, row.started is not None and row.ended is None)
        for row in connection.execute(
            sa.select(c.job_id, c.owner, c.started, c.ended).where(c.state == "queued")
        )
    ]
    owners = {job.owner for job in waiting}
    started = sa.select(c.owner, sa.func.max(c.started).label("last")).where(
        c.owner.in_(owners), c.started.is_not(None)
    )
    last_started = {row.owner: row.last for row in connection.execute(started.group_by(c.owner))}
    chosen = next_job(waiting, Counter(job.owner for job in living), last_started)
    return None if chosen is None else _take(connection, chosen)


def _laid_down(connection: sa.Connection, job: sa.Row[Any]) -> bool:
    """End a job whose process has died if it was about to end, or if it keeps dying; returns whether it has ended."""
    of_job = sa.update(jobs).where(jobs.c.job_id == job.job_id)
    free = {"wanted": "run", "host": None, "process": None, "process_started": None, "ended": now()}
    if job.wanted != "run":
        state = "paused" if job.wanted == "pause" else "cancelled"
        connection.execute(of_job.values(state=state, **free))
        return True
    progress = finished(connection, job.search)
    deaths = 1 if progress > job.progress else job.deaths + 1
    if deaths > MOST_DEATHS:
        reason = f"its process died {deaths} times in a row, and nothing was finished in between"
        connection.execute(of_job.values(state="failed", reason=reason, deaths=deaths, **free))
        return True
    connection.execute(of_job.values(deaths=deaths, progress=progress))
    return False


def _take(connection: sa.Connection, job_id: int) -> sa.Row[Any]:
    process = os.getpid()
    return connection.execute(
        sa.update(jobs)
        .where(jobs.c.job_id == job_id)
        .values(
            state="running",
            wanted="run",
            reason=None,
            started=now(),
            ended=None,
            host=socket.gethostname(),
            process=process,
            process_started=processes.start_of(process),
            heartbeat=lease.database_time(connection),
        )
        .returning(jobs)
    ).one()


def _held_by(job: sa.Row[Any]) -> sa.ColumnElement[bool]:
    """The condition that a job is still run by the process that claimed it."""
    c = jobs.c
    started = c.process_started.is_not_distinct_from(job.process_started)
    mine = (c.host == job.host, c.process == job.process, started)
    return sa.and_(c.job_id == job.job_id, c.state == "running", *mine)


def wanted(connection: sa.Connection, job: sa.Row[Any]) -> Wanted | None:
    """What the job is to do; None if this process does not run it any more."""
    return connection.execute(sa.select(jobs.c.wanted).where(_held_by(job))).scalar()


def beat(connection: sa.Connection, job: sa.Row[Any]) -> None:
    """Show other hosts that the process lives."""
    time = lease.database_time(connection)
    connection.execute(sa.update(jobs).where(_held_by(job)).values(heartbeat=time))


def end(
    connection: sa.Connection, job: sa.Row[Any], how: Ending, reason: str | None = None
) -> State | None:
    """Record that this process has ended its job, and return its state; None if it is not this process's any more.

    A job that was `stopped` without anybody wanting that, because its server stops, is queued again.
    """
    now_wanted = wanted(connection, job)
    if now_wanted is None:
        return None
    stopped: dict[Wanted, Stored] = {"run": "queued", "pause": "paused", "cancel": "cancelled"}
    state: Stored = stopped[now_wanted] if how == "stopped" else how
    connection.execute(
        sa.update(jobs)
        .where(_held_by(job))
        .values(
            state=state,
            wanted="run",
            reason=reason,
            ended=None if state == "queued" else now(),
            host=None,
            process=None,
            process_started=None,
        )
    )
    return state


def finished(connection: sa.Connection, search: str) -> int:
    """How much of a search is finished: trials, trainings that confirm, and the test."""
    s = sa.table("studies", sa.column("study_id"), sa.column("study_name"))
    t = sa.table("trials", sa.column("study_id"), sa.column("datetime_complete"))
    study_id = connection.execute(sa.select(s.c.study_id).where(s.c.study_name == search)).scalar()
    if study_id is None:
        return 0
    count = sa.select(sa.func.count())
    confirmed, tested = tables.confirmations, tables.tests
    counts = (
        count.select_from(t).where(t.c.study_id == study_id, t.c.datetime_complete.is_not(None)),
        count.where(confirmed.c.study_id == study_id, confirmed.c.finished.is_not(None)),
        count.select_from(tested).where(tested.c.study_id == study_id),
    )
    return sum(connection.execute(query).scalar_one() for query in counts)


@dataclass(frozen=True)
class Load:
    """What a host has to do: jobs that wait or whose processes have died, and the processes on it that run one."""

    waiting: int
    processes: frozenset[int]


def load(connection: sa.Connection) -> Load:
    """What this host has to do."""
    waiting = sa.select(sa.func.count()).where(jobs.c.state == "queued")
    held = connection.execute(sa.select(jobs).where(jobs.c.state == "running")).all()
    living = [job for job in held if lease.is_alive(connection, job)]
    here = frozenset(job.process for job in living if job.host == socket.gethostname())
    return Load(connection.execute(waiting).scalar_one() + len(held) - len(living), here)


def counts(connection: sa.Connection) -> Counter[tuple[str, str]]:
    """How many jobs there are of each kind and state."""
    c = jobs.c
    of_each = (c.kind, c.state, c.wanted)
    query = sa.select(*of_each, sa.func.count().label("jobs")).group_by(*of_each)
    counted: Counter[tuple[str, str]] = Counter()
    for row in connection.execute(query):
        counted[row.kind, state_of(row)] += row.jobs
    return counted
