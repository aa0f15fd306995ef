"""What every executor promises.

An executor takes tasks and returns events in the order they happen. A task stays in one place from its first epoch to
its last, and its outcomes do not depend on the place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self, TypeAlias

from hpo.trainables.task import Outcome, Task


@dataclass(frozen=True)
class Paused:
    """A task has reached a pause and waits for the trials that stay. `scores` are NaN for trials that have left.

    `so_far` are the outcomes that its trials would have if they ended here. A task of which no trial trains any more
    does not pause, but has ended.
    """

    task: Task
    epoch: int
    scores: list[float]
    so_far: list[Outcome]


@dataclass(frozen=True)
class Ended:
    """A task has ended, with an outcome for each of its trials."""

    task: Task
    outcomes: list[Outcome]


@dataclass(frozen=True)
class Underway:
    """A task goes on; `curves` are the scores so far of each of its trials."""

    task: Task
    curves: list[list[float]]


Event: TypeAlias = Paused | Underway | Ended


class Executor(Protocol):
    """Trains tasks while its `with` block is open. At the end of the block, remaining tasks stop after their epoch."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def start(self, task: Task) -> None:
        """Train a task to its first pause, or to its end. Returns at once."""

    def go_on(self, task: Task, stay: Sequence[bool]) -> None:
        """Train a task that has paused to its next pause, or to its end, without the trials that do not stay."""

    def events(self, seconds: float) -> list[Event]:
        """The events since the last call; waits up to `seconds` for the first one.

        Raises whatever a trainable raised other than `TrialError`: that is a bug of hpo's, and ends the search.
        """
