"""The tasks of a search in flight, and what follows when clients have reported and told of them.

`take` and `end` collect what came in. `settle` tells the machine all of it at once, and goes on until nothing more
follows: a rung that all have reached lets tasks go on or ends them, and then others may have reached theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from hpo.choose.types import LARGEST_VALUE
from hpo.errors import TooManyFailuresError
from hpo.run.machine import Done, Machine, Wait
from hpo.serve.remote.records import Records
from hpo.serve.remote.tasks import Handed, Metrics, name_of
from hpo.trainables.session import SHOWING_SECONDS
from hpo.trainables.task import Outcome, Task

State = Literal["running", "done", "failed"]


class InFlight:
    """Tasks of a machine by their names. `score` is the metric that decides; None: the only one."""

    def __init__(
        self,
        machine: Machine,
        score: str | None,
        records: Records,
        *,
        clock: Callable[[], float],
        ended: bool,
        failed: str | None,
    ) -> None:
        self._machine, self.score, self._records = machine, score, records
        self._clock = clock
        self.state: State = "failed" if failed else "done" if ended else "running"
        self.reason = failed
        self.tasks: dict[str, Handed] = {}
        self._changed: list[Handed] = []
        self._ended: dict[str, Outcome] = {}
        self._staged: dict[str, Outcome] = {}  # of a stage whose other tasks are still in training
        self._waits = False  # the machine said so, and nothing has been told since

    def interrupted(self) -> list[Handed]:
        """The tasks that were in flight when the search was last open, with which the machine begins."""
        history = self._machine.history
        count = 0 if self.state == "failed" else len(history.running) or len(history.staged)
        return [handed for _ in range(count) if (handed := self.new()) is not None]

    def new(self) -> Handed | None:
        """The next task; None if there is none now."""
        if self._waits or self.state != "running":
            return None
        try:
            step = self._machine.ask()
        except TooManyFailuresError as error:
            self._fail(error)
            return None
        if isinstance(step, Task):
            handed = Handed(step, shown=self._clock())
            self.tasks[handed.name] = handed
            return handed
        self._waits = isinstance(step, Wait)
        if isinstance(step, Done):
            self.state = "done"
        return None

    def take(self, handed: Handed, first_epoch: int, metrics: Sequence[Metrics]) -> None:
        """Collect what was reported of epochs.

        Raises:
            PlanError: the task does not have so many.
        """
        handed.take(first_epoch, metrics)
        handed.over = handed.over or any(map(self._is_over, metrics))
        self._changed.append(handed)

    def end(self, handed: Handed) -> None:
        """Collect a task that has a result."""
        self._changed.append(handed)

    def settle(self) -> None:
        """Tell the machine what has come in, until nothing more follows."""
        try:
            while self._changed or self._ended:
                for handed in self._changed:  # to which more may be added
                    self._decide(handed)
                self._changed.clear()
                if self._ended:
                    self._tell()
        except TooManyFailuresError as error:
            self._fail(error)

    def _tell(self) -> None:
        ended, self._ended, self._waits = self._ended, {}, False
        stays = self._machine.tell_all([(self.tasks[n].task, [o]) for n, o in ended.items()])
        for name, outcome in ended.items():
            if self.tasks.pop(name).stage:
                self._staged[name] = outcome
            else:
                self._records.forget(name)
        if not self._machine.history.staged:
            for name in self._staged:
                self._records.forget(name)
            self._staged.clear()
        self._stay(stays)

    def _fail(self, error: TooManyFailuresError) -> None:
        self.state, self.reason = "failed", str(error)
        self._records.fail(self.reason)
        for name in {**self.tasks, **self._staged}:  # what failed would fail again
            self._records.forget(name)
        for part in (self.tasks, self._changed, self._ended, self._staged):
            part.clear()

    def _decide(self, handed: Handed) -> None:
        """Report a rung that a task has reached, or see how it ended."""
        if handed.waiting or handed.name in self._ended or handed.name not in self.tasks:
            return
        result = handed.result
        epochs = handed.epochs if result is None or result.epochs is None else result.epochs
        reached = bool(handed.pauses) and len(epochs) >= handed.pauses[0]
        if result is None and not reached and not handed.over:
            self._show(handed)
            return
        outcome = handed.outcome(self.score)
        if reached and outcome.epochs >= handed.pauses[0]:
            handed.waiting, self._waits = True, False
            epoch = handed.pauses[0]
            score = outcome.metrics[outcome.score][epoch - 1]
            self._stay(self._machine.report(handed.task, epoch, [score]))
        elif outcome.failure is not None or result is not None:
            self._ended[handed.name] = outcome

    def _is_over(self, metrics: Metrics) -> bool:
        """Whether a training may have ended with an epoch: the metric that decides is missing, or has diverged."""
        values = [metrics.get(self.score)] if self.score else [*metrics.values()]
        return len(values) != 1 or values[0] is None or not abs(values[0]) <= LARGEST_VALUE

    def _stay(self, stays: Mapping[Task, Sequence[bool]]) -> None:
        """Take the decision who stays at a rung."""
        for task, (stay,) in stays.items():
            handed = self.tasks[name_of(task)]
            handed.waiting = False
            epoch = handed.pauses.popleft()
            if stay:
                handed.unheard = True
                self._changed.append(handed)
            else:
                self._ended[handed.name] = handed.outcome(self.score, left_epoch=epoch)

    def _show(self, handed: Handed) -> None:
        """Record how far a task is, now and then."""
        if self._clock() - handed.shown < SHOWING_SECONDS:
            return
        handed.shown = self._clock()
        outcome = handed.outcome(self.score)
        self._machine.show(handed.task, [outcome.metrics[outcome.score]])

    def over(self, name: str) -> dict[str, Any] | None:
        """How a task ended, as it is recorded; None if it has not."""
        if (outcome := self._staged.get(name)) is not None:
            return _over(name, outcome.value)
        kind, rest = name[:1], name[1:]
        stage, _, trial = rest.rpartition("-")
        if len(rest) > 20 or not (trial.isascii() and trial.isdigit()):
            return None
        history = self._machine.history
        if kind == "t" and not stage and (seen := history.trials.get(int(trial))) is not None:
            return _over(name, seen.value, pruned=seen.left_epoch is not None)
        for confirmed in history.confirmed if kind == "s" else ():
            if f"{confirmed.stage}-{confirmed.trial}" == rest:
                return _over(name, confirmed.value)
        return None


def _over(name: str, value: float | None, *, pruned: bool = False) -> dict[str, Any]:
    state = "failed" if value is None else "pruned" if pruned else "complete"
    return {"task": name, "state": state, "value": value}
