"""Dates: which columns of text hold dates or times, and what these are as numbers.

A date is the number of days since the beginning of 1970, in UTC where it has a time zone. A time of day is a part of a
day.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trainer.data.texts import Texts

ISO = "ISO8601"  # pandas' name for dates such as 2024-12-31, with or without a time
_DAYS = (
    "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d.%m.%y", "%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y", "%d-%m-%Y",
    "%m-%d-%Y", "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%d. %b %Y", "%b %d, %Y", "%d %B %Y", "%d. %B %Y", "%B %d, %Y",
)  # fmt: skip
_TIMES = ("%H:%M", "%H:%M:%S", "%I:%M %p", "%I:%M:%S %p")
FORMATS = (ISO, *_DAYS, *(f"{day} {time}" for day in _DAYS for time in _TIMES), *_TIMES)
"""The ways in which dates are written. Where a day may be a month, the one that comes first is taken."""

SAMPLE = 50  # cells by which most formats are ruled out
SHARE = 0.95  # of the rows of a column of dates that are dates
_PARTS = {
    "%Y": r"\d{4}", "%y": r"\d\d", "%b": r"[^\W\d_]{3,4}\.?", "%B": r"[^\W\d_]{3,9}", "%p": "[AaPp][Mm]",
    "%M": r"\d\d", "%S": r"\d\d",
}  # fmt: skip


def _pattern(form: str) -> re.Pattern[str]:
    if form == ISO:
        return re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:?\d\d.*)?")
    parts = re.split("(%[a-zA-Z])", form)
    return re.compile(
        "".join(
            _PARTS.get(p, r"\d{1,2}") if p.startswith("%") else re.escape(p).replace(r"\ ", " ")
            for p in parts
        )
    )


_PATTERNS = {form: _pattern(form) for form in FORMATS}


def date_format(texts: Texts) -> str | None:
    """The format in which a column has dates; None if it has other text."""
    rows = texts.rows
    sample = texts.words[:SAMPLE]
    if not sample:
        return None
    best, most = None, SHARE * rows
    for form, pattern in _PATTERNS.items():
        fitting = sum(pattern.fullmatch(word) is not None for word in sample)
        if fitting < SHARE * len(sample):
            continue
        dated = int(texts.sizes[~np.isnan(as_days(texts.words, form))].sum())
        if dated >= most and (best is None or dated > most):
            best, most = form, dated
    return best


def as_days(words: Sequence[str], form: str) -> NDArray[np.float64]:
    """Texts of a format as days; NaN where they are of another."""
    pattern = _PATTERNS[form]
    fitting = [word if pattern.fullmatch(word) else None for word in words]
    series = pd.Series(fitting, dtype=object)
    dates = pd.to_datetime(series, format=form, errors="coerce", utc=True)
    day_known = form == ISO or "%d" in form
    return _since(dates, "1970-01-01" if day_known else "1900-01-01")


def days_of(column: pd.Series[Any]) -> pd.Series[float]:
    """A column of pandas' dates or durations as days."""
    if pd.api.types.is_timedelta64_dtype(column):
        return pd.Series(column.dt.total_seconds().to_numpy(float) / 86400, column.index)
    dates = pd.to_datetime(column, utc=True)
    return pd.Series(_since(dates, "1970-01-01"), column.index)


def _since(dates: pd.Series[Any], first: str) -> NDArray[np.float64]:
    days = (dates - pd.Timestamp(first, tz="UTC")) / pd.Timedelta(days=1)
    return np.asarray(days.to_numpy(dtype=float, na_value=np.nan))


def is_dated(column: pd.Series[Any]) -> bool:
    """Whether pandas itself takes a column for dates or durations."""
    types = pd.api.types
    return types.is_datetime64_any_dtype(column) or types.is_timedelta64_dtype(column)


def shown(days: float, form: str) -> str:
    """Days as a date, or as a time if the format has no days."""
    moment = pd.Timestamp("1970-01-01") + pd.Timedelta(days=days).round("s")
    if form != ISO and "%d" not in form:
        return f"{moment:%H:%M:%S}"
    return f"{moment:%Y-%m-%d}" if moment == moment.normalize() else f"{moment:%Y-%m-%d %H:%M:%S}"
