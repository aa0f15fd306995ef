"""A task and its outcomes as plain data, which can travel between processes."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpo.plan.space import Settings
from trainer.data import TEST as TEST
from trainer.data import Which as Which  # which split of the data

HERE = Path(__file__).parent
LONGEST = 300  # characters of an error's line
MOST = 10_000  # characters of each end of a traceback

Array = NDArray[Any]
Curves = Generator[dict[str, Array], NDArray[np.bool_] | None, None]
"""Training, epoch by epoch: yields metric -> (K,), and may be sent a mask (K,) of the trials that stay.

It may also yield {} when an epoch takes long, so that its training can be stopped meanwhile.
"""


@dataclass(frozen=True)
class Task:
    """Settings to train together. With the trainable and its data, a task determines its outcomes.

    `trials` are the trial numbers of `settings`. `split` is the number of a stage, 0 or below for those of the search,
    or TEST. After each epoch in `pauses` the training waits for the trials that stay.
    """

    trials: tuple[int, ...]
    settings: tuple[Settings, ...]
    epochs: int
    seed: int
    split: Which = 0
    pauses: tuple[int, ...] = ()

    @property
    def params(self) -> Settings:
        """The settings of a task with one trial."""
        (params,) = self.settings
        return dict(params)

    @property
    def trial(self) -> int:
        """The trial number of a task with one trial."""
        (trial,) = self.trials
        return trial

    def __hash__(self) -> int:
        """Trials and split identify a task in flight; settings are mappings, which have no hash."""
        return hash((self.trials, self.split))


@dataclass(frozen=True)
class Training:
    """A task that can run anywhere: `function(*arguments, **options, **shared)` is a generator of `Curves`.

    `shared` are the large objects, such as rows, that a worker keeps from task to task. One that `asks_for_device` is
    told by the option `device` where to compute.
    """

    function: Callable[..., Curves]
    arguments: tuple[Any, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    shared: Mapping[str, Any] = field(default_factory=dict)
    asks_for_device: bool = False

    def on(self, device: str | None) -> Training:
        """The same training on a device."""
        if not self.asks_for_device:
            return self
        return replace(self, options={**self.options, "device": device})

    def here(self) -> Curves:
        """Train in this process, on the thread that asks for the next epoch."""
        return self.function(*self.arguments, **self.options, **self.shared)


class TrialError(Exception):
    """An error of a user's function: its first line is `line`, its traceback is `full`."""

    def __init__(self, line: str, full: str) -> None:
        self.line, self.full = line, full
        super().__init__(line, full)

    @classmethod
    def of(cls, error: BaseException) -> TrialError:
        """Convert an exception. Its traceback begins in the function, not in the code that called it."""
        if isinstance(error, SystemExit):
            text = f"the function called sys.exit({'' if error.code is None else repr(error.code)})"
        else:
            try:
                text = str(error)
            except Exception:  # its class is the user's, too
                text = "its message can't be read"
        first = next((line.strip() for line in text.splitlines() if line.strip()), "")
        line = f"{type(error).__name__}: {first}".removesuffix(": ")
        frames = error.__traceback__
        while frames is not None and Path(frames.tb_frame.f_code.co_filename).parent == HERE:
            frames = frames.tb_next
        if isinstance(error.__context__, GeneratorExit):  # the training was being closed
            error.__context__ = None
        return cls.saying(line, "".join(traceback.format_exception(type(error), error, frames)))

    @classmethod
    def saying(cls, line: str, full: str) -> TrialError:
        """An error of this text, as much of it as a study stores."""
        line = "".join(c if c.isprintable() else " " for c in line)  # no database stores a zero
        if len(full) > 2 * MOST:
            full = f"{full[:MOST]}\n… {len(full) - 2 * MOST:,} characters …\n{full[-MOST:]}"
        return cls(line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…", full)


@dataclass(frozen=True)
class Outcome:
    """The outcome of training one trial: metric -> a value for each epoch, and how the training ended.

    `score` names the metric that decides. A trial may diverge, fail with an error, or be `pruned` at a rung with the
    value that it had there. `output` is what its function printed. `out_of_fold` is the table of `trainer.folds`, empty
    if there is none.
    """

    metrics: Mapping[str, Sequence[float]]
    score: str
    diverged_epoch: int | None = None
    error: TrialError | None = None
    pruned: bool = False
    finished: datetime = field(default_factory=lambda: now())
    output: str = ""
    out_of_fold: Sequence[float] = ()

    @property
    def epochs(self) -> int:
        """The number of epochs with metrics."""
        return len(next(iter(self.metrics.values()), ()))

    @property
    def failure(self) -> str | None:
        """Why there is no value; None if there is one."""
        if self.diverged_epoch is not None:
            return f"diverged at epoch {self.diverged_epoch}"
        return None if self.error is None else self.error.line

    @property
    def attributes(self) -> dict[str, Any]:
        """The attributes that a study records of a training: how it ended early, if it did, and what it printed."""
        attributes: dict[str, Any] = {"output": self.output} if self.output else {}
        if self.diverged_epoch is not None:
            return attributes | {"diverged_epoch": self.diverged_epoch}
        if self.error is not None:
            return attributes | {"error": self.error.line, "traceback": self.error.full}
        return attributes | ({"left_epoch": self.epochs} if self.pruned else {})

    @property
    def value(self) -> float | None:
        """The score after the last epoch; None if the trial diverged or failed."""
        return None if self.failure else self.metrics[self.score][-1]

    @property
    def ci95(self) -> tuple[float, float] | None:
        """The 95 % interval of the value from the number of rows, which only the test rows have."""
        ends = [self.metrics.get(f"{self.score}_{end}", [math.nan])[-1] for end in ("low", "high")]
        return None if self.failure or not all(map(math.isfinite, ends)) else (ends[0], ends[1])


def now() -> datetime:
    """The current time as studies store it: naive UTC."""
    return datetime.now(UTC).replace(tzinfo=None)
