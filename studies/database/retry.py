"""When the connection to a server is lost, the work is tried again, for a minute."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from studies.errors import ConnectionLostError, StoreError

PATIENCE_SECONDS = 60.0
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0

T = TypeVar("T")


def patiently(work: Callable[[], T], then: str = "") -> T:
    """The result of `work`, which is run again for up to `PATIENCE_SECONDS` while the connection to the server is lost.

    The connection can be lost after a commit, before its success is reported. So `work` must only read, or recognize
    what it has already written, as `Holding.write` does by the token of its lease. `then` is added to the message of
    the last error.

    Raises:
        StoreError: the connection stayed lost; or, at once, something else went wrong.
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
