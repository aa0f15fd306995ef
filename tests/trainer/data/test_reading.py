"""Columns that are left out, or are no features, are named by options; a name that is not there is an error."""

# Law 9: errors and misunderstandings are said.

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.trainer.data.tables import Write, one_line
from trainer.data import InMemory, Reading, read
from trainer.errors import DataError

ROWS = [(i, i % 7, f"k{i % 3}", "ab"[i % 2]) for i in range(60)]
HEADER = ("id", "x", "k", "y")


def features(path: str, **options: Any) -> list[str]:
    table = read(path, "y", Reading(**options))
    assert isinstance(table.rows, pd.DataFrame)
    assert [column.name for column in table.columns] == list(table.rows.columns)
    return [column.name for column in table.columns]


def test_columns_that_are_dropped_are_no_features(write: Write) -> None:
    path = write("t.csv", HEADER, *ROWS)
    assert features(path) == ["id", "x", "k"]
    assert features(path, drop=("id",)) == ["x", "k"]
    assert features(path, drop=("k", "id")) == ["x"]


def test_a_table_without_a_column_is_the_table_with_it_dropped(write: Write) -> None:
    path = write("t.csv", HEADER, *ROWS)
    without = write("u.csv", HEADER[1:], *(row[1:] for row in ROWS))
    dropped = read(path, "y", Reading(drop=("id",)))
    assert dropped.fingerprint == read(without, "y").fingerprint != read(path, "y").fingerprint


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"drop": ("idd",)}, r"t\.csv has no column 'idd' for --drop: did you mean 'id'\?"),
        ({"drop": ("zzzzz",)}, "its columns are id, x, k, y"),
        ({"drop": ("y",)}, r"'y' can't be for --target and for --drop"),
        ({"drop": ("id", "x", "k")}, "no rows with a value of 'y' and of another column"),
    ],
)
def test_names_that_can_not_be_used_are_told(
    options: dict[str, Any], says: str, write: Write
) -> None:
    with pytest.raises(DataError, match=says) as error:
        read(write("t.csv", HEADER, *ROWS), "y", Reading(**options))
    assert one_line(error)


def test_a_source_without_names_has_no_columns_to_drop() -> None:
    with pytest.raises(DataError, match="digits is no table with named columns: leave out --drop"):
        read("digits", None, Reading(drop=("x",)))


def test_a_frame_in_memory_has_the_same_options() -> None:
    frame = pd.DataFrame(ROWS, columns=list(HEADER))
    options: dict[str, Any] = {"seed": 0, "rows": None, "dtype": "float32"}
    found = InMemory(frame).load("memory:y", "y", reading=Reading(drop=("id",)), **options)
    assert [column.name for column in found.table.columns] == ["x", "k"]
    with pytest.raises(DataError, match=r"X, y has no column 'x9' for --drop"):
        InMemory(np.ones((30, 2)), np.arange(30) % 2).load(
            "memory:y", None, reading=Reading(drop=("x9",)), **options
        )
