"""Processes beside the server for work that is heavy, or that might bring its process down: reading a table, drawing.

They begin when they are first needed, and their current folder is that of the data sets. Each takes one call at a time,
may have so much memory and so much time, and is replaced when it has died or has served for long, because memory that a
large table took is not always given back. They end with the server, also when that is killed.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from hpo.serve.problems import ProblemError
from trainer.other_process import WorkerDiedError
from trainer.worker import Worker

T = TypeVar("T")

SIZE = 2
MEMORY = 4_000_000_000  # bytes, of each
CALLS = 200  # that one process answers before it is replaced
SECONDS = 120.0  # that a call may take
WAITING = 16  # calls that wait for a process; each of them holds a thread of the server
PATIENCE = 30.0  # seconds that a call waits for a process


class Pool:
    """A few processes that run functions of modules. Any thread may use it."""

    def __init__(self, folder: Path, *, size: int = SIZE, memory: int = MEMORY) -> None:
        self._folder, self._memory = folder, memory
        self._free = threading.Semaphore(size)
        self._waiting = threading.BoundedSemaphore(size + WAITING)
        self._lock = threading.Lock()  # of the three below
        self._idle: list[tuple[Worker, int]] = []  # with how many calls each has answered
        self._busy: set[Worker] = set()
        self._closed = False

    def run(self, function: Callable[..., T], *arguments: object, seconds: float = SECONDS) -> T:
        """What a function of a module returns in one of the processes, or raises there.

        Raises:
            ProblemError: 503, no process is free or it died; 422, the call took too much time or memory.
        """
        with self._free_one() as worker:
            late = threading.Event()

            def end() -> None:
                late.set()
                worker.kill()

            timer = threading.Timer(seconds, end)
            timer.daemon = True
            timer.start()
            try:
                answer: T = worker.call(function, *arguments)
            except WorkerDiedError:
                if late.is_set():
                    raise ProblemError(
                        422, f"this took longer than {seconds:g} s, and was ended"
                    ) from None
                raise ProblemError(
                    503,
                    "the process that did this has died, perhaps for lack of memory; try it again",
                ) from None
            except MemoryError:
                raise ProblemError(
                    422,
                    f"this needs more than the {self._memory:,} bytes of memory that it may have",
                ) from None
            finally:
                timer.cancel()
                timer.join()
        return answer

    def close(self) -> None:
        """End all processes, also those that are busy."""
        with self._lock:
            self._closed = True
            workers = [*self._busy, *(worker for worker, _ in self._idle)]
            self._idle.clear()
        for worker in workers:
            worker.kill()
            worker.close()

    @contextmanager
    def _free_one(self) -> Iterator[Worker]:
        busy = ProblemError(503, "too much is going on; try it again", headers={"Retry-After": "5"})
        if not self._waiting.acquire(blocking=False):
            raise busy
        try:
            if not self._free.acquire(timeout=PATIENCE):
                raise busy
            try:
                worker, calls = self._taken()
                try:
                    yield worker
                finally:
                    self._put_back(worker, calls + 1)
            finally:
                self._free.release()
        finally:
            self._waiting.release()

    def _taken(self) -> tuple[Worker, int]:
        with self._lock:
            if self._closed:
                raise ProblemError(503, "the service is stopping")
            while self._idle:
                worker, calls = self._idle.pop()
                if worker.alive():
                    self._busy.add(worker)
                    return worker, calls
                worker.close()
            worker = Worker(memory=self._memory)
            self._busy.add(worker)
        try:
            worker.call(os.chdir, self._folder)
        except BaseException as error:
            self._put_back(worker, CALLS)
            if isinstance(error, WorkerDiedError):
                raise ProblemError(503, "a process could not begin; try it again") from None
            raise
        return worker, 0

    def _put_back(self, worker: Worker, calls: int) -> None:
        with self._lock:
            self._busy.discard(worker)
            if worker.alive() and calls < CALLS and not self._closed:
                self._idle.append((worker, calls))
                return
        worker.close()
