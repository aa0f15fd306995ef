"""Whatever the API is sent, by its OpenAPI document or against it, it never answers with a fault of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.result import Ok

from hpo.serve import searches
from hpo.serve.app import make_app
from hpo.serve.caller import Caller
from hpo.serve.database import ServiceDatabase
from hpo.serve.service import Service
from hpo.serve.settings import Settings
from studies.database.owner import current_user

BASE = "http://127.0.0.1:8517"
PLAN = {"space": {"x": "0:1"}, "epochs": 2, "metric": "loss", "direction": "minimize"}
THERE = {"name": "there"}  # a search of the caller's
STREAMS = ("/events",)  # go on for as long as a search does
DRAWN = ("/report", ".svg")  # take seconds, in processes of their own


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    """A service with a search whose tasks anybody may train."""
    folder = tmp_path_factory.mktemp("fuzzed")
    service = Service(Settings(), ServiceDatabase(f"sqlite:///{folder / 'study.db'}"), folder)
    caller = Caller(current_user() or "local", "run")
    searches.create(service, caller, name="there", data=None, plan=PLAN, kind="remote")
    return make_app(service)


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url=BASE) as client:
        yield client


def send(client: TestClient, case: schemathesis.Case[Any]) -> Any:
    """Send what schemathesis has thought of."""
    parts = case.as_transport_kwargs(base_url=BASE)
    if isinstance(parts.get("data"), bytes | str):
        parts["content"] = parts.pop("data")
    known = {"method", "url", "headers", "params", "json", "data", "files", "content"}
    return client.request(**{name: value for name, value in parts.items() if name in known})


def fuzz(
    app: FastAPI, client: TestClient, examples: int, but: tuple[str, ...] = ()
) -> dict[int, int]:
    """Send so many requests to each route, by its part of the document and against it; returns how often each status
    came. Where a path names a search, it is the one that is there, or for the paths that end in `but` none that is.
    """
    statuses: dict[int, int] = {}
    schema = schemathesis.openapi.from_dict(app.openapi())
    for result in schema.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        there = "{name}" in operation.path and not operation.path.endswith((*STREAMS, *but))
        for mode in GenerationMode:
            cases = operation.as_strategy(
                generation_mode=mode, path_parameters=THERE if there else None
            )

            @given(case=cases)
            @settings(
                max_examples=examples, deadline=None, database=None, derandomize=True,
                phases=[Phase.generate], suppress_health_check=list(HealthCheck),
            )  # fmt: skip
            def never_fails(case: schemathesis.Case[Any]) -> None:
                answer = send(client, case)
                statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
                assert answer.status_code < 500, (case.as_curl_command(), answer.text)

            with suppress(Unsatisfiable):  # there is nothing that could be wrong
                never_fails()
    return statuses


def test_no_request_is_a_fault_of_the_service(app: FastAPI, client: TestClient) -> None:
    statuses = fuzz(app, client, 2, but=DRAWN)
    assert statuses[200] >= 3
    assert statuses[422] >= 3


@pytest.mark.slow
def test_no_request_of_thousands_is_a_fault_of_the_service(
    app: FastAPI, client: TestClient
) -> None:
    statuses = fuzz(app, client, 25)
    assert sum(statuses.values()) > 800
