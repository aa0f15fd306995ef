"""How columns and labels of a table are understood, what it is recognized by, and which tables can't be used."""

# Law 9: errors and misunderstandings are said.

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.trainer.data.tables import (
    Write,
    loaded,
    one_line,
)
from trainer.data import (
    read,
    split,
)
from trainer.errors import DataError


@pytest.mark.parametrize(
    ("cells", "width"),
    [
        (["1", "2.5", "-3e2"], 1),
        (["1", " 2 ", "3"], 1),
        (["1", " ", "3"], 2),
        (["1", "?", "3"], 2),
        (["1", "NA", "3"], 2),
        (["True", "False", "True"], 1),
        (["True", "False", ""], 2),
        (["yes", "no", "yes"], 2),
        (["yes", " yes ", "no"], 2),
        (["yes", "", "no"], 3),
        (["1", "2", "three"], 3),
        (["5", "5", "5"], 1),
        (["same", "same", "same"], 1),
        (["", "", ""], 0),
        ([" ", "?", "NA"], 0),
    ],
)
def test_a_column_is_numbers_if_all_its_cells_are_else_one_column_a_category(
    cells: list[str], width: int, write: Write
) -> None:
    rows = ((i, cells[i % 3], "ab"[i % 2]) for i in range(60))
    done = loaded(write("t.csv", ("x", "c", "y"), *rows))
    for part in (done.train, done.validation):
        assert part.X.shape[1] == 1 + width
        assert np.isfinite(part.X).all()


def test_a_constant_column_is_zeros(write: Write) -> None:
    done = loaded(write("t.csv", ("x", "c", "y"), *((i, 0.1, "ab"[i % 2]) for i in range(40))))
    for part in (done.train, done.validation):
        np.testing.assert_allclose(part.X[:, 1], 0, atol=1e-12)


def test_a_long_file_is_read_in_one_piece(write: Write) -> None:
    # pandas guesses the types of a long file piece by piece, and a column's could differ from piece to piece.
    wide = ",0" * 250
    lines = [f"{'' if i == 3 else i % 2}{wide},{i % 2}\n" for i in range(5000)]
    for i in range(4000, 5000):
        lines[i] = f"{('odd', 'even')[i % 2]}{wide},{i % 2}\n"
    header = "t," + ",".join(f"x{n}" for n in range(250)) + ",y\n"
    table = read(write("t.csv", "".join([header, *lines]).encode()), "y")
    assert isinstance(table.rows, pd.DataFrame)
    assert set(table.rows["t"].dropna()) == {"0", "1", "odd", "even"}


# --- labels ---


@pytest.mark.parametrize(
    ("labels", "task", "classes"),
    [
        (["no", "yes"], "classification", ("no", "yes")),
        (["True", "False"], "classification", ("False", "True")),
        (["0", "1"], "classification", ("0", "1")),
        (["3", "7", "5"], "classification", ("3", "5", "7")),
        (["0.0", "1.0"], "classification", ("0", "1")),
        (["-1", "1"], "classification", ("-1", "1")),
        (["a", " a ", "b"], "classification", ("a", "b")),
        ([str(n) for n in range(20)], "classification", tuple(sorted(map(str, range(20))))),
        ([str(n) for n in range(21)], "regression", None),
        (["0.5", "1", "2"], "regression", None),
    ],
)
def test_labels_say_whether_it_is_a_classification(
    labels: list[str], task: str, classes: tuple[str, ...] | None, write: Write
) -> None:
    rows = ((i, labels[i % len(labels)]) for i in range(120))
    table = read(write("t.csv", ("x", "y"), *rows), "y")
    assert (table.task, table.classes) == (task, classes)
    for i in range(len(labels)):
        if classes is None:
            assert table.labels[i] == float(labels[i])
        else:
            name = labels[i].strip()
            assert classes[table.labels[i]] == (name[:-2] if name.endswith(".0") else name)


@pytest.mark.parametrize("blank", ["", " ", "?", '"  "'])
def test_rows_without_a_label_are_left_out_and_it_says_so(blank: str, write: Write) -> None:
    rows = [(i, "ab"[i % 2] if i % 5 else blank) for i in range(40)]
    path = write("t.csv", ("x", "y"), *rows)
    table = read(path, "y")
    word = ": '?' (8) is taken for none" if blank == "?" else ""
    note = f"{path}: 8 of 40 rows are left out: no 'y'{word}"
    assert table.notes == split(table, 0).notes == (note,)
    assert (len(table.rows), table.classes) == (32, ("a", "b"))
    assert isinstance(table.rows, pd.DataFrame)
    assert table.rows["x"].to_list() == [i for i in range(40) if i % 5]


