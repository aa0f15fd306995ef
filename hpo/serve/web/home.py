"""The first page: all studies that the caller may see, filtered and sorted by links."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sa
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from hpo.serve.access import visible
from hpo.serve.caller import Caller, Reads
from hpo.serve.service import Service, TheService
from hpo.serve.tables import searches
from hpo.serve.web.addresses import address
from hpo.serve.web.rendering import page
from studies.database.listing import Listed, listed
from studies.database.store import open_store

router = APIRouter()

ON_A_PAGE = 50
ORDERS = {"updated": "last change", "name": "name", "state": "state", "progress": "progress"}


@dataclass(frozen=True)
class Row:
    """A search in the list, begun or not."""

    name: str
    address: str
    state: str
    owner: str
    shared: bool
    ended: int  # trials
    planned: int | None  # trainings, where a plan says so
    best: float | None
    metric: str
    maximize: bool
    several: bool
    updated: datetime | None


def rows_of(service: Service, caller: Caller) -> list[Row]:
    """The searches that the caller may see; an admin also sees studies that no owner of the service began."""
    with service.database.reading() as connection:
        asked = {
            row.name: row for row in connection.execute(sa.select(searches).where(visible(caller)))
        }
    with open_store(service.database.url) as store:
        studies = listed(store)
        s = store.table("studies").c
        with store.reading() as connection:
            ids = {
                name: number
                for number, name in connection.execute(sa.select(s.study_id, s.study_name))
            }
    begun = {study.name: study for study in studies}
    rows = [
        _row(study, asked.get(name), ids.get(name))
        for name, study in begun.items()
        if name in asked or caller.may("admin")
    ]
    return rows + [_waiting(row) for name, row in asked.items() if name not in begun]


def _row(study: Listed, asked: sa.Row[Any] | None, study_id: int | None) -> Row:
    return Row(
        study.name,
        address(study.name, study_id),
        "by Optuna" if study.by_optuna else study.state,
        asked.owner if asked else study.owner or "",
        bool(asked and asked.shared),
        sum(count for state, count in study.trials.items() if state != "running"),
        None if asked is None else json.loads(asked.plan).get("trials"),
        None if study.best is None else study.best.value,
        study.metric,
        study.directions[0] == "maximize",
        len(study.directions) > 1,
        study.last,
    )


def _waiting(asked: sa.Row[Any]) -> Row:
    plan = json.loads(asked.plan)
    return Row(
        asked.name, address(asked.name, None), "queued", asked.owner, asked.shared, 0,
        plan.get("trials"), None, plan.get("metric") or "", True, False, asked.created,
    )  # fmt: skip


@router.get("/", response_class=HTMLResponse)
def studies(
    request: Request,
    caller: Reads,
    service: TheService,
    state: str = "",
    order: str = "updated",
    text: str = "",
    number: int = 1,
) -> HTMLResponse:
    """All studies."""
    rows = rows_of(service, caller)
    states = {
        name: sum(row.state == name for row in rows) for name in sorted({r.state for r in rows})
    }
    chosen = [
        row for row in rows if state in ("", row.state) and text.casefold() in row.name.casefold()
    ]
    chosen = in_order(chosen, order)
    pages = max(1, -(-len(chosen) // ON_A_PAGE))
    number = min(max(number, 1), pages)

    def link(**changes: Any) -> str:
        query = {"state": state, "order": order, "text": text, "number": 1, **changes}
        defaults = {"state": "", "order": "updated", "text": "", "number": 1}
        query = {key: value for key, value in query.items() if value != defaults[key]}
        return f"/?{urlencode(query)}" if query else "/"

    return page(
        request,
        "home.html.j2",
        {
            "rows": chosen[ON_A_PAGE * (number - 1) : ON_A_PAGE * number],
            "total": len(rows),
            "found": len(chosen),
            "states": states,
            "state": state,
            "order": order,
            "orders": ORDERS,
            "text": text,
            "number": number,
            "pages": pages,
            "link": link,
            "owners": len({row.owner for row in rows}) > 1,
        },
    )


def in_order(rows: Sequence[Row], order: str) -> list[Row]:
    """The rows in one of `ORDERS`; the last changed first among equals."""
    rows = sorted(rows, key=lambda row: row.updated or datetime.min, reverse=True)
    if order == "name":
        return sorted(rows, key=lambda row: row.name.casefold())
    if order == "state":
        return sorted(rows, key=lambda row: row.state)
    if order == "progress":
        return sorted(rows, key=lambda row: -row.ended / (row.planned or row.ended or 1))
    return rows
