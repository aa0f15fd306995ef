"""Data that are in memory: a DataFrame with a column of labels, or rows and labels apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from trainer.data.frames import from_frame
from trainer.data.reading import PLAIN, Reading
from trainer.data.sources import IN_MEMORY, check_no_text
from trainer.data.splits import Draw
from trainer.data.unlabelled import without_target
from trainer.errors import DataError


@dataclass(frozen=True)
class InMemory:
    """Rows `X`, which are a DataFrame or an array (N, I), and labels `y` (N,); without `y`, a column of X has them."""

    X: Any
    y: Any = None

    def source(self, target: str | None) -> str:
        """What stands for these data in a plan."""
        return IN_MEMORY + (target or self._label)

    @property
    def _label(self) -> str:
        name = getattr(self.y, "name", None)
        return "y" if name is None else str(name)

    def load(
        self,
        source: str,
        target: str | None,
        *,
        seed: int,
        rows: int | None,
        dtype: str,
        reading: Reading = PLAIN,
    ) -> Draw:
        """What draws their splits, as `trainer.data.load` does for a source that can be read.

        Raises:
            DataError: they can't be used.
        """
        frame, where = self._frame(), "X, y" if self.y is not None else "the frame"
        check_no_text(where, reading)
        if self.y is None and target is None:
            raise DataError(
                f"labels are missing: give hpo.search(X, y), or target, one of the columns "
                f"{', '.join(frame.columns)}"
            )
        if self.y is not None:
            target, labels = self._label, self._labels(len(frame))
            if target in frame.columns:
                raise DataError(f"X, y: {target!r} is a column of X, too: take it out, or rename y")
            frame = frame.assign(**{target: labels})
        elif target not in frame.columns:
            raise DataError(
                f"the frame has no column {target!r}: its columns are {', '.join(frame.columns)}"
            )
        name = source.removeprefix(IN_MEMORY)
        return Draw(from_frame(name, frame, str(target), where, reading), seed, rows, dtype)

    def unlabelled(self, reading: Reading) -> dict[str, Any]:
        """The facts of the columns of X: see `trainer.data.unlabelled`."""
        return without_target(self._frame(), "the frame", reading)

    def _frame(self) -> pd.DataFrame:
        X = self.X.to_pandas() if hasattr(self.X, "to_pandas") else self.X
        if not isinstance(X, pd.DataFrame):
            array = np.asarray(X)
            if array.ndim != 2:
                raise DataError(
                    f"X: rows and columns are needed, a DataFrame or an array (rows, columns), but "
                    f"{type(X).__name__} has the shape {array.shape}"
                )
            X = pd.DataFrame(array, columns=[f"x{i}" for i in range(array.shape[1])])
            X = X.infer_objects()
        frame = X.reset_index(drop=True).set_axis(X.columns.map(str), axis="columns")
        if twice := list(frame.columns[frame.columns.duplicated()]):
            raise DataError(f"X: several columns are called {twice[0]!r}")
        return frame

    def _labels(self, count: int) -> pd.Series[Any]:
        y = self.y if isinstance(self.y, pd.Series) else np.asarray(self.y)
        if not isinstance(y, pd.Series) and y.ndim == 2 and y.shape[1] == 1:
            y = y[:, 0]
        if y.ndim != 1 or len(y) != count:
            raise DataError(
                f"y: one label for each of the {count} rows is needed, but y has the shape {y.shape}"
            )
        return pd.Series(y).reset_index(drop=True)
