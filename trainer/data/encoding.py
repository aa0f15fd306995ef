"""Encoding: a table's rows and labels as the numbers that a network takes.

Numbers are scaled to mean 0 and variance 1, with the median for a missing one and a column that says where one was
missing. Text becomes one column for each category, of 0 and 1. The pixels of images are divided by 255.

All that an encoding has learned is plain arrays and names, which a model file stores. It computes what scikit-learn's
`SimpleImputer`, `StandardScaler` and `OneHotEncoder` do, to the last bit, but straight into the network's own inputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from trainer.arrays import Array
from trainer.data.bins import Bins
from trainer.data.tables import Table, number_columns
from trainer.recipe import Rows

if TYPE_CHECKING:
    import pandas as pd

MAX_CATEGORIES = 50  # of a text column: rarer ones share one column
OF_BINS = "bins."  # how the names of their arrays begin
MISSING = "(missing)"  # the category of a missing text
PIECE = 2**13  # rows that are encoded at a time, so that what is computed on the way stays small


class Inputs(Protocol):
    """How rows of one kind become a network's inputs, of which there are `width`."""

    @property
    def width(self) -> int: ...  # noqa: D102  # see above

    def write(self, rows: Any, out: Array) -> None:
        """Encode rows into `out` (N, width)."""


@dataclass(frozen=True)
class Encoding:
    """What was learned from a table's training rows, for any rows of the same columns.

    A quantity is `shift` plus `scale` times what the network learns; of classes these are 0 and 1. With `bins`, numbers
    have several inputs each.
    """

    inputs: Inputs
    dtype: np.dtype[Any]
    shift: float = 0.0
    scale: float = 1.0
    bins: Bins | None = None

    @classmethod
    def learned(
        cls, table: Table, train: NDArray[np.intp], dtype: np.dtype[Any], *, binned: bool = False
    ) -> Self:
        """Learn from the rows at the positions `train`, and from no other. Numbers are `binned` for quantities only."""
        rows = table.rows_at(train)
        inputs = _inputs(rows)
        if table.task == "classification":
            return cls(inputs, dtype)
        bins = _binned(inputs, rows) if binned else None
        labels = table.labels[train]
        return cls(inputs, dtype, float(labels.mean()), float(labels.std()) or 1.0, bins)

    @property
    def width(self) -> int:
        """How many inputs there are."""
        return self.inputs.width + (0 if self.bins is None else self.bins.count)

    def transform(self, table: Table, positions: NDArray[np.intp]) -> Rows:
        """The rows at these positions, ready for a network."""
        X = np.empty((len(positions), self.width), self.dtype)
        for start in range(0, len(positions), PIECE):
            part = slice(start, start + PIECE)
            self._write(table.rows_at(positions[part]), X[part])
        labels = table.labels[positions]
        weights = None if table.weights is None else table.weights[positions]
        if table.task == "regression":
            return Rows(X, ((labels - self.shift) / self.scale).astype(self.dtype), weights)
        return Rows(X, labels, weights)

    def encode(self, rows: Array | pd.DataFrame) -> Array:
        """Rows (N, columns) without labels as inputs (N, I)."""
        X = np.empty((len(rows), self.width), self.dtype)
        for start in range(0, len(rows), PIECE):
            part = slice(start, start + PIECE)
            piece = rows[part] if isinstance(rows, np.ndarray) else rows.iloc[part]
            self._write(piece, X[part])
        return X

    def _write(self, rows: Any, out: Array) -> None:
        if self.bins is None:
            self.inputs.write(rows, out)
            return
        inputs = np.empty((len(rows), self.inputs.width))
        self.inputs.write(rows, inputs)
        self.bins.write(inputs, out)

    def plain(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """All that was learned, as arrays by name and as plain values, for `from_plain`."""
        facts = {"kind": type(self.inputs).__name__, "dtype": self.dtype.name}
        parts = vars(self.inputs)
        arrays = {name: part for name, part in parts.items() if isinstance(part, np.ndarray)}
        values = {name: part for name, part in parts.items() if name not in arrays}
        if self.bins is not None:
            arrays |= {f"{OF_BINS}{name}": part for name, part in vars(self.bins).items()}
        return arrays, {**facts, "inputs": values, "shift": self.shift, "scale": self.scale}

    @classmethod
    def from_plain(cls, arrays: Mapping[str, Array], facts: Mapping[str, Any]) -> Self:
        """The encoding that `plain` described.

        Raises:
            KeyError, TypeError, ValueError: these describe none.
        """
        kinds: dict[str, Any] = {kind.__name__: kind for kind in (Pixels, Scaled, Columns)}
        of_bins = {n.removeprefix(OF_BINS): a for n, a in arrays.items() if n.startswith(OF_BINS)}
        rest = {name: array for name, array in arrays.items() if not name.startswith(OF_BINS)}
        inputs = kinds[facts["kind"]](**rest, **facts["inputs"])
        bins = Bins(**of_bins) if of_bins else None
        shift, scale = float(facts["shift"]), float(facts["scale"])
        return cls(inputs, np.dtype(facts["dtype"]), shift, scale, bins)


def _inputs(rows: Array | pd.DataFrame) -> Inputs:
    """Learn how training rows become inputs."""
    if not isinstance(rows, np.ndarray):
        return Columns.learned(rows)
    return Pixels(rows.shape[1]) if rows.dtype == np.uint8 else Scaled.learned(rows)


def _binned(inputs: Inputs, rows: Any) -> Bins | None:
    """The bins of the numbers of training rows; none of images, or where there are no numbers."""
    count = len(inputs.numbers) if isinstance(inputs, Columns) else inputs.width
    if isinstance(inputs, Pixels) or not count:
        return None
    encoded = np.empty((len(rows), inputs.width))
    inputs.write(rows, encoded)
    return Bins.learned(encoded[:, :count])


@dataclass(frozen=True)
class Pixels:
    """Bytes as parts of 255: the scale of an image is known before any is seen."""

    width: int

    def write(self, rows: Any, out: Array) -> None:
        """Encode images (N, pixels)."""
        np.divide(rows, out.dtype.type(255), out=out)


@dataclass(frozen=True)
class Scaled:
    """An array of numbers, less the mean (I,) of each column and divided by its deviation `scale` (I,)."""

    mean: Array
    scale: Array

    @classmethod
    def learned(cls, rows: Array) -> Self:
        """Learn the mean and the deviation of training rows (N, I); of a constant column it is 1."""
        from sklearn.preprocessing import StandardScaler

        scaler = StandardScaler(copy=False).fit(rows)
        return cls(scaler.mean_, _divisors(scaler.scale_, rows.dtype))

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self.mean)

    def write(self, rows: Any, out: Array) -> None:
        """Encode rows (N, I) of numbers."""
        floats = rows if rows.dtype == np.float32 else np.asarray(rows, float)
        floats = floats - self.mean.astype(floats.dtype)
        out[:] = np.divide(floats, self.scale.astype(floats.dtype), out=floats)


