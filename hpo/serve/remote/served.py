"""One search whose tasks are trained by clients: who has which task, and what they are answered.

It has no threads, clocks or sockets of its own: `Held` calls it from one thread. What clients report and tell is
collected first and settled then, so that whatever came in at the same time is recorded at once:

    served.report(…), served.tell(…)        check and collect
    served.settle()                         tell the machine, in one transaction
    served.ask(…), served.standing(…)       answer
    served.flush()                          record who has which task, in one transaction

A lease is not stored: after a restart of the service every client has a whole one. So no clock decides anything but
when a task is handed out again, and a result counts whoever tells it first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from hpo.run.machine import Machine
from hpo.serve.problems import ProblemError
from hpo.serve.remote.in_flight import InFlight
from hpo.serve.remote.records import Records
from hpo.serve.remote.tasks import Handed, Metrics, Result
from hpo.trainables.task import Outcome, Task

Wanted = Literal["run", "pause", "cancel"]


class Served:
    """A search that is open. `score` is the metric that decides. `ended` says that its plan was done before,
    and `failed` why it had given up. A client has at most `most` tasks.
    """

    def __init__(
        self,
        machine: Machine,
        score: str | None,
        records: Records,
        *,
        lease_seconds: float,
        most: int,
        clock: Callable[[], float],
        wanted: Wanted = "run",
        ended: bool = False,
        failed: str | None = None,
    ) -> None:
        self._records, self._clock, self.plan = records, clock, machine.plan
        self.lease_seconds, self._most, self.wanted = lease_seconds, most, wanted
        self._in_flight = InFlight(machine, score, records, clock=clock, ended=ended, failed=failed)
        self._clients: dict[str, float] = {}  # and when each was heard last
        rows = records.read()
        for handed in self._in_flight.interrupted():
            if (row := rows.pop(handed.name, None)) is not None:
                handed.client, handed.result = row.client, row.result
                self._in_flight.end(handed)
            if handed.client is not None:
                self._hear(handed.client)
        for name in rows:
            records.forget(name)
        self.settle()

    @property
    def state(self) -> Literal["running", "paused", "cancelled", "failed", "done"]:
        """How it stands, for its clients."""
        if self._in_flight.state != "running" or self.wanted == "run":
            return self._in_flight.state
        return "paused" if self.wanted == "pause" else "cancelled"

    @property
    def reason(self) -> str | None:
        """Why it has failed."""
        return self._in_flight.reason

    def want(self, wanted: Wanted) -> None:
        """Let it go on, hand out no more, or end."""
        self.wanted = wanted

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
        self._in_flight.take(handed, first_epoch, metrics)

    def tell(self, client: str, name: str, result: Result) -> Outcome | None:
        """Collect the result of a task; the outcome that it means, or None if the task is over and its epochs are gone.

        Raises:
            PlanError: the result is no metric.
            ProblemError: 404, there is no such task.
        """
        self._hear(client)
        handed, score = self._of(name), self._in_flight.score
        if (
            handed is None
        ):  # it was told before, perhaps by another client, and is compared with that
            if result.epochs is None and result.error is None:
                return None
            task = Task((int(name.rpartition("-")[2].lstrip("t")),), ({},), self.plan.epochs, 0)
            return Handed(task, result=result).outcome(score)
        handed.check(result)
        before, handed.result = handed.result, result
        try:
            outcome = handed.outcome(score)
        except BaseException:
            handed.result = before
            raise
        if before is not None:  # it waits at a rung, and what was told first counts
            handed.result = before
            return outcome
        handed.client = client  # also if its lease has ended, since nobody else has told it
        if handed.stage:  # the outcomes of a stage are recorded when all are there
            self._records.keep(handed)
        self._in_flight.end(handed)
        return outcome

    def beat(self, client: str, name: str) -> None:
        """A client trains a task.

        Raises:
            ProblemError: 409, another client has it; 404, there is none.
        """
        self._theirs(client, name)

    def leave(self, client: str) -> None:
        """A client gives back all its tasks."""
        self._clients.pop(client, None)
        for handed in self.in_flight():
            if handed.client == client and handed.result is None:
                handed.client = None
                self._records.keep(handed)

    def settle(self) -> None:
        """Let follow what follows from all that was collected."""
        self._in_flight.settle()

    def ask(self, client: str, count: int) -> list[Handed]:
        """The tasks of a client, of which `count` are to be trained at once: its own, those that nobody has, new ones.

        Those that wait at a rung are beside them.
        """
        self._hear(client)
        if self.wanted == "cancel":
            return []
        own = [handed for handed in self.in_flight() if handed.client == client]
        training = [handed for handed in own if not handed.waiting]
        waiting = [handed for handed in own if handed.waiting]
        room = min(count - len(training), self._most - len(own))
        while room > 0 and (handed := self._next()) is not None:
            self._assign(handed, client)
            training.append(handed)
            room -= 1
        return training[:count] + waiting

    def in_flight(self) -> list[Handed]:
        """All tasks in flight, those of the search before those of stages."""
        return sorted(self._in_flight.tasks.values(), key=lambda h: (h.stage, h.task.trial))

    def standing(self, name: str) -> Handed | dict[str, Any] | None:
        """A task in flight, or how it ended; None if the search has failed meanwhile."""
        return self._in_flight.tasks.get(name) or self._in_flight.over(name)

    def expire(self) -> None:
        """Take the tasks from clients of which nothing was heard for the time of a lease."""
        over = self._clock() - self.lease_seconds
        silent = {client for client, heard in self._clients.items() if heard <= over}
        for client in silent:
            del self._clients[client]
        for handed in self._in_flight.tasks.values() if silent else ():
            if handed.client in silent:
                handed.client = None  # the row keeps its name until another client has it

    def until_next_end(self) -> float | None:
        """Seconds until a lease may end; None if no client is known."""
        if not self._clients:
            return None
        return max(0.0, min(self._clients.values()) + self.lease_seconds - self._clock())

    def flush(self, *, everything: bool = False) -> None:
        """Record who has which task."""
        self._records.flush(everything=everything)

    def _hear(self, client: str) -> None:
        """A client is alive, and so its lease begins anew."""
        self._clients[client] = self._clock()

    def _next(self) -> Handed | None:
        """A task to hand out: one that nobody has, or a new one."""
        if self.wanted != "run":
            return None
        for handed in self.in_flight():
            if handed.client is None and not handed.waiting:
                return handed
        return self._in_flight.new()

    def _assign(self, handed: Handed, client: str) -> None:
        if handed.client != client:
            handed.epochs, handed.over = [], False  # it trains from the beginning
        handed.client = client
        self._records.keep(handed)

    def _of(self, name: str) -> Handed | None:
        """A task in flight; None if it is over.

        Raises:
            ProblemError: 404, there never was one.
        """
        handed = self._in_flight.tasks.get(name)
        if handed is None and self._in_flight.over(name) is None:
            raise ProblemError(404, f"this search has no task {name[:40]!r}")
        return handed

    def _theirs(self, client: str, name: str) -> Handed | None:
        """A task in flight that a client has; one whose lease has ended is taken back, if nobody else has it.

        Raises:
            ProblemError: 409, another client has it.
        """
        self._hear(client)
        handed = self._of(name)
        if handed is not None and handed.client != client:
            if handed.client is not None:
                raise ProblemError(
                    409, f"task {name} is in training by client {handed.client!r}", action="stop"
                )
            handed.client = client
            self._records.keep(handed)
        return handed
