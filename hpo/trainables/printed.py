"""What functions print. It goes to stderr, since stdout is for results, and is kept with the trial that printed it.

`print`, warnings and the like go through `sys.stdout` or `sys.stderr` on the thread that trains. What other threads
write there passes unchanged.
"""

from __future__ import annotations

import codecs
import os
import select
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, TextIO

PATIENCE = 0.5  # seconds to wait for the end of what a process in the background may print for ever
MOST = 10_000  # characters of a trial's output that are kept: the last ones


class Output:
    """What one training has printed so far."""

    def __init__(self) -> None:
        self._last, self._before = "", 0

    def add(self, text: str) -> None:
        """Keep some more text, or as much of its end as there is room for."""
        self._last += text
        if len(self._last) > 2 * MOST:  # not for every write, because it copies
            self._before += len(self._last) - MOST
            self._last = self._last[-MOST:]

    @property
    def text(self) -> str:
        """The kept text. If it is not all of it, the first line says how much is missing."""
        before = self._before + max(0, len(self._last) - MOST)
        return (
            f"({before:,} characters before this were not kept)\n" * (before > 0)
            + (self._last[-MOST:])
        )


_printing: ContextVar[Output | None] = ContextVar("printing", default=None)
_active: list[Output] = []  # of the steps that train now
_descriptor: list[_Descriptor] = []  # the innermost last


@contextmanager
def kept_in(output: Output) -> Iterator[None]:
    """What this thread prints inside is kept in `output`, if it happens inside `streams_kept`."""
    token = _printing.set(output)
    _active.append(output)
    try:
        yield
    finally:
        for descriptor in _descriptor[-1:]:
            descriptor.drain()
        _active.remove(output)
        _printing.reset(token)


@contextmanager
def streams_kept() -> Iterator[None]:
    """Stand in for stdout and stderr, whatever a function may put in their places inside."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (_Stream(plain, sys.stderr) for plain in before)
    try:
        with _Descriptor.kept():
            yield
    finally:
        sys.stdout, sys.stderr = before


class _Stream:
    """A stream whose text goes to the output of a training and to `shown` where one trains, else to `plain`."""

    def __init__(self, plain: TextIO | None, shown: TextIO | None) -> None:
        self._plain, self._shown = plain, shown

    def write(self, text: str) -> int:
        output = _printing.get()
        if output is None:
            return self._plain.write(text) if self._plain else len(text)
        output.add(text)
        with suppress(OSError, ValueError, AttributeError):  # a full disk, a closed stream, or none
            self._shown.write(text)  # type: ignore[union-attr]  # suppressed, too
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def close(self) -> None:
        """A function may close what it takes for its own."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plain, name)


class _Descriptor:
    """A pipe in the place of file descriptor 1, to which libraries in C and other processes write.

    A thread passes what comes to stderr, and keeps it with the training if just one is in a step.
    """

    @classmethod
    @contextmanager
    def kept(cls) -> Iterator[None]:
        """Inside, it is kept, unless the search is a thread of a program that may print something else meanwhile."""
        main = threading.current_thread() is threading.main_thread()
        try:
            here = os.name == "posix" and (os.path.sameopenfile(1, 2) or main)
        except OSError:  # one of them is closed
            here = False
        if not here:
            yield
            return
        with suppress(OSError, ValueError, AttributeError):
            sys.__stdout__.flush()  # type: ignore[union-attr]  # suppressed, too
        before = os.dup(1)
        _descriptor.append(cls())
        try:
            yield
        finally:
            descriptor = _descriptor.pop()
            descriptor.drain()
            os.dup2(before, 1)
            for number in (before, descriptor.writing, descriptor.stderr):
                os.close(number)
            descriptor.thread.join(PATIENCE)

    def __init__(self) -> None:
        self._reading, self.writing = os.pipe()
        self.stderr = os.dup(2)
        os.dup2(self.writing, 1)
        self._lock = threading.Lock()
        self.thread = threading.Thread(target=self._pass_on, daemon=True)
        self.thread.start()

    def _pass_on(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        while True:
            select.select([self._reading], [], [])
            with self._lock:  # so that nothing is under way while `drain` has it
                if not (read := os.read(self._reading, 65536)):
                    os.close(self._reading)
                    return
                text = decoder.decode(read)
                if len(_active) == 1:
                    _active[0].add(text)
                with suppress(OSError, ValueError):
                    sys.stderr.write(text)
                    sys.stderr.flush()

    def drain(self) -> None:
        """Wait until all that was written has been read, and put 1 and 2 back, which a function may have closed."""
        os.dup2(self.writing, 1)
        os.dup2(self.stderr, 2)
        with suppress(OSError, ValueError, AttributeError):
            sys.__stdout__.flush()  # type: ignore[union-attr]  # suppressed, too
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            with self._lock:
                if not select.select([self._reading], [], [], 0)[0]:
                    return
            time.sleep(0.001)
