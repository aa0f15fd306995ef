"""What a stack of trials is trained on, and what its trials share."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.initializers import deviation
from trainer.layers import ACTIVATIONS
from trainer.losses import LOSSES, SPARSE
from trainer.metrics import METRICS
from trainer.optimizers import OPTIMIZERS
from trainer.schedules import SCHEDULES

Array = NDArray[Any]

CHOICES: dict[str, Collection[str]] = {
    "loss": LOSSES,
    "metric": METRICS,
    "activation": ACTIVATIONS,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "dtype": ("float32", "float64"),
}


@dataclass(frozen=True)
class Rows:
    """Some rows of a data set: X (N, I), and y as the loss takes it; `weights` (N,) say how much each counts.

    y is (N,) of class numbers for sparse_categorical_cross_entropy, else (N, C); (N,) will do for one output.
    """

    X: Array
    y: Array
    weights: Array | None = None

    def counted(self) -> Rows:
        """Only those that count: a weight of 0 is no row."""
        if self.weights is None or self.weights.all():
            return self
        counted = self.weights != 0
        return Rows(self.X[counted], self.y[counted], self.weights[counted])


@dataclass(frozen=True)
class Recipe:
    """What all trials of one stack share: what decides the shape of an array, or what is done to it."""

    outputs: int
    loss: str = SPARSE
    metric: str = "accuracy"
    hidden: tuple[int, ...] = (50,)
    activation: str = "relu"
    batch_norm: bool = False
    optimizer: str = "momentum"
    schedule: str = "constant"
    init: str = "he"  # for trials that do not say their own
    batch_size: int = 32
    dtype: str = "float32"
    class_weight: tuple[float, ...] | None = None  # how much a row of each class counts in training
    target_scale: float = 1.0  # the unit of y in the user's, for a metric that has units

    def __post_init__(self) -> None:
        """Raise ValueError for what is not there, can't be so many, or does not go together."""
        for name, known in CHOICES.items():
            value = getattr(self, name)
            if not isinstance(value, str) or value not in known:
                raise ValueError(f"{name} {value!r} is not one of {', '.join(known)}")
        deviation(self.init)
        for name, number in (
            ("batch_size", self.batch_size),
            *(("hidden", h) for h in self.hidden),
        ):
            if not isinstance(number, int | np.integer) or number < 1:
                raise ValueError(f"{name} {number!r} is not a whole number of at least 1")
        if self.metric == "balanced_accuracy" and LOSSES[self.loss].questions and self.outputs > 1:
            raise ValueError(
                f"metric {self.metric!r} does not fit {self.loss} of several questions: rows have no class"
            )
        if self.batch_norm and self.batch_size == 1:
            raise ValueError(
                "batch_norm takes the mean of a minibatch: batch_size 1 leaves nothing of it"
            )
        classes = LOSSES[self.loss].classes
        if METRICS[self.metric].classes != classes:
            kind = "classes" if classes else "quantities"
            raise ValueError(f"metric {self.metric!r} does not fit {self.loss}, a loss of {kind}")
