"""A study that this process holds, so that only it may write there.

Each write is a function of a connection. It runs in a transaction that also puts a new token into the lease. If the
connection to a server is lost, the write is tried again, unless the token shows that the first attempt was committed
after all.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Self, TypeVar

import sqlalchemy as sa

from studies.database import lease
from studies.database.reader import Reader
from studies.database.retry import patiently
from studies.errors import StoreError

T = TypeVar("T")


class Holding:
    """A study held by this process. A context manager: it renews the lease while open, then gives it back."""

    def __init__(self, store: Reader, study_id: int, name: str, token: str) -> None:
        self.store, self.study_id, self.name = store, study_id, name
        # The token in the lease, and the one that is there once the write under way is committed.
        self._token = self._next = token
        self._closing = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="lease", daemon=True)

    def __enter__(self) -> Self:
        self._heart.start()
        return self

    def __exit__(self, kind: type[BaseException] | None = None, *_: object) -> None:
        self._closing.set()
        self._heart.join()
        # If the lease can't be given back (the disk is full, say), it still ends with this writer: see `lease.IN_USE`.
        # After an error, the server has been waited for already.
        with contextlib.suppress(StoreError):
            patiently(self._release) if kind is None else self._release()
        lease.IN_USE.difference_update((self._token, self._next))

    def _release(self) -> None:
        with self.store.writing() as connection:
            lease.release(connection, self.study_id, self._token, self._next)

    def _beat(self) -> None:
        while not self._closing.wait(lease.HEARTBEAT_SECONDS):
            # An error here will come again at the next write, which reports it. And if a write has just changed the
            # token, that was a heartbeat as well.
            with contextlib.suppress(StoreError), self.store.writing() as connection:
                lease.beat(connection, self.study_id, self._token)

    def write(self, work: Callable[[sa.Connection], T]) -> T:
        """Run `work` in one transaction, which is committed exactly once even if the connection is lost.

        Raises:
            LeaseError: this process does not hold the study any more; nothing is written.
        """
        self._next = lease.new_token()
        lease.IN_USE.add(self._next)
        returned: list[T] = []

        def attempt() -> None:
            with self.store.writing() as connection:
                if lease.renew(connection, self.study_id, self._token, self._next, self.name):
                    returned[:] = [work(connection)]

        patiently(attempt, f"; when it is back, go on with hpo resume {self.name}")
        lease.IN_USE.discard(self._token)
        self._token = self._next
        return returned[0]
