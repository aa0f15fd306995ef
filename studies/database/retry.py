"""A server that goes away is waited for: what was asked of it is asked again, for a minute."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from studies.errors import ConnectionLostError, StoreError

PATIENCE_SECONDS = 60.0
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0

T = TypeVar("T")


def patiently(work: Callable[[], T], then: str = "") -> T:
    """What `work` returns, begun anew for up to `PATIENCE_SECONDS` where the connection to the server is lost.

    It may be run again although it was committed: a connection can be lost after that and before it is told. So it only
    reads, or it knows its own traces, as `Writer` knows them by the token of its lease. `then` ends the message of an
    error that remains.

    Raises:
        StoreError: the server did not come back; or another error, at once.
    """
    began: float | None = None
    pause = FIRST_PAUSE
    while True:
        try:
            return work()
        except ConnectionLostError as error:
            now = time.monotonic()
            began = now if began is None else began
            if now + pause > began + PATIENCE_SECONDS:
                raise StoreError(f"{error}; tried again for {PATIENCE_SECONDS:g} s{then}") from None
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
