"""One trial trained again by itself: identical to the last bit, or where it first differs.

A trial does not feel its neighbours, so it need not be trained among those that it was trained with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from hpo.plan.plan import Plan
from hpo.plan.space import Settings
from hpo.run.seeds import TRAIN, seed_of
from hpo.trainables.protocol import Trainable
from hpo.trainables.session import Session
from hpo.trainables.task import Outcome, Task


class Difference(NamedTuple):
    """The first epoch (from 1) after which a metric is another; None where there is no such epoch or metric."""

    epoch: int
    metric: str
    then: float | None
    now: float | None


@dataclass(frozen=True)
class Reproduced:
    """What came of training a trial again: so many epochs of these metrics were compared.

    `ends` are how it ended then and now, where that is not the same; `environment` is what is different about versions,
    machine and BLAS, which may be something even where no number differs.
    """

    trial: int
    epochs: int
    metrics: list[str]
    difference: Difference | None
    ends: tuple[str, str] | None
    environment: list[str]

    @property
    def identical(self) -> bool:
        """Whether every number is the same to the last bit, and the end is."""
        return self.difference is None and self.ends is None


def train_alone(
    trainable: Trainable, plan: Plan, trial: int, settings: Settings, left: int | None
) -> Outcome:
    """Train one trial of the search on its own, up to the rung where it had `left`, if it had."""
    task = Task((trial,), (settings,), plan.epochs, seed_of(plan, TRAIN))
    session = Session(task, trainable.training(task).here(), trainable.score)
    try:
        session.advance(left or plan.epochs)
        if left is not None:
            session.advance(left, [False])
    finally:
        session.close()
    return session.outcomes()[0]


def how_it_ended(attributes: Mapping[str, Any]) -> str:
    """How a training ended, by what a study records of it."""
    if "diverged_epoch" in attributes:
        return f"diverged at epoch {attributes['diverged_epoch']}"
    if "error" in attributes:
        return f"failed with {attributes['error']}"
    if "left_epoch" in attributes:
        return f"left at the rung of epoch {attributes['left_epoch']}"
    return "trained to the end"


def first_difference(
    then: Mapping[str, Sequence[float]], now: Mapping[str, Sequence[float]]
) -> Difference | None:
    """Where two trainings first differ, bit for bit; the same NaN is the same."""
    found = []
    for metric in sorted(then.keys() | now.keys()):
        old, new = then.get(metric, ()), now.get(metric, ())
        for k in range(max(len(old), len(new))):
            one, other = (values[k] if k < len(values) else None for values in (old, new))
            if one is None or other is None or not _same(one, other):
                found.append(Difference(k + 1, metric, one, other))
                break
    return min(found, key=lambda d: (d.epoch, d.metric), default=None)


def _same(one: float, other: float) -> bool:
    if np.isnan(one) or np.isnan(other):
        return bool(np.isnan(one) and np.isnan(other))
    return np.float64(one).tobytes() == np.float64(other).tobytes()  # -0.0 is not 0.0
