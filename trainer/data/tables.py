"""Tables: rows and labels as they came, and how the columns of a file are understood.

Without further word, a column of numbers is numbers, also where they are written as text; a column with any other text
is categories, and its blanks are missing values. Rows without a label and columns without a value are left out, with a
note. The label is a quantity if it has fractions or more than 20 whole values, else a class.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from trainer.arrays import Array
from trainer.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

Task = Literal["classification", "regression"]

MAX_CLASSES = 20  # a label with more whole values than this is a quantity, not a class
MAX_NUMBER = 1e150  # the square of a larger one, and so a standard deviation, is infinite


@dataclass(frozen=True)
class Table:
    """A source as it came: rows in an array (N, I) or a DataFrame, labels (N,), and what they mean.

    `labels` are class numbers, whose names are `classes`, or for a regression quantities. `test_rows` are the positions
    of rows that the source itself sets apart for testing. `notes` say what of the source was left out.
    """

    name: str
    task: Task
    rows: Array | pd.DataFrame
    labels: Array
    classes: tuple[str, ...] | None
    test_rows: NDArray[np.intp] | None = None
    notes: tuple[str, ...] = ()

    def rows_at(self, positions: NDArray[np.intp]) -> Array | pd.DataFrame:
        """Some of the rows."""
        return (
            self.rows[positions] if isinstance(self.rows, np.ndarray) else self.rows.iloc[positions]
        )

    @functools.cached_property
    def fingerprint(self) -> str:
        """A SHA-256 of every row and label, by which a study recognizes its data."""
        digest = hashlib.sha256(self.task.encode())
        if isinstance(self.rows, np.ndarray):
            digest.update(repr((self.rows.shape, str(self.rows.dtype))).encode())
            digest.update(np.ascontiguousarray(self.rows).tobytes())
        else:
            import pandas as pd

            digest.update(repr(list(self.rows.columns)).encode())
            digest.update(pd.util.hash_pandas_object(self.rows, index=False).to_numpy().tobytes())
        digest.update(np.ascontiguousarray(self.labels).tobytes())
        digest.update(repr(self.classes).encode())
        return digest.hexdigest()

    @functools.cached_property
    def contents(self) -> dict[str, Any]:
        """What a study records of its data, to be able to say later how other data differ: plain values, and short
        hashes of columns and labels.
        """
        contents: dict[str, Any] = {"task": self.task, "rows": len(self.labels)}
        if self.classes is not None:
            contents["classes"] = ", ".join(self.classes)
        if isinstance(self.rows, np.ndarray):
            contents["numbers"] = _short_hash(self.rows)
        else:
            import pandas as pd

            contents["columns"] = {
                str(name): _short_hash(pd.util.hash_pandas_object(column, index=False).to_numpy())
                for name, column in self.rows.items()
            }
        return contents | {"labels": _short_hash(self.labels)}


def _short_hash(values: Array) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()[:16]


def from_frame(name: str, frame: pd.DataFrame, target: str, where: str) -> Table:
    """The table of a DataFrame whose column `target` is the label; `where` names it in notes and errors.

    Raises:
        DataError: it can't be used.
    """
    import pandas as pd

    if not pd.api.types.is_numeric_dtype(frame[target]):
        frame = frame.assign(**{target: _stripped(frame[target])})
    labelled = frame[frame[target].notna()].reset_index(drop=True)
    notes = []
    if unlabelled := len(frame) - len(labelled):
        notes.append(f"{where}: {unlabelled} of {len(frame)} rows are left out: no {target!r}")
    labels = labelled.pop(target)
    features = labelled.dropna(axis="columns", how="all")
    if empty := [str(column) for column in labelled.columns.difference(features.columns)]:
        notes.append(f"{where}: nothing in these columns, which are left out: {', '.join(empty)}")
    features = features.astype(dict.fromkeys(features.select_dtypes("bool").columns, "float64"))
    if features.empty:
        raise DataError(f"{where}: no rows with a value of {target!r} and of another column")
    for column in features.columns.difference(number_columns(features)):
        if features[column].map(pd.api.types.is_list_like).any():
            raise DataError(f"{where}: column {column!r} holds lists, not numbers or text")
        features[column] = _as_numbers(features[column])
    for column in number_columns(features):
        _check_size(features[column], where)
    if _is_quantity(labels):
        _check_size(labels, where)
        return Table(name, "regression", features, labels.to_numpy(float), None, notes=tuple(notes))
    names, numbers = np.unique(labels.map(_class_name).to_numpy(str), return_inverse=True)
    classes = tuple(str(name) for name in names)
    if len(classes) < 2:
        raise DataError(f"{where}: column {target!r} has one class only: {classes[0]!r}")
    return Table(
        name, "classification", features, numbers.astype(np.intp), classes, notes=tuple(notes)
    )


def number_columns(frame: pd.DataFrame) -> list[Any]:
    """The names of the columns that hold numbers."""
    return list(frame.select_dtypes("number", exclude="timedelta").columns)


def _class_name(label: Any) -> str:
    # A column of whole numbers with a gap in it is read as 0.0, 1.0: its classes are still 0 and 1.
    return str(int(label)) if isinstance(label, float) and label.is_integer() else str(label)


def _check_size(column: pd.Series[Any], where: str) -> None:
    largest = float(column.abs().max())
    if largest > MAX_NUMBER:
        raise DataError(
            f"{where}: column {column.name!r} holds ±{largest:g}, beyond ±{MAX_NUMBER:g}"
        )


def _stripped(column: pd.Series[Any]) -> pd.Series[Any]:
    """Text without the blanks around it; missing where nothing else is there."""
    text = column.astype("object").map(lambda cell: cell.strip() if isinstance(cell, str) else cell)
    return text.where(text.notna() & (text != ""), np.nan)


def _as_numbers(column: pd.Series[Any]) -> pd.Series[Any]:
    """A text column as numbers if everything but its blanks is a number; else as text with its blanks missing."""
    import pandas as pd

    text = _stripped(column)
    numbers = pd.to_numeric(text, errors="coerce")
    if numbers.notna().sum() == text.notna().sum():
        return numbers
    return text.map(lambda cell: cell if cell is np.nan else str(cell)).astype("object")


def _is_quantity(labels: pd.Series[Any]) -> bool:
    import pandas as pd

    if not pd.api.types.is_numeric_dtype(labels) or pd.api.types.is_bool_dtype(labels):
        return False
    values = labels.to_numpy(float)
    return not (np.equal(values, np.round(values)).all() and labels.nunique() <= MAX_CLASSES)
