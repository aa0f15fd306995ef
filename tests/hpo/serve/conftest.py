"""A service in this process, on each kind of database, and clients that come with its tokens."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from hpo.serve import tokens
from hpo.serve.app import make_app
from hpo.serve.caller import Scope
from hpo.serve.database import ServiceDatabase
from hpo.serve.service import Service
from hpo.serve.settings import Settings

with warnings.catch_warnings():
    # Starlette would rather have a successor of httpx, which the project's users do not need.
    warnings.simplefilter("ignore")
    from fastapi.testclient import TestClient

Client = Callable[..., TestClient]


@pytest.fixture(params=["sqlite", "postgresql"])
def service_storage(request: pytest.FixtureRequest, storage: str) -> str:
    """The URL of an empty database of each kind."""
    if request.param == "sqlite":
        return storage
    url: str = request.getfixturevalue("postgres_storage")
    return url


@pytest.fixture
def service_database(service_storage: str) -> Iterator[ServiceDatabase]:
    """A database of each kind with the service's tables."""
    database = ServiceDatabase(service_storage)
    yield database
    database.close()


@pytest.fixture
def service(storage: str, tmp_path: Path) -> Service:
    """A service on loopback, for which no token has been made."""
    return Service(Settings(), ServiceDatabase(storage), tmp_path / "kept")


@pytest.fixture
def app(service: Service) -> FastAPI:
    """Its application."""
    return make_app(service)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """A client on the same machine, without a token."""
    with TestClient(app, base_url="http://127.0.0.1:8517", follow_redirects=False) as client:
        yield client


@pytest.fixture
def token(service: Service) -> Callable[..., str]:
    """Make a token; the first one ends the time in which nobody needs one."""

    def make(owner: str = "ada", scope: Scope = "run", name: str | None = None) -> str:
        return tokens.create(service.database, name or f"{owner}-{scope}", owner=owner, scope=scope)

    return make


@pytest.fixture
def bearer(token: Callable[..., str]) -> Callable[..., dict[str, str]]:
    """The headers that come with a new token."""

    def headers(owner: str = "ada", scope: Scope = "run") -> dict[str, str]:
        return {"Authorization": f"Bearer {token(owner, scope)}"}

    return headers
