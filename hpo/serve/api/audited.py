"""The audit log, for admins."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from hpo.serve.caller import Needs
from hpo.serve.http import audit
from hpo.serve.service import TheService

router = APIRouter(tags=["audit"])


class Entry(BaseModel):
    """A request that changed something, or tried to."""

    entry: int = Field(examples=[17])
    at: datetime = Field(description="In UTC.", examples=["2026-01-31T09:30:00"])
    owner: str = Field(description="Empty if nobody was recognized.", examples=["ada"])
    token: str | None = Field(description="The name of the token.", examples=["laptop"])
    action: str = Field(examples=["POST /api/v1/searches"])
    status: int = Field(examples=[201])
    address: str = Field(examples=["10.0.0.5"])
    request: str = Field(description="Its X-Request-Id.", examples=["9f86d081884c7d65"])


class Entries(BaseModel):
    """A page of the log, the newest first."""

    entries: list[Entry]
    next: int | None = Field(description="`before` of the next page; null after the last.")


@router.get("/audit", dependencies=[Depends(Needs("admin"))])
def read_audit(
    service: TheService,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
    owner: Annotated[str | None, Query(max_length=100)] = None,
) -> Entries:
    """Every request that changed something or tried to: whose, from where, and how it ended."""
    found = audit.entries(service.database, limit=limit, before=before, owner=owner)
    following = found[-1]["entry"] if len(found) == limit else None
    return Entries(entries=[Entry(**row) for row in found], next=following)
