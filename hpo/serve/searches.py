"""The searches of a service: created, listed, paused, gone on with, ended and deleted.

A search is a row in `hpo_service_searches`, which says who owns it, a job that runs it, and the study of the same name,
which the job begins.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from hpo.errors import PlanError, StudyExistsError
from hpo.plan.plan import make_plan, to_json
from hpo.serve.access import search_of, study_name_of
from hpo.serve.acting import cancel as cancel
from hpo.serve.acting import pause as pause
from hpo.serve.acting import refused
from hpo.serve.acting import resume as resume
from hpo.serve.caller import Caller
from hpo.serve.jobs import queue
from hpo.serve.models import remove_files
from hpo.serve.new_search import (
    check_fields,
    check_limits,
    check_name,
    check_quota,
    checked_network,
    default_name,
    free_name,
    is_taken,
)
from hpo.serve.progress import Search, SearchState, row_of, rows, with_progress
from hpo.serve.remote import create as create_remote
from hpo.serve.service import Service
from hpo.serve.tables import jobs, models, searches, tasks
from hpo.trainables.asked import ASKED
from studies.database.engine import now
from studies.database.store import open_store
from studies.study import Study
from studies.words import finite

Kind = Literal["network", "remote"]


@dataclass(frozen=True)
class Page:
    """Some of the searches, and how many there are in all."""

    searches: list[Search]
    total: int


def create(
    service: Service,
    caller: Caller,
    *,
    name: str | None = None,
    data: str | None = None,
    plan: Mapping[str, Any],
    kind: Kind = "network",
) -> str:
    """Put a search into the queue, and return its name: by default the data's, numbered where it is taken.

    `data` is the id of a data set, its file's name, or a name that is built in; it may be the `source` of the plan
    instead. For a `remote` search, whoever asks for its tasks has the data.

    Raises:
        PlanError: a field breaks its rule or a limit, or the data do not fit it.
        DataError: the data can't be used.
        StudyExistsError: the name is taken.
        ProblemError: 429, the owner has as many searches as the service allows.
    """
    if name is not None:
        check_name(name)
    with service.database.reading() as connection:
        check_quota(connection, caller.owner, service.settings.limits)
        if name is not None:
            _check_free(connection, name)
    if kind == "remote":
        if data is not None:
            raise PlanError("data: whoever trains the tasks of a remote search has its data")
        return _create_remote(service, caller, name, plan)
    checked = checked_network(service, caller, data, plan)
    with _row_of_new(service, caller, kind, name, checked.source, to_json(checked)) as (
        row,
        connection,
    ):
        queue.put(connection, "search", row, caller.owner, "{}")
    return row


def _create_remote(
    service: Service, caller: Caller, name: str | None, plan: Mapping[str, Any]
) -> str:
    check_fields(plan)
    check_limits(make_plan({**plan, "trainer": ASKED}), service.settings.limits)
    with _row_of_new(service, caller, "remote", name, None, json.dumps(dict(plan))) as (row, _):
        pass
    try:
        create_remote(service, caller, row, plan)
    except BaseException:
        with service.database.writing() as connection:
            connection.execute(sa.delete(searches).where(searches.c.name == row))
        raise
    return row


@contextmanager
def _row_of_new(
    service: Service, caller: Caller, kind: Kind, name: str | None, source: str | None, plan: str
) -> Iterator[tuple[str, sa.Connection]]:
    """A transaction that makes the row of a new search, with its name and the connection."""
    with service.database.writing() as connection:
        if connection.dialect.name == "postgresql":  # else two at once would both be within a limit
            connection.execute(sa.text(f"LOCK TABLE {searches.name} IN SHARE ROW EXCLUSIVE MODE"))
        check_quota(connection, caller.owner, service.settings.limits)
        if name is None:
            name = free_name(connection, default_name(source))
        _check_free(connection, name)
        row = {
            "name": name, "owner": caller.owner, "shared": False, "kind": kind, "plan": plan,
            "created": now(),
        }  # fmt: skip
        connection.execute(sa.insert(searches).values(row))
        yield name, connection


def _check_free(connection: sa.Connection, name: str) -> None:
    if is_taken(connection, name):
        raise StudyExistsError(f"a search {name!r} exists already: give another name")


def listed(
    service: Service,
    caller: Caller,
    *,
    owner: str | None = None,
    state: SearchState | None = None,
    limit: int = 100,
    offset: int = 0,
) -> Page:
    """The searches that the caller may see, newest first; some of them, or those of one owner or in one state."""
    found = rows(caller)
    query = sa.select(found)
    if owner is not None:
        if not owner.isprintable():  # a database may refuse to look for it
            return Page([], 0)
        query = query.where(found.c.owner == owner)
    if state is not None:
        query = query.where(found.c.state == state)
    count = sa.select(sa.func.count()).select_from(query.subquery())
    newest = query.order_by(found.c.created.desc(), found.c.name).limit(limit).offset(offset)
    with service.database.reading() as connection:
        total, page = connection.execute(count).scalar_one(), connection.execute(newest).all()
    with open_store(service.database.url) as store:
        return Page(with_progress(store, page), total)


def of(service: Service, caller: Caller, name: str) -> Search:
    """One search, with the summary of its study once that exists.

    Raises:
        NoSuchStudyError: the caller may see none of that name.
    """
    with service.database.reading() as connection:
        row = row_of(connection, caller, name)
    with open_store(service.database.url) as store:
        (search,) = with_progress(store, [row])
    if row.study_id is None:
        return search
    summary = finite(Study(row.name, service.database.url).summary())
    del summary["storage"]  # where the studies are is nobody's business
    return search.model_copy(update={"summary": summary})


def share(service: Service, caller: Caller, name: str, *, shared: bool) -> None:
    """Let all others look at a search, or no one any more.

    Raises:
        NoSuchStudyError: the caller has none of that name.
    """
    with service.database.writing() as connection:
        search = search_of(connection, caller, name, change=True)
        connection.execute(
            sa.update(searches).where(searches.c.name == search.name).values(shared=shared)
        )


def delete(service: Service, caller: Caller, name: str) -> None:
    """Delete a search that does not run, with its study and its models.

    Raises:
        NoSuchStudyError: the caller has none of that name.
        ProblemError: 409, it runs.
    """
    with service.database.writing() as connection:
        stored = name
        if name.startswith("~"):
            stored = study_name_of(connection, caller, name, change=True)
        else:
            search_of(connection, caller, name, change=True)
        of_it = jobs.c.search == stored
        running = sa.select(jobs).where(of_it, jobs.c.state == "running").with_for_update()
        if (job := connection.execute(running).first()) is not None:
            raise refused(stored, queue.state_of(job), "pause or cancel it first")
        # From here on nobody begins it again.
        connection.execute(sa.update(jobs).where(of_it).values(state="cancelled"))
        connection.execute(
            sa.update(searches).where(searches.c.name == stored).values(wanted="cancel")
        )
    service.remotes.close(stored)
    with open_store(service.database.url) as store:
        if stored in store.names():
            store.delete_study(stored)
    with service.database.writing() as connection:
        query = sa.select(models.c.model_id).where(models.c.search == stored)
        ids = [*connection.execute(query).scalars()]
        for table in (jobs, models, tasks):
            connection.execute(sa.delete(table).where(table.c.search == stored))
        connection.execute(sa.delete(searches).where(searches.c.name == stored))
    remove_files(service, ids)