@dataclass(frozen=True)
class Columns:
    """Columns of a DataFrame: first the numbers, then where some are missing, then the categories of texts.

    `numbers` are n names, `precision` the float type they are computed in, and `fill` (n,) stands for missing ones.
    `indicated` (m,) are the positions of the numbers that were missing in some training row; `mean` and `scale` are
    (n + m,). `texts` are names, `categories` the frequent ones of each, sorted, and `rare` the others, which share
    one input.
    """

    numbers: Sequence[str]
    precision: str
    fill: Array
    indicated: Array
    mean: Array
    scale: Array
    texts: Sequence[str]
    categories: Sequence[Sequence[str]]
    rare: Sequence[Sequence[str]]

    @classmethod
    def learned(cls, rows: pd.DataFrame) -> Self:
        """Learn from training rows."""
        from sklearn.impute import SimpleImputer
        from sklearn.preprocessing import StandardScaler

        numbers = number_columns(rows)
        precision = _precision(rows[numbers])
        values = _floats(rows[numbers], precision)
        fill, indicated, mean, scale = np.zeros((4, 0))
        if numbers:
            imputer = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
            scaler = StandardScaler(copy=False).fit(imputer.fit_transform(values))
            fill, indicated = imputer.statistics_, imputer.indicator_.features_
            mean, scale = scaler.mean_, _divisors(scaler.scale_, values.dtype)
        texts = [name for name in rows.columns if name not in set(numbers)]
        categories, rare = [], []
        for name in texts:
            counts = rows[name].fillna(MISSING).value_counts().sort_index()
            frequent = np.ones(len(counts), bool)
            if len(counts) > MAX_CATEGORIES:
                order = np.argsort(counts.to_numpy(), kind="stable")
                frequent[order[: -(MAX_CATEGORIES - 1)]] = False
            categories.append(list(counts.index[frequent]))
            rare.append(list(counts.index[~frequent]))
        return cls(
            numbers, precision, np.nan_to_num(fill, nan=0.0), indicated.astype(np.int64), mean, scale,
            texts, categories, rare,
        )  # fmt: skip

    @property
    def width(self) -> int:
        """How many inputs there are."""
        texts = zip(self.categories, self.rare, strict=True)
        return len(self.mean) + sum(len(frequent) + bool(rare) for frequent, rare in texts)

    def write(self, rows: Any, out: Array) -> None:
        """Encode the rows of a DataFrame; a category that no training row had is a rare one, if there are some."""
        import pandas as pd

        n, inputs = len(self.numbers), len(self.mean)
        values = np.empty((len(rows), inputs), self.precision)
        floats = _floats(rows[list(self.numbers)], self.precision)
        missing = np.isnan(floats)
        values[:, :n] = np.where(missing, self.fill.astype(values.dtype), floats)
        values[:, n:] = missing[:, self.indicated]
        values -= self.mean.astype(values.dtype)
        values /= self.scale.astype(values.dtype)
        out[:, :inputs] = values
        out[:, inputs:] = 0
        for name, frequent, rare in zip(self.texts, self.categories, self.rare, strict=True):
            codes = pd.Index(frequent).get_indexer(rows[name].fillna(MISSING))
            width = len(frequent) + bool(rare)
            if rare:
                codes[codes < 0] = len(frequent)
            seen = np.flatnonzero(codes >= 0)
            out[seen, inputs + codes[seen]] = 1
            inputs += width


def _divisors(scale: Array, dtype: Any) -> Array:
    """Deviations (I,) to divide by: 1 where a deviation is so small that it would be 0 in the type of the rows."""
    single = dtype == np.float32
    return np.where(single & (scale.astype(np.float32) == 0), 1.0, scale)


def _precision(numbers: pd.DataFrame) -> str:
    """The float type in which scikit-learn computes with these columns."""
    are_single = [dtype == np.float32 for dtype in numbers.dtypes]
    return "float32" if are_single and all(are_single) else "float64"


def _floats(numbers: pd.DataFrame, precision: str) -> Array:
    """Columns of numbers as one array (N, n), missing ones as NaN."""
    return numbers.to_numpy(precision, na_value=np.nan)
