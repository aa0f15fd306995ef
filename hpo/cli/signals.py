"""Ctrl-C and SIGTERM end the program at once, but a search in an orderly way; a second one ends that at once, too.

To end at once is safe: what is written is written in transactions, or in a file that is renamed when it is whole. A
search has more to do: threads to stop, a lease to give back, a display to take down. So while one is going on, the
first signal only requests the end (`hpo.run.cancel`), and the search ends after the epoch that is training.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from hpo.run.cancel import Cancel

SHOW_CURSOR = "\x1b[?25h"


class Signals:
    """Which signal has come, and what it does."""

    def __init__(self) -> None:
        self.came = 0
        self._cancel: Cancel | None = None
        self._resume_command: Callable[[str], str] = str
        self._wait = False

    def listen(self) -> None:
        """From now on signals end the program as described above."""
        signal.signal(signal.SIGTERM, self._hear)
        if (
            signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
        ):  # as in the background of a script
            signal.signal(signal.SIGINT, self._hear)

    @contextmanager
    def cancelling(self, cancel: Cancel, resume_command: Callable[[str], str]) -> Iterator[None]:
        """Inside, the first signal requests the end of the search, once it has begun a study.

        `resume_command(name)` is what goes on with that study.
        """
        self._cancel, self._resume_command = cancel, resume_command
        try:
            yield
        except BaseException:
            if self.came:  # whatever came of it on the way here
                self.leave()
            raise
        finally:
            self._cancel = None
        if self.came:
            self.leave()

    @contextmanager
    def later(self) -> Iterator[None]:
        """Inside, the first signal waits until what is done here is done: keep it short."""
        self._wait = True
        try:
            yield
        finally:
            self._wait = False
            if self.came:
                self.leave()

    def leave(self) -> NoReturn:
        """End the program, with a line that says so."""
        line = "Stopped."
        if self._cancel is not None and self._cancel.study is not None:
            line += f" To go on: {self._resume_command(self._cancel.study)}"
        with suppress(OSError):  # nobody is there to read it
            os.write(2, f"{SHOW_CURSOR if os.isatty(2) else ''}{line}\n".encode())
        os._exit(128 + self.came)

    def _hear(self, number: int, _: object) -> None:
        first, self.came = not self.came, number
        if first and self._wait:
            return
        if first and self._cancel is not None and self._cancel.study is not None:
            self._cancel.request()
            return
        self.leave()


signals = Signals()
