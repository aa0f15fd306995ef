"""The searches of a service: created, listed, paused, gone on with, ended and deleted.

A search is a row in `hpo_service_searches`, which says who owns it, a job that runs it, and the study of the same name,
which the job begins.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from hpo.errors import PlanError, StudyExistsError
from hpo.plan.plan import to_json
from hpo.run.resuming import continuation
from hpo.serve import queue
from hpo.serve.access import search_of, study_name_of
from hpo.serve.caller import Caller
from hpo.serve.new_search import (
    check_limits,
    check_name,
    check_queue,
    check_quota,
    checked_network,
    default_name,
    free_name,
    is_taken,
)
from hpo.serve.problems import ProblemError
from hpo.serve.progress import Search, SearchState, rows, with_progress
from hpo.serve.searching import version_of
from hpo.serve.service import Service
from hpo.serve.tables import jobs, searches
from studies.database.engine import now
from studies.database.store import open_store
from studies.errors import NoSuchStudyError
from studies.study import Study
from studies.words import finite

Kind = Literal["network", "remote"]
CHANGES = ("trials", "space", "timeout", "patience", "extend", "max_failures")
"""The fields of a plan that can change when a search goes on."""


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
    with service.database.writing() as connection:
        if (
            connection.dialect.name == "postgresql"
        ):  # two requests at once would both be within a limit
            connection.execute(sa.text(f"LOCK TABLE {searches.name} IN SHARE ROW EXCLUSIVE MODE"))
        check_quota(connection, caller.owner, service.settings.limits)
        if name is None:
            name = free_name(connection, default_name(checked.source))
        _check_free(connection, name)
        row = {
            "name": name, "owner": caller.owner, "shared": False, "kind": kind,
            "plan": to_json(checked), "created": now(),
        }  # fmt: skip
        connection.execute(sa.insert(searches).values(row))
        queue.put(connection, "search", name, caller.owner, "{}")
    return name


def _check_free(connection: sa.Connection, name: str) -> None:
    if is_taken(connection, name):
        raise StudyExistsError(f"a search {name!r} exists already: give another name")


def _create_remote(
    service: Service, caller: Caller, name: str | None, plan: Mapping[str, Any]
) -> str:
    raise ProblemError(501, "kind: remote searches are not here yet")


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
    found = rows(caller)
    with service.database.reading() as connection:
        stored = study_name_of(connection, caller, name) if name.startswith("~") else name
        row = connection.execute(sa.select(found).where(found.c.name == stored)).first()
        if row is None:
            search_of(connection, caller, name)
            raise NoSuchStudyError(f"no search {name[:100]!r} of yours")
    with open_store(service.database.url) as store:
        (search,) = with_progress(store, [row])
    if row.study_id is None:
        return search
    summary = finite(Study(stored, service.database.url).summary())
    del summary["storage"]  # where the studies are is nobody's business
    return search.model_copy(update={"summary": summary})


def pause(service: Service, caller: Caller, name: str) -> None:
    """Let a search stop after its epoch, to be gone on with later, or wait where it is in the queue.

    Raises:
        NoSuchStudyError: the caller has none of that name.
        ProblemError: 409, it has ended.
    """
    _act(service, caller, name, "pause")


def cancel(service: Service, caller: Caller, name: str) -> None:
    """End a search for good after its epoch. Its study is kept.

    Raises:
        NoSuchStudyError: the caller has none of that name.
        ProblemError: 409, it has ended by itself.
    """
    _act(service, caller, name, "cancel")


def resume(
    service: Service, caller: Caller, name: str, changes: Mapping[str, Any] | None = None
) -> None:
    """Go on with a search that was paused or has failed; with `changes` of its plan, also with one that is done.

    Raises:
        NoSuchStudyError: the caller has none of that name.
        PlanError: the plan can't change so.
        ProblemError: 409, it was cancelled, or nothing is left to do; 429, too much of its owner waits or runs.
    """
    asked = _checked_changes(service, caller, name, dict(changes)) if changes else None
    with service.database.writing() as connection:
        search, job = _job_of(connection, caller, name)
        state = queue.state_of(job)
        if state in ("paused", "failed", "done"):
            check_queue(connection, search.owner, service.settings.limits)
        if asked is None:
            if not queue.act(connection, job, "resume"):
                more = ": give more trials, or more time, to go on" if state == "done" else ""
                raise _refused(search.name, state, f"it can't go on{more}")
            return
        if state not in ("paused", "failed", "done"):
            raise _refused(search.name, state, "its plan can change while it is paused")
        request = json.dumps(asked)
        connection.execute(
            sa.update(jobs)
            .where(jobs.c.job_id == job.job_id)
            .values(state="queued", wanted="run", request=request)
        )


def _checked_changes(
    service: Service, caller: Caller, name: str, changes: dict[str, Any]
) -> dict[str, Any]:
    """What the job is asked for: the changes, and the version of the plan that they were checked against."""
    for field in changes:
        if field not in CHANGES:
            raise PlanError(
                f"{field[:100]} can't be changed: those that can are {', '.join(CHANGES)}"
            )
    with service.database.reading() as connection:
        search, job = _job_of(connection, caller, name)
    before = json.loads(job.request)
    with open_store(service.database.url) as store:
        if search.name not in store.names():
            raise ProblemError(409, f"search {name!r} has not begun: create another one instead")
        version = version_of(store, store.study(search.name))
        if before.get("since") == version:  # they have not been made yet
            changes = {**before["changes"], **changes}
        resumed = continuation(store, search.name, changes)
        check_limits(resumed.plan, service.settings.limits)
        resumed.check(store, take_over=False)
        if resumed.is_done:
            raise ProblemError(409, f"search {name!r} is done, and nothing changes")
    return {"changes": changes, "since": version}


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
    """Delete a search that does not run, with its study.

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
            raise _refused(stored, queue.state_of(job), "pause or cancel it first")
        # From here on nobody begins it again.
        connection.execute(sa.update(jobs).where(of_it).values(state="cancelled"))
    with open_store(service.database.url) as store:
        if stored in store.names():
            store.delete_study(stored)
    with service.database.writing() as connection:
        connection.execute(sa.delete(jobs).where(of_it, jobs.c.kind == "search"))
        connection.execute(sa.delete(searches).where(searches.c.name == stored))


def _act(service: Service, caller: Caller, name: str, action: queue.Action) -> None:
    with service.database.writing() as connection:
        search, job = _job_of(connection, caller, name)
        if not queue.act(connection, job, action):
            raise _refused(search.name, queue.state_of(job), f"it can't {action}")


def _job_of(
    connection: sa.Connection, caller: Caller, name: str
) -> tuple[sa.Row[Any], sa.Row[Any]]:
    """The row of a search that the caller may change, and that of its job, which nobody changes meanwhile."""
    search = search_of(connection, caller, name, change=True)
    of_it = sa.and_(jobs.c.search == search.name, jobs.c.kind == "search")
    job = connection.execute(sa.select(jobs).where(of_it).with_for_update()).first()
    if job is None:
        raise ProblemError(
            409, f"search {name!r} is trained elsewhere: it goes on while clients ask for its tasks"
        )
    return search, job


def _refused(name: str, state: str, why: str) -> ProblemError:
    return ProblemError(409, f"search {name!r} is {state}: {why}")
