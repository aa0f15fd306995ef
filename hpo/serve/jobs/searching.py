"""A search of the queue, run in this process: begun, or gone on with from its record."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa

from hpo.errors import PlanError
from hpo.plan.network import with_conditions
from hpo.plan.place import Place
from hpo.plan.plan import Plan, make_plan
from hpo.run.cancel import Cancel
from hpo.run.watcher import Watcher
from hpo.serve.database import ServiceDatabase
from hpo.serve.tables import searches
from studies.database import tables
from studies.database.records import StudyRecord
from studies.database.store import Store, open_store


def run_search(
    database: ServiceDatabase,
    job: sa.Row[Any],
    *,
    workers: int,
    watcher: Watcher,
    cancel: Cancel,
) -> None:
    """Run the search of a job to its end.

    Raises:
        CancelledError: it was asked to stop.
        HpoError: it failed.
    """
    from hpo import operations  # imports pandas

    name, place = job.search, Place(workers=workers)
    with database.reading() as connection:
        plan = connection.execute(
            sa.select(searches.c.plan).where(searches.c.name == name)
        ).scalar()
    if plan is None:
        raise PlanError(f"search {name!r} was deleted")
    plan = make_plan(json.loads(plan))
    with open_store(database.url) as store:
        exists = name in store.names()
        changed = _changes(store, name, plan, json.loads(job.request)) if exists else {}
    run: dict[str, Any] = {
        "storage": database.url, "place": place, "watcher": watcher, "cancel": cancel,
    }  # fmt: skip
    if exists:
        operations.resume(name, **run, **changed)
    else:
        operations.start(plan, name=name, **run)


def _changes(store: Store, name: str, plan: Plan, request: dict[str, Any]) -> dict[str, Any]:
    """The changes of the plan that were asked for and have not been made yet.

    Raises:
        PlanError: the study is not the one that was asked for, but one that was begun elsewhere.
    """
    record = store.study(name)
    plans = store.plans(record.study_id)
    first = plans[0].plan if plans else record.plan
    if first is None or make_plan({"understanding": 1, **first}) != with_conditions(plan):
        raise PlanError(f"a study {name!r} was begun elsewhere meanwhile: choose another name")
    asked: dict[str, Any] = request.get("changes", {})
    return asked if request.get("since") == version_of(store, record) else {}


def version_of(store: Store, record: StudyRecord) -> str:
    """What differs as soon as the changes of a plan are made, or a search that was stopped goes on."""
    t = tables.stops.c
    with store.reading() as connection:
        stop = connection.execute(
            sa.select(t.stopped).where(t.study_id == record.study_id, t.lifted.is_(None))
        ).scalar()
    return f"{len(store.plans(record.study_id))} {stop}"
