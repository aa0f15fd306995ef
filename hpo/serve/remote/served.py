"""One search whose tasks are trained by clients: who has which task, what they reported, and what they should do.

It has no threads, clocks or sockets of its own: `Held` calls it from one thread, and tells it the time. What clients
report and tell is collected first and settled then, so that whatever came in at the same time is recorded at once:

    served.report(…), served.tell(…)        check and collect
    served.settle()                         tell the machine, in one transaction
    served.ask(…), served.standing(…)       answer
    served.flush()                          record who has which task, in one transaction

A lease is not stored: after a restart of the service every client has a whole one. So no clock decides anything but
when a task is handed out again, and a result counts whoever tells it first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from hpo.choose.types import LARGEST_VALUE
from hpo.errors import TooManyFailuresError
from hpo.run.machine import Done, Machine, Wait
from hpo.serve.problems import ProblemError
from hpo.serve.remote.records import Records
from hpo.serve.remote.tasks import Handed, Metrics, Result, name_of
from hpo.trainables.session import SHOWING_SECONDS
from hpo.trainables.task import Outcome, Task

State = Literal["running", "done", "failed"]
Wanted = Literal["run", "pause", "cancel"]


class Served:
    """A search that is open. `score` is the metric that decides. `ended` says that its plan was done before."""

    def __init__(
        self,
        machine: Machine,
        score: str | None,
        records: Records,
        *,
        lease_seconds: float,
        most: int,
        clock: Callable[[], float],
        ended: bool,
    ) -> None:
        self._machine, self._score, self._records = machine, score, records
        self.lease_seconds, self._most, self._clock = lease_seconds, most, clock
        self.state: State = "done" if ended else "running"
        self.reason: str | None = None
        self._handed: dict[str, Handed] = {}
        self._clients: dict[str, float] = {}  # and when each was heard last
        self._changed: list[Handed] = []
        self._ended: dict[str, Outcome] = {}
        self._staged: dict[str, Outcome] = {}  # of a stage whose other tasks are still in training
        self._waits = False  # the machine said so, and nothing has been told since
        self.wanted: Wanted = "run"
        self._resume(records.read())

    def _resume(self, rows: Mapping[str, Any]) -> None:
        """Take the tasks that were in flight when the search was last open."""
        history = self._machine.history
        for _ in range(len(history.running) or len(history.staged)):
            task = self._machine.ask()
            assert isinstance(task, Task)  # noqa: S101  # it starts with these
            handed = self._add(task)
            row = rows.get(handed.name)
            if row is not None:
                handed.client, handed.result = row.client, row.result
                self._changed.append(handed)
            if handed.client is not None:
                self._clients[handed.client] = self._clock()
        for name in rows.keys() - self._handed.keys():
            self._records.forget(name)
        self.settle()

    def _add(self, task: Task) -> Handed:
        handed = Handed(task, shown=self._clock())
        self._handed[handed.name] = handed
        return handed

    @property
    def shown_state(self) -> Literal["running", "paused", "cancelled", "failed", "done"]:
        """How it stands, for its clients."""
        if self.state != "running" or self.wanted == "run":
            return self.state
        return "paused" if self.wanted == "pause" else "cancelled"

    def want(self, wanted: Wanted) -> None:
        """Let it go on, hand out no more, or end."""
        self.wanted = wanted

    # What clients say

    def hear(self, client: str) -> None:
        """A client is alive, and so its lease begins anew."""
        self._clients[client] = self._clock()

    def report(self, client: str, name: str, first_epoch: int, metrics: Sequence[Metrics]) -> None:
        """Collect the metrics of epochs, from `first_epoch` on.

        Raises:
            ProblemError: 409, epochs before them are missing, or another client has the task; 404, there is none.
            PlanError: the task does not have so many epochs.
        """
        handed = self._theirs(client, name)
        if handed is None or handed.result is not None:
            return
        expected = len(handed.epochs) + 1
        if first_epoch > expected:
            raise ProblemError(
                409,
                f"task {name}: epoch {expected} was expected, and not {first_epoch}: "
                "report all from there on",
                expected_epoch=expected,
            )
        handed.take(first_epoch, metrics)
        handed.over = handed.over or any(map(self._is_over, metrics))
        self._changed.append(handed)

    def tell(self, client: str, name: str, result: Result) -> Outcome | None:
        """Collect the result of a task; the outcome that it means, or None if the task is over and its epochs are gone.

        Raises:
            PlanError: the result is no metric.
            ProblemError: 404, there is no such task.
        """
        self.hear(client)
        handed = self._of(name)
        if (
            handed is None
        ):  # it was told before, perhaps by another client, and is compared with that
            if result.epochs is None and result.error is None:
                return None
            trial, epochs = int(name.rpartition("-")[2].lstrip("t")), len(result.epochs or ())
            again = Handed(Task((trial,), ({},), max(1, epochs), seed=0), result=result)
            return again.outcome(self._score)
        handed.check(result)
        before, handed.result = handed.result, result
        try:
            outcome = handed.outcome(self._score)
        except BaseException:
            handed.result = before
            raise
        if before is not None:  # it waits at a rung, and what was told first counts
            handed.result = before
            return outcome
        if handed.client != client:  # its lease has ended, and nobody else has told it
            handed.client = client
        if handed.task.split:  # the outcomes of a stage are recorded when all are there
            self._records.keep(handed)
        self._changed.append(handed)
        return outcome

    def beat(self, client: str, name: str) -> None:
        """A client trains a task.

        Raises:
            ProblemError: 409, another client has it; 404, there is none.
        """
        self._theirs(client, name)

    def _of(self, name: str) -> Handed | None:
        """A task in flight; None if it is over.

        Raises:
            ProblemError: 404, there never was one.
        """
        handed = self._handed.get(name)
        if handed is None and self._over(name) is None:
            raise ProblemError(404, f"this search has no task {name[:40]!r}")
        return handed

    def _theirs(self, client: str, name: str) -> Handed | None:
        """A task in flight that a client has; one whose lease has ended is taken back, if nobody else has it.

        Raises:
            ProblemError: 409, another client has it.
        """
        self.hear(client)
        handed = self._of(name)
        if handed is not None and handed.client != client:
            if handed.client is not None:
                raise ProblemError(
                    409,
                    f"task {name} is in training by client {handed.client!r}",
                    action="stop",
                )
            self._assign(handed, client)
        return handed

    # What follows from it

    def settle(self) -> None:
        """Tell the machine what has come in, until nothing more follows."""
        try:
            while self._changed or self._ended:
                for handed in self._changed:
                    self._decide(handed)
                self._changed.clear()
                if not self._ended:
                    continue
                ended, self._ended, self._waits = self._ended, {}, False
                told = [(self._handed[name].task, [o]) for name, o in ended.items()]
                stays = self._machine.tell_all(told)
                for name, outcome in ended.items():
                    handed = self._handed.pop(name)
                    if handed.task.split:
                        self._staged[name] = outcome
                    else:
                        self._records.forget(name)
                if not self._machine.history.staged:
                    for name in self._staged:
                        self._records.forget(name)
                    self._staged.clear()
                self._take(stays)
        except TooManyFailuresError as error:
            self._fail(error)

    def _fail(self, error: TooManyFailuresError) -> None:
        self.state, self.reason = "failed", str(error)
        for name in {**self._handed, **self._staged}:  # what failed would fail again
            self._records.forget(name)
        self._handed.clear()
        self._changed.clear()
        self._ended.clear()

    def _decide(self, handed: Handed) -> None:
        """Report a rung that a task has reached, or see how it ended."""
        if handed.waiting or handed.name in self._ended or handed.name not in self._handed:
            return
        result = handed.result
        epochs = handed.epochs if result is None or result.epochs is None else result.epochs
        reached = bool(handed.pauses) and len(epochs) >= handed.pauses[0]
        if result is None and not reached and not handed.over:
            self._show(handed)
            return
        outcome = handed.outcome(self._score)
        if reached and outcome.epochs >= handed.pauses[0]:
            epoch = handed.pauses[0]
            handed.waiting = True
            score = outcome.metrics[outcome.score][epoch - 1]
            self._take(self._machine.report(handed.task, epoch, [score]))
        elif outcome.failure is not None or result is not None:
            self._ended[handed.name] = outcome

    def _is_over(self, metrics: Any) -> bool:
        """Whether a training may have ended with an epoch: the metric that decides is missing, or has diverged."""
        values = [metrics.get(self._score)] if self._score else [*metrics.values()]
        return len(values) != 1 or values[0] is None or not abs(values[0]) <= LARGEST_VALUE

    def _take(self, stays: Mapping[Task, Sequence[bool]]) -> None:
        """Take the decision who stays at a rung."""
        for task, (stay,) in stays.items():
            handed = self._handed[name_of(task)]
            handed.waiting = False
            epoch = handed.pauses.popleft()
            if stay:
                self._changed.append(handed)
            else:
                self._ended[handed.name] = handed.outcome(self._score, left_epoch=epoch)

    def _show(self, handed: Handed) -> None:
        if self._clock() - handed.shown < SHOWING_SECONDS:
            return
        handed.shown = self._clock()
        curves = handed.outcome(self._score).metrics
        score = self._score or next(iter(curves))
        self._machine.show(handed.task, [curves[score]])

    # What clients are answered

    def ask(self, client: str, count: int) -> list[Handed]:
        """The tasks of a client, of which `count` are to be trained at once: its own, those that nobody has, new ones.

        Those that wait at a rung are beside them.
        """
        self.hear(client)
        if self.wanted == "cancel":
            return []
        own = sorted((h for h in self._handed.values() if h.client == client), key=_order)
        training = [h for h in own if not h.waiting]
        waiting = [h for h in own if h.waiting]
        room = min(count - len(training), self._most - len(own))
        while room > 0 and (handed := self._next()) is not None:
            self._assign(handed, client)
            training.append(handed)
            room -= 1
        return training[:count] + waiting

    def _next(self) -> Handed | None:
        """A task to hand out: one that nobody has, or a new one."""
        free = [h for h in self._handed.values() if h.client is None and not h.waiting]
        if free:
            return min(free, key=_order)
        if self._waits or self.state != "running" or self.wanted != "run":
            return None
        try:
            step = self._machine.ask()
        except TooManyFailuresError as error:
            self._fail(error)
            return None
        self._waits = isinstance(step, Wait)
        if isinstance(step, Done):
            self.state = "done"
        return None if isinstance(step, Done | Wait) else self._add(step)

    def _assign(self, handed: Handed, client: str) -> None:
        if handed.client != client:
            handed.epochs, handed.over = [], False  # it trains from the beginning
        handed.client = client
        self._records.keep(handed)

    def in_flight(self) -> list[Handed]:
        """All tasks in flight."""
        return sorted(self._handed.values(), key=_order)

    def standing(self, name: str) -> Handed | dict[str, Any]:
        """A task in flight, or how it ended.

        Raises:
            ProblemError: 404, there is no such task.
        """
        handed = self._of(name)
        return handed or self._over(name) or {}

    def _over(self, name: str) -> dict[str, Any] | None:
        """How a task ended, by the record; None if it has not."""
        kind, rest = name[:1], name[1:]
        stage, _, trial = rest.rpartition("-")
        if not (trial.isascii() and trial.isdigit() and len(rest) < 20):
            return None
        history = self._machine.history
        if (outcome := self._staged.get(name)) is not None:
            state = "failed" if outcome.value is None else "complete"
            return {"task": name, "state": state, "value": outcome.value}
        if kind == "t" and not stage:
            seen = history.trials.get(int(trial))
            if seen is None:
                return None
            pruned = seen.left_epoch is not None
            state = "failed" if seen.value is None else "pruned" if pruned else "complete"
            return {"task": name, "state": state, "value": seen.value}
        for confirmed in history.confirmed if kind == "s" and stage.isdigit() else ():
            if (confirmed.stage, confirmed.trial) == (int(stage), int(trial)):
                state = "failed" if confirmed.value is None else "complete"
                return {"task": name, "state": state, "value": confirmed.value}
        return None

    # Leases

    def expire(self) -> None:
        """Take the tasks from clients of which nothing was heard for the time of a lease."""
        over = self._clock() - self.lease_seconds
        silent = {client for client, heard in self._clients.items() if heard <= over}
        for client in silent:
            del self._clients[client]
        for handed in self._handed.values() if silent else ():
            if handed.client in silent:
                handed.client = None  # the row keeps its name until another client has it

    def until_next_end(self) -> float | None:
        """Seconds until a lease may end; None if no client has a task."""
        if not self._clients:
            return None
        return max(0.0, min(self._clients.values()) + self.lease_seconds - self._clock())

    def flush(self, *, everything: bool = False) -> None:
        """Record who has which task."""
        self._records.flush(everything=everything)


def _order(handed: Handed) -> tuple[int, int]:
    return handed.stage, handed.task.trial
