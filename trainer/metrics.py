"""Scores of a stack of K trials on the same rows, as (K,) arrays.

Each metric first computes something of every row, `rows(loss, outputs, targets)` as (K, B, …), and then (K,) of all N
rows, by `finish`. So rows can be scored a chunk at a time. Sums run trial by trial, in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trainer.arrays import Array
from trainer.losses import Loss


class Metric(NamedTuple):
    """`rows(loss, outputs, targets)` computes something of every row, and does not change the outputs.

    `finish(loss, values, targets, scale)` computes (K,) from that of all rows; `scale` is the unit of the targets in
    the user's units. `trainer.fields.METRICS` says whether the targets have to be classes, and what is better.
    `groups(targets)` are the (N,) masks over which a metric is the mean share of rows that are right; None for others.
    """

    rows: Callable[[Loss, Array, Array], Array]
    finish: Callable[[Loss, Array, Array, float], NDArray[np.float64]]
    groups: Callable[[Array], list[NDArray[np.bool_]]] | None = None


def row_means(values: Array, weights: Array | None = None) -> NDArray[np.float64]:
    """The mean over the N rows of values (K, N), weighted by (N,), as (K,).

    Contiguous first: the order in which NumPy adds follows the strides, and those of an indexed array follow K.
    """
    columns = np.ascontiguousarray(values, dtype=np.float64)
    if weights is not None:
        columns = columns * weights
        return np.asarray(columns.sum(axis=1) / weights.sum())
    return np.asarray(columns.sum(axis=1) / columns.shape[1])


def class_numbers(targets: Array) -> NDArray[np.intp]:
    """The class of each row (N,), of targets as a loss takes them: numbers, one-hot, or one column of 0 and 1."""
    if targets.ndim == 1:
        return targets.astype(np.intp, copy=False)
    if targets.shape[1] == 1:
        return (targets[:, 0] > 0.5).astype(np.intp)
    return np.asarray(targets.argmax(axis=1))


def _correct(loss: Loss, outputs: Array, targets: Array) -> Array:
    if loss.correct is None:
        raise TypeError("a quantity is not right or wrong: this metric needs classes")
    return loss.correct(outputs, targets)


def _accuracy(loss: Loss, correct: Array, targets: Array, scale: float) -> NDArray[np.float64]:
    return row_means(correct)


def _balanced_accuracy(
    loss: Loss, correct: Array, targets: Array, scale: float
) -> NDArray[np.float64]:
    """The mean over the classes that occur of the share of each that is right."""
    shares = [row_means(correct[:, rows]) for rows in _of_each_class(targets)]
    return row_means(np.stack(shares, axis=1))


def _all_rows(targets: Array) -> list[NDArray[np.bool_]]:
    return [np.ones(len(targets), bool)]


def _of_each_class(targets: Array) -> list[NDArray[np.bool_]]:
    labels = class_numbers(targets)
    return [labels == label for label in np.unique(labels)]


def _loss_values(loss: Loss, outputs: Array, targets: Array) -> Array:
    return loss.values(outputs.copy(order="K"), targets)


def _log_loss(loss: Loss, values: Array, targets: Array, scale: float) -> NDArray[np.float64]:
    """The mean of −log of the probability of what is true."""
    return row_means(values)


def _logits(loss: Loss, outputs: Array, targets: Array) -> Array:
    return outputs.copy()


def _roc_auc(loss: Loss, logits: Array, targets: Array, scale: float) -> NDArray[np.float64]:
    """The chance that a row of a class scores higher than one of another class; the mean over the classes.

    Ties count half (Hand & Till 2001, eq. 3). NaN where all rows or none are of a class. If each output is a
    question of its own, the mean over the questions.
    """
    count = logits.shape[2]
    if loss.questions:
        scores, yes = logits, targets > 0.5
    else:
        yes = class_numbers(targets)[:, None] == np.arange(count)
        if count == 2:
            scores, yes = logits[..., 1:] - logits[..., :1], yes[:, 1:]
        else:
            scores = np.exp(logits - logits.max(axis=2, keepdims=True))
            scores /= scores.sum(axis=2, keepdims=True)
    areas = [_area(scores[..., c], yes[:, c]) for c in range(scores.shape[2])]
    return row_means(np.stack(areas, axis=1))


def _area(scores: Array, yes: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The area under the curve of scores (K, N), by the ranks of the rows (N,) that are of the class."""
    of_class = int(yes.sum())
    rest = len(yes) - of_class
    if not of_class or not rest:
        return np.full(len(scores), np.nan)
    sums = np.array([_ranks(np.ascontiguousarray(trial))[yes].sum() for trial in scores])
    return np.asarray((sums - of_class * (of_class + 1) / 2) / (of_class * rest))


def _ranks(scores: Array) -> NDArray[np.float64]:
    """1 … N in ascending order; equal scores share their mean rank."""
    _, group, sizes = np.unique(scores, return_inverse=True, return_counts=True)
    last = np.cumsum(sizes)
    return np.asarray((last - (sizes - 1) / 2)[group])


def _differences(loss: Loss, outputs: Array, targets: Array) -> Array:
    return outputs - targets


def _rmse(loss: Loss, differences: Array, targets: Array, scale: float) -> NDArray[np.float64]:
    """√(mean squared error), in the user's units; the mean over the outputs where there are several."""
    return scale * row_means(np.sqrt(_output_means(differences**2)))


def _mae(loss: Loss, differences: Array, targets: Array, scale: float) -> NDArray[np.float64]:
    """The mean absolute error, in the user's units."""
    return scale * row_means(_output_means(np.abs(differences)))


def _r2(loss: Loss, differences: Array, targets: Array, scale: float) -> NDArray[np.float64]:
    """1 − (squared error) / (that of the rows' own mean); the mean over the outputs where there are several.

    Where all targets are the same, 1 without an error and 0 with one.
    """
    error = _output_means(differences**2)
    own = np.asarray(targets, np.float64)
    variance = _output_means((own - own.mean(axis=0))[None] ** 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(variance > 0, error / variance, np.where(error > 0, 1.0, 0.0))
    return row_means(1 - share)


def _output_means(values: Array) -> NDArray[np.float64]:
    """The mean over the N rows of values (K, N, C), as (K, C)."""
    return np.stack([row_means(values[..., c]) for c in range(values.shape[2])], axis=1)


METRICS: dict[str, Metric] = {
    "accuracy": Metric(_correct, _accuracy, _all_rows),
    "balanced_accuracy": Metric(_correct, _balanced_accuracy, _of_each_class),
    "log_loss": Metric(_loss_values, _log_loss),
    "roc_auc": Metric(_logits, _roc_auc),
    "rmse": Metric(_differences, _rmse),
    "mae": Metric(_differences, _mae),
    "r2": Metric(_differences, _r2),
}
