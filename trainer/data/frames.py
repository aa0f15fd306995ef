"""Frames: from the cells of a file, or of a DataFrame, to a table.

A column of numbers is numbers, also where they are written as text (`trainer.data.cells`); a column with any other text
is categories, and what means nothing in it is missing. Rows without a label and columns without a value are left out.
What is not obvious is said in a note.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from trainer.data.cells import Mark, decimal_mark
from trainer.data.columns import Understood, understand
from trainer.data.reading import PLAIN, Reading
from trainer.data.remarks import of_columns
from trainer.data.roles import roles_of
from trainer.data.tables import Table
from trainer.data.targets import labels_of
from trainer.errors import DataError

MAX_NUMBER = 1e150  # the square of a larger one, and so a standard deviation, is infinite


def from_frame(
    name: str,
    frame: pd.DataFrame,
    target: str,
    where: str,
    reading: Reading = PLAIN,
    mark: Mark | None = None,
) -> Table:
    """The table of a DataFrame whose column `target` is the label; `where` names it in notes and errors.

    `mark` is the decimal mark of columns that do not show theirs; without it, the others tell.

    Raises:
        DataError: it can't be used.
    """
    reading.check_columns(where, map(str, frame.columns), target)
    frame = frame.drop(columns=list(reading.drop)).reset_index(drop=True)
    mark = mark_of(frame, where, mark)
    labels, notes = labels_of(frame[target], where, reading, mark)
    features = frame.drop(columns=[target, *reading.roles.values()])
    roles = roles_of(frame, reading.roles, where, mark)
    keep = labels.notna()
    for role, values in roles.items():
        if without := int((keep & values.isna()).sum()):
            notes.append(
                f"{where}: {without} rows are left out: no {reading.roles[role]!r} for --{role}"
            )
        keep &= values.notna()
    if not keep.all():
        features = features.loc[keep].reset_index(drop=True)
        labels = labels.loc[keep].reset_index(drop=True)
        roles = {role: values[keep] for role, values in roles.items()}
    found = features_of(features, where, reading, mark)
    if not found.columns or not len(labels):
        raise DataError(f"{where}: no rows with a value of {target!r} and of another column")
    if found.empty:
        notes.append(
            f"{where}: nothing in these columns, which are left out: {', '.join(found.empty)}"
        )
    notes += of_columns(where, found.columns, len(labels))
    columns = tuple(understood.column for understood in found.columns)
    rows = pd.DataFrame({u.column.name: u.values for u in found.columns}, copy=False)
    left_out = dict.fromkeys(reading.drop, "dropped") | dict.fromkeys(found.empty, "empty")
    left_out |= {column: role for role, column in reading.roles.items()}
    apart: dict[str, Any] = {f"{role}s": values.to_numpy(float) for role, values in roles.items()}
    if "groups" in apart:
        apart["groups"] = apart["groups"].astype(np.intp)
    if pd.api.types.is_float_dtype(labels):
        check_size(labels, where)
        return Table(
            name, "regression", rows, labels.to_numpy(float), None,
            notes=tuple(notes), columns=columns, left_out=left_out, target=target, **apart,
        )  # fmt: skip
    numbers, names = pd.factorize(labels, sort=True)
    classes = tuple(map(str, names))
    if len(classes) < 2:
        raise DataError(f"{where}: column {target!r} has one class only: {classes[0]!r}")
    return Table(
        name, "classification", rows, numbers.astype(np.intp), classes,
        notes=tuple(notes), columns=columns, left_out=left_out, target=target, **apart,
    )  # fmt: skip


@dataclass(frozen=True)
class Features:
    """The columns of a table that are features, and the names of those that hold nothing."""

    columns: tuple[Understood, ...]
    empty: tuple[str, ...]


def features_of(frame: pd.DataFrame, where: str, reading: Reading, mark: Mark) -> Features:
    """How each column of a frame is understood.

    Raises:
        DataError: a column holds numbers that are too large to compute with.
    """
    columns, empty = [], []
    for name, cells in frame.items():
        if cells.isna().all():
            empty.append(str(name))
            continue
        u = understand(str(name), cells, mark, dates=reading.dates, version=reading.version)
        if reading.version > 1 and u.values.isna().all():
            empty.append(str(name))
            continue
        if u.column.kind != "text":
            check_size(u.values.rename(str(name)), where)
        columns.append(u)
    return Features(tuple(columns), tuple(empty) if len(frame) else ())


def mark_of(frame: pd.DataFrame, where: str, mark: Mark | None) -> Mark:
    """The decimal mark of a frame: `mark`, or what its columns of text tell.

    Raises:
        DataError: a column holds lists.
    """
    texts = text_columns(frame)
    for column in texts:
        kind = pd.api.types.infer_dtype(column, skipna=True)
        if kind.startswith("mixed") and column.map(pd.api.types.is_list_like).any():
            raise DataError(f"{where}: column {column.name!r} holds lists, not numbers or text")
    return mark or decimal_mark(texts, ".")


def text_columns(frame: pd.DataFrame) -> list[pd.Series[Any]]:
    """The columns that hold text."""
    return [column for _, column in frame.select_dtypes(["object", "string"]).items()]


def check_size(column: pd.Series[Any], where: str) -> None:
    """Check that numbers can be computed with.

    Raises:
        DataError: one is infinite, or so large that its square would be.
    """
    largest = float(column.abs().max())
    if largest > MAX_NUMBER:
        cells = int((column.abs() > MAX_NUMBER).sum())
        instead = "" if np.isfinite(largest) else ": leave such cells empty if they are missing"
        raise DataError(
            f"{where}: column {column.name!r} holds ±{largest:g}, beyond ±{MAX_NUMBER:g}, in {cells} of "
            f"{len(column)} rows{instead}"
        )
