"""Searches that are paused, gone on with, and ended."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from hpo.errors import PlanError
from hpo.serve.access import search_of
from hpo.serve.caller import Caller
from hpo.serve.jobs import queue
from hpo.serve.jobs.searching import version_of
from hpo.serve.new_search import check_limits, check_queue
from hpo.serve.problems import ProblemError
from hpo.serve.progress import row_of
from hpo.serve.service import Service
from hpo.serve.tables import jobs
from studies.database.store import open_store

CHANGES = ("trials", "space", "timeout", "patience", "extend", "max_failures")
"""The fields of a plan that can change when a search goes on."""

LAID_DOWN = ("paused", "failed", "done")

CAN_NOT: dict[queue.Action, str] = {
    "pause": "it can't pause",
    "cancel": "it can't be cancelled",
    "resume": "it can't go on, unless it is done and there are more trials or more time",
}


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
    if not changes:
        _act(service, caller, name, "resume")
        return
    asked = _checked_changes(service, caller, name, dict(changes))
    with service.database.writing() as connection:
        search, job = _job_of(connection, caller, name)
        state = "deleted" if job is None else queue.state_of(job)
        if job is None or state not in LAID_DOWN:
            raise refused(name, state, "its plan can change while it is paused, failed or done")
        check_queue(connection, search.owner, service.settings.limits)
        of_job = sa.update(jobs).where(jobs.c.job_id == job.job_id)
        connection.execute(of_job.values(state="queued", wanted="run", request=json.dumps(asked)))


def _act(service: Service, caller: Caller, name: str, action: queue.Action) -> None:
    with service.database.writing() as connection:
        search, job = _job_of(connection, caller, name)
        if job is not None:
            state = queue.state_of(job)
            if action == "resume" and state in LAID_DOWN:
                check_queue(connection, search.owner, service.settings.limits)
            if not queue.act(connection, job, action):
                raise refused(name, state, CAN_NOT[action])
            return
        state = row_of(connection, caller, name).state
    if state == "done" or (state == "cancelled" and action != "cancel"):
        raise refused(name, state, CAN_NOT[action])
    service.remotes.want(name, "run" if action == "resume" else action)


def _job_of(
    connection: sa.Connection, caller: Caller, name: str
) -> tuple[sa.Row[Any], sa.Row[Any] | None]:
    """The row of a search that the caller may change, and that of its job, which nobody changes meanwhile.

    One that clients train has no job.
    """
    search = search_of(connection, caller, name, change=True)
    of_it = sa.and_(jobs.c.search == search.name, jobs.c.kind == "search")
    return search, connection.execute(sa.select(jobs).where(of_it).with_for_update()).first()


def _checked_changes(
    service: Service, caller: Caller, name: str, changes: dict[str, Any]
) -> dict[str, Any]:
    """What the job is asked for: the changes, and the version of the plan that they were checked against."""
    from hpo.run.resuming import continuation  # imports pandas

    for field in changes:
        if field not in CHANGES:
            raise PlanError(
                f"{field[:100]} can't be changed: those that can are {', '.join(CHANGES)}"
            )
    with service.database.reading() as connection:
        _, job = _job_of(connection, caller, name)
    if job is None:
        raise ProblemError(
            409, f"search {name!r} is trained by clients, and its plan stays as it is"
        )
    before = json.loads(job.request)
    with open_store(service.database.url) as store:
        if name not in store.names():
            raise ProblemError(409, f"search {name!r} has not begun: create another one instead")
        version = version_of(store, store.study(name))
        if before.get("since") == version:  # they have not been made yet
            changes = {**before["changes"], **changes}
        resumed = continuation(store, name, changes)
        check_limits(resumed.plan, service.settings.limits)
        resumed.check(store, take_over=False)
        if resumed.is_done:
            raise refused(name, "done", "nothing changes")
    return {"changes": changes, "since": version}


def refused(name: str, state: str, why: str) -> ProblemError:
    """The problem that a search is in a state in which something can't be done."""
    return ProblemError(409, f"search {name!r} is {state}: {why}")
