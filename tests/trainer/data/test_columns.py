"""New rows are understood as the training rows were, whatever the cells of a column are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainer.data.tables import Write
from trainer.data import Reading, Table, read
from trainer.data.frames import from_frame

CELLS = [
    "1", "2.5", "-3", "1,5", "1.234,5", "1,234.5", "1'000", "$5", "$7.25", "5€", "(3)", "−4", "n/a", "-", "?", "None",
    "abc", "12%", "3%", "x", "31.12.2024", "01.02.2024", "2024-12-31", "12/31/2024", "12:30", "1e5", ".5", ",5", "0",
    "1,234", "1.234",
]  # fmt: skip
ODD_CELLS = [
    "",
    "  ",
    " a",
    "a ",
    "1 234",
    "3. May 2024",
    "2024-12-31 10:00:00",
    None,
    True,
    False,
    7,
    2.5,
]


def table_of(frame: pd.DataFrame, **options: Any) -> Table:
    labels = pd.Series([*"ab"] * len(frame))[: len(frame)]
    return from_frame("made", frame.assign(y=labels), "y", "made", Reading(**options))


def check_law(frame: pd.DataFrame, **options: Any) -> Table:
    """What a table makes of each column, and what its `Column.read` makes of the same cells, are equal."""
    table = table_of(frame, **options)
    assert isinstance(table.rows, pd.DataFrame)
    assert [column.name for column in table.columns] == list(table.rows.columns)
    for column in table.columns:
        again, _ = column.read(frame[column.name])
        found = table.rows[column.name]
        if column.kind == "text":
            assert again.isna().tolist() == found.isna().tolist()
            assert again.dropna().tolist() == found.dropna().tolist()
        else:
            values = found.to_numpy(float, na_value=np.nan)
            np.testing.assert_array_equal(again.to_numpy(float), values)
    return table


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from([*CELLS, *ODD_CELLS]), min_size=1, max_size=6, unique_by=repr),
    st.randoms(use_true_random=False),
    st.booleans(),
    st.sampled_from([1, 2]),
)
def test_new_rows_are_understood_as_the_training_rows_were(
    among: list[Any], rng: Any, dates: bool, version: int
) -> None:
    cells = [rng.choice(among) for _ in range(30)]
    frame = pd.DataFrame({"x": pd.Series(cells, dtype=object), "z": np.arange(30) / 7})
    check_law(frame, dates=dates, version=version)


TYPED = pd.DataFrame(
    {
        "bool": [True, False] * 20,
        "some bool": pd.array([True, None] * 20, dtype="boolean"),
        "whole": pd.array([1, None, 3, 4] * 10, dtype="Int64"),
        "category": pd.Categorical(["a", "b", "n/a", "b"] * 10),
        "string": pd.array(["1,5", "2,5", None, "-"] * 10, dtype="string"),
        "when": pd.date_range("2024-01-01 12:00", periods=40, tz="Europe/Berlin"),
        "gaps": pd.to_datetime(["2024-01-01", "NaT"] * 20),
        "long": pd.to_timedelta(np.arange(40), unit="h"),
    }
)


def test_every_type_of_pandas_is_understood_and_again_so() -> None:
    table = check_law(TYPED)
    kinds = {column.name: column.kind for column in table.columns}
    assert kinds == {
        "bool": "number", "some bool": "number", "whole": "number", "category": "text", "string": "number",
        "when": "date", "gaps": "date", "long": "number",
    }  # fmt: skip
    assert isinstance(table.rows, pd.DataFrame)
    assert table.rows["when"][0] == 19723 + 11 / 24  # Berlin is an hour ahead
    assert table.rows["long"][12] == 0.5
    assert table.rows["string"].tolist()[:2] == [1.5, 2.5]


def test_a_column_of_text_that_pandas_reads_as_numbers_in_new_rows_is_text() -> None:
    table = table_of(pd.DataFrame({"x": ["1", "2", "b", "c"] * 10}))
    for cells in (pd.Series([1, 2]), pd.Series([1.0, np.nan, 2.0]), pd.Series(["1", "2"])):
        assert table.columns[0].read(cells)[0].dropna().tolist() == ["1", "2"]


# --- what means missing ---


def texts(cells: list[str], write: Write, version: int) -> tuple[list[Any], Table]:
    rows = ((cells[i % len(cells)], i % 7, "ab"[i % 2]) for i in range(60))
    table = read(write("t.csv", ("c", "x", "y"), *rows), "y", Reading(version=version))
    assert isinstance(table.rows, pd.DataFrame)
    return [None if pd.isna(cell) else cell for cell in table.rows["c"][: len(cells)]], table


@pytest.mark.parametrize("word", ["n.a.", "none", "-", "--", "NIL", "."])
def test_a_word_that_means_missing_is_missing_in_a_column_of_text_and_it_is_counted(
    word: str, write: Write
) -> None:
    cells, table = texts(["red", word, "green"], write, 2)
    assert cells == ["red", None, "green"]
    (note,) = table.notes
    assert repr(word) in note
    assert "20 cells of column 'c'" in note


def test_studies_of_version_1_keep_such_words_as_categories(write: Write) -> None:
    cells, table = texts(["red", "n.a.", "green"], write, 1)
    assert cells == ["red", "n.a.", "green"]
    assert table.notes == ()
    assert table.columns[0].read(pd.Series(["n.a."]))[0].tolist() == ["n.a."]
    other = texts(["red", "n.a.", "green"], write, 2)[1]
    assert other.fingerprint != table.fingerprint
    same = [texts(["red", "blue", "green"], write, version)[1].fingerprint for version in (1, 2)]
    assert same[0] == same[1]


def test_a_column_of_nothing_but_such_words_is_left_out(write: Write) -> None:
    rows = (("-", i % 7, "ab"[i % 2]) for i in range(60))
    table = read(write("t.csv", ("c", "x", "y"), *rows), "y")
    assert table.left_out == {"c": "empty"}
    assert [column.name for column in table.columns] == ["x"]


# --- columns of little use ---


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ([f"id-{i}" for i in range(60)], "--drop 'my id'"),
        ([*range(60)], "--drop 'my id'"),
        ([*range(1, 61)], "--drop 'my id'"),
        ([i * i for i in range(60)], ""),  # few rows, so all may differ by chance
        ([i / 7 for i in range(60)], ""),
        ([i % 59 for i in range(60)], ""),
        ([7] * 60, "same in every row"),
        (["seven"] * 60, "same in every row"),
        ([7] * 59 + [""], ""),
    ],
)
def test_columns_that_identify_rows_or_are_constant_are_pointed_out(
    cells: list[Any], told: str, write: Write
) -> None:
    rows = ((cell, i % 7, "ab"[i % 2]) for i, cell in enumerate(cells))
    table = read(write("t.csv", ("my id", "x", "y"), *rows), "y")
    assert len(table.columns) == 2  # nothing is dropped by itself
    if not told:
        assert table.notes == ()
    else:
        (note,) = table.notes
        assert told in note


def test_whole_numbers_that_all_differ_among_many_rows_are_pointed_out() -> None:
    table = table_of(pd.DataFrame({"key": np.arange(200) ** 2, "x": np.arange(200) % 9}))
    assert "--drop key" in " ".join(table.notes)


def test_many_columns_of_many_texts_have_one_note() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {f"t{i}": rng.choice([f"w{k}" for k in range(99)], 900) for i in range(30)}
    )
    (note,) = table_of(frame).notes
    assert "'t0', 't1', 't2' and 27 more" in note
