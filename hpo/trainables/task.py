"""What travels to where training happens, and what comes back: a task and its outcomes, as plain data."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpo.plan.space import Settings
from trainer.data import TEST as TEST
from trainer.data import Which as Which  # which split of the data

Array = NDArray[Any]
Curves = Generator[dict[str, Array], NDArray[np.bool_] | None, None]
"""Training, epoch by epoch: yields metric -> (K,) after each, and may be sent a mask (K,) of those that stay."""


@dataclass(frozen=True)
class Task:
    """Settings to be trained together: all that decides what comes of it, beside the trainable and its data.

    `trials` are the numbers of the trials whose `settings` these are. `split` is 0 for the split of the search, a
    number from 1 for that of a stage of confirmation, or TEST. After each epoch of `pauses` the training waits to hear
    which trials stay.
    """

    trials: tuple[int, ...]
    settings: tuple[Settings, ...]
    epochs: int
    seed: int
    split: Which = 0
    pauses: tuple[int, ...] = ()

    @property
    def params(self) -> Settings:
        """The settings of a task that has one trial."""
        (params,) = self.settings
        return dict(params)

    @property
    def trial(self) -> int:
        """The number of the trial of a task that has one."""
        (trial,) = self.trials
        return trial

    def __hash__(self) -> int:
        """Settings are mappings, which have no hash; trials and split tell tasks in flight apart."""
        return hash((self.trials, self.split))


@dataclass(frozen=True)
class Training:
    """A task ready to be run anywhere: `function(*arguments, **options, **shared)` is a generator of `Curves`.

    `shared` are the large objects, such as rows, that a worker keeps from task to task.
    """

    function: Callable[..., Curves]
    arguments: tuple[Any, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    shared: Mapping[str, Any] = field(default_factory=dict)

    def here(self) -> Curves:
        """Train in this process, on the thread that asks for the next epoch."""
        return self.function(*self.arguments, **self.options, **self.shared)


class TrialError(Exception):
    """What a function of the user's raised while it trained. One line of it is `line`, all of it `full`."""

    def __init__(self, line: str, full: str) -> None:
        self.line, self.full = line, full
        super().__init__(line, full)

    @classmethod
    def of(cls, error: Exception) -> TrialError:
        """The same error as one line and as a whole traceback."""
        line = f"{type(error).__name__}: {error}".splitlines()[0].removesuffix(": ")
        return cls(line, "".join(traceback.format_exception(error)))


@dataclass(frozen=True)
class Outcome:
    """What training one trial gave: metric -> one number an epoch, and why there is no value, if there is none.

    `score` names the metric that decides. A trial diverged at an epoch, or its training failed with an error, or it
    left at a rung with the value it had there.
    """

    metrics: Mapping[str, Sequence[float]]
    score: str
    diverged_epoch: int | None = None
    error: TrialError | None = None
    left: bool = False
    finished: datetime = field(default_factory=lambda: now())

    @property
    def epochs(self) -> int:
        """How many epochs were trained to the end."""
        return len(next(iter(self.metrics.values()), ()))

    @property
    def why(self) -> str | None:
        """Why there is no value, if there is none."""
        if self.diverged_epoch is not None:
            return f"diverged at epoch {self.diverged_epoch}"
        return None if self.error is None else self.error.line

    @property
    def attributes(self) -> dict[str, Any]:
        """What a study records of how it ended, if that was not as planned."""
        if self.diverged_epoch is not None:
            return {"diverged_epoch": self.diverged_epoch}
        if self.error is not None:
            return {"error": self.error.line, "traceback": self.error.full}
        return {"left_epoch": self.epochs} if self.left else {}

    @property
    def value(self) -> float | None:
        """The score after the last epoch, if it got there or left at a rung."""
        return None if self.why else self.metrics[self.score][-1]


def now() -> datetime:
    """The time as studies keep it: naive UTC."""
    return datetime.now(UTC).replace(tzinfo=None)
