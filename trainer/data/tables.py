"""Tables: rows and labels as they came, and by what a study recognizes them."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from trainer.arrays import Array

if TYPE_CHECKING:
    import pandas as pd

    from trainer.data.columns import Column
    from trainer.data.layout import Layout

Task = Literal["classification", "regression"]

MIN_PER_CLASS = 3  # one row each to train, to validate and to test


@dataclass(frozen=True)
class Table:
    """A source as it came: rows in an array (N, I) or a DataFrame, labels (N,), and what they mean.

    `labels` are class numbers, whose names are `classes`, or for a regression quantities. `test_rows` are the positions
    of rows that the source itself sets apart for testing. `notes` say what of the source was left out,
    and what could be understood in another way; `columns` say how new rows are to be understood, and `layout` how the
    file held its cells. `left_out` says of other columns why they are no features, and `target` is the column of the
    labels, where these have names.

    Rows of one of the `groups` (N,) are never in two splits, `times` (N,) put the latest rows aside for testing, and
    `weights` (N,) say how much a row counts.
    """

    name: str
    task: Task
    rows: Array | pd.DataFrame
    labels: Array
    classes: tuple[str, ...] | None
    test_rows: NDArray[np.intp] | None = None
    notes: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()  # of a DataFrame, in its order
    layout: Layout | None = None  # of a file of text
    left_out: Mapping[str, str] = field(default_factory=dict)
    target: str | None = None
    groups: NDArray[np.intp] | None = None
    times: Array | None = None
    weights: Array | None = None

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
        for role in (self.groups, self.times, self.weights):
            if role is not None:
                digest.update(np.ascontiguousarray(role).tobytes())
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
        contents["labels"] = _short_hash(self.labels)
        roles = {"groups": self.groups, "times": self.times, "weights": self.weights}
        return contents | {name: _short_hash(a) for name, a in roles.items() if a is not None}


def _short_hash(values: Array) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()[:16]


def number_columns(frame: pd.DataFrame) -> list[Any]:
    """The names of the columns that hold numbers."""
    return list(frame.select_dtypes("number", exclude="timedelta").columns)
