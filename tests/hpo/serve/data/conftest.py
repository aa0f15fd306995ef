"""A service in this process to which data are uploaded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import httpx
import pytest

from hpo.serve.pool import Pool
from hpo.serve.service import Service
from tests.hpo.serve.data.uploads import Serve
from tests.hpo.serve.in_process import make_service, serving
from tests.hpo.serve.jobs_here import Lasting


@pytest.fixture(params=["sqlite", "postgresql"])
def any_storage(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'service.db'}"
    url: str = request.getfixturevalue("postgres_storage")
    return url


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """Two processes for the services of all tests."""
    opened = Lasting(tmp_path_factory.mktemp("pool"))
    yield opened
    Pool.close(opened)


@pytest.fixture
def serve(tmp_path: Path, pool: Pool, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    with ExitStack() as stack:

        def begin(storage: str | None = None, **limits: int) -> tuple[Service, httpx.Client]:
            storage = storage or f"sqlite:///{tmp_path / 'service.db'}"
            service = make_service(tmp_path / "served", storage, **limits)
            service.pool = pool
            running: AbstractContextManager[httpx.Client] = serving(service, monkeypatch)
            return service, stack.enter_context(running)

        yield begin
