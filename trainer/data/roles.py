"""Roles: columns that are no features, but say which rows belong together, when they came, and how much they count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from trainer.data.cells import Mark, understood
from trainer.data.dates import as_days, date_format, days_of, is_dated
from trainer.data.texts import Texts
from trainer.errors import DataError


def roles_of(
    frame: pd.DataFrame, roles: Mapping[str, str], where: str, mark: Mark
) -> dict[str, pd.Series[Any]]:
    """The groups as numbers, the times as days or what the column counts in, and the weights; NaN where there is none.

    Raises:
        DataError: the times are neither numbers nor dates, or the weights are no numbers of at least 0.
    """
    read = {"group": _groups, "time": _times, "weight": _weights}
    return {role: read[role](frame[column], where, mark) for role, column in roles.items()}


def _groups(column: pd.Series[Any], where: str, mark: Mark) -> pd.Series[float]:
    del where, mark
    texts = Texts.of(column)
    texts = texts.without(texts.are_missing)
    return texts.read_as(np.arange(len(texts.cells))).astype(float)


def _times(column: pd.Series[Any], where: str, mark: Mark) -> pd.Series[float]:
    if is_dated(column):
        return days_of(column)
    numbers = _numbers(column, mark)
    if numbers is not None:
        return numbers
    texts = Texts.of(column)
    texts = texts.without(texts.are_missing)
    form = date_format(texts)
    if form is None:
        example = next(iter(texts.counted()), "")
        raise DataError(
            f"{where}: column {column.name!r} for --time holds neither dates nor numbers, but {example!r}"
        )
    return texts.read_as(as_days(texts.words, form)).astype(float)


def _weights(column: pd.Series[Any], where: str, mark: Mark) -> pd.Series[float]:
    numbers = None if is_dated(column) else _numbers(column, mark)
    if numbers is None:
        raise DataError(f"{where}: column {column.name!r} for --weight holds no numbers")
    if (numbers < 0).any() or np.isinf(numbers).any():
        wrong = numbers[(numbers < 0) | np.isinf(numbers)].iloc[0]
        raise DataError(
            f"{where}: column {column.name!r} for --weight holds {wrong:g}: a weight is a number of at least 0"
        )
    if not (numbers > 0).any():
        raise DataError(f"{where}: column {column.name!r} for --weight holds no weight above 0")
    return numbers


def _numbers(column: pd.Series[Any], mark: Mark) -> pd.Series[float] | None:
    if pd.api.types.is_numeric_dtype(column):
        return pd.Series(column.to_numpy(float, na_value=np.nan), column.index)
    return understood(Texts.of(column), mark).numbers
