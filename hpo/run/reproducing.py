"""Training one trial again, alone: is it identical to the last bit, or where does it first differ?

The trials of a population do not affect each other, so the others need not be trained again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from hpo.executors.chosen import executor_of
from hpo.executors.protocol import Ended, Paused
from hpo.plan.place import Place
from hpo.plan.plan import Plan
from hpo.run.history import split_of
from hpo.run.loop import LISTEN_SECONDS
from hpo.run.seeds import training_seed
from hpo.trainables.protocol import Trainable
from hpo.trainables.task import Outcome, Task
from studies.database.records import Trial
from studies.words import without_addresses


class Difference(NamedTuple):
    """The first epoch (from 1) with different values of a metric; None is a missing value."""

    epoch: int
    metric: str
    then: float | None
    now: float | None


@dataclass(frozen=True)
class Reproduced:
    """The comparison of a trial that was trained again, over `epochs` epochs of `metrics`.

    `ends` says how it ended then and now, if that differs. `environment` lists different versions, machine and BLAS,
    even if all values are identical.
    """

    trial: int
    epochs: int
    metrics: list[str]
    difference: Difference | None
    ends: tuple[str, str] | None
    environment: list[str]

    @property
    def identical(self) -> bool:
        """Whether all values and the end are the same, to the last bit."""
        return self.difference is None and self.ends is None


def train_alone(trainable: Trainable, plan: Plan, trial: Trial) -> Outcome:
    """Train one trial of the search alone, up to the rung where it left, if it did."""
    split, left_epoch = split_of(trial), trial.attributes.get("left_epoch")
    seed = training_seed(plan, split)
    pauses = () if left_epoch is None else (left_epoch,)
    task = Task((trial.number,), (trial.params,), plan.epochs, seed, -split, pauses)
    with executor_of(plan, trainable, Place(workers=1)) as executor:
        executor.start(task)
        while True:
            for event in executor.events(LISTEN_SECONDS):
                if isinstance(event, Ended):
                    return event.outcomes[0]
                if isinstance(event, Paused):
                    executor.go_on(task, [False])


def how_it_ended(attributes: Mapping[str, Any]) -> str:
    """How a training ended, from the attributes that a study records."""
    if "diverged_epoch" in attributes:
        return f"diverged at epoch {attributes['diverged_epoch']}"
    if "error" in attributes:
        return f"failed with {without_addresses(attributes['error'])}"
    if "left_epoch" in attributes:
        return f"left at the rung of epoch {attributes['left_epoch']}"
    return "trained to the end"


def first_difference(
    then: Mapping[str, Sequence[float]], now: Mapping[str, Sequence[float]]
) -> Difference | None:
    """The first difference between the bits of two trainings' metrics; all NaNs are equal."""
    firsts = []
    for metric in sorted(then.keys() | now.keys()):
        old, new = then.get(metric, ()), now.get(metric, ())
        for k in range(max(len(old), len(new))):
            one, other = (values[k] if k < len(values) else None for values in (old, new))
            if one is None or other is None or not _same(one, other):
                firsts.append(Difference(k + 1, metric, one, other))
                break
    return min(firsts, key=lambda d: (d.epoch, d.metric), default=None)


def _same(one: float, other: float) -> bool:
    if np.isnan(one) or np.isnan(other):
        return bool(np.isnan(one) and np.isnan(other))
    return np.float64(one).tobytes() == np.float64(other).tobytes()  # -0.0 is not 0.0
