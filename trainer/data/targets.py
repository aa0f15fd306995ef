"""Targets: how the column of the labels is understood, as the names of classes or as quantities.

A label is a quantity if it has fractions or more than 20 whole values, else a class, unless the task is said. Text such
as None is a class where it is as frequent as one, and no label elsewhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from trainer.data.cells import Cells, Mark, understood
from trainer.data.reading import Reading
from trainer.data.remarks import listed, of_notation
from trainer.data.tables import MIN_PER_CLASS
from trainer.data.texts import Texts
from trainer.errors import DataError

MAX_CLASSES = 20  # a label with more whole values than this is a quantity, not a class


def labels_of(
    column: pd.Series[Any], where: str, reading: Reading, mark: Mark
) -> tuple[pd.Series[Any], list[str]]:
    """The labels, floats of a regression or else the names of classes, missing where there is none; and notes.

    Raises:
        DataError: quantities are asked for, and the column has none.
    """
    is_number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    texts = Texts.of(column)
    read = Cells(column, {}, {}) if is_number else understood(texts, mark)
    numbers = read.numbers if not pd.api.types.is_bool_dtype(column) else None
    if reading.task == "regression" and numbers is None:
        example = next(iter(read.odd), str(column.iloc[0]))
        raise DataError(
            f"{where}: column {column.name!r} holds text, such as {example!r}, and no quantities, "
            "which a regression needs"
        )
    notes = []
    quantities = numbers is not None and (reading.task == "regression" or _are_quantities(numbers))
    if reading.task != "classification" and numbers is not None and quantities:
        labels = numbers.astype(float)
        no_labels = read.missing | read.odd
        notes += of_notation(where, {str(column.name): read})
    else:
        labels, no_labels = _classes(texts), {}
        sizes = texts.without(texts.are_missing).counted()
        for word, count in read.missing.items():
            if count >= max(MIN_PER_CLASS, min(sizes.values(), default=0)):
                notes.append(
                    f"{where}: {word!r}, in {count} of {len(column)} rows, is taken for a class of "
                    f"{column.name!r}, not for a missing label"
                )
            else:
                no_labels[word] = count
        labels = labels.where(~labels.isin(list(no_labels)), np.nan) if no_labels else labels
    if without := int(labels.isna().sum()):
        words = f": {listed(no_labels)} is taken for none" if no_labels else ""
        notes.insert(
            0, f"{where}: {without} of {len(column)} rows are left out: no {column.name!r}{words}"
        )
    if reading.drop_rare:
        labels = _without_rare(labels, where, notes)
    return labels, notes


def _classes(texts: Texts) -> pd.Series[Any]:
    names = np.empty(len(texts.cells), dtype=object)
    names[:] = [_class_name(cell) for cell in texts.cells]
    return texts.read_as(names).astype("object")


def _class_name(label: Any) -> str:
    # A column of whole numbers with a gap in it is read as 0.0, 1.0: its classes are still 0 and 1.
    return str(int(label)) if isinstance(label, float) and label.is_integer() else str(label)


def _without_rare(labels: pd.Series[Any], where: str, notes: list[str]) -> pd.Series[Any]:
    """The labels without those of classes that have too few rows, which a note names."""
    if pd.api.types.is_float_dtype(labels):
        raise DataError(
            f"{where}: {labels.name!r} is a quantity and has no classes: leave out --drop-rare"
        )
    sizes = labels.value_counts()
    rare = {str(name): int(size) for name, size in sizes.items() if size < MIN_PER_CLASS}
    if not rare:
        return labels
    notes.append(
        f"{where}: {sum(rare.values())} rows of classes with fewer than {MIN_PER_CLASS} are left out: {listed(rare)}"
    )
    return labels.where(~labels.isin(list(rare)), np.nan)


def _are_quantities(labels: pd.Series[Any]) -> bool:
    values = labels.dropna().to_numpy(float)
    return not (np.equal(values, np.round(values)).all() and len(np.unique(values)) <= MAX_CLASSES)
