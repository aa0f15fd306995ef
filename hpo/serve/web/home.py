"""The first page: all studies that the caller may see, filtered and sorted by links."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sa
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from hpo.serve.caller import Reads
from hpo.serve.progress import rows, with_progress
from hpo.serve.service import TheService
from hpo.serve.web.addresses import address_of
from hpo.serve.web.rendering import page

router = APIRouter()

ON_A_PAGE = 50
ORDERS = {"updated": "last change", "name": "name", "state": "state"}


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
    found = rows(caller)
    with service.database.reading() as connection:
        states = {
            row.state: row.count
            for row in connection.execute(
                sa.select(found.c.state, sa.func.count().label("count")).group_by(found.c.state)
            )
        }
        query = sa.select(found)
        if state:
            query = query.where(found.c.state == state)
        if text:
            query = query.where(found.c.name.icontains(text, autoescape=True))
        count = connection.execute(
            sa.select(sa.func.count()).select_from(query.subquery())
        ).scalar_one()
        pages = max(1, -(-count // ON_A_PAGE))
        number = min(max(number, 1), pages)
        ordered = query.order_by(*_order(found, order), found.c.name)
        chosen = connection.execute(ordered.limit(ON_A_PAGE).offset(ON_A_PAGE * (number - 1))).all()
    with service.database.store() as store:
        shown = with_progress(store, chosen)

    def link(**changes: Any) -> str:
        query = {"state": state, "order": order, "text": text, "number": 1, **changes}
        defaults = {"state": "", "order": "updated", "text": "", "number": 1}
        query = {key: value for key, value in query.items() if value != defaults[key]}
        return f"/?{urlencode(query)}" if query else "/"

    return page(
        request,
        "home.html.j2",
        {
            "rows": shown,
            "total": sum(states.values()),
            "states": states,
            "state": state,
            "order": order,
            "orders": ORDERS,
            "text": text,
            "number": number,
            "pages": pages,
            "link": link,
            "address_of": address_of,
            "owners": any(row.owner != caller.owner for row in shown),
        },
    )


def _order(found: sa.Subquery, order: str) -> list[sa.ColumnElement[Any]]:
    """The order of one of `ORDERS`."""
    c = found.c
    changed = sa.func.coalesce(c.ended, c.started, c.created)
    newest = [changed.is_(None), changed.desc()]
    if order == "name":
        return [sa.func.lower(c.name)]
    return [c.state, *newest] if order == "state" else newest
