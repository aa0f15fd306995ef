"""`fit.fit` in other processes too, where that is faster.

Two stacks on two threads of one process wait for each other at Python's lock, and take a fifth longer than in two
processes. `fit` here takes the place of `fit.fit`: the first stack trains in this process, one beside it in a worker if
one is ready, another Python that has imported the trainer and is kept for the stacks to come. Where a stack is trained
changes no bit of it.

Workers are begun once stacks have trained beside each other for a while: for less, their imports would cost more than
they gain. One ends with the process that began it, however rudely that ends, or when nobody has asked it for a minute.
One that is killed is missed by nobody: what it was training is trained again here. What goes between the processes are
pickles of ours, never stored.
"""

from __future__ import annotations

import atexit
import os
import pickle
import select
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from trainer import fit as here
from trainer.recipe import Recipe, Rows

Array = NDArray[Any]
Mask = NDArray[np.bool_] | None
Training = Generator[dict[str, Array], Mask, None]

BEGIN_AFTER = 0.25
"""Seconds that stacks have trained beside each other in this process before one more worker is begun."""

IDLE = 60.0
"""Seconds that a worker waits for another stack."""


def fit(
    recipe: Recipe,
    settings: Sequence[Mapping[str, float | str]],
    train: Rows,
    validation: Rows,
    *,
    epochs: int,
    seed: int,
) -> Training:
    """Train K settings as `fit.fit` does, in this process or in another."""
    with _WORKERS.one_or_none() as worker:
        place = here.fit if worker is None else worker.fit
        yield from place(recipe, settings, train, validation, epochs=epochs, seed=seed)


class Worker:
    """A process that trains one stack at a time."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            # -P: a file of the user's that is named as a module is does not take its place.
            [sys.executable, "-P", "-m", "trainer.apart"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # what goes wrong there is tried again, and told, here
            start_new_session=True,  # Ctrl-C is for the process that waits
        )
        self._questions = cast(IO[bytes], self.process.stdin)
        self._answers = cast(IO[bytes], self.process.stdout)
        self._greeted = False
        self._sent: list[weakref.ref[Rows]] = []  # the rows that it has

    def ready(self) -> bool:
        """Whether it has imported what it needs, and lives."""
        if not self._greeted and select.select([self._answers], [], [], 0)[0]:
            with suppress(EOFError):
                self._greeted = self._received() is None
        return self._greeted and self.process.poll() is None

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()
        for pipe in (self._questions, self._answers):
            with suppress(OSError):  # what was not sent any more
                pipe.close()

    def fit(
        self,
        recipe: Recipe,
        settings: Sequence[Mapping[str, float | str]],
        train: Rows,
        validation: Rows,
        *,
        epochs: int,
        seed: int,
    ) -> Training:
        """Train K settings as `fit.fit` does, there; if the process is killed, here, from the first epoch on."""
        replies: list[Mask] = []
        try:
            rows = (train, validation)
            self._send((recipe, list(settings), self._news(rows), epochs, seed))
            while (figures := self._received()) is not None:
                try:
                    stay = yield figures
                except GeneratorExit:
                    with suppress(EOFError, OSError):
                        self._send((False, None))
                        self._received()
                    raise
                replies.append(stay)
                self._send((True, stay))
        except (EOFError, OSError, pickle.UnpicklingError):
            self.close()
        else:
            return
        again = here.fit(recipe, settings, train, validation, epochs=epochs, seed=seed)
        with suppress(StopIteration):
            figures = next(again)
            for stay in replies:
                figures = again.send(stay)
            while True:
                figures = again.send((yield figures))

    def _news(self, rows: tuple[Rows, Rows]) -> tuple[Rows, Rows] | None:
        """The rows, unless it was sent the same the last time."""
        before = [ref() for ref in self._sent]
        if before and all(a is b for a, b in zip(before, rows, strict=True)):
            return None
        self._sent = [weakref.ref(part) for part in rows]
        return rows

    def _send(self, message: object) -> None:
        pickle.dump(message, self._questions, protocol=5)
        self._questions.flush()

    def _received(self) -> Any:
        return pickle.load(self._answers)  # noqa: S301  # our own process wrote it


class _Workers:
    """The workers of this process, and how many stacks train in it itself."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._all: list[Worker] = []
        self._busy: set[Worker] = set()
        self._here = 0
        self._beside = 0.0  # seconds

    @contextmanager
    def one_or_none(self) -> Iterator[Worker | None]:
        """A worker for one stack, or None if it should train here."""
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

    def _begin(self, after: float) -> None:
        """Begin one more worker if it would have been of use for long enough."""
        self._beside += after
        if self._beside >= BEGIN_AFTER and len(self._all) < self._most:
            self._beside = 0.0
            with suppress(OSError):  # no process can be begun: stacks train here as before
                self._all.append(Worker())

    def _idle(self) -> Worker | None:
        for worker in [w for w in self._all if w not in self._busy]:
            if worker.process.poll() == 0:  # idle for too long; one that was killed gets no heir
                worker.close()
                self._all.remove(worker)
            elif worker.ready():
                return worker
        return None

    def close(self) -> None:
        """End all workers."""
        with self._lock:
            for worker in self._all:
                worker.close()
            self._all.clear()


_MOST = (os.cpu_count() or 1) - 1 if os.name == "posix" else 0  # elsewhere select waits for no pipe
_WORKERS = _Workers(_MOST)
_INHERITED: list[_Workers] = []


@atexit.register
def _end() -> None:
    _WORKERS.close()


def _begin_anew() -> None:
    """A fork has none: the workers of its parent are its parent's."""
    global _WORKERS
    _INHERITED.append(_WORKERS)  # not to be ended, nor collected, here
    _WORKERS = _Workers(_MOST)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)


def _serve() -> None:
    from threadpoolctl import threadpool_limits

    questions, answers = sys.stdin.buffer, sys.stdout.buffer

    def tell(message: object) -> None:
        pickle.dump(message, answers, protocol=5)
        answers.flush()

    rows: Any = None
    with threadpool_limits(1, user_api="blas"), suppress(EOFError, BrokenPipeError):
        tell(None)
        while select.select([questions], [], [], IDLE)[0]:
            recipe, settings, news, epochs, seed = pickle.load(questions)  # noqa: S301  # ours
            rows = rows if news is None else news
            training = here.fit(recipe, settings, *rows, epochs=epochs, seed=seed)
            goes_on, stay = True, None
            with suppress(StopIteration):
                while goes_on:
                    tell(training.send(stay))
                    goes_on, stay = pickle.load(questions)  # noqa: S301  # ours
            training.close()
            tell(None)


if __name__ == "__main__":
    _serve()
