"""A service in the process of a test, called by owners who need no tokens."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from hpo.serve import app
from hpo.serve.caller import SCOPES, Caller
from hpo.serve.database import ServiceDatabase
from hpo.serve.service import Service
from hpo.serve.settings import Limits, Settings

with warnings.catch_warnings():
    # Starlette would rather have a successor of httpx, which the project's users do not need.
    warnings.simplefilter("ignore")
    from fastapi.testclient import TestClient


class ByHeader:
    """In place of what identifies callers: the header X-Caller names one, as OWNER/SCOPE."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            header = dict(scope["headers"]).get(b"x-caller", b"ada/run").decode()
            owner, _, name = header.partition("/")
            level = next(known for known in SCOPES if known == name)
            scope.setdefault("state", {})["caller"] = Caller(owner, level)
        await self.app(scope, receive, send)


def make_service(folder: Path, storage: str, **limits: int) -> Service:
    """A service with these limits."""
    settings = Settings(limits=Limits(**limits))
    return Service(settings, ServiceDatabase(storage), folder)


@contextmanager
def serving(service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    """A client of a running service; without a header X-Caller it is ada's, who may run."""
    monkeypatch.setattr(app, "Identify", ByHeader)
    base = "http://127.0.0.1/api/v1"
    with TestClient(app.make_app(service), base_url=base, raise_server_exceptions=True) as client:
        yield client


def by(owner: str, scope: str = "run") -> dict[str, str]:
    """The header of another caller."""
    return {"X-Caller": f"{owner}/{scope}"}


def problem(answer: httpx.Response, status: int) -> str:
    """The one line of a problem document with this status."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    detail: str = document["detail"]
    assert detail == detail.strip()
    assert "\n" not in detail
    assert document["status"] == status
    return detail
