"""All searches that the service holds open for clients, each from the first request for it on."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from starlette.concurrency import run_in_threadpool

from hpo.errors import HeldError, as_ours
from hpo.serve.access import search_of
from hpo.serve.caller import Caller
from hpo.serve.database import ServiceDatabase
from hpo.serve.problems import ProblemError
from hpo.serve.remote.held import ClosedError, Held, Request
from hpo.serve.remote.records import Records
from hpo.serve.remote.served import Served, Wanted
from hpo.serve.settings import Settings
from hpo.serve.tables import searches
from studies.database.store import open_store
from studies.errors import NoSuchStudyError

IDLE_SECONDS = 300.0
RETRY = {"Retry-After": "2"}


@dataclass
class _Known:
    """What does not change while a search is open, so that a request needs not look it up."""

    owner: str
    wanted: Wanted
    failed: str | None


class Remotes:
    """The open searches of a service."""

    def __init__(self, settings: Settings, database: ServiceDatabase) -> None:
        self._settings, self._database = settings, database
        self._lock = threading.Lock()
        self._held: dict[str, Held] = {}
        self._known: dict[str, _Known] = {}

    async def request(
        self, caller: Caller, name: str, make: Callable[[], Request], *, change: bool = True
    ) -> Any:
        """The answer to a request of a caller for a search, which is opened if it is not open.

        Raises:
            NoSuchStudyError: there is none, or it is another owner's.
            ProblemError: 409, it is trained by the service itself; 503, it can't be opened now, and may be soon.
        """
        known = self._known.get(name)
        if known is None or not (known.owner == caller.owner or caller.may("admin")):
            await run_in_threadpool(self._look_up, caller, name, change)
        while True:
            request = make()
            if not self._open(name).submit(request):
                continue
            try:
                return await asyncio.wrap_future(request.future)
            except ClosedError:
                raise ProblemError(503, f"search {name!r} is being closed", headers=RETRY) from None
            except Exception as error:
                if isinstance(ours := as_ours(error), HeldError):
                    raise ProblemError(503, str(ours), headers=RETRY) from None
                raise

    def want(self, name: str, wanted: Wanted) -> None:
        """Let a search go on, pause, or end. Tasks in training go on while it is paused, and stop when it ends."""
        with self._database.writing() as connection:
            connection.execute(
                sa.update(searches)
                .where(searches.c.name == name)
                .values(wanted=wanted, failed=None)
            )
        if wanted == "run":
            self.close(name)  # it may have failed, and is opened again by the next request
            return
        with self._lock:
            held, known = self._held.get(name), self._known.get(name)
            if known is not None:
                known.wanted = wanted
        if held is not None:
            held.submit(Request(lambda *_: True, lambda served: served.want(wanted)))

    def close(self, name: str) -> None:
        """Close a search, if it is open, and give its study back."""
        with self._lock:
            held = self._held.pop(name, None)
            self._known.pop(name, None)
        if held is not None:
            held.close()

    def release(self) -> None:
        """Answer all who wait, because the service is about to stop."""
        for held in [*self._held.values()]:
            held.release()

    def close_all(self) -> None:
        """Close every search. Whoever waits is answered."""
        for name in [*self._held]:
            self.close(name)

    def _look_up(self, caller: Caller, name: str, change: bool) -> None:
        with self._database.reading() as connection:
            row = search_of(connection, caller, name, change=change)
        if row.kind != "remote":
            raise ProblemError(409, f"search {name!r} is trained by the service, and has no tasks")
        with self._lock:
            self._known[name] = _Known(row.owner, row.wanted, row.failed)

    def _open(self, name: str) -> Held:
        with self._lock:
            held = self._held.get(name)
            if held is None or held.closed:
                held = Held(name, lambda: self._served(name), IDLE_SECONDS)
                self._held[name] = held
            return held

    @contextmanager
    def _served(self, name: str) -> Iterator[Served]:
        from hpo.operations import asking

        url = self._database.url
        with open_store(url) as store:
            try:
                ended = store.study(name).state == "complete"
            except NoSuchStudyError:  # its row in `searches` is there a moment before it
                raise ProblemError(503, f"search {name!r} is being made", headers=RETRY) from None
        with asking(name, {}, storage=url, by_epoch=True) as (machine, score, _):
            with self._lock:
                known = self._known.get(name)
            yield Served(
                machine,
                score,
                Records(self._database, name),
                lease_seconds=self._settings.lease_seconds,
                most=self._settings.limits.tasks,
                clock=time.monotonic,
                wanted="run" if known is None else known.wanted,
                ended=ended,
                failed=None if known is None else known.failed,
            )
