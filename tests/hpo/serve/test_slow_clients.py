"""Clients that send half of something, too much, or take nothing hold nobody up: a real server, and plain sockets."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.hpo.serve.started import Started

# Patience for tests.
IMPATIENT = """
import hpo.serve.http.bodies, hpo.serve.running
hpo.serve.http.bodies.SILENCE_SECONDS = 2.0
hpo.serve.running.HEAD_SECONDS = 2.0
hpo.serve.running.STALLED_SECONDS = 2.0
"""
HELD = 2.0  # seconds for which something half sent could hold others up
PATIENCE = 120.0  # seconds in which a loaded machine does what it does in two


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """A service that waits for two seconds where it usually waits for twenty or thirty."""
    folder = tmp_path_factory.mktemp("impatient")
    (folder / "sitecustomize.py").write_text(IMPATIENT)
    path = f"{folder}{os.pathsep}{Path(__file__).parents[3]}"
    started = Started(folder, (), {"PYTHONPATH": path})
    try:
        assert started.url
        yield started
    finally:
        started.process.kill()
        started.process.wait()


def connect(service: Started, sent: bytes = b"") -> socket.socket:
    """A connection on which something was sent."""
    connection = socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE)
    connection.sendall(sent)
    return connection


def head(path: str, *lines: str, method: str = "POST") -> bytes:
    """The head of a request."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *lines, "", ""]).encode()


def answer_of(connection: socket.socket) -> bytes:
    """All that comes, until the other side closes or a whole answer is there."""
    received = b""
    while chunk := connection.recv(65_536):
        received += chunk
        before, there, body = received.partition(b"\r\n\r\n")
        length = next(
            (line for line in before.lower().split(b"\r\n") if line.startswith(b"content-length")),
            b": 0",
        )
        if there and len(body) >= int(length.partition(b":")[2]):
            break
    return received


def is_held_up(service: Started) -> bool:
    """Whether requests wait for what is half sent: then each of them does, while a slow machine makes some slow."""
    for _ in range(10):
        began = time.monotonic()
        assert httpx.get(f"{service.url}/api/v1", timeout=PATIENCE).status_code == 200
        if time.monotonic() - began < HELD:
            return False
    return True


HALVES = [
    b"",
    b"G",
    b"GET /api/v1 HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Half: ",
    head("/api/v1/data?name=a.csv", "Content-Length: 1000000") + b"a,b\n1,2\n",
    head("/api/v1/data?name=a.csv", "Transfer-Encoding: chunked") + b"8\r\na,b\n1,2\n\r\n",
    head("/api/v1/searches", "Content-Type: application/json", "Content-Length: 500") + b"{",
    head("/api/v1/searches/x/tasks", "Content-Type: application/json", "Content-Length: 9") + b"{",
    head("/sign-in", "Content-Type: application/x-www-form-urlencoded", "Content-Length: 99")
    + b"t",
    head("/sign-in", "Content-Type: multipart/form-data; boundary=b", "Content-Length: 99")
    + b"--b",
    head("/sign-out", "Idempotency-Key: k", "Content-Length: 99") + b"x",
]


def test_five_hundred_half_sent_requests_hold_nobody_up(service: Started) -> None:
    with ExitStack() as stack:
        half_open = [
            stack.enter_context(connect(service, HALVES[n % len(HALVES)])) for n in range(500)
        ]
        assert not is_held_up(service)
        began = time.monotonic()
        for connection in half_open:
            answer_of(connection)  # it is answered, or closed
        assert time.monotonic() - began < PATIENCE
    assert not is_held_up(service)


def test_a_body_that_stops_coming_is_answered_and_closed(service: Started) -> None:
    with connect(service, HALVES[3]) as connection:
        answer = answer_of(connection)
        assert b" 408 " in answer.partition(b"\r\n")[0], answer
        assert b"connection: close" in answer.lower()
        assert connection.recv(1) == b""


@pytest.mark.slow
def test_a_byte_now_and_then_does_not_keep_a_connection_open(service: Started) -> None:
    with connect(service, b"GET /") as connection:
        assert is_cut_off(connection, b"x", pause=0.4)


@pytest.mark.slow
def test_a_client_that_takes_nothing_is_cut_off(service: Started) -> None:
    with connect(service) as connection:
        assert is_cut_off(connection, head("/api/v1/openapi.json", method="GET") * 2_000)
    assert not is_held_up(service)


def is_cut_off(connection: socket.socket, sent: bytes, pause: float = 0.0) -> bool:
    """Send that again and again; whether the other side ends the connection at last."""
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE:
        try:
            connection.sendall(sent)
        except OSError:
            return True
        time.sleep(pause)
    return False


def test_what_is_too_much_is_refused_before_it_is_read(service: Started) -> None:
    huge = f"Content-Length: {10**12}"
    for path in ("/api/v1/data?name=a.csv", "/api/v1/searches", "/sign-in", "/nowhere"):
        with connect(service, head(path, huge)) as connection:
            assert b" 413 " in answer_of(connection).partition(b"\r\n")[0], path
    wrong = "Authorization: Bearer hpo_" + "x" * 43
    with connect(
        service, head("/api/v1/data?name=a.csv", wrong, "Content-Length: 1000")
    ) as connection:
        assert b" 401 " in answer_of(connection).partition(b"\r\n")[0]


def test_a_head_has_a_largest_size(service: Started) -> None:
    with connect(service, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n") as connection:
        assert is_cut_off(connection, b"X-Long: " + b"x" * 1_000 + b"\r\n")
    assert not is_held_up(service)


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
        b"\x00" * 100,
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",  # without a host
        head("/sign-in", "Content-Length: -1"),
        head("/sign-in", "Content-Length: 1", "Content-Length: 2"),
        head("/sign-in", "Content-Length: 5", "Transfer-Encoding: chunked"),
        head("/sign-in", "Transfer-Encoding: chunked") + b"zz\r\n",
        head("/a\x00b", method="GET"),
        head("//evil.example/%2e%2e/%00", method="GET"),
        head("http://evil.example/", method="GET"),
        head("*", method="OPTIONS"),
    ],
)  # fmt: skip
def test_what_is_no_request_is_no_fault(sent: bytes, service: Started) -> None:
    with connect(service, sent) as connection:
        status = answer_of(connection).partition(b"\r\n")[0]
        assert status.startswith(b"HTTP/1.1 4"), status
    assert not [line for line in service.lines if "Traceback" in line or "fault" in line]
