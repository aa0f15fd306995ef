"""Cells: which columns of text are numbers, however these are written.

A number may have a decimal point or comma, marks between its thousands (`1,234.5`, `1.234,5`, `1 234`, `1'234`), and a
currency or `%`, the same in the whole column. pandas' `decimal=` and `thousands=` can't be used: they hold for a whole
file, and with `thousands="."` the date 01.02.2024 is a number.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trainer.arrays import Array
from trainer.data.texts import Texts

Mark = Literal[".", ","]

ODD_SHARE = 0.05  # a column of numbers may have so many cells that are none
MANY_NUMBERS = (
    20  # a column with more of them may have one text, however frequent, in place of numbers
)
SAMPLE = 1000  # cells of a column that tell its decimal mark

_SYMBOLS = "".join(c for c in map(chr, range(0x10000)) if unicodedata.category(c) == "Sc")
_CURRENCY = (
    rf"[A-Z]{{0,2}}[{re.escape(_SYMBOLS)}]|USD|EUR|GBP|CHF|JPY|CNY|KRW|INR|円|元|원|kr|zł|Kč|Rs\.?"
)
_CELL = re.compile(
    rf"^(?P<sign>[(+-]?)\s*(?P<before>{_CURRENCY})?\s*(?P<inner>[+-]?)\s*"
    rf"(?P<number>[\d.,][\d.,'’\s]*(?:[eE][+-]?\d+)?)\s*(?P<after>{_CURRENCY}|%|‰)?\s*\)?$"
)
_WRITTEN: dict[Mark, re.Pattern[str]] = {
    # In India, groups of two digits come before the last three.
    ".": re.compile(
        r"(?:[1-9]\d?(?:,\d\d)*,\d{3}|[1-9]\d{0,2}(?:[,\s'’]\d{3})+|\d*)(?:\.\d*)?(?:[eE][+-]?\d+)?"
    ),
    ",": re.compile(r"(?:[1-9]\d{0,2}(?:[.\s'’]\d{3})+|\d*)(?:,\d*)?(?:[eE][+-]?\d+)?"),
}
_MINUS = str.maketrans("−‐", "--")
_BLANKS = "".join(c for c in map(chr, range(0x10000)) if c.isspace())
_GROUPING: dict[Mark, dict[int, None]] = {
    ".": dict.fromkeys(map(ord, f",'’{_BLANKS}")),
    ",": dict.fromkeys(map(ord, f".'’{_BLANKS}")),
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


def understood(texts: Texts, mark: Mark) -> Cells:
    """How a column is understood; `mark` is its decimal mark where it does not show."""
    without = texts.are_missing
    missing, texts = texts.counted(without), texts.without(without)
    written = [cell for cell in texts.cells if isinstance(cell, str)]
    if mark == "." or not any("." in cell for cell in written):
        numbers = _plainly(texts)
        if numbers is not None:
            return Cells(numbers, missing, {}, mark=mark if written else ".")
    parsed = _parsed(texts, mark)
    odd = texts.counted(np.isnan(parsed.values))
    many = len(np.unique(parsed.values[~np.isnan(parsed.values)])) > MANY_NUMBERS
    if sum(odd.values()) > ODD_SHARE * texts.rows and not (len(odd) == 1 and many):
        return Cells(None, missing, odd)
    numbers = texts.read_as(parsed.values)
    return Cells(numbers, missing, odd, parsed.notation, parsed.example, parsed.mark, parsed.unit)


def _plainly(texts: Texts) -> pd.Series[Any] | None:
    """The numbers of cells that Python would read as numbers, too; None if one is none."""
    cells = pd.Series([*texts.cells, *([np.nan] if (texts.codes < 0).any() else [])], dtype=object)
    numbers = pd.to_numeric(cells, errors="coerce")[: len(texts.cells)]
    if numbers.isna().any():
        return None
    return texts.read_as(numbers.astype(float) if numbers.dtype == bool else numbers)


def numbers_written(texts: Texts, mark: Mark, unit: str) -> Cells:
    """The numbers of a column whose decimal mark and unit are known; other cells are odd."""
    without = texts.are_missing
    missing, texts = texts.counted(without), texts.without(without)
    values = _plain_numbers(texts, _parts(texts, unit), mark).values
    odd = texts.counted(np.isnan(values))
    return Cells(texts.read_as(values).astype(float), missing, odd, mark=mark, unit=unit)


def decimal_mark(columns: Iterable[pd.Series[Any]], otherwise: Mark) -> Mark:
    """The decimal mark of a table, told by those columns of text in which only one is possible."""
    votes: dict[Mark, int] = {".": 0, ",": 0}
    for column in columns:
        texts = Texts.of(column.iloc[:SAMPLE])
        texts = texts.without(texts.are_missing)
        fits = _parts(texts).fits if len(texts.cells) else votes
        votes["."] += fits["."] > max(fits[","], texts.rows / 2)
        votes[","] += fits[","] > max(fits["."], texts.rows / 2)
    return otherwise if votes["."] == votes[","] else max(votes, key=votes.__getitem__)


@dataclass(frozen=True)
class _Parts:
    """The different texts (U,) of a column taken apart, and how many rows would be numbers with each decimal mark."""

    signs: Array
    bodies: list[str]
    unit: str
    fitting: dict[Mark, NDArray[np.bool_]]
    fits: dict[Mark, int]


@dataclass(frozen=True)
class _Parsed:
    values: NDArray[np.float64]  # (U,), NaN where a text is no number
    notation: str
    example: tuple[str, float] | None
    mark: Mark
    unit: str


def _parts(texts: Texts, unit: str | None = None) -> _Parts:
    """The parts of texts, whose unit is the commonest one unless it is known."""
    matches = [_CELL.match(word) for word in _with_minus(texts.words)]
    bodies = [match["number"].strip() if match else "" for match in matches]
    units = [(m["before"] or "") + (m["after"] or "") if m else "" for m in matches]
    signs = [-1.0 if m and (m["sign"] + m["inner"]) in ("-", "(") else 1.0 for m in matches]
    if unit is None:
        counts: dict[str, int] = {}
        for body, of_body, size in zip(bodies, units, texts.sizes, strict=True):
            if body:
                counts[of_body] = counts.get(of_body, 0) + int(size)
        unit = max(sorted(counts), key=counts.__getitem__, default="")
    # A cell in another unit can't be compared, but 0 is 0 in all.
    bodies = [
        body if of_body == unit or body == "0" else ""
        for body, of_body in zip(bodies, units, strict=True)
    ]
    fitting: dict[Mark, NDArray[np.bool_]] = {
        mark: np.array(
            [body != "" and pattern.fullmatch(body) is not None for body in bodies], bool
        )
        for mark, pattern in _WRITTEN.items()
    }
    fits = {mark: int(texts.sizes[fit].sum()) for mark, fit in fitting.items()}
    return _Parts(np.array(signs), bodies, unit, fitting, fits)


def _parsed(texts: Texts, mark: Mark) -> _Parsed:
    """The numbers in the texts of a column, in the notation that fits most of its cells."""
    parts = _parts(texts)
    if parts.fits["."] != parts.fits[","]:
        mark = max(parts.fits, key=parts.fits.__getitem__)
    plain = _plain_numbers(texts, parts, mark)
    marks = {
        "decimal commas": mark == "," and any("," in body for body in plain.bodies),
        "marks between thousands": plain.are_grouped,
        f"the unit {parts.unit}": parts.unit != "",
        "a typographer's minus": _with_minus(texts.words) != texts.words,
    }
    notation = ", ".join(name for name, there in marks.items() if there)
    rewritten = np.flatnonzero(plain.are_rewritten) if notation else ()
    longest = max(rewritten, key=lambda k: len(texts.words[k]), default=None)
    example = None if longest is None else (texts.words[longest], float(plain.values[longest]))
    return _Parsed(plain.values, notation, example, mark, parts.unit)


@dataclass(frozen=True)
class _Plain:
    """The numbers in texts (U,); those that Python would read in another way are rewritten."""

    values: NDArray[np.float64]
    bodies: list[str]
    are_rewritten: NDArray[np.bool_]
    are_grouped: bool  # whether there are marks between thousands


def _plain_numbers(texts: Texts, parts: _Parts, mark: Mark) -> _Plain:
    bodies = [
        body if fits else "" for body, fits in zip(parts.bodies, parts.fitting[mark], strict=True)
    ]
    plain = [body.translate(_GROUPING[mark]) for body in bodies]
    values = _numbers([body.replace(mark, ".") for body in plain]) * parts.signs
    exact = _numbers(texts.words)
    if parts.unit == "" and mark == ".":
        values = np.where(np.isnan(exact), values, exact)
    grouped = any(len(short) < len(body) for short, body in zip(plain, bodies, strict=True))
    return _Plain(values, bodies, (values != exact) & ~np.isnan(values), grouped)


def _with_minus(words: list[str]) -> list[str]:
    return words if "".join(words).isascii() else [word.translate(_MINUS) for word in words]


def _numbers(texts: list[str]) -> NDArray[np.float64]:
    read = pd.to_numeric(pd.Series(texts, dtype=object), errors="coerce")
    return np.asarray(read.to_numpy(float))
