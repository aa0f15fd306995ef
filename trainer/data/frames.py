"""Frames: how the columns of a file, or of a DataFrame, are understood.

A column of numbers is numbers, also where they are written as text (`trainer.data.cells`); a column with any other text
is categories, and its blanks are missing values. Rows without a label and columns without a value are left out. A label
is a quantity if it has fractions or more than 20 whole values, else a class, unless the task is said. Text such as None
is a class where it is as frequent as one, and no label elsewhere. What is not obvious is said in a note.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from trainer.data.cells import (
    Cells,
    Mark,
    counted,
    decimal_mark,
    means_missing,
    stripped,
    understood,
)
from trainer.data.columns import Column
from trainer.data.encoding import MAX_CATEGORIES
from trainer.data.reading import PLAIN, Reading
from trainer.data.tables import MIN_PER_CLASS, Table, Task, number_columns
from trainer.errors import DataError

MAX_CLASSES = 20  # a label with more whole values than this is a quantity, not a class
MAX_NUMBER = 1e150  # the square of a larger one, and so a standard deviation, is infinite
NAMED = 3  # cells or columns that a note names


def from_frame(
    name: str,
    frame: pd.DataFrame,
    target: str,
    where: str,
    reading: Reading = PLAIN,
    mark: Mark | None = None,
) -> Table:
    """The table of a DataFrame whose column `target` is the label; `where` names it in notes and errors.

    `mark` is the decimal mark of columns that do not show theirs; without it, the
    others tell.

    Raises:
        DataError: it can't be used.
    """
    reading.check_columns(where, map(str, frame.columns), target)
    frame = frame.drop(columns=list(reading.drop)).reset_index(drop=True)
    texts = text_columns(frame)
    for column in texts:
        if column.map(pd.api.types.is_list_like).any():
            raise DataError(f"{where}: column {column.name!r} holds lists, not numbers or text")
    mark = mark or decimal_mark(texts, ".")
    labels, notes = _labels(frame[target], where, reading.task, mark)
    features = frame.loc[labels.notna()].drop(columns=target).reset_index(drop=True)
    labels = labels.dropna().reset_index(drop=True)
    empty = [str(column) for column in features.columns[features.isna().all()]]
    if empty and len(features):
        notes.append(f"{where}: nothing in these columns, which are left out: {', '.join(empty)}")
    features = features.dropna(axis="columns", how="all")
    features = features.astype(dict.fromkeys(features.select_dtypes("bool").columns, "float64"))
    if features.empty:
        raise DataError(f"{where}: no rows with a value of {target!r} and of another column")
    features, read = _with_numbers(features, mark)
    for name_of_numbers in number_columns(features):
        _check_size(features[name_of_numbers], where)
    told = (*notes, *_notes(where, read, features))
    columns = tuple(_column(str(column), read.get(str(column))) for column in features.columns)
    if pd.api.types.is_float_dtype(labels):
        _check_size(labels, where)
        quantities = labels.to_numpy(float)
        return Table(name, "regression", features, quantities, None, notes=told, columns=columns)
    names, numbers = np.unique(labels.to_numpy(str), return_inverse=True)
    classes = tuple(map(str, names))
    if len(classes) < 2:
        raise DataError(f"{where}: column {target!r} has one class only: {classes[0]!r}")
    class_numbers = numbers.astype(np.intp)
    return Table(
        name, "classification", features, class_numbers, classes, notes=told, columns=columns
    )


def text_columns(frame: pd.DataFrame) -> list[pd.Series[Any]]:
    """The columns that hold text."""
    return [column for _, column in frame.select_dtypes(["object", "string"]).items()]


def _labels(
    column: pd.Series[Any], where: str, task: Task | None, mark: Mark
) -> tuple[pd.Series[Any], list[str]]:
    """The labels, floats of a regression or else the names of classes, missing where there is none; and notes."""
    is_number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    text = column if is_number else stripped(column)
    read = Cells(column, {}, {}) if is_number else understood(text, mark)
    numbers = read.numbers if not pd.api.types.is_bool_dtype(column) else None
    if task == "regression" and numbers is None:
        example = next(iter(read.odd), str(column.iloc[0]))
        raise DataError(
            f"{where}: column {column.name!r} holds text, such as {example!r}, and no quantities, "
            "which a regression needs"
        )
    notes = []
    if task != "classification" and numbers is not None and (task or _is_quantity(numbers)):
        labels = numbers.astype(float)
        no_labels = read.missing | read.odd
        notes += _of_notation(where, {str(column.name): read})
    else:
        labels = text.map(_class_name, na_action="ignore").astype("object")
        no_labels = {}
        sizes = counted(labels[~means_missing(labels)])
        for word, count in read.missing.items():
            if count >= max(MIN_PER_CLASS, min(sizes.values(), default=0)):
                notes.append(
                    f"{where}: {word!r}, in {count} of {len(text)} rows, is taken for a class of "
                    f"{column.name!r}, not for a missing label"
                )
            else:
                no_labels[word] = count
        labels = labels.where(~labels.isin(list(no_labels)), np.nan)
    if without := int(labels.isna().sum()):
        words = f": {_listed(no_labels)} is taken for none" if no_labels else ""
        notes.insert(
            0, f"{where}: {without} of {len(column)} rows are left out: no {column.name!r}{words}"
        )
    return labels, notes


def _with_numbers(features: pd.DataFrame, mark: Mark) -> tuple[pd.DataFrame, dict[str, Cells]]:
    """The features with all columns of numbers as numbers, and how those of text were understood."""
    read, changed = {}, {}
    for column in features.columns.difference(number_columns(features), sort=False):
        text = stripped(features[column])
        cells = understood(text, mark)
        read[str(column)] = cells
        texts = text.map(str, na_action="ignore").astype("object")
        changed[column] = texts if cells.numbers is None else cells.numbers
    return features.assign(**changed), read


def _column(name: str, cells: Cells | None) -> Column:
    if cells is None:
        return Column(name, "number")
    return Column(name, "text" if cells.numbers is None else "number", cells.mark, cells.unit)


def _notes(where: str, read: Mapping[str, Cells], features: pd.DataFrame) -> list[str]:
    """What the user should know of how columns of text were understood."""
    numbers = {name: cells for name, cells in read.items() if cells.numbers is not None}
    notes = _of_notation(where, numbers)
    by_word: dict[str, dict[str, int]] = {}
    for name, cells in numbers.items():
        for word, count in cells.missing.items():
            by_word.setdefault(word, {})[name] = count
    notes += [
        f"{where}: {word!r} is taken for a missing number, in {sum(counts.values())} cells of "
        f"{_names(counts)}"
        for word, counts in by_word.items()
    ]
    notes += [
        f"{where}: column {name!r} is taken for numbers, and {sum(cells.odd.values())} of its cells, "
        f"which are none, for missing: {_listed(cells.odd)}"
        for name, cells in numbers.items()
        if cells.odd
    ]
    for name, cells in read.items():
        if cells.numbers is not None:
            continue
        cells_there = int(features[name].notna().sum())
        odd, digits = sum(cells.odd.values()), sum(map(_has_digit, cells.odd))
        if 2 * odd <= cells_there:
            why = f", since {odd} of {cells_there} cells are no numbers"
        elif len(cells.odd) > MAX_CATEGORIES or (
            len(cells.odd) > MAX_CLASSES and 2 * digits > len(cells.odd)
        ):
            why = f" with {features[name].nunique()} different values"
        else:
            continue
        notes.append(f"{where}: column {name!r} is taken for text{why}: {_listed(cells.odd)}")
    return notes


def _of_notation(where: str, read: Mapping[str, Cells]) -> list[str]:
    """A note for each way of writing numbers, with its columns and an example."""
    columns: dict[str, list[str]] = {}
    for name, cells in read.items():
        if cells.notation:
            columns.setdefault(cells.notation, []).append(name)
    notes = []
    for notation, names in columns.items():
        text, value = read[names[0]].example or ("", 0.0)
        notes.append(
            f"{where}: numbers with {notation} in {_names(names)}: {text!r} is read as {value:.12g}"
        )
    return notes


def _names(names: Iterable[str]) -> str:
    names = [*map(repr, names)]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED + 1 else ""
    shown = names[:NAMED] if more else names
    return f"column{'s' * (len(names) > 1)} {', '.join(shown)}{more}"


def _listed(counts: Mapping[str, int]) -> str:
    """The first of some texts with their counts: `'-' (12), '?' (3) and 2 more`."""
    shown = [f"{text[:40]!r} ({count})" for text, count in [*counts.items()][:NAMED]]
    return ", ".join(shown) + (f" and {len(counts) - NAMED} more" if len(counts) > NAMED else "")


def _has_digit(text: str) -> bool:
    return any(map(str.isdigit, text))


def _class_name(label: Any) -> str:
    # A column of whole numbers with a gap in it is read as 0.0, 1.0: its classes are still 0 and 1.
    return str(int(label)) if isinstance(label, float) and label.is_integer() else str(label)


def _check_size(column: pd.Series[Any], where: str) -> None:
    largest = float(column.abs().max())
    if largest > MAX_NUMBER:
        raise DataError(
            f"{where}: column {column.name!r} holds ±{largest:g}, beyond ±{MAX_NUMBER:g}"
        )


def _is_quantity(labels: pd.Series[Any]) -> bool:
    values = labels.dropna().to_numpy(float)
    return not (np.equal(values, np.round(values)).all() and len(set(values)) <= MAX_CLASSES)
