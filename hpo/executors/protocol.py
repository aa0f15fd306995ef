"""Where tasks train: what every executor promises, whatever it trains with.

An executor is given tasks, and gives back events, in whatever order they happen. A task stays in one place from its
first epoch to its last, and what comes of it does not depend on the place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self, TypeAlias

from hpo.trainables.task import Outcome, Task


@dataclass(frozen=True)
class Paused:
    """A task has trained to one of its pauses, and waits to hear who stays. `scores` are NaN for trials that left."""

    task: Task
    epoch: int
    scores: list[float]


@dataclass(frozen=True)
class Ended:
    """A task has ended, with an outcome for each of its trials."""

    task: Task
    outcomes: list[Outcome]


Event: TypeAlias = Paused | Ended


class Executor(Protocol):
    """A place where tasks train. Used in a `with`; leaving that stops, after their epoch, those that still train."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def start(self, task: Task) -> None:
        """Train a task to its first pause, or to its end. Returns at once."""

    def go_on(self, task: Task, stay: Sequence[bool]) -> None:
        """Train a task that has paused to its next pause, or to its end, without the trials that do not stay."""

    def events(self, seconds: float) -> list[Event]:
        """What has happened since the last call; waits up to so many seconds for the first event.

        Raises whatever a trainable raised beside `TrialError`: that is a fault of ours, and ends the search.
        """
