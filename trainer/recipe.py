"""The rows that a stack of trials is trained on, and the recipe that its trials share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from trainer.fields import FIELDS, METRICS, check
from trainer.losses import LOSSES

Array = NDArray[Any]


@dataclass(frozen=True)
class Rows:
    """Some rows of a data set: X (N, I), y as the loss takes it, and `weights` (N,), how much each row counts.

    y has class numbers (N,) for sparse_categorical_cross_entropy, else (N, C), or (N,) for one output.
    """

    X: Array
    y: Array
    weights: Array | None = None

    def counted(self) -> Rows:
        """The rows whose weight is not 0."""
        if self.weights is None or self.weights.all():
            return self
        counted = self.weights != 0
        return Rows(self.X[counted], self.y[counted], self.weights[counted])


@dataclass(frozen=True)
class Recipe:
    """What all trials of a stack share: what decides the shapes of their arrays and how these are computed."""

    outputs: int
    loss: str = FIELDS["loss"].default
    metric: str = FIELDS["metric"].default
    hidden: tuple[int, ...] = FIELDS["hidden"].default
    activation: str = FIELDS["activation"].default
    batch_norm: bool = FIELDS["batch_norm"].default
    optimizer: str = FIELDS["optimizer"].default
    schedule: str = FIELDS["schedule"].default
    init: str = FIELDS["init"].default  # of trials without one of their own
    batch_size: int = FIELDS["batch_size"].default
    dtype: str = FIELDS["dtype"].default
    class_weight: tuple[float, ...] | None = None  # how much a row of each class counts in training
    target_scale: float = (
        1.0  # what y is multiplied by for the user's units, in which some metrics are
    )

    def __post_init__(self) -> None:
        """Raise ValueError for a field that breaks its rule, or for fields that do not go together."""
        check({name: getattr(self, name) for name in FIELDS if hasattr(self, name)})
        if self.metric == "balanced_accuracy" and LOSSES[self.loss].questions and self.outputs > 1:
            raise ValueError(
                f"metric {self.metric!r} does not fit {self.loss} with several outputs: a row has no class"
            )
        if self.batch_norm and self.batch_size == 1:
            raise ValueError(
                "batch_norm needs the variance of a minibatch: give batch_size above 1"
            )
        classes = LOSSES[self.loss].classes
        if METRICS[self.metric].classes != classes:
            kind = "classes" if classes else "quantities"
            raise ValueError(f"metric {self.metric!r} does not fit {self.loss}, a loss of {kind}")
