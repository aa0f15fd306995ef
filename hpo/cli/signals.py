"""Ctrl-C and SIGTERM end the program at once, but a search in an orderly way; a second one ends that at once, too.

To end at once is safe: what is written is written in transactions, or in a file that is renamed when it is whole. A
search has more to do: threads to stop, a lease to give back, a display to take down. For that `Stopped` is raised
wherever the main thread is; where that is a place that swallows exceptions, it is raised again.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

AGAIN_SECONDS = 0.01  # after which an exception that was swallowed is raised again
SHOW_CURSOR = "\x1b[?25h"


class Stopped(BaseException):
    """A signal has come: the search ends in an orderly way."""


class Signals:
    """What has come, and what it does."""

    def __init__(self) -> None:
        self.came = 0
        self._line = "Stopped."
        self._orderly = self._later = self._swallowed = False

    def listen(self) -> None:
        """From now on they end the program as told above."""
        signal.signal(signal.SIGTERM, self._hear)
        if (
            signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
        ):  # as in the background of a script
            signal.signal(signal.SIGINT, self._hear)
        sys.unraisablehook = self._unraisable

    @contextmanager
    def orderly(self) -> Iterator[None]:
        """Inside, the first one raises `Stopped` once there is something to go on with (`going_on`)."""
        try:
            yield
        except BaseException:
            if self.came:  # whatever was made of it on the way here
                self.leave()
            self._orderly = False
            raise
        if self.came:
            self.leave()
        self._orderly, self._line = False, "Stopped."

    def going_on(self, command: str) -> None:
        """A study has begun; `command` goes on with it."""
        self._line = f"Stopped. To go on: {command}"
        self._orderly = True

    def check(self) -> None:
        """Raise it again where a library may have taken it for an error of its own."""
        if self.came:
            raise Stopped

    @contextmanager
    def later(self) -> Iterator[None]:
        """Inside, the first one waits until what is done here is done: let it be short."""
        self._later = True
        try:
            yield
        finally:
            self._later = False
            if self.came:
                self.leave()

    def leave(self) -> NoReturn:
        """End the program, with a line that says so."""
        line = f"{self._line}\n"
        with suppress(OSError):  # nobody is there to read it
            os.write(2, (SHOW_CURSOR + line if os.isatty(2) else line).encode())
        os._exit(128 + self.came)

    def _hear(self, number: int, _: object) -> None:
        first, self.came = not self.came, number
        if first and self._later:
            return
        if self._orderly and (first or self._swallowed):
            self._swallowed = False
            raise Stopped
        self.leave()

    def _unraisable(self, what: Any) -> None:
        # Raised in a destructor, say: Python says so, and goes on.
        if not isinstance(what.exc_value, Stopped):
            sys.__unraisablehook__(what)
            return
        self._swallowed = True
        threading.Timer(AGAIN_SECONDS, os.kill, [os.getpid(), self.came]).start()


signals = Signals()
