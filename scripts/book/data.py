"""The images that every experiment learns from: MNIST, as in the book, or scikit-learn's digits where it is missing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data import read

Array = NDArray[Any]

DIGITS_TEST, DIGITS_ORDER = 360, 0


@dataclass(frozen=True)
class Images:
    """Rows of pixels from 0 to 1 in float32, (N, I), and the digit that each shows, (N,).

    `source` is what `hpo.search` calls the same data. `stand_in` is whether it is not what the book has.
    """

    name: str
    source: str
    X: Array
    y: Array
    X_test: Array
    y_test: Array
    stand_in: bool = False

    @property
    def inputs(self) -> int:
        """I, the number of pixels."""
        return int(self.X.shape[1])

    def first(self, rows: int) -> tuple[Array, Array]:
        """The first training rows, as the book takes them; all of them where there are fewer."""
        return self.X[:rows], self.y[:rows]

    def test(self, rows: int) -> tuple[Array, Array]:
        """Evenly spaced test rows: the second half of MNIST's is easier than the first."""
        at = np.unique(np.linspace(0, len(self.y_test) - 1, rows).astype(int))
        return self.X_test[at], self.y_test[at]


def load(folder: Path) -> Images:
    """MNIST if its four IDX files are in the folder, else scikit-learn's digits.

    Raises:
        trainer.errors.DataError: there are files of that name, and they are not MNIST's.
    """
    if not any(folder.glob("train-images-idx3-ubyte*")):
        return digits()
    source = f"mnist:{folder}"
    table = read(source)
    assert table.test_rows is not None
    train = np.setdiff1d(np.arange(len(table.labels)), table.test_rows)
    pixels = np.asarray(table.rows)
    X, X_test = (pixels[rows] / np.float32(255) for rows in (train, table.test_rows))
    return Images("MNIST", source, X, table.labels[train], X_test, table.labels[table.test_rows])


def digits() -> Images:
    """scikit-learn's 1,797 digits of 8 × 8 pixels: 1,437 to learn from and 360 to test with."""
    table = read("digits")
    order = np.random.default_rng(DIGITS_ORDER).permutation(len(table.labels))
    X, y = (np.asarray(table.rows)[order] / 16).astype(np.float32), table.labels[order]
    test, rest = slice(None, DIGITS_TEST), slice(DIGITS_TEST, None)
    return Images(
        "scikit-learn's digits", "digits", X[rest], y[rest], X[test], y[test], stand_in=True
    )
