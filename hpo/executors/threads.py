"""Tasks on threads of this process, with BLAS held to one thread each.

Threads share the working folder, the handlers of signals and the global random generators, so what a function of a
user's does to one of them reaches the trials beside it.

Small matrix products are slower on many BLAS threads than on one, and splitting a product among threads may change how
it rounds. With one BLAS thread, results do not depend on the number of cores.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Self

from hpo.executors.devices import Devices
from hpo.executors.protocol import Ended, Event, Paused, Underway
from hpo.trainables.printed import streams_kept
from hpo.trainables.protocol import Trainable
from hpo.trainables.session import Session
from hpo.trainables.task import Curves, Task, Training


def default_workers() -> int:
    """The number of cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS or Windows
        return os.cpu_count() or 1


class Threads:
    """An executor of `workers` threads. They call `trained(n)` when n trials have trained for one more epoch."""

    def __init__(
        self,
        trainable: Trainable,
        workers: int,
        trained: Callable[[int], None] = lambda _: None,
        devices: Devices | None = None,
    ) -> None:
        self._trainable, self._workers, self._trained = trainable, workers, trained
        self._devices = devices or Devices(())
        self._sessions: dict[Task, Session] = {}
        self._events: queue.SimpleQueue[Event | BaseException] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        from threadpoolctl import threadpool_limits

        self._stack.enter_context(threadpool_limits(limits=1, user_api="blas"))
        self._stack.enter_context(streams_kept())
        self._stack.callback(self._close)
        self._pool = self._stack.enter_context(
            ThreadPoolExecutor(self._workers, thread_name_prefix="training")
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._stack.close()  # waits for the threads, which stop after their epoch

    def _close(self) -> None:
        for session in self._sessions.values():
            session.close()

    def curves(self, training: Training) -> Curves:
        """Train in this process."""
        return training.here()

    def _placed(self, training: Training) -> Curves:
        """Train on a device, which is lent when the first epoch begins."""
        with self._devices.lent() as device:
            yield from self.curves(training.on(device))

    def start(self, task: Task) -> None:
        """Train a task to its first pause, or to its end."""
        self._sessions[task] = Session(
            task,
            self._placed(self._trainable.training(task)),
            self._trainable.score,
            trained=self._trained,
            showing=lambda curves: self._events.put(Underway(task, curves)),
            stopped=self._stopping.is_set,
        )
        self._pool.submit(self._advance, task, None, 0)

    def go_on(self, task: Task, stay: Sequence[bool]) -> None:
        """Train a paused task on, without the trials that do not stay."""
        self._pool.submit(self._advance, task, stay, self._sessions[task].reached)

    def events(self, seconds: float) -> list[Event]:
        """The events since the last call; waits up to `seconds` for the first one."""
        happened: list[Event] = []
        try:
            event = self._events.get(timeout=seconds)
            while True:
                if isinstance(event, BaseException):
                    if not happened:
                        raise event
                    self._events.put(event)  # raised next time, when what ended before is recorded
                    return happened
                if isinstance(event, Ended):
                    del self._sessions[event.task]
                happened.append(event)
                event = self._events.get_nowait()
        except queue.Empty:
            return happened

    def _advance(self, task: Task, stay: Sequence[bool] | None, epoch: int) -> None:
        try:
            session = self._sessions[task]
            pause = next((p for p in task.pauses if p > epoch), None)
            scores = session.advance(pause or task.epochs, stay)
            if self._stopping.is_set():
                session.close()  # here, because a program may take seconds to end, and others beside it
                return
            if pause is None or session.ended:
                self._events.put(Ended(task, session.outcomes()))
            else:
                self._events.put(Paused(task, pause, scores, session.outcomes()))
        except BaseException as error:  # raised again by `events`, on the thread of the search
            self._events.put(error)
