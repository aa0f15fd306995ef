"""The time that one task trains, and what happens when it has trained too long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from typing import Any


class Clock:
    """Counts the seconds in which a task trains, and not those in which it waits at a rung. None: there is no limit."""

    def __init__(self, seconds: float | None) -> None:
        self._left = seconds

    @property
    def is_over(self) -> bool:
        """Whether the time has run out."""
        return self._left is not None and self._left <= 0

    def timed(
        self, steps: Generator[Any, Any, None], end: Callable[[], None]
    ) -> Generator[Any, Any, None]:
        """Yield the steps of a training, and call `end`, on another thread, if its time runs out."""
        with closing(steps):
            sent = None
            while True:
                try:
                    with self._running(end):
                        step = steps.send(sent)
                except StopIteration:
                    return
                sent = yield step

    @contextmanager
    def _running(self, end: Callable[[], None]) -> Iterator[None]:
        if self._left is None:
            yield
            return
        timer = threading.Timer(max(0.0, self._left), end)
        timer.daemon = True
        began = time.monotonic()
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            self._left -= time.monotonic() - began
