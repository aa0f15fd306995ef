"""Tables that the tests make, and which of their rows a split takes for what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from tests.trainer.shared import Array
from trainer.data import (
    TEST,
    Splits,
    Table,
    load,
    split,
)
from trainer.errors import DataError
from trainer.recipe import Rows

Write = Callable[..., str]
PARTS = ("train", "validation", "test")


def parts(table: Table, seed: int = 0, **options: Any) -> dict[str, Rows]:
    """Training and validation rows of a search, and the test rows."""
    done, last = split(table, seed, **options), split(table, seed, TEST, **options)
    return {"train": done.train, "validation": done.validation, "test": last.validation}


def counted(table: Table) -> Table:
    """A table with the same labels whose rows are their numbers.

    They are written as images, of two pixels, whose scale is known without looking.
    """
    numbers = np.stack(np.divmod(np.arange(len(table.labels)), 256), axis=1).astype(np.uint8)
    return Table("made", table.task, numbers, table.labels, table.classes, table.test_rows)


def numbers_of(rows: Rows) -> NDArray[np.intp]:
    """The numbers that rows of `counted` tables are."""
    found: NDArray[np.intp] = np.rint(rows.X * 255).astype(np.intp) @ (256, 1)
    return found


def positions(table: Table, seed: int, rows: int | None = None) -> dict[str, NDArray[np.intp]]:
    """Which rows `split` takes for what."""
    table = counted(table)
    done = split(table, seed, rows=rows, dtype="float64")
    last = split(table, seed, TEST, rows=rows, dtype="float64")
    assert {*numbers_of(last.train)} == {*numbers_of(done.train), *numbers_of(done.validation)}
    return {
        "train": numbers_of(done.train),
        "validation": numbers_of(done.validation),
        "test": numbers_of(last.validation),
    }


def table_of(frame: pd.DataFrame, labels: Array) -> Table:
    classes = tuple(str(c) for c in range(int(labels.max()) + 1))
    return Table("made", "classification", frame, labels.astype(np.intp), classes)


def loaded(path: str, target: str = "y", seed: int = 0) -> Splits:
    return load(path, target, seed=seed, rows=None, dtype="float64")(0)


def one_line(error: pytest.ExceptionInfo[DataError]) -> bool:
    return "\n" not in str(error.value)
