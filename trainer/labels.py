"""What labels mean to the estimators: classes, answers to several questions, or quantities.

`targets` turns labels into what the loss takes, and `labels` turns the network's outputs (N, C) back into labels. An
output times `scale` plus `shift` is in the user's units.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit, softmax
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from trainer.arrays import Array
from trainer.losses import SPARSE


class Classes:
    """Each row has one of C classes: softmax and cross-entropy."""

    loss, metric = SPARSE, "accuracy"
    scale: float | Array = 1.0
    shift: float | Array = 0.0

    def __init__(self, y: Array, classes: Any = None) -> None:
        self.classes = np.unique(y if classes is None else np.asarray(classes))
        self.outputs = len(self.classes)
        if self.outputs < 2:
            raise ValueError(
                f"y has one class only, {self.classes.tolist()[0]!r}: there is nothing to tell apart"
            )

    def targets(self, y: Array, dtype: str) -> Array:
        """Class numbers (N,)."""
        del dtype
        _check_columns(y, ())
        unseen = ~np.isin(y, self.classes)
        if unseen.any():
            row = int(unseen.argmax())
            raise ValueError(
                f"y[{row}] is {y.tolist()[row]!r}, a class that the first call did not have"
            )
        return np.searchsorted(self.classes, y)

    def labels(self, outputs: Array) -> Array:
        """The class of the largest output (N,)."""
        labels: Array = self.classes[outputs.argmax(axis=1)]
        return labels

    def probabilities(self, outputs: Array) -> Array:
        """The probability of each class (N, C)."""
        probabilities: Array = softmax(outputs, axis=1)
        return probabilities


class Questions:
    """Each row has C answers, 0 or 1 (multilabel): a sigmoid for each, and binary cross-entropy."""

    loss, metric = "binary_cross_entropy", "accuracy"
    scale: float | Array = 1.0
    shift: float | Array = 0.0

    def __init__(self, y: Array, classes: Any = None) -> None:
        self.classes = np.arange(y.shape[1]) if classes is None else np.asarray(classes)
        self.outputs = len(self.classes)

    def targets(self, y: Array, dtype: str) -> Array:
        """The answers as numbers (N, C)."""
        _check_columns(y, (self.outputs,))
        return y.astype(dtype)

    def labels(self, outputs: Array) -> Array:
        """0 or 1 for each question (N, C)."""
        return (outputs > 0).astype(int)

    def probabilities(self, outputs: Array) -> Array:
        """The probability of a 1 (N, C)."""
        probabilities: Array = expit(outputs)
        return probabilities


class Quantities:
    """Each row has one quantity, or C of them: squared error, on standardized quantities."""

    loss, metric = "squared_error", "r2"

    def __init__(self, y: Array, weights: Array) -> None:
        # Of the distinct values, so that to the last bit a weight is the same as that many rows, in whatever order.
        values, number = np.unique(y.astype(np.float64), axis=0, return_inverse=True)
        weights = np.bincount(number, weights)
        self.shift: Array = np.average(values, axis=0, weights=weights)
        variance = np.average((values - self.shift) ** 2, axis=0, weights=weights)
        self.scale: Array = np.where(variance > 0, np.sqrt(variance), 1.0)
        self.outputs = int(np.size(self.shift))

    def targets(self, y: Array, dtype: str) -> Array:
        """The quantities in standard units, (N,) or (N, C)."""
        _check_columns(y, np.shape(self.shift))
        return ((y - self.shift) / self.scale).astype(dtype)

    def labels(self, outputs: Array) -> Array:
        """The quantities in the user's units, (N,) or (N, C)."""
        quantities: Array = outputs * self.scale + self.shift
        return quantities if np.ndim(self.shift) else quantities[:, 0]


def classes_or_questions(y: Array, classes: Any = None) -> Classes | Questions:
    """What a classifier's labels mean, by scikit-learn's conventions; y may lack some of `classes`."""
    check_classification_targets(y)
    kind = type_of_target(y)
    if kind == "multiclass-multioutput":
        raise ValueError("Unknown label type: y has several columns that are not all 0 or 1")
    return (Questions if kind == "multilabel-indicator" else Classes)(y, classes)


def _check_columns(y: Array, columns: tuple[int, ...]) -> None:
    if y.shape[1:] != columns:
        raise ValueError(f"y is of shape {y.shape}, unlike that of the first call")
