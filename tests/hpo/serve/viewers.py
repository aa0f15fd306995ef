"""Viewers of a search, as a server would connect them to the application: each reads the events that it is sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI
from starlette.types import Message, Scope

SECONDS = 30


@dataclass
class Event:
    """One event; `cursor` is empty where it has no id."""

    kind: str = ""
    cursor: str = ""
    data: Any = None


@dataclass
class Viewer:
    """What a viewer has been sent."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    comments: int = 0
    reads: bool = True
    ended: bool = False  # by the service
    _rest: str = ""
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _left: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def cursor(self) -> str:
        """The id of the last event that has one, as a browser keeps it."""
        return next((e.cursor for e in reversed(self.events) if e.cursor), "")

    def of(self, kind: str) -> list[Any]:
        """The data of the events of a kind."""
        return [event.data for event in self.events if event.kind == kind]

    async def until(self, done: Callable[[Viewer], object]) -> None:
        """Wait for what is expected."""
        async with asyncio.timeout(SECONDS):
            while not done(self):
                self._changed.clear()
                await self._changed.wait()

    async def until_has(self, count: int, kind: str) -> None:
        """Wait for so many events of a kind."""
        await self.until(lambda _: len(self.of(kind)) == count)

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {k.decode(): v.decode() for k, v in message["headers"]}
        else:
            if not self.reads:
                await asyncio.Event().wait()
            *whole, self._rest = (self._rest + message.get("body", b"").decode()).split("\n\n")
            for text in whole:
                self._take(text)
            self.ended = not message.get("more_body", False)
        self._changed.set()

    def _take(self, text: str) -> None:
        event = Event()
        for line in text.split("\n"):
            name, _, value = line.partition(":")
            if name == "event":
                event.kind = value.strip()
            elif name == "id":
                event.cursor = value.strip()
            elif name == "data":
                event.data = json.loads(value, parse_constant=_refuse)
        if event.kind:
            self.events.append(event)
        else:
            self.comments += text == ":"


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


@asynccontextmanager
async def viewing(
    app: FastAPI, name: str, last: str = "", query: str = ""
) -> AsyncIterator[Viewer]:
    """A viewer who leaves at the end of the block."""
    viewer = Viewer()
    headers = [(b"host", b"127.0.0.1:8517")]
    if last:
        headers.append((b"last-event-id", last.encode()))
    path = f"/api/v1/searches/{name}/events"
    scope: Scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1",
        "method": "GET", "scheme": "http", "path": path, "raw_path": quote(path).encode(),
        "query_string": query.encode(), "root_path": "", "headers": headers,
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8517),
    }  # fmt: skip
    began = False

    async def receive() -> Message:
        nonlocal began
        if not began:
            began = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await viewer._left.wait()
        return {"type": "http.disconnect"}

    task = asyncio.create_task(app(scope, receive, viewer._send))
    try:
        await viewer.until(lambda v: v.status or task.done())
        yield viewer
    finally:
        viewer._left.set()
        viewer.reads = True
        async with asyncio.timeout(SECONDS):
            await task
