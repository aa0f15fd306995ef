"""A POST with an Idempotency-Key counts once: sent again, at the same time, and after the service was killed."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import pytest
import sqlalchemy as sa
from fastapi import Body, FastAPI
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient

from hpo.serve.app import PREFIX, make_app
from hpo.serve.caller import Runs
from hpo.serve.database import ServiceDatabase
from hpo.serve.http import idempotency
from hpo.serve.http.routes import takes
from hpo.serve.problems import ProblemError
from hpo.serve.service import Service
from hpo.serve.settings import Settings
from hpo.serve.tables import answers
from studies.database.engine import now

PLACE = f"{PREFIX}/counted"
JSON = {"Content-Type": "application/json"}


class Counter:
    """What a route does, how often, and whether it may go on."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.inside, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()
        self.error: Exception | None = None


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
def client(
    service_database: ServiceDatabase, tmp_path: Path, counter: Counter
) -> Iterator[TestClient]:
    app = make_app(Service(Settings(), service_database, tmp_path))

    @app.post(PLACE, status_code=201)
    def count(caller: Runs, value: Annotated[Any, Body()] = None) -> dict[str, int]:
        counter.calls.append(value)
        counter.inside.set()
        assert counter.go_on.wait(30)
        if counter.error is not None:
            raise counter.error
        return {"calls": len(counter.calls)}

    @app.post(f"{PLACE}/upload", openapi_extra=takes("upload_bytes"))
    def upload(caller: Runs) -> dict[str, int]:
        counter.calls.append(None)
        return {"calls": len(counter.calls)}

    @app.post(f"{PLACE}/stream")
    def stream(caller: Runs) -> StreamingResponse:
        counter.calls.append(None)
        return StreamingResponse(iter([b"a,b\n", b"1,2\n"]), media_type="text/csv")

    with TestClient(app, base_url="http://127.0.0.1:8517", raise_server_exceptions=False) as client:
        yield client


def key(text: str = "k1") -> dict[str, str]:
    return {"Idempotency-Key": text}


def test_the_same_request_with_the_same_key_counts_once(
    client: TestClient, counter: Counter
) -> None:
    first, again = (client.post(PLACE, json=1, headers=key()) for _ in range(2))
    assert first.json() == again.json() == {"calls": 1}
    assert first.status_code == again.status_code == 201
    assert first.headers["content-type"] == again.headers["content-type"]
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert client.post(PLACE, json=1, headers=key("k2")).json() == {"calls": 2}
    assert client.post(PLACE, json=1).json() == {"calls": 3}


def test_the_same_key_with_another_request_is_refused(client: TestClient, counter: Counter) -> None:
    client.post(PLACE, json=1, headers=key())
    for place, value in ((PLACE, 2), (f"{PLACE}?a=1", 1), (f"{PLACE}/stream", 1)):
        assert client.post(place, json=value, headers=key()).status_code == 422
    assert len(counter.calls) == 1


