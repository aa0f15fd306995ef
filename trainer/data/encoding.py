"""Encoding: a table's rows and labels as the numbers that a network takes.

Numbers are scaled to mean 0 and variance 1, with the median for a missing one and a column that says where one was
missing. Text becomes one column for each category, of 0 and 1. The pixels of images are divided by 255.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from trainer.arrays import Array
from trainer.data.tables import Table, number_columns
from trainer.recipe import Rows

if TYPE_CHECKING:
    import pandas as pd


MAX_CATEGORIES = 50  # of a text column: rarer ones share one column


class Encoding:
    """Learned by `fit` from a table's training rows, and applied by `transform` to any of its rows."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self.shift, self.scale = 0.0, 1.0  # of the labels of a regression

    def fit(self, table: Table, train: NDArray[np.intp]) -> Self:
        """Learn from the rows at the positions `train`, and from no other."""
        self._columns = _columns(table.rows, self.dtype)
        self._columns.fit(table.rows_at(train))
        if table.task == "regression":
            labels = table.labels[train]
            self.shift, self.scale = float(labels.mean()), float(labels.std()) or 1.0
        return self

    def transform(self, table: Table, positions: NDArray[np.intp]) -> Rows:
        """The rows at these positions, ready for a network."""
        encoded = self._columns.transform(table.rows_at(positions))
        X, labels = np.ascontiguousarray(encoded, self.dtype), table.labels[positions]
        weights = None if table.weights is None else table.weights[positions]
        if table.task == "regression":
            return Rows(X, ((labels - self.shift) / self.scale).astype(self.dtype), weights)
        return Rows(X, labels, weights)


class _Pixels:
    """Bytes as parts of 255: the scale of an image is known before any is seen."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype

    def fit(self, images: Array) -> None:
        pass

    def transform(self, images: Array) -> Array:
        pixels: Array = images / self.dtype.type(255)
        return pixels


def _columns(rows: Array | pd.DataFrame, dtype: np.dtype[Any]) -> Any:
    """What encodes rows, by scikit-learn's conventions."""
    if isinstance(rows, np.ndarray) and rows.dtype == np.uint8:
        return _Pixels(dtype)

    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    if isinstance(rows, np.ndarray):
        return StandardScaler()

    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline

    numbers = number_columns(rows)
    texts = [column for column in rows.columns if column not in numbers]
    number = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
        StandardScaler(),
    )
    text = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="(missing)", keep_empty_features=True),
        OneHotEncoder(
            handle_unknown="infrequent_if_exist",
            max_categories=MAX_CATEGORIES,
            sparse_output=False,
        ),
    )
    return ColumnTransformer([("numbers", number, numbers), ("texts", text, texts)])
