"""How a search is asked to end before it is done: by Ctrl-C, by SIGTERM, by a server."""

from __future__ import annotations

import threading

from hpo.errors import CancelledError


class Cancel:
    """A token that the search asks between events. Whoever holds it may request the end, from any thread or signal.

    `study` names the study that a search has begun and that can be resumed; None before there is one.
    """

    def __init__(self) -> None:
        self._requested = threading.Event()
        self.study: str | None = None

    def request(self) -> None:
        """Ask the search to end in an orderly way, after the epoch that is training."""
        self._requested.set()

    def check(self) -> None:
        """End the search here if that was requested.

        Raises:
            CancelledError: it was.
        """
        if self._requested.is_set():
            raise CancelledError(f"the search of study {self.study!r} was cancelled")