def test_a_key_belongs_to_an_owner(
    client: TestClient, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    for owner in ("ada", "eve"):
        monkeypatch.setenv("HPO_USER", owner)
        client.post(PLACE, json=owner, headers=key())
    assert counter.calls == ["ada", "eve"]


def test_an_error_is_not_kept(client: TestClient, counter: Counter) -> None:
    for error, status in ((ProblemError(409, "no"), 409), (RuntimeError("fault"), 500)):
        counter.error = error
        assert client.post(PLACE, json=1, headers=key()).status_code == status
    counter.error = None
    assert client.post(PLACE, json=1, headers=key()).json() == {"calls": 3}


def test_a_stream_is_kept_whole(client: TestClient, counter: Counter) -> None:
    first, again = (client.post(f"{PLACE}/stream", headers=key()) for _ in range(2))
    assert first.content == again.content == b"a,b\n1,2\n"
    assert len(counter.calls) == 1


def test_what_is_sent_twice_at_the_same_time_counts_once(
    client: TestClient, counter: Counter
) -> None:
    counter.go_on.clear()
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(client.post, PLACE, json=1, headers=key())
        assert counter.inside.wait(30)
        others = list(pool.map(lambda _: client.post(PLACE, json=1, headers=key()), range(8)))
        assert {answer.status_code for answer in others} == {409}
        assert others[0].headers["retry-after"] == "1"
        counter.go_on.set()
        assert first.result().json() == {"calls": 1}
    assert client.post(PLACE, json=1, headers=key()).json() == {"calls": 1}


def test_many_that_come_at_once_count_once(client: TestClient, counter: Counter) -> None:
    with ThreadPoolExecutor(16) as pool:
        sent = list(pool.map(lambda _: client.post(PLACE, json=1, headers=key()), range(16)))
    assert {answer.status_code for answer in sent} <= {201, 409}
    assert len(counter.calls) == 1


def aged(database: ServiceDatabase, age: timedelta, **values: object) -> None:
    """Make the stored rows older."""
    with database.writing() as connection:
        (row,) = connection.execute(sa.select(answers)).all()
        connection.execute(sa.update(answers).values(created=row.created - age, **values))


def test_a_request_that_died_with_its_service_can_be_sent_again(
    client: TestClient, counter: Counter, service_database: ServiceDatabase
) -> None:
    client.post(PLACE, json=1, headers=key())
    dead = {"status": None, "headers": None, "body": None}
    aged(service_database, timedelta(0), **dead)
    assert client.post(PLACE, json=1, headers=key()).status_code == 409
    aged(service_database, timedelta(seconds=idempotency.DEAD_SECONDS + 1))
    with ThreadPoolExecutor(4) as pool:
        sent = list(pool.map(lambda _: client.post(PLACE, json=1, headers=key()), range(4)))
    assert {answer.status_code for answer in sent} <= {201, 409}
    assert len(counter.calls) == 2


def created(database: ServiceDatabase) -> datetime:
    """When the request that is stored last gave a sign of life."""
    with database.writing() as connection:
        found: datetime = connection.execute(sa.select(answers.c.created)).scalar_one()
    return found


def test_a_request_that_takes_long_does_not_look_dead(
    client: TestClient,
    counter: Counter,
    service_database: ServiceDatabase,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passed = [timedelta()]  # by the clock of requests, so that a slow machine changes nothing
    monkeypatch.setattr(idempotency, "now", lambda: now() + passed[0])
    monkeypatch.setattr(idempotency, "SIGN_SECONDS", 0.05)
    counter.go_on.clear()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(client.post, PLACE, json=1, headers=key())
        assert counter.inside.wait(30)
        passed[0] = timedelta(seconds=idempotency.DEAD_SECONDS + 1)
        begun = created(service_database)
        deadline = time.monotonic() + 60
        while created(service_database) == begun:  # until it gives a sign of life
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert client.post(PLACE, json=1, headers=key()).status_code == 409
        counter.go_on.set()
        assert first.result().status_code == 201
    assert client.post(PLACE, json=1, headers=key()).json() == {"calls": 1}


def test_an_answer_is_kept_for_a_day(
    client: TestClient, counter: Counter, service_database: ServiceDatabase
) -> None:
    client.post(PLACE, json=1, headers=key())
    aged(service_database, idempotency.KEPT - timedelta(minutes=1))
    assert client.post(PLACE, json=1, headers=key()).json() == {"calls": 1}
    aged(service_database, timedelta(minutes=2))
    assert client.post(PLACE, json=1, headers=key()).json() == {"calls": 2}


def test_an_upload_is_not_held_in_memory_for_its_key(client: TestClient, counter: Counter) -> None:
    body = b"x" * 2_000_000
    answers = [client.post(f"{PLACE}/upload", content=body, headers=key()) for _ in range(2)]
    assert [answer.json() for answer in answers] == [{"calls": 1}, {"calls": 2}]


@pytest.mark.parametrize("text", ["", "x" * 201, "a\tb"])
def test_a_key_that_breaks_the_rule_is_refused(
    text: str, client: TestClient, counter: Counter
) -> None:
    assert client.post(PLACE, json=1, headers=key(text)).status_code == 400
    assert not counter.calls


def test_a_client_that_leaves_before_the_answer_finds_it_later(
    client: TestClient, counter: Counter
) -> None:
    app = client.app
    assert isinstance(app, FastAPI)
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
        "scheme": "http", "path": PLACE, "raw_path": PLACE.encode(), "query_string": b"",
        "root_path": "", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8517),
        "headers": [(b"host", b"127.0.0.1"), (b"idempotency-key", b"k1"), (b"content-type", b"application/json")],
    }  # fmt: skip

    async def call() -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"1", "more_body": False}

        async def send(message: Any) -> None:
            """Nobody is there, as uvicorn has it: what is sent goes nowhere."""

        await app(scope, receive, send)

    asyncio.run(call())
    assert client.post(PLACE, content=b"1", headers=key() | JSON).json() == {"calls": 1}
    assert counter.calls == [1]
