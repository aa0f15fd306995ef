"""A program in a process group of its own that leaves nothing behind, and what it writes."""

from __future__ import annotations

import codecs
import math
import os
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

GRACE = 5.0  # seconds from SIGTERM to SIGKILL
LISTEN = 0.1  # seconds after which `lines` gives its reader a chance to end it
LONGEST = 65536  # characters of a line; what is longer is several
TAIL = 4000  # characters of stderr that tell why a program failed

GUARD = Path(__file__).with_name("guard.py")


class Guarded:
    """A program that runs. At the end of its context, its process group is ended: see `hpo.trainables.guard`.

    `status` is its exit status once it has ended, or the number of the signal that ended it, negative. `tail` is the
    end of what it wrote to stderr. After `seconds`, in which it was not stopped, it `is_late` and its lines end. Each
    of its processes may have `memory` bytes of its own.
    """

    def __init__(
        self,
        executable: str,
        words: Sequence[str],
        folder: str,
        *,
        seconds: float | None = None,
        memory: int | None = None,
    ) -> None:
        # Python holds back what it writes to a pipe, and so the lines of epochs.
        environment = {"PYTHONUNBUFFERED": "1", **os.environ}
        options = [str(GRACE), str(memory or 0), executable]
        self._guard, there = socket.socketpair()
        with there:
            self._process = subprocess.Popen(  # noqa: S603  # the guard runs what the user asked for, without a shell
                [sys.executable, "-I", "-S", str(GUARD), *options, *words],
                stdin=there.fileno(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, cwd=folder,
                env=environment, start_new_session=True,
            )  # fmt: skip
        assert self._process.stdout is not None  # noqa: S101  # both are pipes
        assert self._process.stderr is not None  # noqa: S101
        self._out, self._err = self._process.stdout.fileno(), self._process.stderr.fileno()
        self._texts = {
            pipe: codecs.getincrementaldecoder("utf-8")("replace")
            for pipe in (self._out, self._err)
        }
        self._selector = selectors.DefaultSelector()
        for pipe in (self._out, self._err, self._guard.fileno()):
            os.set_blocking(pipe, False)
            self._selector.register(pipe, selectors.EVENT_READ)
        self.status: int | None = None
        self.tail = ""
        self._until = math.inf if seconds is None else time.monotonic() + seconds
        self._stopped = 0.0
        self.is_late = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._guard.close()
        self._process.wait()
        self._selector.close()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def stop(self) -> None:
        """Stop the program for a while."""
        self._stopped = time.monotonic()
        self._order(b"s")

    def go_on(self) -> None:
        """Continue the program after `stop`."""
        self._until += time.monotonic() - self._stopped
        self._order(b"c")

    def _order(self, order: bytes) -> None:
        with suppress(OSError):  # the program has ended, and its guard
            self._guard.send(order)

    def lines(self) -> Iterator[str | None]:
        """The lines that the program writes to stdout, and None ten times a second, until it has ended.

        What it writes to stderr goes to `sys.stderr`.
        """
        begun, listened = "", time.monotonic()
        while self.status is None:
            if time.monotonic() >= self._until:
                self.is_late = True
                return
            ready = [key.fd for key, _ in self._selector.select(LISTEN)]
            if self._guard.fileno() in ready:
                self.status = self._ended()
                ready = list(self._texts)  # whatever else there is
            if self._err in ready:
                self._show(self._read(self._err))
            if self._out in ready:
                *whole, begun = (begun + self._read(self._out)).split("\n")
                yield from whole
                if len(begun) > LONGEST:
                    yield begun
                    begun = ""
            if time.monotonic() - listened >= LISTEN:
                yield None
                listened = time.monotonic()
        if begun:
            yield begun

    def _read(self, pipe: int) -> str:
        """What there is to read now; all of it once the program has ended."""
        parts = []
        with suppress(BlockingIOError):
            while part := os.read(pipe, 65536):
                parts.append(part)
                if self.status is None:
                    return self._texts[pipe].decode(part)
            if self.status is None:
                self._selector.unregister(pipe)  # the program has closed it
        return self._texts[pipe].decode(b"".join(parts), self.status is not None)

    def _show(self, text: str) -> None:
        self.tail = (self.tail + text)[-TAIL:]
        sys.stderr.write(text)
        sys.stderr.flush()

    def _ended(self) -> int:
        """The status that the guard has sent; if it was killed itself, that of its own end."""
        with suppress(OSError):
            if status := self._guard.recv(16):
                return int(status)
        return int(self._process.wait())