def test_columns_with_nothing_in_them_are_left_out_and_it_says_so(write: Write) -> None:
    path = write("t.csv", ("x", "hollow", "y"), *((i % 9, "", "ab"[i % 2]) for i in range(40)))
    table = read(path, "y")
    assert table.notes == (f"{path}: nothing in these columns, which are left out: hollow",)


# --- the fingerprint ---


def test_the_fingerprint_changes_with_any_cell_label_name_or_order_and_with_nothing_else(
    write: Write,
) -> None:
    header = ["a", "b", "y"]
    cells = [[i, f"t{i % 3}", "uv"[i % 2]] for i in range(30)]

    def changed(row: int, column: int, to: object) -> list[list[object]]:
        return [
            [to if (i, j) == (row, column) else c for j, c in enumerate(r)]
            for i, r in enumerate(cells)
        ]

    same = [(header, cells), (header, cells), (header, changed(3, 1, " t0 "))]
    others = [
        (header, changed(29, 0, 29.000000001)),
        (header, changed(29, 0, "")),
        (header, changed(7, 1, "t9")),
        (header, changed(7, 2, "u")),
        (header, cells[1:]),
        (header, [*cells, cells[0]]),
        (header, [cells[2], cells[1], cells[0], *cells[3:]]),
        (["A", "b", "y"], cells),
        (["b", "a", "y"], [[b, a, y] for a, b, y in cells]),
        (header, [[a, b, {"u": "u", "v": "w"}[str(y)]] for a, b, y in cells]),
    ]  # fmt: skip
    prints = [
        read(write(f"{n}.csv", names, *rows), "y").fingerprint
        for n, (names, rows) in enumerate([*same, *others])
    ]
    assert len({*prints[: len(same)]}) == 1
    assert len({*prints}) == 1 + len(others)
    assert all(len(p) == 64 for p in prints)


# --- errors ---

TWO = [("x", "y"), *((i, "ab"[i % 2]) for i in range(40))]
WRONG: dict[str, tuple[list[Any], str]] = {
    "empty": ([], r"t\.csv is empty"),
    "header only": ([("x", "y")], r"t\.csv has a header and no rows"),
    "no label anywhere": ([("x", "y"), *((i, "") for i in range(40))], "no rows with a value of 'y'"),
    "label only": ([("y",), *(("ab"[i % 2],) for i in range(40))], "and of another column"),
    "nothing beside labels": ([("x", "y"), *(("", "ab"[i % 2]) for i in range(40))], "of another column"),
    "one class": ([("x", "y"), *((i, "a") for i in range(40))], "'y' has one class only: 'a'"),
    "two rows": ([("x", "y"), (1, "a"), (2, "b")], "class 'a' has 1 of the rows: each needs 3"),
    "rare class": ([*TWO, (1, "c"), (2, "c")], "class 'c' has 2 of the rows: each needs 3"),
    "column": ([("x", "yy"), (1, 2)], r"t\.csv has no column 'y': did you mean 'yy'\?"),
    "no column": ([("x", "z"), (1, 2)], r"t\.csv has no column 'y': its columns are x, z"),
    "a cell too many": ([*TWO, (1, "a", 7)], r"t\.csv, line 42: 3 cells, but 2 are expected"),
    "cells too many": ([("x", "y"), *((*r, 7) for r in TWO[1:])], r"t\.csv, line 2: 3 cells, but 2 are expected"),
    "infinite": ([*TWO, ("inf", "a")], "column 'x' holds ±inf, beyond ±1e+150"),
    "huge": ([*TWO, ("-1e200", "a")], r"column 'x' holds ±1e\+200, beyond"),
    "infinite label": ([("x", "y"), *((i, i + 0.5) for i in range(40)), (1, "inf")], "column 'y' holds"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "says"), WRONG.values(), ids=WRONG)
def test_a_table_that_can_not_be_used_is_told(content: list[Any], says: str, write: Write) -> None:
    path = write("t.csv", *content)
    with pytest.raises(DataError, match=says.replace("1e+", r"1e\+")) as error:
        loaded(path)
    assert one_line(error)


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.parquet"])
def test_what_is_no_table_is_told(name: str, write: Write, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"no such file: .*{name}"):
        loaded(str(tmp_path / name))
    (tmp_path / "folder" / name).mkdir(parents=True)
    with pytest.raises(DataError, match=f"{name} is a folder"):
        loaded(str(tmp_path / "folder" / name))
    path = write(name, b"\xff\x00\x80 junk \x01\x02")
    with pytest.raises(DataError, match=rf"{name} (is no text|can't be read as Parquet)") as error:
        loaded(path)
    assert one_line(error)


def test_a_column_of_lists_is_told(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pd.DataFrame({"l": [[1, 2]] * 40, "x": range(40), "y": ["a", "b"] * 20}).to_parquet(path)
    with pytest.raises(DataError, match=r"t\.parquet: column 'l' holds lists"):
        loaded(str(path))
