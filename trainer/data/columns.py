"""Columns: how each column of a table was understood, so that the cells of new rows are understood in the same way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from trainer.data.cells import Mark, numbers_written, stripped

Kind = Literal["number", "text"]


@dataclass(frozen=True)
class Column:
    """A column of a table: its name, and whether its cells are numbers or text.

    `mark` and `unit` are the decimal mark and the currency or `%` of numbers that are written as text.
    """

    name: str
    kind: Kind
    mark: Mark = "."
    unit: str = ""

    def read(self, cells: pd.Series[Any]) -> tuple[pd.Series[Any], Mapping[str, int]]:
        """The cells of new rows as float64 or as text, missing where nothing is there.

        Of a column of numbers, texts that are none are missing, and they are counted.
        """
        if self.kind == "text":
            text = stripped(cells)
            return text.map(str, na_action="ignore").astype("object"), {}
        if pd.api.types.is_numeric_dtype(cells):  # booleans are numbers here
            return cells.astype(float), {}
        read = numbers_written(stripped(cells), self.mark, self.unit)
        return (
            pd.Series(float("nan"), cells.index) if read.numbers is None else read.numbers
        ), read.odd
