"""Losses as functions of the logits: the outputs (K, B, C) of the last layer, before any softmax or sigmoid.

Each has `values(outputs, targets)`, the loss of every row as (K, B), and `gradient(outputs, targets, smoothing)`,
which overwrites the outputs with ∂(loss of a row)/∂outputs. Both may overwrite the outputs. Neither sums over rows: the
caller decides how much each row counts. Outputs of ±1e4 neither overflow nor lose the loss.

Smoothing s (K, 1, 1), or None for none, moves a share s of a target's weight evenly to all classes (Szegedy et al.
2016, section 7). It changes the gradient but not the values, so that trials can be compared by them.

`correct(outputs, targets)` says which rows are classified right, (K, B).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trainer.arrays import Array
from trainer.layers import sigmoid

SPARSE = "sparse_categorical_cross_entropy"
"""The one loss whose targets are class numbers, (B,)."""


class Loss(NamedTuple):
    """The functions of one loss.

    `correct` is None where the targets are quantities, not classes. `questions` is whether each output answers a
    question of its own, instead of standing for one class among others.
    """

    values: Callable[[Array, Array], Array]
    gradient: Callable[[Array, Array, Array | None], None]
    correct: Callable[[Array, Array], NDArray[np.bool_]] | None = None
    questions: bool = False

    @property
    def classes(self) -> bool:
        """Whether targets are classes, not quantities."""
        return self.correct is not None


@cache
def _ones(count: int, dtype: np.dtype[Any]) -> Array:
    """A column of ones, to sum by a product. It is cached, because to make it takes as long as the product."""
    return np.ones((count, 1), dtype)


def _largest(outputs: Array) -> Array:
    """The largest of each row's C outputs (K, B, 1)."""
    return np.asarray(np.maximum.reduce(outputs, axis=-1, keepdims=True))


def _softmax(outputs: Array) -> None:
    """In place; the largest output is subtracted first (*Deep Learning from Scratch*, 3.5.2)."""
    outputs -= _largest(outputs)
    np.exp(outputs, out=outputs)
    outputs /= outputs @ _ones(outputs.shape[-1], outputs.dtype)


def _log_sum(outputs: Array) -> Array:
    """log Σ exp over the classes (K, B), of outputs whose largest is 0; overwrites the outputs."""
    np.exp(outputs, out=outputs)
    total: Array = outputs @ _ones(outputs.shape[-1], outputs.dtype)
    return np.log(total[..., 0])


def _one_hot(labels: NDArray[np.intp], outputs: Array) -> Array:
    """(B, C), laid out in memory like the outputs of one trial."""
    classes, rows = outputs.shape[-1], len(labels)
    hot = np.zeros((classes, rows), outputs.dtype)
    hot[labels, np.arange(rows)] = 1
    return hot.T


def _sparse_values(outputs: Array, labels: NDArray[np.intp]) -> Array:
    """−log softmax(outputs)[label], labels (B,) as integers (*Deep Learning from Scratch*, 5.6.3 and appendix A)."""
    outputs -= _largest(outputs)
    loss: Array = -outputs[:, np.arange(len(labels)), labels]
    loss += _log_sum(outputs)
    return loss


def _sparse_gradient(
    outputs: Array, labels: NDArray[np.intp], smoothing: Array | None = None
) -> None:
    """softmax(outputs) − one-hot(label)."""
    _categorical_gradient(outputs, _one_hot(labels, outputs), smoothing)


def _sparse_correct(outputs: Array, labels: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Whether the first of the largest outputs is that of the label.

    Nearly always no trial has a tie; then a comparison with the largest shows it, in a third of argmax's time.
    """
    largest = _largest(outputs)
    rows = np.arange(len(labels))
    if not np.isnan(largest).any() and np.count_nonzero(outputs == largest) == largest.size:
        right: NDArray[np.bool_] = outputs[:, rows, labels] == largest[..., 0]
        return right
    first: NDArray[np.bool_] = outputs.argmax(axis=-1) == labels
    return first


def _categorical_values(outputs: Array, targets: Array) -> Array:
    """−Σ target · log softmax(outputs) over the classes, targets (B, C) of rows that sum to 1."""
    outputs -= _largest(outputs)
    chosen = _over_outputs(outputs * targets)
    return _log_sum(outputs) - chosen


def _categorical_gradient(outputs: Array, targets: Array, smoothing: Array | None = None) -> None:
    """softmax(outputs) − target."""
    _softmax(outputs)
    outputs -= targets
    if smoothing is not None:
        outputs += smoothing * (targets - outputs.dtype.type(1 / outputs.shape[-1]))


def _categorical_correct(outputs: Array, targets: Array) -> NDArray[np.bool_]:
    return _sparse_correct(outputs, targets.argmax(axis=-1))


def _binary_values(outputs: Array, targets: Array) -> Array:
    """Σ over the outputs of log(1 + eᶻ) − target · z, targets (B, C) of 0 and 1, each output a question of its own.

    A sum, as the log likelihood of a row has it and scikit-learn's multilabel MLP; PyTorch and Keras take the mean
    over the outputs, C times less. log(1 + eᶻ) is max(z, 0) + log(1 + e^−|z|).
    """
    loss = np.maximum(outputs, 0)
    loss -= outputs * targets
    np.abs(outputs, out=outputs)
    np.negative(outputs, out=outputs)
    np.exp(outputs, out=outputs)
    np.log1p(outputs, out=outputs)
    loss += outputs
    return _over_outputs(loss)


def _binary_gradient(outputs: Array, targets: Array, smoothing: Array | None = None) -> None:
    """sigmoid(outputs) − target."""
    sigmoid(outputs)
    outputs -= targets
    if smoothing is not None:
        outputs += smoothing * (targets - outputs.dtype.type(0.5))


def _binary_correct(outputs: Array, targets: Array) -> NDArray[np.bool_]:
    """Whether all of a row's answers are right."""
    right: NDArray[np.bool_] = ((outputs > 0) == (targets > 0.5)).all(axis=-1)
    return right


def _squared_values(outputs: Array, targets: Array) -> Array:
    """½ Σ (output − target)² over the outputs, targets (B, C) (*Deep Learning from Scratch*, 4.2.1).

    PyTorch and Keras have no ½, and take the mean over the outputs: 2 / C times as much.
    """
    outputs -= targets
    outputs *= outputs
    loss = _over_outputs(outputs)
    loss *= 0.5
    return loss


def _squared_gradient(outputs: Array, targets: Array, smoothing: Array | None = None) -> None:
    """output − target."""
    outputs -= targets


def _over_outputs(values: Array) -> Array:
    """Σ over the C outputs of values (K, B, C), as a product."""
    total: Array = values @ _ones(values.shape[-1], values.dtype)
    return total[..., 0]


LOSSES: dict[str, Loss] = {
    "binary_cross_entropy": Loss(_binary_values, _binary_gradient, _binary_correct, questions=True),
    "categorical_cross_entropy": Loss(
        _categorical_values, _categorical_gradient, _categorical_correct
    ),
    SPARSE: Loss(_sparse_values, _sparse_gradient, _sparse_correct),
    "squared_error": Loss(_squared_values, _squared_gradient),
}
