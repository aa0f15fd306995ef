"""A service in this process with studies, a browser without script, and an uploaded table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import hpo
from hpo.serve.service import Service
from tests.hpo.serve.in_process import by, make_service, serving
from tests.hpo.serve.pages.browsing import BROWSER, HOSTILE, penguins


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="module")
def service(folder: Path) -> Service:
    """A service with three studies of commands: one has another metric and a single epoch, one a hostile name."""
    storage = f"sqlite:///{folder / 'service.db'}"
    shared: dict[str, Any] = {"storage": storage, "trials": 8, "rounds": 2, "epochs": 2}
    hpo.search("iris", name="first", **shared)
    hpo.search("iris", name=HOSTILE, seed=1, **shared)
    hpo.search("diabetes", name="other", **shared | {"epochs": 1})
    return make_service(folder / "served", storage)


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[httpx.Client]:
    with pytest.MonkeyPatch.context() as patch, serving(service, patch) as client:
        client.base_url = httpx.URL("http://127.0.0.1")
        client.headers.update({**BROWSER, **by("root", "admin")})
        yield client


@pytest.fixture(scope="module")
def table(client: httpx.Client) -> str:
    """The path of an uploaded table."""
    answer = client.post(
        "/data", files={"file": ("penguins.csv", penguins())}, follow_redirects=False
    )
    assert answer.status_code == 303
    return str(answer.headers["location"])
