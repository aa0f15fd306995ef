"""Leaks: columns that give the answer by themselves, which a model could not have when it is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from trainer.arrays import Array
from trainer.data.encoding import MAX_CATEGORIES
from trainer.data.remarks import dropping
from trainer.data.tables import Table

if TYPE_CHECKING:
    import pandas as pd

ROWS_PER_VALUE = (
    10  # if a column has at least so many rows for each of its values, its values are few
)
ENOUGH = 20  # rows, with fewer of which many columns are in the labels' order by chance
CORRELATED = 0.99995  # a column that is so much like a line is the quantity but for rounding


def give_aways(table: Table, train: NDArray[np.intp]) -> tuple[str, ...]:
    """A note for each column that tells the label of every training row by itself."""
    if isinstance(table.rows, np.ndarray):
        return ()
    rows, labels = table.rows.iloc[train], table.labels[train]
    what = "class" if table.task == "classification" else table.target or "label"
    return tuple(
        f"{table.name}: column {name!r} tells the {what} of every row by itself: {dropping([str(name)])}, unless it is "
        f"known before the {what} is"
        for name, column in rows.items()
        if _tells(column, labels, quantity=table.task == "regression")
    )


def _tells(column: pd.Series[Any], labels: Array, *, quantity: bool) -> bool:
    known = column.notna().to_numpy()
    if column.dtype.kind in "iuf" and known.sum() >= ENOUGH:
        values = column.to_numpy(float)[known]
        if not known.all() and quantity:
            return _follows(values, labels[known], quantity=True) and _spread(labels[known])
        if known.all() and _follows(values, labels, quantity=quantity):
            return True
    different = column.nunique(dropna=False)
    if not 1 < different <= min(MAX_CATEGORIES, len(labels) // ROWS_PER_VALUE):
        return False
    if quantity and len(np.unique(labels)) > different:
        return False
    return len(set(zip(column.map(repr), labels, strict=True))) == different


def _spread(labels: Array) -> bool:
    return len(np.unique(labels)) > 1


def _follows(values: Array, labels: Array, *, quantity: bool) -> bool:
    """Whether the labels are in the order of the values: a quantity rises or falls with them and is the same where they
    are; of classes, each lies between two values. So it is, too, if a quantity is a line but for rounding.
    """
    order = np.argsort(values, kind="stable")
    steps, changes = np.diff(values[order]), np.diff(labels[order])
    if not (steps > 0).any() or not _spread(labels):
        return False
    if (changes[steps == 0] == 0).all():
        if not quantity:
            if np.count_nonzero(changes) == len(np.unique(labels)) - 1:
                return True
        elif ((changes >= 0).all() or (changes <= 0).all()) and len(np.unique(values)) >= ENOUGH:
            return True
    return quantity and abs(float(np.corrcoef(values, labels)[0, 1])) > CORRELATED
