"""Searches as a list shows them: who owns them, what they are at, how far they are. Few statements, however many there
are.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from hpo.errors import NoSuchStudyError
from hpo.serve.access import study_name_of, visible
from hpo.serve.caller import Caller
from hpo.serve.jobs import queue
from hpo.serve.new_search import NAME
from hpo.serve.tables import jobs, searches
from studies.database import tables
from studies.database.aggregates import best_trials
from studies.database.store import Store

Time = Annotated[
    datetime,
    PlainSerializer(lambda time: time.isoformat(timespec="seconds") + "Z", when_used="json"),
]
"""A time, in UTC without a time zone."""

SearchState = Literal[queue.State, "open"]
STATES: tuple[SearchState, ...] = (
    "queued", "running", "pausing", "paused", "cancelling", "cancelled", "done", "failed", "open",
)  # fmt: skip


class Progress(BaseModel):
    """How many trainings of a search are done, those that confirm included, of at most how many."""

    model_config = ConfigDict(frozen=True)

    done: int
    planned: int | None = Field(description="Null for a study that plain Optuna made.")


class Best(BaseModel):
    """The complete trial with the best value so far."""

    model_config = ConfigDict(frozen=True)

    trial: int
    value: float


class Recommended(BaseModel):
    """The settings that confirmation recommends, by their trial, with their mean."""

    model_config = ConfigDict(frozen=True)

    trial: int
    mean: float


class Search(BaseModel):
    """A search. Times are in UTC."""

    model_config = ConfigDict(frozen=True)

    name: str
    path: str = Field(description="What addresses call it: its name, or ~ and a number.")
    owner: str | None = Field(description="Null for a study that a command began in this database.")
    shared: bool = Field(description="Whether others may look at it.")
    kind: Literal["network", "remote", "study"] = Field(
        description="network: trained here; remote: by whoever asks for tasks; study: by a command."
    )
    state: SearchState = Field(description="A study that a command began is open until it is done.")
    reason: str | None = Field(description="Why it failed, or ended before its last trial.")
    created: Time | None
    started: Time | None = Field(description="When it last began or went on.")
    ended: Time | None
    plan: dict[str, Any] | None
    metric: str | None = Field(description="Null until its study exists.")
    direction: Literal["maximize", "minimize"] | None
    progress: Progress
    best: Best | None
    recommended: Recommended | None
    summary: dict[str, Any] | None = Field(
        None, description="As hpo show --json prints it; only where one search is asked for."
    )


_stored = sa.table("studies", sa.column("study_id"), sa.column("study_name"))  # Optuna's
_directions = sa.table("study_directions", *map(sa.column, ("study_id", "direction", "objective")))
_trials = sa.table("trials", *map(sa.column, ("study_id", "datetime_complete", "state")))


def rows(caller: Caller) -> sa.Subquery:
    """A query for the searches that a caller may see; for an admin also for studies that no search made."""
    ours, stops, c = tables.studies, tables.stops, searches.c
    is_running, wanted = jobs.c.state == "running", jobs.c.wanted
    state = sa.case(
        (sa.and_(is_running, wanted == "pause"), "pausing"),
        (sa.and_(is_running, wanted == "cancel"), "cancelling"),
        (jobs.c.state.is_not(None), jobs.c.state),
        (ours.c.completed.is_not(None), "done"),
        (c.failed.is_not(None), "failed"),
        (c.wanted == "pause", "paused"),
        (c.wanted == "cancel", "cancelled"),
        else_="running",
    )
    of_job = sa.and_(jobs.c.search == c.name, jobs.c.kind == "search")
    unlifted = sa.and_(stops.c.study_id == _stored.c.study_id, stops.c.lifted.is_(None))
    of_study = [
        _stored.c.study_id, ours.c.plan.label("stored_plan"), ours.c.metric, _directions.c.direction,
    ]  # fmt: skip
    direction = sa.and_(_directions.c.study_id == _stored.c.study_id, _directions.c.objective == 0)
    made_here = (
        sa.select(
            c.name,
            c.owner,
            c.shared,
            c.kind,
            c.plan,
            c.created,
            state.label("state"),
            sa.func.coalesce(jobs.c.reason, c.failed, stops.c.reason).label("reason"),
            jobs.c.started,
            jobs.c.ended,
            *of_study,
        )
        .select_from(searches)
        .outerjoin(jobs, of_job)
        .outerjoin(_stored, _stored.c.study_name == c.name)
        .outerjoin(ours, ours.c.study_id == _stored.c.study_id)
        .outerjoin(_directions, direction)
        .outerjoin(stops, unlifted)
        .where(visible(caller))
    )
    if not caller.may("admin"):
        return made_here.subquery()
    done = sa.case((ours.c.completed.is_not(None), "done"), else_="open")
    elsewhere = (
        sa.select(
            _stored.c.study_name,
            sa.null(),
            sa.false(),
            sa.literal("study"),
            ours.c.plan,
            ours.c.created,
            done,
            stops.c.reason,
            sa.null(),
            ours.c.completed,
            *of_study,
        )
        .select_from(_stored)
        .outerjoin(ours, ours.c.study_id == _stored.c.study_id)
        .outerjoin(_directions, direction)
        .outerjoin(stops, unlifted)
        .where(_stored.c.study_name.not_in(sa.select(c.name)))
    )
    return sa.union_all(made_here, elsewhere).subquery()


def row_of(connection: sa.Connection, caller: Caller, name: str) -> sa.Row[Any]:
    """The row of one search, which a path may call ~ and its number.

    Raises:
        NoSuchStudyError: the caller may see none of that name.
    """
    stored = study_name_of(connection, caller, name) if name.startswith("~") else name
    found = rows(caller)
    row = None
    if stored.isprintable():
        row = connection.execute(sa.select(found).where(found.c.name == stored)).first()
    if row is None:
        raise NoSuchStudyError(f"no search {name[:100]!r} of yours")
    return row


def with_progress(store: Store, found: Sequence[sa.Row[Any]]) -> list[Search]:
    """The rows of a page, with how far their studies are."""
    ids = [row.study_id for row in found if row.study_id is not None]
    with store.reading() as connection:
        done = _done(connection, ids)
        recommended = _recommended(connection, ids)
        best = {study_id: best_trials(store, study_id).get(study_id) for study_id in ids}
    return [_search(row, done, best.get(row.study_id), recommended) for row in found]


def _search(
    row: sa.Row[Any],
    done: Counter[int],
    best: Any,
    recommended: dict[int, Recommended],
) -> Search:
    text = row.stored_plan or row.plan
    plan = None if text is None else json.loads(text)
    folds = (plan or {}).get("folds") or 1
    return Search(
        name=row.name,
        path=row.name if NAME.fullmatch(row.name) else f"~{row.study_id}",
        owner=row.owner,
        shared=bool(row.shared),
        kind=row.kind,
        state=row.state,
        reason=row.reason,
        created=row.created,
        started=row.started,
        ended=row.ended,
        plan=plan,
        metric=row.metric,
        direction=row.direction and row.direction.lower(),
        progress=Progress(done=done[row.study_id] * folds, planned=plan and plan.get("trials")),
        best=best and Best(trial=best.number, value=best.value),
        recommended=recommended.get(row.study_id),
    )


def _done(connection: sa.Connection, ids: Sequence[int]) -> Counter[int]:
    """How often settings of each study were trained, those that confirm included."""
    done: Counter[int] = Counter()
    t, c = _trials.c, tables.confirmations.c
    for study_id, ended in ((t.study_id, t.datetime_complete), (c.study_id, c.finished)):
        query = sa.select(study_id, sa.func.count()).where(study_id.in_(ids), ended.is_not(None))
        for row in connection.execute(query.group_by(study_id)):
            done[row[0]] += row[1]
    return done


def _recommended(connection: sa.Connection, ids: Sequence[int]) -> dict[int, Recommended]:
    t = tables.conclusions.c
    query = sa.select(t.study_id, t.finalists).where(t.study_id.in_(ids))
    found = {}
    for study_id, text in connection.execute(query):
        first = next(iter(json.loads(text)), None)
        if first is not None and first["mean"] is not None:
            found[study_id] = Recommended(trial=first["trial"], mean=first["mean"])
    return found
