"""Columns: how each column of a table was understood, so that the cells of new rows are understood in the same way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from trainer.data.cells import Cells, Mark, numbers_written, understood
from trainer.data.dates import as_days, date_format, days_of, is_dated
from trainer.data.texts import Texts

Kind = Literal["number", "text", "date"]


@dataclass(frozen=True)
class Column:
    """A column of a table: its name, and whether its cells are numbers, text or dates, which are days.

    `mark` and `unit` are the decimal mark and the currency or `%` of numbers that are written as text, and `format` is
    that of dates (`trainer.data.dates`), empty where they are pandas' own. In a column of text, words such as n.a. are
    missing, unless they are `words`, which they were to version 1.
    """

    name: str
    kind: Kind
    mark: Mark = "."
    unit: str = ""
    format: str = ""
    words: bool = False

    def read(self, cells: pd.Series[Any]) -> tuple[pd.Series[Any], Mapping[str, int]]:
        """The cells of new rows as float64 or as text, missing where nothing is there.

        Of a column of numbers or dates, texts that are none are missing, and they are counted.
        """
        if self.kind == "text":
            return _text(_as_written(cells), words=self.words), {}
        if is_dated(cells):
            return days_of(cells), {}
        if pd.api.types.is_numeric_dtype(cells):  # booleans are numbers here
            return _as_floats(cells), {}
        if self.kind == "date":
            return _dates(Texts.of(cells), self.format)
        read = numbers_written(Texts.of(cells), self.mark, self.unit)
        assert read.numbers is not None  # noqa: S101  # where nothing is a number, all are missing
        return read.numbers, read.odd


@dataclass(frozen=True)
class Understood:
    """A column, its values as a table has them, and what its texts were taken for, if it had some.

    `format` is that of its dates, also where they were left as text.
    """

    column: Column
    values: pd.Series[Any]
    cells: Cells | None = None
    texts: Texts | None = None
    format: str = ""


def understand(
    name: str, cells: pd.Series[Any], mark: Mark, *, dates: bool, version: int
) -> Understood:
    """How a column is understood: `mark` is its decimal mark if it does not show, and `dates` become numbers."""
    if is_dated(cells) and version > 1:
        return Understood(Column(name, "date"), days_of(cells))
    if pd.api.types.is_bool_dtype(cells.dtype):
        return Understood(Column(name, "number"), _as_floats(cells))
    if pd.api.types.is_numeric_dtype(cells) and not is_dated(cells):
        return Understood(Column(name, "number"), cells)
    texts = Texts.of(cells)
    read = understood(texts, mark)
    if read.numbers is not None:
        return Understood(Column(name, "number", read.mark, read.unit), read.numbers, read, texts)
    form = date_format(texts.without(texts.are_missing)) or ""
    if dates and form:
        days, odd = _dates(texts, form)
        dated = Cells(days, read.missing, odd)
        return Understood(Column(name, "date", format=form), days, dated, texts, form)
    words = version == 1
    column = Column(name, "text", words=words)
    return Understood(column, _text(texts, words=words), read, texts, form)


def _dates(texts: Texts, form: str) -> tuple[pd.Series[float], dict[str, int]]:
    texts = texts.without(texts.are_missing)
    days = as_days(texts.words, form) if form else np.full(len(texts.cells), np.nan)
    return texts.read_as(days).astype(float), texts.counted(np.isnan(days))


def _text(texts: Texts, *, words: bool) -> pd.Series[Any]:
    return (texts if words else texts.without(texts.are_missing)).as_text()


def _as_floats(cells: pd.Series[Any]) -> pd.Series[float]:
    return pd.Series(cells.to_numpy(float, na_value=np.nan), cells.index)


def _as_written(cells: pd.Series[Any]) -> Texts:
    """The texts of new cells, which pandas may have read as numbers: 2.0, among blanks, was 2 in the file."""
    if pd.api.types.is_float_dtype(cells):
        whole = cells.dropna()
        if (whole == whole.round()).all() and (whole.abs() < 2**53).all():
            return Texts.of(cells.astype("Int64"))
    return Texts.of(cells)
