"""What happens in a search, as it happens."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request

from hpo.errors import NoSuchStudyError
from hpo.serve.access import search_of, study_name_of
from hpo.serve.caller import Reads
from hpo.serve.live.events import EventStream, Watches
from hpo.serve.service import TheService

router = APIRouter(tags=["events"])

EXAMPLE = """\
event: trial
id: 3f9c21ab.18.r2.s0.c0.t0.running
data: {"trial": 17, "state": "complete", "value": 0.97, "params": {"learning_rate": 0.01}, "round": 1}

event: progress
data: {"done": 18, "planned": 60, "running": 2, "trials": {"complete": 17, "pruned": 0, "failed": 1}, \
"best": {"trial": 9, "value": 0.98}}
"""


@router.get(
    "/searches/{name}/events",
    status_code=200,
    response_class=EventStream,
    responses={
        200: {"content": {"text/event-stream": {"example": EXAMPLE}}},
        204: {"description": "The search has ended, and the cursor says that all was sent."},
    },
)
def watch(
    name: str,
    caller: Reads,
    service: TheService,
    request: Request,
    last_event_id: Annotated[
        str | None, Header(description="The id of the last event that came: those after it follow.")
    ] = None,
    since: Annotated[
        str | None, Query(description="The same, for a browser's first request.")
    ] = None,
) -> EventStream:
    """The events of a search as server-sent events: what happened before, then what happens, until it has ended.

    `trial`: one has ended. `round`: a round was judged, with its verdicts and the next ranges. `stage`: finalists
    were trained again. `recommended`: what was concluded from that. `test`: the test rows were scored. `state`:
    as searches have it, or deleted, with the reason if there is one.
    `progress`, without an id: how far it is. `reset`: the cursor is not of this record, and all follows from the
    beginning. Numbers that are not finite are null.
    """
    with service.database.reading() as connection:
        try:
            study = study_name_of(connection, caller, name)
        except NoSuchStudyError:  # it may have not begun
            study = search_of(connection, caller, name).name
    watches: Watches = request.app.state.watches
    return EventStream(watches, study, last_event_id or since)
