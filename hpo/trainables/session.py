"""A task in training, epoch by epoch: which trials still train, their metrics, and how each ended."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import numpy as np

from hpo.choose.types import LARGEST_VALUE
from hpo.trainables.printed import Output, kept_in
from hpo.trainables.task import Array, Curves, Outcome, Task, TrialError, now
from trainer.folds import OUT_OF_FOLD

SHOWING_SECONDS = 10.0  # between two looks at the curves of trials that train


class Session:
    """One task that trains in one place. A trial whose score is not finite has diverged at that epoch; its curve ends
    with the epoch before.

    `score` names the metric that decides; None: the only one. `trained(n)` is called after each epoch that n trials
    trained for, and `showing(curves)` every ten seconds with the scores so far of each trial. Training ends after an
    epoch if `stopped()` is true.
    """

    def __init__(
        self,
        task: Task,
        curves: Curves,
        score: str | None,
        *,
        trained: Callable[[int], None] = lambda _: None,
        showing: Callable[[list[list[float]]], None] = lambda _: None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        count = len(task.settings)
        self.task = task
        self._curves = curves
        self._score = score or ""
        self._trained, self._showing, self._stopped = trained, showing, stopped
        self._shown = time.monotonic()
        self.reached = 0  # the last epoch passed to `advance`
        self._epoch = 0
        self._stay = np.ones(count, bool)
        self._metrics: list[dict[str, list[float]]] = [{} for _ in range(count)]
        self._diverged: list[int | None] = [None] * count
        self._error: TrialError | None = None
        self._ended: datetime | None = None
        self._pruned: list[datetime | None] = [None] * count
        self._output = Output()
        self._out_of_fold: Array | None = None

    def advance(self, to_epoch: int, stay: Sequence[bool] | None = None) -> list[float]:
        """Train on to an epoch without the trials that do not stay.

        Returns the scores, NaN for trials that train no more.
        """
        if stay is not None:
            self._leave(stay)
        self.reached = to_epoch
        try:
            while self._epoch < to_epoch and self._ended is None and not self._stopped():
                self._train_epoch()
        except TrialError as error:
            self._error = error
            self._end()
        if self._epoch == self.task.epochs:
            self._end()
        return self._scores()

    def _train_epoch(self) -> None:
        try:
            with kept_in(self._output):
                figures = self._curves.send(self._stay if self._epoch else None)
        except StopIteration:
            if not any(self._metrics) and not any(self._diverged):
                raise TrialError.of(ValueError("the trainer ended without any metric")) from None
            self._end()
            return
        if not figures:  # an epoch takes long
            return
        if np.ndim(figures.get(OUT_OF_FOLD, 0)) == 2:  # no metric
            self._out_of_fold = figures.pop(OUT_OF_FOLD)
        self._epoch += 1
        self._score = self._score or _only_metric(figures)
        if self._score not in figures:
            names = ", ".join(figures)
            raise TrialError.of(ValueError(f"the trainer reported {names}, and no {self._score}"))
        training = np.flatnonzero(self._stay)
        self._trained(len(training))
        for k in training:
            if not abs(figures[self._score][k]) <= LARGEST_VALUE:
                self._diverged[k] = self._epoch
                self._stay[k] = False
                continue
            curves = self._metrics[k]
            for name in {**curves, **figures}:  # NaN where a metric is not reported in an epoch
                curve = curves.setdefault(name, [math.nan] * (self._epoch - 1))
                curve.append(float(figures[name][k]) if name in figures else math.nan)
        if not self._stay.any():
            self._end()
        elif time.monotonic() - self._shown >= SHOWING_SECONDS:
            self._shown = time.monotonic()
            self._showing([list(metrics.get(self._score, ())) for metrics in self._metrics])

    def _scores(self) -> list[float]:
        training = self._stay & (self._ended is None)
        return [
            metrics[self._score][-1] if goes_on else math.nan
            for metrics, goes_on in zip(self._metrics, training, strict=True)
        ]

    def _leave(self, stay: Sequence[bool]) -> None:
        if self._ended is not None:
            return
        moment = now()
        for k in np.flatnonzero(self._stay & ~np.array(stay)):
            self._pruned[k] = moment
        self._stay &= stay
        if not self._stay.any():
            self._end()

    def _end(self) -> None:
        if self._ended is None:
            self._ended = now()
            self.close()

    def close(self) -> None:
        """Stop training. What goes wrong in that is an error of the training."""
        try:
            with kept_in(self._output):
                self._curves.close()
        except TrialError as error:
            if not self._stay.any():  # all diverged or were pruned, and stay so
                self._output.add(error.full)
            self._error = self._error or error

    @property
    def ended(self) -> bool:
        """Whether none of its trials trains any more."""
        return self._ended is not None

    def outcomes(self) -> list[Outcome]:
        """The outcome of each trial."""
        return [
            Outcome(
                {name: [*curve] for name, curve in metrics.items()},
                self._score,
                diverged,
                self._error if diverged is None and pruned is None else None,
                pruned is not None,
                pruned or self._ended or now(),
                self._output.text,
                () if self._out_of_fold is None else tuple(map(float, self._out_of_fold[k])),
            )
            for k, (metrics, diverged, pruned) in enumerate(
                zip(self._metrics, self._diverged, self._pruned, strict=True)
            )
        ]


def _only_metric(figures: Mapping[str, Array]) -> str:
    if len(figures) > 1:
        names = ", ".join(figures)
        raise TrialError.of(
            ValueError(f"the trainer reported {names}: say with metric which one decides")
        )
    return next(iter(figures))
