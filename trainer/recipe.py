"""What a stack of trials is trained on, and what its trials share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from trainer.fields import FIELDS, METRICS, check
from trainer.losses import LOSSES

Array = NDArray[Any]


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
    loss: str = FIELDS["loss"].default
    metric: str = FIELDS["metric"].default
    hidden: tuple[int, ...] = FIELDS["hidden"].default
    activation: str = FIELDS["activation"].default
    batch_norm: bool = FIELDS["batch_norm"].default
    optimizer: str = FIELDS["optimizer"].default
    schedule: str = FIELDS["schedule"].default
    init: str = FIELDS["init"].default  # for trials that have none of their own
    batch_size: int = FIELDS["batch_size"].default
    dtype: str = FIELDS["dtype"].default
    class_weight: tuple[float, ...] | None = None  # how much a row of each class counts in training
    target_scale: float = 1.0  # the unit of y in the user's, for a metric that has units

    def __post_init__(self) -> None:
        """Raise ValueError for a field that breaks its rule, and for fields that do not go together."""
        check({name: getattr(self, name) for name in FIELDS if hasattr(self, name)})
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
