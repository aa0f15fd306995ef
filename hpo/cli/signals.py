"""Ctrl-C and SIGTERM end the program at once, but a search in an orderly way; a second signal ends that at once, too.

Ending at once is safe, because all data are written in transactions, or in files that are renamed when complete. A
search must also stop its threads, release its lease and close its display. So during a search the first signal only
requests the end (`hpo.run.cancel`), and the search ends after its current epoch.
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
    """The received signal, and what it does."""

    def __init__(self) -> None:
        self.received = 0
        self._cancel: Cancel | None = None
        self._resume_command: Callable[[str], str] = str
        self._wait = False

    def listen(self) -> None:
        """Handle signals from now on."""
        signal.signal(signal.SIGTERM, self._handle)
        # In the background of a script, SIGINT is ignored, and stays so.
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, self._handle)

    @contextmanager
    def cancelling(self, cancel: Cancel, resume_command: Callable[[str], str]) -> Iterator[None]:
        """Inside, the first signal requests the end of the search, once its study exists.

        `resume_command(name)` is the command that resumes that study.
        """
        self._cancel, self._resume_command = cancel, resume_command
        try:
            yield
        except BaseException:
            if self.received:  # any error is a consequence of the signal
                self.leave()
            raise
        finally:
            self._cancel = None
        if self.received:
            self.leave()

    @contextmanager
    def later(self) -> Iterator[None]:
        """The first signal takes effect after this block; keep it short."""
        self._wait = True
        try:
            yield
        finally:
            self._wait = False
            if self.received:
                self.leave()

    def leave(self) -> NoReturn:
        """End the program with a line that says so."""
        line = "Stopped."
        if self._cancel is not None and self._cancel.study is not None:
            line += f" To go on: {self._resume_command(self._cancel.study)}"
        with suppress(OSError):  # stderr may be closed
            os.write(2, f"{SHOW_CURSOR if os.isatty(2) else ''}{line}\n".encode())
        os._exit(128 + self.received)

    def _handle(self, number: int, _: object) -> None:
        first, self.received = not self.received, number
        if first and self._wait:
            return
        if first and self._cancel is not None and self._cancel.study is not None:
            self._cancel.request()
            return
        self.leave()


signals = Signals()
