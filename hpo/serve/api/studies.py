"""The studies as their readers elsewhere want them: all in a list, and each as a database of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, BinaryIO

import sqlalchemy as sa
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from hpo.serve.access import visible
from hpo.serve.api.results import Name, name_of, unchanged
from hpo.serve.caller import Reads
from hpo.serve.service import TheService
from hpo.serve.tables import searches
from studies.database.listing import listed
from studies.database.served import HOLDER
from studies.database.version import version
from studies.words import file_name, finite

router = APIRouter(tags=["results"])

BLOCK = 1 << 18
MEDIA_TYPE = "application/vnd.sqlite3"


class Listed(BaseModel):
    """A study, as `hpo list --json` prints it."""

    model_config = ConfigDict(extra="allow")

    study: str = Field(examples=["penguins"])
    number: int = Field(description="Of the study: ~ and it stand for the name in a path.")
    by_optuna: bool = Field(description="Whether Optuna made it, without hpo.")
    state: str = Field(examples=["running", "interrupted", "complete"])
    metric: str = Field(examples=["accuracy"])
    direction: str | None
    trials: dict[str, int] = Field(examples=[{"complete": 57, "pruned": 0, "failed": 3}])
    best: dict[str, Any] | None
    created: datetime | None
    last: datetime | None
    owner: str | None
    holder: dict[str, Any] | None


@router.get("/studies", response_model_exclude_unset=True)
def studies(caller: Reads, service: TheService) -> list[Listed]:
    """The studies of the caller and those that others share, oldest first; for an admin, all of the database."""
    with service.database.reading() as connection:
        names = set(connection.execute(sa.select(searches.c.name).where(visible(caller))).scalars())
    with service.database.store() as store:
        stored = listed(store)
    return [
        Listed(**finite(study.as_mapping()), number=study.number, by_optuna=study.by_optuna)
        for study in stored
        if caller.may("admin") or study.name in names
    ]


@router.get(
    "/searches/{name}/database",
    response_class=Response,
    responses={
        200: {
            "description": "An SQLite file in Optuna's schema with this one study, and what hpo stores of it.",
            "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
            "headers": {"ETag": {"schema": {"type": "string"}}},
        },
        304: {"description": "It has not changed since the answer with the ETag in If-None-Match."},
    },
)
def database(caller: Reads, service: TheService, request: Request, name: Name) -> Response:
    """A copy of the study, which Optuna, optuna-dashboard and hpo open."""
    stored = name_of(service, caller, name)
    with service.database.store() as store:
        record = store.study(stored)
        etag = f'"{version(store, record.study_id)}"'
        holder = record.holder
        headers = {"Cache-Control": "no-cache"}
        if holder is not None:
            facts = {
                "host": holder.host,
                "process": holder.process,
                "process_started": holder.process_started,
                "since": holder.since.isoformat(),
            }
            headers[HOLDER] = json.dumps(facts)
        if unchanged(request, etag):
            return Response(status_code=304, headers=headers | {"ETag": etag})
        file, made = service.snapshots.opened(store, stored)
    size = file.seek(0, 2)
    file.seek(0)
    plain = file_name(stored).encode("ascii", "replace").decode().replace("?", "-")
    return StreamingResponse(
        _pieces(file),
        media_type=MEDIA_TYPE,
        headers=headers
        | {
            "ETag": f'"{made}"',
            "Content-Length": str(size),
            "Content-Disposition": f'attachment; filename="{plain}.db"',
        },
    )


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while piece := file.read(BLOCK):
            yield piece
