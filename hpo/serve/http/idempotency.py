"""A POST with the header `Idempotency-Key` counts once, however often it is sent.

The first request with a key is answered, and its answer is kept for a day if it succeeded. The same request with the
same key gets that answer again. Another request with the same key is refused with 422. While the first one is being
answered, its like is refused with 409 and may come again. An error is not kept, because it has changed nothing.

A request whose service was killed is under way for `DEAD_SECONDS` more; then it can be sent again. It may have been
carried out before the kill, so what creates something is sent with a name, and is then refused as there already.
Routes whose bodies may be large take no part: what is uploaded is kept by its hash, and so counts once anyway.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from fastapi import Request
from sqlalchemy.exc import IntegrityError
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hpo.serve.caller import Caller
from hpo.serve.database import ServiceDatabase
from hpo.serve.http.routes import NO_ROUTE, Route
from hpo.serve.problems import ProblemError
from hpo.serve.service import Service
from hpo.serve.tables import answers
from studies.database.engine import now

HEADER = "idempotency-key"
KEY_LENGTH = 200
KEPT = timedelta(days=1)
DEAD_SECONDS = 10.0  # a request that says nothing for so long has died
SIGN_SECONDS = 3.0  # between two signs of life of one under way
KEPT_HEADERS = (b"content-type", b"location")
KEPT_BYTES = 1_000_000  # of an answer

Stored = sa.Row[Any]


class Idempotency:
    """Middleware that answers a request with a key once. It comes after the caller is known."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self.app, self._limits = app, service.settings.limits
        self._database = service.database

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request.

        Raises:
            ProblemError: 400, 409 or 422, as the module says.
        """
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        key = request.headers.get(HEADER)
        caller: Caller | None = request.state.caller
        route: Route = request.state.route
        if key is None or caller is None or route.limit != NO_ROUTE.limit:
            await self.app(scope, receive, send)
            return
        if not (0 < len(key) <= KEY_LENGTH and key.isprintable() and key.isascii()):
            raise ProblemError(
                400, f"an Idempotency-Key has 1 to {KEY_LENGTH} printable characters"
            )
        body = await request.body()
        entry = _Entry(self._database, caller.owner, key, _digest(request, body))
        earlier = await run_in_threadpool(entry.begin)
        if earlier is not None:
            await _send_again(earlier, send)
            return
        answer = _Answer(send)
        life = asyncio.create_task(entry.live())
        try:
            await self.app(scope, _again(body, receive), answer.keep)
        finally:
            life.cancel()
            with suppress(asyncio.CancelledError):
                await life
            await run_in_threadpool(entry.end, answer if answer.worth_keeping else None)
        await answer.finish()


class _Answer:
    """An answer as it is sent. Its last part is held back until it is stored, so that what a client has seen counts."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status, self.headers, self.body = 0, "[]", bytearray()
        self._whole, self._last = False, None

    _last: Message | None

    async def keep(self, message: Message) -> None:
        """Send a part, and keep it."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            kept = [(k.decode(), v.decode()) for k, v in message["headers"] if k in KEPT_HEADERS]
            self.headers = json.dumps(kept)
        elif message["type"] == "http.response.body":
            if len(self.body) <= KEPT_BYTES:
                self.body += message.get("body", b"")
            if not message.get("more_body", False):
                self._whole, self._last = True, message
                return
        await self._send(message)

    @property
    def worth_keeping(self) -> bool:
        """Whether it succeeded and is whole."""
        return self._whole and 200 <= self.status < 400 and len(self.body) <= KEPT_BYTES

    async def finish(self) -> None:
        """Send the last part."""
        if self._last is not None:
            await self._send(self._last)


class _Entry:
    """The row of a key. Its methods, but `live`, wait for the database."""

    def __init__(self, database: ServiceDatabase, owner: str, key: str, request: str) -> None:
        self._database, self._request = database, request
        self._row = sa.and_(answers.c.owner == owner, answers.c.key == key)
        self._values = {"owner": owner, "key": key, "request": request}
        self._sign = now()

    def begin(self) -> Stored | None:
        """Claim the key; returns the answer that there is already.

        Raises:
            ProblemError: 422, the key is another request's; 409, its request is under way.
        """
        while True:
            try:
                return self._claim()
            except (
                IntegrityError
            ):  # another request has just claimed it, which the next attempt sees
                continue

    def _claim(self) -> Stored | None:
        at = now()
        with self._database.writing() as connection:
            connection.execute(sa.delete(answers).where(answers.c.created < at - KEPT))
            row = connection.execute(sa.select(answers).where(self._row).with_for_update()).first()
            if row is not None and row.request != self._request:
                raise ProblemError(
                    422, "this Idempotency-Key is of another request: take a new one"
                )
            if row is not None and row.status is not None:
                return row
            if row is not None and row.created > at - timedelta(seconds=DEAD_SECONDS):
                raise ProblemError(
                    409, "the request of this Idempotency-Key is being answered: try again",
                    headers={"Retry-After": "1"},
                )  # fmt: skip
            if row is not None:
                connection.execute(sa.update(answers).where(self._row).values(created=at))
            else:
                connection.execute(sa.insert(answers).values(**self._values, created=at))
        self._sign = at
        return None

    async def live(self) -> None:
        """Give signs of life until cancelled, so that a request that takes long does not look dead."""
        while True:
            await asyncio.sleep(SIGN_SECONDS)
            await run_in_threadpool(self._update, created=now())

    def end(self, answer: _Answer | None) -> None:
        """Keep an answer, or free the key if there is none to keep."""
        if answer is not None:
            self._update(
                status=answer.status, headers=answer.headers, body=bytes(answer.body), created=now()
            )
            return
        with self._database.writing() as connection:
            connection.execute(sa.delete(answers).where(self._mine()))

    def _update(self, *, created: datetime, **values: object) -> None:
        with self._database.writing() as connection:
            statement = sa.update(answers).where(self._mine()).values(created=created, **values)
            if connection.execute(statement).rowcount:
                self._sign = created

    def _mine(self) -> sa.ColumnElement[bool]:
        """The row as this request last wrote it: after a long pause, another may have taken it over."""
        return sa.and_(self._row, answers.c.created == self._sign, answers.c.status.is_(None))


def _digest(request: Request, body: bytes) -> str:
    """What makes two requests the same: method, path, query, type and bytes."""
    parts = (
        request.method.encode(), request.url.path.encode(), request.url.query.encode(),
        request.headers.get("content-type", "").encode(), body,
    )  # fmt: skip
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def _again(body: bytes, receive: Receive) -> Receive:
    """A body that was read, to be read by the route; after it, what happens to the connection."""
    sent = False

    async def replay() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


async def _send_again(stored: Stored, send: Send) -> None:
    headers = [(name.encode(), value.encode()) for name, value in json.loads(stored.headers)]
    headers += [(b"idempotency-replayed", b"true"), (b"content-length", b"%d" % len(stored.body))]
    await send({"type": "http.response.start", "status": stored.status, "headers": headers})
    await send({"type": "http.response.body", "body": stored.body})
