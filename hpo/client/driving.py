"""Trains the tasks of a search of a service with an executor, as the loop of a search at home does.

The service is asked on a thread of its own, since it may wait with its answer until there is something to do, while
this one listens to the executor. Another one says now and then that this process is alive. Whatever was lost when the
service was restarted is sent again: what waits at a rung is reported from its first epoch on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import Any

from hpo.client.http import RefusedError
from hpo.client.tasks import WAIT_SECONDS, Asked, Tasks, epochs_of, is_of_another, result_of
from hpo.errors import CancelledError, HpoError, TooManyFailuresError
from hpo.executors.protocol import Ended, Executor, Paused
from hpo.run.cancel import Cancel
from hpo.run.loop import LISTEN_SECONDS
from hpo.trainables.task import Task

BEATS = 4  # in the time of a lease


class Driver:
    """Trains `workers` tasks of a search at once, until the search is done. `told(name, answer)` hears of each that has
    ended, and of what the service answered.
    """

    def __init__(
        self,
        tasks: Tasks,
        executor: Executor,
        workers: int,
        cancel: Cancel,
        told: Callable[[str, dict[str, Any]], None] = lambda *_: None,
    ) -> None:
        self._tasks, self._executor, self._workers = tasks, executor, workers
        self._cancel, self._told = cancel, told
        self._training: dict[str, Task] = {}
        self._paused: dict[str, Paused] = {}
        self._names: dict[Task, str] = {}
        self._over: set[str] = set()  # an answer that comes late may still list them
        self._state, self._reason = "running", ""
        self._not_before = 0.0
        self._lease_seconds = 60.0

    def run(self) -> None:
        """Train until the search is done.

        Raises:
            CancelledError: the end was requested here, or by the owner of the search.
            TooManyFailuresError: more trainings failed than the plan allows.
            ServiceError: the service does not answer any more.
        """
        asked: Future[dict[str, Any]] | None = None
        with self._taking_part(), self._executor:
            while self._training or self._state in ("running", "paused"):
                self._cancel.check()
                if asked is None and self._has_room:
                    asked = self._asking()
                for event in self._executor.events(LISTEN_SECONDS):
                    if isinstance(event, Paused):
                        self._pause(event)
                    elif isinstance(event, Ended):
                        self._tell(event)
                if asked is not None and asked.done():
                    self._take(asked.result())
                    asked = None
        if self._state == "failed":
            raise TooManyFailuresError(self._reason)
        if self._state == "cancelled":
            raise CancelledError("the search was cancelled by its owner")

    @property
    def _has_room(self) -> bool:
        """Whether to ask: there is room for one more task, or one that waits may go on."""
        room = len(self._training) < self._workers or self._paused
        return bool(room) and self._state in ("running", "paused") and self._is_time

    @property
    def _is_time(self) -> bool:
        return time.monotonic() >= self._not_before

    def _asking(self) -> Future[dict[str, Any]]:
        """Ask on a thread, which nobody waits for at the end."""
        future: Future[dict[str, Any]] = Future()
        busy = [*self._training]

        def ask() -> None:
            try:
                future.set_result(self._tasks.ask(self._workers, busy, WAIT_SECONDS))
            except BaseException as error:  # raised again by whoever looks at the answer
                future.set_exception(error)

        threading.Thread(target=ask, name="asking", daemon=True).start()
        return future

    def _take(self, answer: dict[str, Any]) -> None:
        """Begin the tasks of an answer, and let those go on that waited."""
        self._state, self._reason = answer["state"], answer["reason"] or ""
        self._lease_seconds = answer["lease_seconds"]
        self._not_before = time.monotonic() + answer["retry_after"]
        tasks = {asked.name: asked for asked in map(Asked.of, answer["tasks"])}
        for name, paused in [*self._paused.items()]:
            if name not in tasks:  # it left there, or the search has ended
                self._go_on(name, stay=False)
            elif tasks[name].next_epoch <= paused.epoch:  # the service was restarted
                self._pause(paused)
            elif tasks[name].action == "go_on":
                self._go_on(name, stay=True)
        for name, asked in tasks.items():
            known = name in self._training or name in self._paused or name in self._over
            if not known and asked.action == "go_on":
                self._training[name] = asked.task
                self._names[asked.task] = name
                self._executor.start(asked.task)

    def _pause(self, event: Paused) -> None:
        """Report a task that has come to a rung."""
        name = self._names[event.task]
        self._paused[name] = event
        self._training.pop(name, None)
        try:
            action = self._tasks.report(name, epochs_of(event.so_far[0]))["action"]
        except RefusedError as error:
            if not is_of_another(error):
                raise
            action = "stop"  # its lease had ended; it may come back
        else:
            if action == "stop":
                self._over.add(name)
        if action != "wait":
            self._go_on(name, stay=action == "go_on")

    def _go_on(self, name: str, *, stay: bool) -> None:
        event = self._paused.pop(name)
        if stay:
            self._training[name] = event.task
        self._executor.go_on(event.task, [stay])

    def _tell(self, event: Ended) -> None:
        """Tell a result, unless the task has left at a rung, which the service knows."""
        name = self._names.pop(event.task)
        self._training.pop(name, None)
        (outcome,) = event.outcomes
        if outcome.pruned:
            return
        answer = self._tasks.tell(name, **result_of(outcome))
        while answer["state"] == "waiting":  # at a rung that others have not reached
            self._cancel.check()
            answer = self._tasks.tell(name, wait=1.0, **result_of(outcome))
        self._over.add(name)
        self._told(name, answer)

    @contextmanager
    def _taking_part(self) -> Iterator[None]:
        """Inside, the service hears now and then that this process is alive; at the end it has its tasks back."""
        ended = threading.Event()

        def beat() -> None:
            while not ended.wait(self._lease_seconds / BEATS):
                with suppress(HpoError):  # what is wrong is said where the task is reported or told
                    for name in [*self._training][:1]:
                        self._tasks.beat(name)

        threading.Thread(target=beat, name="heartbeat", daemon=True).start()
        try:
            yield
        finally:
            ended.set()
            if self._state in ("running", "paused"):
                with suppress(HpoError):  # else they are handed out when the lease ends
                    self._tasks.leave()
