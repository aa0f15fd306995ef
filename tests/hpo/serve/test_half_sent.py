"""Uploads that are slow, half sent or cut off hold nobody up, and leave nothing behind."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hpo.serve.http.bodies import SILENCE_SECONDS
from tests.hpo.serve.serving import Serving

HEAD = "POST /api/v1/data?name={name} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {length}\r\n\r\n"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("serving")
    with Serving(folder, f"sqlite:///{folder / 'hpo.db'}") as serving:
        yield serving


def begin(
    service: Serving, length: int, sent: bytes = b"a,b\n", name: str = "a.csv"
) -> socket.socket:
    """A connection on which an upload has begun."""
    connection = socket.create_connection(("127.0.0.1", service.port), timeout=120)
    head = HEAD.format(name=name, port=service.port, length=length)
    connection.sendall(head.encode() + sent)
    return connection


def arriving(service: Serving) -> list[Path]:
    return [*(service.folder / "serve" / "data").iterdir()]


def until(condition: object, seconds: float = 120) -> None:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_many_slow_uploads_hold_nobody_up_and_leave_nothing_when_they_are_cut_off(
    service: Serving,
) -> None:
    slow = [begin(service, 1_000) for _ in range(60)]
    until(lambda: len(arriving(service)) == 60)
    began = time.perf_counter()
    assert service.client.get("/data").json() == []
    answer = service.client.post("/data", params={"name": "b.csv"}, content=b"a,b\n1,2\n3,4\n")
    assert answer.status_code == 201
    assert time.perf_counter() - began < SILENCE_SECONDS  # for which a slow upload may say nothing
    for connection in slow:
        connection.close()
    until(lambda: [path.name for path in arriving(service)] == [answer.json()["id"]])


def test_a_server_that_is_killed_during_an_upload_has_nothing_of_it_when_it_is_back(
    service: Serving,
) -> None:
    before = {path.name for path in arriving(service)}
    with begin(service, 1_000):
        until(lambda: len(arriving(service)) == len(before) + 1)
        service.kill()
    service.start()
    assert {path.name for path in arriving(service)} == before


def test_an_upload_whose_length_is_too_much_is_refused_before_it_is_sent(service: Serving) -> None:
    with begin(service, 10**12) as connection:
        assert b" 413 " in connection.recv(4096)
