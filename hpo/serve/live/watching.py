"""One `Watch` reads a search for all who view it: the more time that takes, the more rarely.

No event waits in a queue: a viewer takes what the record has beyond its cursor when it is ready for that. The watch
keeps the data of trials for viewers that come later, and the newest events, as most viewers take them, as shared
pieces.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

from hpo.serve.live.cursor import Cursor, Kind, steps
from hpo.serve.live.following import Following, Record
from studies.errors import StoreError

INTERVAL_SECONDS = 0.5  # between two looks at a search, if looking is quick
REST = (
    20  # nobody looks for so many times as long as a look took: a watch takes a twentieth of a core
)
VIEWER_SECONDS = 1e-4  # that sending news to one more viewer takes
AWAY_SECONDS = 5.0  # until a database that could not be read is tried again
HEARTBEAT_SECONDS = 15.0

EVENTS_AT_ONCE = 200  # about 50 kB
TRIALS_KEPT = 20_000

A = TypeVar("A")
T = TypeVar("T")

_log = logging.getLogger(__name__)


class Piece(NamedTuple):
    """Some events as they are sent, and the cursor of a viewer that has them."""

    text: bytes
    cursor: Cursor


class Watch:
    """Reads a search as long as somebody views it. All but the reading happens in the event loop."""

    def __init__(self, following: Following, pool: ThreadPoolExecutor) -> None:
        self._following, self._pool = following, pool
        self._reading = asyncio.Lock()
        self._trials: OrderedDict[int, str] = OrderedDict()
        self._newest: tuple[Cursor, Record, list[Piece]] | None = None
        self.record: Record | None = None
        self.viewers: set[asyncio.Event] = set()
        self.closed = False

    async def run(self) -> None:
        """Look at the search again and again, and wake its viewers when there is something to send."""
        clock = asyncio.get_running_loop().time
        woken = clock()
        try:
            while not self.closed:
                began = clock()
                try:
                    news = await self.look()
                    cost = clock() - began + VIEWER_SECONDS * len(self.viewers) * news
                    pause = max(INTERVAL_SECONDS, REST * cost)
                except StoreError as error:
                    _log.warning("a search can't be watched at present: %s", error)
                    news, pause = False, AWAY_SECONDS
                if news or clock() - woken >= HEARTBEAT_SECONDS:
                    woken = clock()
                    self._wake()
                await asyncio.sleep(min(pause, HEARTBEAT_SECONDS))
        finally:
            self.close()

    def close(self) -> None:
        """Let every stream end."""
        self.closed = True
        self._wake()

    def _wake(self) -> None:
        for viewer in self.viewers:
            viewer.set()

    async def current(self) -> Record:
        """What was read last.

        Raises:
            StoreError: nothing was read before, and the database can't be read.
        """
        while self.record is None:
            await self.look()
        return self.record

    async def look(self) -> bool:
        """Read the record; returns whether there is anything new.

        Raises:
            StoreError: the database can't be read.
        """
        async with self._reading:
            before = self.record
            record = await self._in_thread(self._following.read, before is None)
            self.record = record
            if before is None:
                return True
            self._keep(record.trials)
            if record.cursor != before.cursor and before.cursor.is_of(record.cursor):
                self._newest = before.cursor, record, list(self._shared(before.cursor, record))
            return record.cursor != before.cursor or record.progress != before.progress

    async def pieces(self, seen: Cursor, record: Record) -> AsyncIterator[Piece]:
        """The events of a record beyond what a viewer has seen.

        Raises:
            StoreError: the database can't be read.
        """
        if self._newest is not None and self._newest[0] == seen and self._newest[1] is record:
            for piece in self._newest[2]:
                yield piece
            return
        for some in _batched(steps(seen, record.cursor)):
            trials = await self._data_of([n for kind, n, _ in some if kind == "trial"])
            yield _piece(some, record, trials)

    def _shared(self, seen: Cursor, record: Record) -> Iterator[Piece]:
        for some in _batched(steps(seen, record.cursor)):
            yield _piece(some, record, record.trials)

    async def _data_of(self, numbers: Sequence[int]) -> dict[int, str]:
        kept = {n: self._trials[n] for n in numbers if n in self._trials}
        if len(kept) < len(numbers):
            async with self._reading:  # which another viewer may have had read in the meantime
                kept |= {n: self._trials[n] for n in numbers if n in self._trials}
                missing = [n for n in numbers if n not in kept]
                if missing:
                    read = await self._in_thread(self._following.trials, missing)
                    self._keep(read)
                    kept |= read
        return kept

    def _keep(self, trials: Mapping[int, str]) -> None:
        self._trials |= trials
        while len(self._trials) > TRIALS_KEPT:
            self._trials.popitem(last=False)

    async def _in_thread(self, read: Callable[[A], T], argument: A) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, read, argument)


def _batched(
    events: Iterator[tuple[Kind, int, Cursor]],
) -> Iterator[list[tuple[Kind, int, Cursor]]]:
    while some := list(itertools.islice(events, EVENTS_AT_ONCE)):
        yield some


def _piece(
    events: Sequence[tuple[Kind, int, Cursor]], record: Record, trials: Mapping[int, str]
) -> Piece:
    texts = []
    for kind, number, cursor in events:
        data = trials.get(number) if kind == "trial" else record.events[kind, number]
        if data is not None:  # a trial is gone if the study has just been deleted
            texts.append(f"event: {kind}\nid: {cursor}\ndata: {data}\n\n")
    return Piece("".join(texts).encode(), events[-1][2])
