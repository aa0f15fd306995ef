"""The data that `train_population` is called with, checked and made into rows; errors name the argument and place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.fields import FINITE, check
from trainer.losses import LOSSES, SPARSE
from trainer.recipe import Rows

Array = NDArray[Any]


def checked_rows(
    X: Any,
    y: Any,
    X_validation: Any,
    y_validation: Any,
    *,
    loss: str | None,
    sample_weight: Any,
    dtype: str,
) -> tuple[str, Array | None, Rows, Rows]:
    """The loss, the classes if y has class labels, the training rows and the validation rows.

    Raises:
        ValueError: the data can't be trained on.
    """
    check({"dtype": dtype} if loss is None else {"dtype": dtype, "loss": loss})
    X, X_validation = _features(X, "X", dtype), _features(X_validation, "X_validation", dtype)
    if X.shape[1] != X_validation.shape[1]:
        raise ValueError(f"X has {X.shape[1]} columns and X_validation has {X_validation.shape[1]}")
    y = _labels(y, X, "y", dtype)
    y_validation = _labels(y_validation, X_validation, "y_validation", dtype)
    if y.shape[1:] != y_validation.shape[1:]:
        raise ValueError(f"y is of shape {y.shape} and y_validation of shape {y_validation.shape}")
    loss = loss or _loss_of(y)
    classes = None
    if loss == SPARSE:
        classes, y, y_validation = _numbered(y, y_validation)
    else:
        y, y_validation = _numbers(y, "y", loss), _numbers(y_validation, "y_validation", loss)
    weights = None if sample_weight is None else _weights(sample_weight, len(X), dtype)
    return loss, classes, Rows(X, y, weights), Rows(X_validation, y_validation)


def class_weights(class_weight: Mapping[Any, float], classes: Array) -> tuple[float, ...]:
    """How much a row of each class counts; 1 for a class that is not in the mapping.

    Raises:
        ValueError: there is no such class, or a weight is not a number of at least 0.
    """
    if not isinstance(class_weight, Mapping):
        raise ValueError(
            f"class_weight is {class_weight!r}: give a mapping from classes to numbers"
        )
    weights = dict.fromkeys(classes.tolist(), 1.0)
    for label, weight in class_weight.items():
        if label not in weights:
            raise ValueError(f"class_weight: no row of y is of class {label!r}")
        if not FINITE.allows(weight):
            raise ValueError(f"class_weight of {label!r} = {weight!r} is not {FINITE.text}")
        weights[label] = float(weight)
    if not any(weights.values()):
        raise ValueError("class_weight is 0 for every class: at least one class has to count")
    return tuple(weights.values())


def _features(values: Any, name: str, dtype: str) -> Array:
    X = _array(values, name)
    if X.ndim != 2:
        raise ValueError(f"{name} is of shape {X.shape}: give rows and columns, (N, I)")
    if not X.size:
        raise ValueError(f"{name} is of shape {X.shape}: it contains nothing")
    return np.ascontiguousarray(_finite(X, name, dtype))


def _labels(values: Any, X: Array, name: str, dtype: str) -> Array:
    y = _array(values, name)
    if y.ndim not in (1, 2):
        raise ValueError(f"{name} is of shape {y.shape}: give (N,), or (N, C) for several outputs")
    if len(y) != len(X):
        raise ValueError(f"{name} has {len(y)} labels for {len(X)} rows")
    if y.dtype.kind == "f":
        _finite(y, name, dtype)
    elif y.dtype.kind == "O":
        for place, label in np.ndenumerate(y):
            if label is None or label != label:  # only NaN differs from itself
                raise ValueError(f"{name}[{_place(place)}] is {label}: a label is missing")
    return y


def _array(values: Any, name: str) -> Array:
    try:
        return np.asarray(values)
    except ValueError:
        raise ValueError(f"{name} has rows of different lengths") from None


def _finite(array: Array, name: str, dtype: str) -> Array:
    """The array as numbers of a dtype, all of them finite."""
    try:
        if array.dtype.kind == "c":
            raise ValueError("complex numbers")
        with np.errstate(over="ignore"):
            cast = array.astype(dtype, copy=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} contains something that is no number: {error}") from None
    wrong = np.argwhere(~np.isfinite(cast))
    if len(wrong):
        value = array[tuple(wrong[0])]
        raise ValueError(f"{name}[{_place(wrong[0])}] is {value}, which is not finite in {dtype}")
    return cast


def _place(index: Iterable[int]) -> str:
    return ", ".join(map(str, index))


def _loss_of(y: Array) -> str:
    if y.dtype.kind == "f":
        return "squared_error"
    if y.ndim == 1:
        return SPARSE
    raise ValueError(
        f"y of shape {y.shape} has no floating-point numbers: say what its columns are by the loss, "
        "categorical_cross_entropy or binary_cross_entropy"
    )


def _numbered(y: Array, y_validation: Array) -> tuple[Array, Array, Array]:
    if y.ndim != 1:
        raise ValueError(f"y is of shape {y.shape}: {SPARSE} takes one label a row, (N,)")
    classes, numbers = np.unique(y, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(f"y has only one class, {classes.tolist()[0]!r}: give two or more")
    unseen = ~np.isin(y_validation, classes)
    if unseen.any():
        row = int(unseen.argmax())
        label = y_validation.tolist()[row]
        raise ValueError(f"y_validation[{row}] is {label!r}, a class that y does not have")
    return classes, numbers, np.searchsorted(classes, y_validation)


def _numbers(y: Array, name: str, loss: str) -> Array:
    try:
        y = y.reshape(len(y), -1).astype(np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name} contains something that is no number, and {loss} needs numbers"
        ) from None
    if not LOSSES[loss].classes:
        return y
    if y.min() < 0 or y.max() > 1:
        row = int(((y < 0) | (y > 1)).any(axis=1).argmax())
        raise ValueError(f"{name}[{row}] is {y[row].tolist()}: {loss} takes numbers from 0 to 1")
    if loss == "categorical_cross_entropy" and not np.allclose(y.sum(axis=1), 1):
        row = int(np.abs(y.sum(axis=1) - 1).argmax())
        raise ValueError(f"{name}[{row}] sums to {y[row].sum():g}: the columns of a row sum to 1")
    return y


def _weights(values: Any, rows: int, dtype: str) -> Array:
    weights = _finite(_array(values, "sample_weight"), "sample_weight", dtype).astype(np.float64)
    if weights.shape != (rows,):
        raise ValueError(f"sample_weight is of shape {weights.shape}: give one a row, ({rows},)")
    if weights.min() < 0 or not weights.any():
        raise ValueError(
            "sample_weight has numbers below 0, or none above 0: weights are at least 0"
        )
    return weights
