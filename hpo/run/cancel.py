"""How Ctrl-C, SIGTERM or a server ends a search early."""

from __future__ import annotations

import threading

from hpo.errors import CancelledError


class Cancel:
    """A token that a search checks between events. The end can be requested from any thread or signal handler.

    `study` is the name of the search's study, which can be resumed; None until it exists.
    """

    def __init__(self) -> None:
        self._requested = threading.Event()
        self.study: str | None = None

    def request(self) -> None:
        """Request an orderly end of the search, after the current epoch."""
        self._requested.set()

    def check(self) -> None:
        """End the search here if its end was requested.

        Raises:
            CancelledError: the end was requested.
        """
        if self._requested.is_set():
            raise CancelledError(f"the search of study {self.study!r} was cancelled")
