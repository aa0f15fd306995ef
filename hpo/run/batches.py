"""How a batch is trained: its populations side by side, the worst leaving at each rung, the others to the end."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from hpo.choose.halving import Rung, staying
from hpo.plan.space import Settings
from hpo.trainables.network import Array, Trainable, TrialError, Which


@dataclass(frozen=True)
class Curves:
    """What training one trial gave: metric -> one number an epoch, and why there is no value, if there is none.

    `score` is the metric that decides. A trial diverged at an epoch, or its training failed with an error, or it
    left at a rung with the value it had there.
    """

    metrics: Mapping[str, list[float]]
    score: str
    diverged_epoch: int | None
    error: TrialError | None
    left: bool
    finished: datetime  # naive UTC, as studies have their times

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


class Population:
    """Settings that train together, from epoch to epoch.

    A trial whose metrics are not finite has diverged at that epoch; its curve ends with the epoch before.
    """

    def __init__(
        self,
        trainable: Trainable,
        settings: Sequence[Settings],
        *,
        epochs: int,
        seed: int,
        which: Which = 0,
    ) -> None:
        count = len(settings)
        self._training = trainable.train(settings, epochs=epochs, seed=seed, which=which)
        self._score = trainable.score or ""
        self._epoch, self._last = 0, epochs
        self._stay = np.ones(count, bool)
        self._metrics: list[dict[str, list[float]]] = [{} for _ in settings]
        self._diverged: list[int | None] = [None] * count
        self._error: TrialError | None = None
        self._ended: datetime | None = None
        self._left: list[datetime | None] = [None] * count

    def train_to(
        self, epoch: int, trained: Callable[[int], None], stopped: Callable[[], bool]
    ) -> None:
        """Train on until so many epochs are done. `trained(n)` hears after each that n trials were trained for it."""
        try:
            while self._epoch < epoch and self._ended is None and not stopped():
                self._one_epoch(trained)
        except TrialError as error:
            self._error = error
            self._end()
        if self._epoch == self._last:
            self._end()

    def _one_epoch(self, trained: Callable[[int], None]) -> None:
        try:
            figures = next(self._training) if not self._epoch else self._training.send(self._stay)
        except StopIteration:
            if not any(self._metrics) and not any(self._diverged):
                raise TrialError(
                    ValueError("the trainer ended without telling any metric")
                ) from None
            self._end()
            return
        self._epoch += 1
        self._score = self._score or _only(figures)
        if self._score not in figures:
            told = ", ".join(figures)
            raise TrialError(ValueError(f"the trainer told {told}, and no {self._score}"))
        alive = np.flatnonzero(self._stay)
        trained(len(alive))
        for k in alive:
            if not np.isfinite(figures[self._score][k]):
                self._diverged[k] = self._epoch
                self._stay[k] = False
                continue
            for name, values in figures.items():
                self._metrics[k].setdefault(name, []).append(float(values[k]))

    def scores(self) -> list[float]:
        """Where each trial stands; NaN where it trains no more."""
        going = self._stay & (self._ended is None)
        return [
            metrics[self._score][-1] if goes_on else math.nan
            for metrics, goes_on in zip(self._metrics, going, strict=True)
        ]

    def keep(self, stay: Sequence[bool]) -> None:
        """Let those that do not stay leave here."""
        if self._ended is not None:
            return
        now = _now()
        for k in np.flatnonzero(self._stay & ~np.array(stay)):
            self._left[k] = now
        self._stay &= stay
        if not self._stay.any():
            self._end()

    def _end(self) -> None:
        if self._ended is None:
            self._ended = _now()
            self.close()

    def close(self) -> None:
        """Stop training."""
        self._training.close()

    def curves(self) -> list[Curves]:
        """What came of each trial."""
        return [
            Curves(
                metrics,
                self._score,
                diverged,
                self._error if diverged is None and left is None else None,
                left is not None,
                left or self._ended or _now(),
            )
            for metrics, diverged, left in zip(
                self._metrics, self._diverged, self._left, strict=True
            )
        ]


def train_batch(
    trainable: Trainable,
    settings: Sequence[Settings],
    pool: Executor,
    *,
    epochs: int,
    seed: int,
    which: Which = 0,
    rungs: Sequence[Rung] = (),
    trained: Callable[[int], None],
) -> list[Curves]:
    """Train all settings of a batch and return each one's curves, in order."""
    interrupted = threading.Event()
    parts = trainable.populations(settings)
    made = [
        Population(trainable, [settings[k] for k in part], epochs=epochs, seed=seed, which=which)
        for part in parts
    ]
    running: list[Future[None]] = []
    try:
        for rung in (*rungs, Rung(epochs, 0)):
            running = [
                pool.submit(p.train_to, rung.epoch, trained, interrupted.is_set) for p in made
            ]
            wait(running)
            for future in running:
                future.result()
            if rung.stay:
                _leave(made, parts, len(settings), rung, trainable)
    finally:
        interrupted.set()  # let the threads go at their next epoch
        wait(running)
        for population in made:
            population.close()
    curves: dict[int, Curves] = {}
    for part, population in zip(parts, made, strict=True):
        curves |= zip(part, population.curves(), strict=True)
    return [curves[k] for k in range(len(settings))]


def _leave(
    populations: Sequence[Population],
    parts: Sequence[Sequence[int]],
    count: int,
    rung: Rung,
    trainable: Trainable,
) -> None:
    scores = [math.nan] * count
    for part, population in zip(parts, populations, strict=True):
        for k, score in zip(part, population.scores(), strict=True):
            scores[k] = score
    stay = staying(scores, rung.stay, trainable.direction)
    for part, population in zip(parts, populations, strict=True):
        population.keep([stay[k] for k in part])


def _only(figures: Mapping[str, Array]) -> str:
    if len(figures) > 1:
        raise TrialError(
            ValueError(f"the trainer told {', '.join(figures)}: say with metric which one decides")
        )
    return next(iter(figures))


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
