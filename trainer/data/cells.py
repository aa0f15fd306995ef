"""Cells: which text means a missing value, and which columns of text are numbers, however these are written.

A number may have a decimal point or comma, marks between its thousands (`1,234.5`, `1.234,5`, `1 234`, `1'234`), and a
currency or `%`, the same in the whole column. pandas' `decimal=` and `thousands=` can't be used: they hold for a whole
file, and with `thousands="."` the date 01.02.2024 is a number.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from trainer.arrays import Array

Mark = Literal[".", ","]

MISSING = frozenset(
    "na n/a n.a. #na #n/a <na> nan -nan none null nil ? - -- --- – — . .. ...".split(" ")  # noqa: SIM905
)
"""Text, in small letters, that means a missing value."""

ODD_SHARE = 0.05  # a column of numbers may have so many cells that are none
MANY_NUMBERS = (
    20  # a column with more of them may have one text, however frequent, in place of numbers
)
SAMPLE = 1000  # cells of a column that tell its decimal mark

_SYMBOLS = "".join(c for c in map(chr, range(0x10000)) if unicodedata.category(c) == "Sc")
_CURRENCY = (
    rf"[A-Z]{{0,2}}[{re.escape(_SYMBOLS)}]|USD|EUR|GBP|CHF|JPY|CNY|KRW|INR|円|元|원|kr|zł|Kč|Rs\.?"
)
_CELL = (
    rf"^(?P<sign>[(+-]?)\s*(?P<before>{_CURRENCY})?\s*(?P<inner>[+-]?)\s*"
    rf"(?P<number>[\d.,][\d.,'’\s]*(?:[eE][+-]?\d+)?)\s*(?P<after>{_CURRENCY}|%|‰)?\s*\)?$"
)
_WRITTEN: dict[Mark, str] = {
    # In India, groups of two digits come before the last three.
    ".": r"(?:[1-9]\d?(?:,\d\d)*,\d{3}|[1-9]\d{0,2}(?:[,\s'’]\d{3})+|\d*)(?:\.\d*)?(?:[eE][+-]?\d+)?",
    ",": r"(?:[1-9]\d{0,2}(?:[.\s'’]\d{3})+|\d*)(?:,\d*)?(?:[eE][+-]?\d+)?",
}


@dataclass(frozen=True)
class Cells:
    """A column of text as it was understood: as numbers, or as text if `numbers` is None.

    `missing` and `odd` count the texts that mean missing and those that are no numbers. If the numbers are written in
    another way than Python's, `notation` names that way, and `example` is a cell and its value. `mark` and `unit` are
    the decimal mark and the currency or `%` of such numbers.
    """

    numbers: pd.Series[float] | None
    missing: dict[str, int]
    odd: dict[str, int]
    notation: str = ""
    example: tuple[str, float] | None = None
    mark: Mark = "."
    unit: str = ""


def stripped(column: pd.Series[Any]) -> pd.Series[Any]:
    """Text without the blanks around it; missing where nothing else is there."""
    text = column.astype("object").map(lambda cell: cell.strip() if isinstance(cell, str) else cell)
    return text.where(
        text.notna() & ~text.map(lambda cell: isinstance(cell, str) and not cell), np.nan
    )


def means_missing(text: pd.Series[Any]) -> pd.Series[bool]:
    """Where the text of a cell means that its value is missing."""
    return text.isin({t for t in text.unique() if isinstance(t, str) and t.lower() in MISSING})


def understood(text: pd.Series[Any], mark: Mark) -> Cells:
    """How a column that `stripped` returned is understood; `mark` is its decimal mark where it does not show."""
    without = means_missing(text)
    missing = counted(text[without])
    cells = text.where(~without, np.nan)
    numbers = pd.to_numeric(cells, errors="coerce")
    present = cells[cells.notna()]
    with_points = mark == "," and present.map(lambda c: isinstance(c, str) and "." in c).any()
    if numbers.notna().sum() == len(present) and not with_points:
        return Cells(numbers, missing, {})
    counts = present.map(str).value_counts()
    parsed = _parsed(counts, mark)
    odd = {str(cell): int(n) for cell, n in counts[parsed.values.isna()].items()}
    many = parsed.values.nunique() > MANY_NUMBERS
    if sum(odd.values()) > ODD_SHARE * len(present) and not (len(odd) == 1 and many):
        return Cells(None, missing, odd)
    numbers = cells.map(str, na_action="ignore").map(parsed.values).astype(float)
    return Cells(numbers, missing, odd, parsed.notation, parsed.example, parsed.mark, parsed.unit)


def numbers_written(text: pd.Series[Any], mark: Mark, unit: str) -> Cells:
    """The numbers of a column that `stripped` returned, whose decimal mark and unit are known; other cells are odd."""
    without = means_missing(text)
    cells = text.where(~without, np.nan)
    counts = cells.dropna().map(str).value_counts()
    values = _plain_numbers(counts, _parts(counts, unit), mark).values
    odd = {str(cell): int(n) for cell, n in counts[values.isna()].items()}
    numbers = cells.map(str, na_action="ignore").map(values).astype(float)
    return Cells(numbers, counted(text[without]), odd, mark=mark, unit=unit)


def counted(cells: pd.Series[Any]) -> dict[str, int]:
    """How often each text occurs, the commonest first."""
    return {str(text): int(count) for text, count in cells.value_counts().items()}


def decimal_mark(columns: Sequence[pd.Series[Any]], otherwise: Mark) -> Mark:
    """The decimal mark of a table, told by those columns of text in which only one is possible."""
    votes: dict[Mark, int] = {".": 0, ",": 0}
    for column in columns:
        text = stripped(column.iloc[:SAMPLE])
        counts = text[~means_missing(text)].dropna().map(str).value_counts()
        fits = _parts(counts).fits if len(counts) else votes
        votes["."] += fits["."] > max(fits[","], counts.sum() / 2)
        votes[","] += fits[","] > max(fits["."], counts.sum() / 2)
    return otherwise if votes["."] == votes[","] else max(votes, key=votes.__getitem__)


@dataclass(frozen=True)
class _Parts:
    """The texts of a column taken apart, and how many cells would be numbers with each decimal mark."""

    signs: Array
    bodies: pd.Series[str]
    units: pd.Series[str]
    unit: str
    fits: dict[Mark, int]


@dataclass(frozen=True)
class _Parsed:
    values: pd.Series[float]  # by the text of the cell; NaN where it is no number
    notation: str
    example: tuple[str, float] | None
    mark: Mark
    unit: str


def _parts(counts: pd.Series[int], unit: str | None = None) -> _Parts:
    """The parts of texts, whose unit is the commonest one unless it is known."""
    texts = counts.index.to_series().astype(object).str.replace("[−‐]", "-", regex=True)
    parts = texts.str.extract(_CELL).fillna("")
    bodies = parts["number"].str.strip()
    units = (parts["before"] + parts["after"]).where(bodies != "")
    negative = (parts["sign"] + parts["inner"]).isin(("-", "("))
    if unit is None:
        commonest = counts.groupby(units).sum()
        unit = str(commonest.idxmax()) if len(commonest) else ""
    # A cell in another unit can't be compared, but 0 is 0 in all.
    bodies = bodies.where((units == unit) | (bodies == "0"), "")
    fits: dict[Mark, int] = {}
    for mark, pattern in _WRITTEN.items():
        fits[mark] = int(counts[(bodies != "") & bodies.str.fullmatch(pattern)].sum())
    return _Parts(np.where(negative, -1.0, 1.0), bodies, units, unit, fits)


def _parsed(counts: pd.Series[int], mark: Mark) -> _Parsed:
    """The numbers in the texts of a column, in the notation that fits most of its cells."""
    parts = _parts(counts)
    if parts.fits["."] != parts.fits[","]:
        mark = max(parts.fits, key=parts.fits.__getitem__)
    plain = _plain_numbers(counts, parts, mark)
    marks = {
        "decimal commas": mark == ","
        and plain.bodies.str.contains(",", regex=False, na=False).any(),
        "marks between thousands": plain.are_grouped,
        f"the unit {parts.unit}": parts.unit != "",
        "a typographer's minus": counts.index.str.contains("[−‐]").any(),
    }
    notation = ", ".join(name for name, there in marks.items() if there)
    rewritten = plain.values.index[plain.are_rewritten].astype(str)
    longest = max(rewritten, key=len, default=None) if notation else None
    example = None if longest is None else (longest, float(plain.values[longest]))
    return _Parsed(plain.values, notation, example, mark, parts.unit)


@dataclass(frozen=True)
class _Plain:
    """The numbers in texts: all three by the text; those that Python would read in another way are rewritten."""

    values: pd.Series[float]
    bodies: pd.Series[str]
    are_rewritten: pd.Series[bool]
    are_grouped: bool  # whether there are marks between thousands


def _plain_numbers(counts: pd.Series[int], parts: _Parts, mark: Mark) -> _Plain:
    bodies = parts.bodies.where(parts.bodies.str.fullmatch(_WRITTEN[mark]))
    plain = bodies.str.replace(r"[,\s'’]" if mark == "." else r"[.\s'’]", "", regex=True)
    values = pd.to_numeric(plain.str.replace(mark, ".", regex=False), errors="coerce") * parts.signs
    exact = pd.to_numeric(counts.index.to_series().astype(object), errors="coerce")
    if parts.unit == "" and mark == ".":
        values = exact.where(exact.notna(), values)
    grouped = bool((plain.str.len() < bodies.str.len()).any())
    return _Plain(values, bodies, (values != exact) & values.notna(), grouped)
