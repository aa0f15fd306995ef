"""A task that a client has in training: its name, what was reported of it, and what its client should do."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from hpo.errors import PlanError
from hpo.trainables.asked import outcome_of
from hpo.trainables.task import Outcome, Task, TrialError

Action = Literal["go_on", "wait", "stop"]
Metrics = Mapping[str, float | None]  # JSON has no NaN; null stands for it


@dataclass(frozen=True)
class Result:
    """What a client tells of a task that has ended: the metrics of its epochs, and the error that ended it.

    `epochs` are None if those count that were reported on the way.
    """

    epochs: Sequence[Metrics | float | None] | None = None
    error: str | None = None
    traceback: str = ""
    output: str = ""


def name_of(task: Task) -> str:
    """The name of a task, which it has in every process: t12 for trial 12, s2-12 for trial 12 in stage 2."""
    stage = task.split
    return f"s{stage}-{task.trial}" if isinstance(stage, int) and stage > 0 else f"t{task.trial}"


@dataclass
class Handed:
    """A task in flight. `client` has it; None: nobody has.

    `epochs` were reported so far. `pauses` are the rungs at which it has not been decided yet who stays; at the first
    of them it is `waiting`, once its score is known. `result` is what its client told when it ended. `over` says that
    what was reported may have ended it, and `unheard` that its client does not know yet that it goes on after a rung.
    """

    task: Task
    client: str | None = None
    epochs: list[Metrics] = field(default_factory=list)
    pauses: deque[int] = field(default_factory=deque)
    waiting: bool = False
    result: Result | None = None
    over: bool = False
    unheard: bool = False
    shown: float = 0.0  # when its curve was last recorded

    def __post_init__(self) -> None:
        self.pauses = deque(self.task.pauses)

    @property
    def name(self) -> str:
        """Its name."""
        return name_of(self.task)

    @property
    def stage(self) -> int:
        """The stage in which settings train again; 0 in the search itself."""
        return self.task.split if isinstance(self.task.split, int) else 0

    @property
    def action(self) -> Action:
        """What its client should do."""
        return "wait" if self.waiting else "go_on"

    @property
    def until_epoch(self) -> int:
        """The epoch after which its client should report, and wait if it is told so."""
        return self.pauses[0] if self.pauses else self.task.epochs

    def take(self, first_epoch: int, metrics: Sequence[Metrics]) -> None:
        """Add epochs. What is reported again replaces what was reported before.

        Raises:
            PlanError: there are more epochs than the task has.
        """
        if not all(metrics):
            raise PlanError(f"task {self.name}: an epoch was reported without any metric")
        if first_epoch - 1 + len(metrics) > self.task.epochs:
            raise PlanError(
                f"task {self.name}: epoch {first_epoch - 1 + len(metrics)} was reported, "
                f"but it has {self.task.epochs} epochs"
            )
        self.epochs[first_epoch - 1 :] = metrics

    def check(self, result: Result) -> None:
        """Check what is told of its end.

        Raises:
            PlanError: nothing is told, or only one value beside epochs that were reported.
        """
        if result.epochs is None and not self.epochs and result.error is None:
            raise PlanError(f"task {self.name}: give a value, metrics, or the error that ended it")

    def outcome(self, score: str | None, left_epoch: int | None = None) -> Outcome:
        """Its outcome by what is known now, or if it leaves at a rung.

        Raises:
            PlanError: what was reported is no metric.
        """
        result = self.result or Result()
        epochs: Sequence[Any] = self.epochs if result.epochs is None else result.epochs
        line = result.error
        error = None if line is None else TrialError.saying(line, result.traceback or line)
        return outcome_of(
            self.task,
            [_with_nan(metrics) for metrics in epochs],
            score,
            error=None if left_epoch else error,
            left_epoch=left_epoch,
            output=result.output,
        )


def _with_nan(reported: Any) -> Any:
    if isinstance(reported, Mapping):
        return {name: _with_nan(value) for name, value in reported.items()}
    return float("nan") if reported is None else reported
