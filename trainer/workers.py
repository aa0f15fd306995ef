"""Stacks that train side by side: one in this process, the others in processes of their own.

Two stacks on two threads of one process wait for each other at Python's lock, and take a fifth longer than in two
processes. Where a stack is trained changes no bit of it, and if a worker dies, its stack is trained again here.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Self

from trainer.worker import AVAILABLE, Worker

BEGIN_AFTER = 0.25
"""Seconds that stacks have trained beside each other in this process before one more worker is begun: for less, its
imports would cost more than it gains."""


class Workers:
    """Trains several stacks at a time: one here, the others in workers. A context manager.

    There are at most `most` stacks at a time, and fewer workers than cores. Workers are begun when stacks have trained
    beside each other for a while. `first` is a worker that exists already, and is not closed here.
    """

    def __init__(self, most: int, first: Worker | None = None) -> None:
        self.most = most
        self._most_workers = min(most, os.cpu_count() or 1) - 1 if AVAILABLE else 0
        self._owner = os.getpid()
        self._lock = threading.Lock()
        self._first = first
        self._all: list[Worker] = [] if first is None else [first]
        self._busy: set[Worker] = set()
        self._here = 0  # stacks that train in this process
        self._beside = 0.0  # seconds that they have trained beside each other

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def training(
        self,
        function: Callable[..., Generator[Any, Any, None]],
        shared: Mapping[str, Any],
        *arguments: Any,
        **options: Any,
    ) -> Generator[Any, Any, None]:
        """Run a generator here or as `Worker.training` does."""
        with self.place() as worker:
            if worker is None:
                yield from function(*arguments, **shared, **options)
            else:
                yield from worker.training(function, shared, *arguments, **options)

    @contextmanager
    def place(self) -> Iterator[Worker | None]:
        """A worker for one stack, or None if it should train here."""
        if os.getpid() != self._owner:
            yield None  # in a fork: the workers are its parent's
            return
        with self._lock:
            beside = self._here > 0
            worker = self._idle() if beside else None
            if worker is None:
                self._here += 1
            else:
                self._busy.add(worker)
        began = time.monotonic()
        try:
            yield worker
        finally:
            with self._lock:
                if worker is not None:
                    self._busy.remove(worker)
                else:
                    self._here -= 1
                    if beside:
                        self._begin(after=time.monotonic() - began)

    def _idle(self) -> Worker | None:
        return next((w for w in self._all if w not in self._busy and w.ready() and w.idle()), None)

    def _begin(self, after: float) -> None:
        """Begin one more worker if it would have been of use for long enough."""
        self._beside += after
        if self._beside >= BEGIN_AFTER and len(self._all) < self._most_workers:
            self._beside = 0.0
            with suppress(OSError):  # no process can be begun: stacks train here as before
                self._all.append(Worker("trainer.fit"))

    def close(self) -> None:
        """End the workers that were begun here."""
        with self._lock:
            for worker in self._all:
                if worker is not self._first:
                    worker.close()
            self._all.clear()
