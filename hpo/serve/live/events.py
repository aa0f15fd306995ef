"""Server-sent events of searches, resumable by the id of the last one.

A stream ends when the search has ended and everything was sent, when the service stops, and after `LONGEST_SECONDS`:
then its viewer comes back with its cursor, and what it may see is checked again. A viewer that does not read is
dropped.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from hpo.serve.database import ServiceDatabase
from hpo.serve.live.cursor import Cursor
from hpo.serve.live.following import Following
from hpo.serve.live.watching import Watch
from hpo.serve.problems import ProblemError
from studies.errors import StoreError

PATIENCE_SECONDS = 30.0  # for a viewer that does not read
LONGEST_SECONDS = 900.0
RETRY_MILLISECONDS = 2000  # after which a browser connects again
READERS = 4  # threads that read the database for all watches

_OF_NO_RECORD = Cursor("")
_RESET = b"event: reset\ndata: {}\n\n"

_log = logging.getLogger(__name__)


class Watches:
    """The searches that are viewed now, each read by one watch."""

    def __init__(self, database: ServiceDatabase, most_viewers: int) -> None:
        self._database, self._most_viewers = database, most_viewers
        self._pool = ThreadPoolExecutor(READERS, "events")
        self._open: dict[str, tuple[Watch, asyncio.Task[None]]] = {}

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()

    @property
    def viewers(self) -> int:
        """How many streams are open."""
        return sum(len(watch.viewers) for watch, _ in self._open.values())

    def position(self, name: str) -> str:
        """The cursor of all that the record of a search has now, for a page that shows that already."""
        return str(Following(self._database.reader(), name).read(first=True).cursor)

    @contextlib.contextmanager
    def viewing(self, name: str) -> Iterator[tuple[Watch, asyncio.Event]]:
        """The watch of a search, and what it sets when there is something to send.

        Raises:
            ProblemError: 503, it has as many viewers as it can have.
        """
        if self.viewers >= self._most_viewers:
            raise ProblemError(
                503, f"{self._most_viewers} event streams are open already, and no more can be",
                headers={"Retry-After": "60"},
            )  # fmt: skip
        if name not in self._open or self._open[name][0].closed:
            watch = Watch(Following(self._database.reader(), name), self._pool)
            self._open[name] = watch, asyncio.create_task(watch.run())
        watch, task = self._open[name]
        viewer = asyncio.Event()
        watch.viewers.add(viewer)
        try:
            yield watch, viewer
        finally:
            watch.viewers.discard(viewer)
            if not watch.viewers:
                task.cancel()
                if self._open.get(name) == (watch, task):
                    del self._open[name]


class EventStream(Response):
    """The events of a search beyond those that a viewer has had, until there are no more."""

    media_type = "text/event-stream"

    def __init__(self, watches: Watches, name: str, last: str | None) -> None:
        # A proxy must neither keep the events nor wait for more of them.
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._watches, self._name, self._last = watches, name, last

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        """Send them."""
        with self._watches.viewing(self._name) as (watch, news):
            gone = asyncio.create_task(_left(receive, news.set))
            try:
                await self._send(watch, news, gone, send)
            except TimeoutError:
                _log.info("a viewer of %r that did not read was dropped", self._name)
            finally:
                gone.cancel()

    async def _send(
        self, watch: Watch, news: asyncio.Event, gone: asyncio.Task[None], send: Send
    ) -> None:
        clock = asyncio.get_running_loop().time
        until = clock() + LONGEST_SECONDS

        async def put(text: bytes, *, more: bool = True) -> None:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await send({"type": "http.response.body", "body": text, "more_body": more})

        record, progress = await watch.current(), ""
        seen = Cursor(record.cursor.mark)
        if self._last:
            seen = Cursor.read(self._last) or _OF_NO_RECORD
            if not seen.is_of(record.cursor):  # the watch may be half a second behind
                await watch.look()
                record = await watch.current()
        if record.final and seen == record.cursor:  # a browser does not connect again after that
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await put(f"retry: {RETRY_MILLISECONDS}\n\n".encode())
        while not gone.done():
            news.clear()
            record, quiet = await watch.current(), True
            if not seen.is_of(record.cursor):
                seen, quiet = Cursor(record.cursor.mark), False
                await put(_RESET)
            try:
                async for piece in watch.pieces(seen, record):
                    await put(piece.text)
                    seen, quiet = piece.cursor, False
            except StoreError:
                break  # the viewer comes back with its cursor
            if record.progress != progress:
                progress, quiet = record.progress, False
                await put(f"event: progress\ndata: {progress}\n\n".encode())
            if quiet:
                await put(b":\n\n")
            if record is not watch.record:
                continue
            if record.final or watch.closed or clock() > until:
                break
            await news.wait()
        await put(b"", more=False)


async def _left(receive: Receive, tell: Callable[[], None]) -> None:
    """Wait until the viewer has left."""
    while (await receive())["type"] != "http.disconnect":
        pass
    tell()
