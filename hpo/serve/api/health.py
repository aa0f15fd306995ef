"""Whether the service lives and can work, and its measures for Prometheus."""

from __future__ import annotations

from typing import Literal

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Request
from fastapi.responses import PlainTextResponse, Response
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from pydantic import BaseModel

from hpo.serve.caller import Needs
from hpo.serve.http.metrics import Metrics
from hpo.serve.problems import ProblemError
from hpo.serve.service import TheService
from hpo.serve.tables import tokens

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """That all is well; otherwise there is a problem document."""

    status: Literal["ok"] = "ok"


@router.get("/health/live")
async def live() -> Health:
    """The service answers. Nothing else is looked at, and no token is needed."""
    return Health()


@router.get("/health/ready", responses={503: {"description": "It can't work now."}})
def ready(service: TheService) -> Health:
    """The service can work: its database answers, and it is not about to stop. No token is needed."""
    if service.stopping.is_set():
        raise ProblemError(503, "the service is stopping")
    try:
        with service.database.reading() as connection:
            connection.execute(sa.select(tokens.c.token_id).limit(1)).first()
    except Exception:  # its text would name the database, and this needs no token
        raise ProblemError(503, "the database does not answer") from None
    return Health()


@router.get("/metrics", response_class=PlainTextResponse, dependencies=[Depends(Needs("read"))])
def metrics(request: Request) -> Response:
    """The measures in Prometheus's format, of the whole service; Prometheus sends a token of scope read."""
    measures: Metrics = request.app.state.metrics
    return Response(measures.text(), media_type=CONTENT_TYPE_LATEST)
