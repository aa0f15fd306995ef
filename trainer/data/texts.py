"""Texts: a column of text as its different cells, so that what each of them means is asked once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trainer.arrays import Array

MISSING = frozenset(
    "na n/a n.a. #na #n/a <na> nan -nan none null nil ? - -- --- – — . .. ...".split(" ")  # noqa: SIM905
)
"""Text, in small letters, that means a missing value."""

ALIKE = ("string", "boolean", "integer", "floating", "decimal", "empty", "categorical")
"""Kinds of cells among which no two are equal but written differently, as 1 and True are in a column of both."""


@dataclass(frozen=True)
class Texts:
    """The different cells (U,) of a column, without the blanks around them, and which of them each row has.

    `codes` (N,) are positions among the cells, and -1 where nothing is there. The cells are text, or what else a column
    of objects holds.
    """

    cells: Array
    codes: NDArray[np.intp]
    index: pd.Index[Any]

    @classmethod
    def of(cls, column: pd.Series[Any]) -> Self:
        """The texts of a column."""
        if pd.api.types.infer_dtype(column, skipna=True) in ALIKE:
            codes, different = pd.factorize(column)
            cells = np.asarray(different, dtype=object)
        else:
            keys = column.astype("object").map(lambda c: (type(c).__name__, c), na_action="ignore")
            codes, pairs = pd.factorize(keys)
            cells = np.empty(len(pairs), dtype=object)
            cells[:] = [cell for _, cell in pairs]
        # Other blanks around the same text are no other text.
        stripped = np.empty(len(cells), dtype=object)
        stripped[:] = [cell.strip() if isinstance(cell, str) else cell for cell in cells]
        texts = pd.Series(stripped, dtype=object).map(
            lambda cell: (type(cell).__name__, cell) if cell != "" else np.nan
        )
        merged, first = pd.factorize(texts)
        kept = np.empty(len(first), dtype=object)
        kept[:] = [cell for _, cell in first]
        return cls(kept, np.append(merged, -1)[codes], column.index)

    @cached_property
    def words(self) -> list[str]:
        """The cells as text."""
        return [*map(str, self.cells)]

    @cached_property
    def sizes(self) -> NDArray[np.intp]:
        """How many rows have each cell."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.cells))

    @property
    def rows(self) -> int:
        """How many rows have a cell."""
        return int(self.sizes.sum())

    @property
    def are_missing(self) -> NDArray[np.bool_]:
        """Which of the cells are text that means a missing value."""
        return np.array([isinstance(c, str) and c.lower() in MISSING for c in self.cells], bool)

    def counted(self, among: NDArray[np.bool_] | None = None) -> dict[str, int]:
        """How many rows have each of the cells, as text, the commonest first; or of some of them."""
        at = np.arange(len(self.cells)) if among is None else np.flatnonzero(among)
        order = at[np.argsort(-self.sizes[at], kind="stable")]
        counts: dict[str, int] = {}
        for k in order:
            counts[self.words[k]] = counts.get(self.words[k], 0) + int(self.sizes[k])
        return counts

    def without(self, some: NDArray[np.bool_]) -> Texts:
        """The same column with nothing where some of the cells were."""
        if not some.any():
            return self
        codes = np.append(np.where(some, -1, np.cumsum(~some) - 1), -1)[self.codes]
        return replace(self, cells=self.cells[~some], codes=codes)

    def read_as(self, values: Any) -> pd.Series[Any]:
        """The column with a value (U,) in place of each cell, and NaN where nothing is there."""
        values = np.asarray(values)
        if (self.codes < 0).any():
            values = np.append(values, np.nan)
        return pd.Series(values[self.codes], self.index)

    def as_text(self) -> pd.Series[Any]:
        """The column as text."""
        words = np.empty(len(self.cells), dtype=object)
        words[:] = self.words
        return self.read_as(words).astype("object")
