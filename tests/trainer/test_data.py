"""Sources become arrays that are right, split as they should be, and learned from training rows alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.trainer.shared import Array
from trainer.data import (
    TEST,
    DataError,
    Splits,
    Table,
    Which,
    load,
    read,
    split,
)
from trainer.data.encoding import MAX_CATEGORIES
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


# --- built-in sources ---


@pytest.mark.parametrize(
    ("source", "task", "shape", "outputs"),
    [
        ("digits", "classification", (1797, 64), 10),
        ("breast_cancer", "classification", (569, 30), 2),
        ("wine", "classification", (178, 13), 3),
        ("iris", "classification", (150, 4), 3),
        ("diabetes", "regression", (442, 10), 1),
    ],
)
def test_a_built_in_source_has_its_rows_and_classes(
    source: str, task: str, shape: tuple[int, int], outputs: int
) -> None:
    table = read(source)
    assert (table.name, table.task, table.rows.shape) == (source, task, shape)
    done = split(table, 0)
    assert (done.task, done.outputs) == (task, outputs)
    made = parts(table).values()
    assert sum(len(part.X) for part in made) == shape[0]
    for part in made:
        assert part.X.shape == (len(part.y), shape[1])
        assert part.X.flags.c_contiguous
        if table.classes is not None:
            assert len(table.classes) == outputs
            assert set(part.y) == set(range(outputs))
    assert [round(len(part.y) / shape[0], 2) for part in made] == [0.6, 0.2, 0.2]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_arrays_are_of_the_type_asked_for(dtype: str) -> None:
    made = parts(read("diabetes"), dtype=dtype).values()
    assert {part.X.dtype for part in made} == {np.dtype(dtype)}
    assert {part.y.dtype for part in made} == {np.dtype(dtype)}


# --- splits ---


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(3, 60), min_size=2, max_size=5).filter(lambda sizes: sum(sizes) > 25),
    st.integers(0, 2**32 - 1),
)
def test_splits_are_disjoint_hold_every_row_and_give_each_class_its_share(
    sizes: list[int], seed: int
) -> None:
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    frame = pd.DataFrame({"x": np.arange(len(labels), dtype=float)})
    table = table_of(frame, labels)
    found = positions(table, seed)
    assert sorted(np.concatenate([*found.values()])) == list(range(len(labels)))
    done = parts(table, seed)
    for part, share in zip(PARTS, (0.6, 0.2, 0.2), strict=True):
        y = done[part].y
        np.testing.assert_array_equal(y, labels[found[part]])
        assert abs(len(y) - share * len(labels)) <= 2
        for label, size in enumerate(sizes):
            assert abs(np.sum(y == label) - share * size) < 2


@pytest.mark.parametrize("source", ["wine", "diabetes"])
def test_a_seed_gives_the_same_splits_again_and_another_seed_others(source: str) -> None:
    table = read(source)
    first, again, other = (positions(table, seed) for seed in (0, 0, 1))
    for part in PARTS:
        np.testing.assert_array_equal(first[part], again[part])
        assert set(first[part]) != set(other[part])


@pytest.mark.parametrize("source", ["iris", "diabetes"])
def test_rows_are_drawn_once_and_the_test_rows_stay_what_they_were(source: str) -> None:
    table = read(source)
    full, drawn = positions(table, 5), positions(table, 5, rows=60)
    np.testing.assert_array_equal(drawn["test"], full["test"])
    assert (len(drawn["train"]), len(drawn["validation"])) == (45, 15)
    assert not {*drawn["test"]} & {*drawn["train"], *drawn["validation"]}
    everything = len(full["train"]) + len(full["validation"])
    for part in PARTS:
        np.testing.assert_array_equal(positions(table, 5, rows=everything)[part], full[part])


@pytest.mark.parametrize("rows", [None, 60])
@pytest.mark.parametrize("source", ["iris", "diabetes"])
def test_a_fresh_split_divides_the_same_rows_anew(source: str, rows: int | None) -> None:
    table = counted(read(source))
    first, *fresh = (split(table, 5, k, rows=rows, dtype="float64") for k in range(4))

    def searched(splits: Splits) -> set[int]:
        return {*numbers_of(splits.train), *numbers_of(splits.validation)}

    for splits in fresh:
        assert searched(splits) == searched(first)
        assert len(splits.train.y) == len(first.train.y)
    assert len({frozenset(numbers_of(s.validation)) for s in (first, *fresh)}) == 4
    if table.task == "classification":
        for splits in fresh:
            np.testing.assert_array_equal(
                np.bincount(splits.validation.y), np.bincount(first.validation.y)
            )


@pytest.mark.parametrize("rows", [0, 2, 121])
def test_rows_that_can_not_be_drawn_are_told(rows: int) -> None:
    with pytest.raises(DataError, match=r"iris.* 120 rows") as error:
        split(read("iris"), 0, rows=rows)
    assert one_line(error)


# --- what is learned is learned from training rows ---


def test_training_rows_are_scaled_to_mean_0_and_deviation_1() -> None:
    done = split(read("wine"), 0, dtype="float64")
    np.testing.assert_allclose(done.train.X.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(done.train.X.std(axis=0), 1)
    assert not np.allclose(done.validation.X.mean(axis=0), 0, atol=1e-3)  # by others' statistics


def mixed(count: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "number": rng.normal(size=count),
            "gaps": np.where(rng.random(count) < 0.3, np.nan, rng.normal(size=count)),
            "text": rng.choice(["red", "green"], count).astype(object),
        }
    )
    return frame.assign(text=frame["text"].where(rng.random(count) > 0.2, np.nan).astype(object))


@pytest.mark.parametrize("which", [0, 1, TEST])
@pytest.mark.parametrize("seed", [0, 1])
def test_nothing_is_learned_from_rows_that_do_not_train(seed: int, which: Which) -> None:
    labels = np.arange(60) % 3
    frame = mixed(60)
    train = numbers_of(split(counted(table_of(frame, labels)), seed, which, dtype="float64").train)
    wild = frame.copy()
    others = np.setdiff1d(np.arange(60), train)
    wild.loc[others, ["number", "gaps"]] = 1e6
    wild.loc[others, "text"] = [f"new {n}" for n in others]
    wild.loc[others[::3]] = np.nan
    tame, odd = (split(table_of(f, labels), seed, which, dtype="float64") for f in (frame, wild))
    np.testing.assert_array_equal(odd.train.X, tame.train.X)
    assert (odd.validation.X != tame.validation.X).any()
    assert np.isfinite(np.concatenate([odd.train.X, odd.validation.X])).all()


@pytest.mark.parametrize("which", [0, 1, TEST])
def test_rows_that_are_scored_are_read_by_the_training_rows_figures(which: Which) -> None:
    labels = np.arange(60) % 2
    frame = mixed(60)
    table = table_of(frame, labels)
    found, done = (split(t, 0, which, dtype="float64") for t in (counted(table), table))
    train = frame.loc[numbers_of(found.train)]
    for part in ("train", "validation"):
        rows = frame.loc[numbers_of(getattr(found, part))]
        filled = rows["gaps"].fillna(train["gaps"].median())
        known = train["gaps"].fillna(train["gaps"].median())
        expected = {
            "number": (rows["number"] - train["number"].mean()) / train["number"].std(ddof=0),
            "gaps": (filled - known.mean()) / known.std(ddof=0),
            "(missing)": rows["text"].isna(),
            "green": rows["text"] == "green",
            "red": rows["text"] == "red",
        }
        X = getattr(done, part).X
        assert X.shape[1] == 6  # and whether a gap was filled
        for column, values in zip((0, 1, 3, 4, 5), expected.values(), strict=True):
            np.testing.assert_allclose(X[:, column], values.astype(float), atol=1e-12)
        was_missing = rows["gaps"].isna().to_numpy()
        assert len({*X[was_missing, 2]}) == len({*X[~was_missing, 2]}) == 1
        assert X[was_missing, 2][0] > X[~was_missing, 2][0]


def test_a_text_column_that_no_training_row_fills_is_no_error() -> None:
    labels = np.arange(30) % 2
    table = table_of(pd.DataFrame({"t": np.full(30, np.nan, dtype=object)}), labels)
    table.rows.loc[positions(table, 0)["test"], "t"] = "late"  # type: ignore[union-attr]
    done = split(table, 0)
    assert done.train.X.shape[1] == done.validation.X.shape[1] == 1
    np.testing.assert_array_equal(done.train.X, 1)


def test_rare_categories_share_a_column_and_unknown_ones_go_there() -> None:
    rng = np.random.default_rng(0)
    names = np.array([f"c{n:03}" for n in range(200)], dtype=object)
    frame = pd.DataFrame({"t": np.concatenate([np.repeat(names[:10], 40), names])})
    frame = frame.iloc[rng.permutation(len(frame))].reset_index(drop=True)
    table = table_of(frame, np.arange(len(frame)) % 2)
    done = split(table, 0)
    assert done.train.X.shape[1] == MAX_CATEGORIES
    for part in (done.train, done.validation):
        np.testing.assert_array_equal(part.X.sum(axis=1), 1)


def test_a_regression_target_is_scaled_by_the_training_rows_and_can_be_scaled_back() -> None:
    table = read("diabetes")
    found, done = positions(table, 0), split(table, 0, dtype="float64")
    targets = table.labels[found["train"]]
    assert done.target_scale == pytest.approx(targets.std())
    for part in ("train", "validation"):
        back = getattr(done, part).y * done.target_scale + targets.mean()
        np.testing.assert_allclose(back, table.labels[found[part]])


def test_a_constant_target_has_scale_1(write: Write) -> None:
    done = loaded(write("t.csv", ("x", "y"), *((i, 0.5) for i in range(30))))
    assert (done.task, done.target_scale) == ("regression", 1.0)
    np.testing.assert_array_equal(done.train.y, 0)


# --- files ---

AS: list[tuple[str, dict[str, Any]]] = [
    ("t.csv", {}),
    ("T.CSV", {}),
    ("t.tsv", {"sep": "\t"}),
    ("semicolon.csv", {"sep": ";"}),
    ("tab.csv", {"sep": "\t"}),
    ("bom.csv", {"encoding": "utf-8-sig"}),
    ("crlf.csv", {"end": "\r\n"}),
    ("blank lines.csv", {"end": "\n\n"}),
]
HEADER = ("x", "größe", "flag", "gap", "why", "y")
CELLS = [
    (i, i / 7, i % 2 == 0, "" if i % 4 == 0 else i, f'"a, b; ""{i % 2}"""', "ab"[i % 3 == 0])
    for i in range(40)
]


@pytest.mark.parametrize(("name", "how"), AS, ids=[name for name, _ in AS])
def test_a_table_is_read_however_it_is_written(
    name: str, how: dict[str, Any], write: Write
) -> None:
    plain = read(write("plain.csv", HEADER, *CELLS), "y")
    table = read(write(name, HEADER, *CELLS, **how), "y")
    assert isinstance(table.rows, pd.DataFrame)
    assert list(table.rows.columns) == list(HEADER[:-1])
    assert table.rows["größe"].to_list() == [i / 7 for i in range(40)]
    assert table.rows["flag"].to_list() == [1.0, 0.0] * 20
    assert table.rows["gap"].isna().sum() == 10
    assert list(table.rows["why"].unique()) == ['a, b; "0"', 'a, b; "1"']
    assert (table.task, table.classes) == ("classification", ("a", "b"))
    assert table.labels.tolist() == [int(i % 3 == 0) for i in range(40)]
    assert table.fingerprint == plain.fingerprint
    assert split(table, 0).train.X.shape == (24, 7)  # x, größe, flag, gap and whether, two of why
    assert table.name == Path(name).stem


def test_a_parquet_file_is_read_with_its_types(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "number": np.arange(40, dtype="int16"),
            "gaps": pd.array([None, 1, 2, 3] * 10, dtype="Int64"),
            "flag": pd.array([None, True, False, True] * 10, dtype="boolean"),
            "kind": pd.Categorical(["u", "v"] * 20),
            "day": pd.date_range("2024-01-01", periods=40),
            "span": pd.to_timedelta(np.arange(40), unit="s"),
            "y": ["a", "b"] * 20,
        }
    )
    frame.to_parquet(tmp_path / "t.parquet")
    table = read(str(tmp_path / "t.parquet"), "y")
    done = split(table, 0)
    assert done.train.X.shape == (24, 9)  # 5 numbers, 2 columns with gaps, 2 kinds
    assert np.isfinite(done.train.X).all()
    assert table.classes == ("a", "b")


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
    lines[-1] = f"odd{wide},1\n"
    header = "t," + ",".join(f"x{n}" for n in range(250)) + ",y\n"
    table = read(write("t.csv", "".join([header, *lines]).encode()), "y")
    assert isinstance(table.rows, pd.DataFrame)
    assert set(table.rows["t"].dropna()) == {"0", "1", "odd"}


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
    note = f"{path}: 8 of 40 rows are left out: no 'y'"
    assert table.notes == split(table, 0).notes == (note,)
    assert (len(table.rows), table.classes) == (32, ("a", "b"))
    assert isinstance(table.rows, pd.DataFrame)
    assert table.rows["x"].to_list() == [i for i in range(40) if i % 5]


def test_columns_with_nothing_in_them_are_left_out_and_it_says_so(write: Write) -> None:
    path = write("t.csv", ("x", "hollow", "y"), *((i, "", "ab"[i % 2]) for i in range(40)))
    table = read(path, "y")
    assert table.notes == (f"{path}: nothing in these columns, which are left out: hollow",)


def test_a_column_that_is_the_label_in_other_words_is_told(write: Write) -> None:
    # "sure" says it with a blank too; "almost" is wrong once; "row" has as many values as there are rows.
    rows = [(i, ["yes", ""][i % 2], "ab"[(i % 2) ^ (i == 7)], "pq"[i % 2]) for i in range(80)]
    path = write("t.csv", ("row", "sure", "almost", "y"), *rows)
    (note,) = split(read(path, "y"), 0, dtype="float32").notes
    assert note.startswith("t: column 'sure' tells the class of every row by itself")


@pytest.mark.parametrize("rows", [1, 11, 118, 119, 121])
def test_a_number_of_rows_that_cannot_be_drawn_is_told_with_those_that_can(rows: int) -> None:
    with pytest.raises(DataError) as caught:
        load("iris", None, seed=0, rows=rows, dtype="float32")(0)
    assert str(caught.value) == (
        f"rows = {rows}: iris has 120 rows beside its test rows: give 12 to 117, "
        "or leave it out for all of them"
    )


@pytest.mark.parametrize("rows", [12, 13, 60, 117, 120])
def test_a_number_of_rows_that_can_be_drawn_is_drawn(rows: int) -> None:
    for seed in range(5):
        made = load("iris", None, seed=seed, rows=rows, dtype="float32")(0)
        assert len(made.train.X) + len(made.validation.X) == rows


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


def test_the_fingerprint_is_of_the_source_not_of_how_it_is_split() -> None:
    table = read("iris")
    drawn = [split(table, 0), split(table, 1, rows=60), split(table, 0, 1), split(table, 0, TEST)]
    assert {splits.fingerprint for splits in drawn} == {table.fingerprint}
    assert read("iris").fingerprint == table.fingerprint != read("wine").fingerprint


# --- errors ---

TWO = [("x", "y"), *((i, "ab"[i % 2]) for i in range(40))]
WRONG: dict[str, tuple[list[Any], str]] = {
    "empty": ([], r"t\.csv can't be read as a table: No columns"),
    "header only": ([("x", "y")], r"t\.csv: no rows with a value of 'y'"),
    "no label anywhere": ([("x", "y"), *((i, "") for i in range(40))], "no rows with a value of 'y'"),
    "label only": ([("y",), *(("ab"[i % 2],) for i in range(40))], "and of another column"),
    "nothing beside labels": ([("x", "y"), *(("", "ab"[i % 2]) for i in range(40))], "of another column"),
    "one class": ([("x", "y"), *((i, "a") for i in range(40))], "'y' has one class only: 'a'"),
    "two rows": ([("x", "y"), (1, "a"), (2, "b")], "class 'a' has 1 of the rows: each needs 3"),
    "rare class": ([*TWO, (1, "c"), (2, "c")], "class 'c' has 2 of the rows: each needs 3"),
    "column": ([("x", "yy"), (1, 2)], r"t\.csv has no column 'y': did you mean 'yy'\?"),
    "no column": ([("x", "z"), (1, 2)], r"t\.csv has no column 'y': its columns are x, z"),
    "a cell too many": ([*TWO, (1, "a", 7)], "Expected 2 fields in line 42, saw 3"),
    "cells too many": ([("x", "y"), *((*r, 7) for r in TWO[1:])], "more cells than its first line"),
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
    with pytest.raises(DataError, match=f"no such file: .*{name}"):
        loaded(str(tmp_path / "folder" / name))
    path = write(name, b"\xff\xfe\x00\x80 junk")
    with pytest.raises(DataError, match=f"{name} can't be read as a table") as error:
        loaded(path)
    assert one_line(error)


def test_a_column_of_lists_is_told(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pd.DataFrame({"l": [[1, 2]] * 40, "x": range(40), "y": ["a", "b"] * 20}).to_parquet(path)
    with pytest.raises(DataError, match=r"t\.parquet: column 'l' holds lists"):
        loaded(str(path))


@pytest.mark.parametrize(
    ("source", "target", "says"),
    [
        ("irises", None, "unknown source 'irises': did you mean 'iris'\\?"),
        (
            "titanic",
            None,
            "unknown source 'titanic': give digits, .*, a .csv, .tsv or .parquet file",
        ),
        ("t.xlsx", "y", "unknown source 't.xlsx'"),
        ("iris", "species", "iris knows its labels: leave out --target species"),
        ("mnist:.", "y", "mnist:. knows its labels"),
    ],
)
def test_a_source_that_is_none_is_told(source: str, target: str | None, says: str) -> None:
    with pytest.raises(DataError, match=says):
        read(source, target)


def test_a_file_without_a_target_lists_its_columns(write: Write) -> None:
    with pytest.raises(DataError, match=r"which column is the label with --target: x, y"):
        read(write("t.csv", *TWO))


# --- real data ---


@pytest.mark.parametrize(
    ("name", "target", "task", "rows", "outputs"),
    [
        ("penguins.csv", "species", "classification", 344, 3),
        ("penguins.csv", "sex", "classification", 333, 2),
        ("penguins.csv", "body_mass_g", "regression", 342, 1),
        ("titanic.csv", "survived", "classification", 891, 2),
        ("titanic.csv", "alive", "classification", 891, 2),
        ("winequality-red-semicolon.csv", "y", "classification", 1599, 6),
        ("Telco-Customer-Churn.csv", "Churn", "classification", 7043, 2),
    ],
)
def test_real_tables_are_read(
    name: str, target: str, task: str, rows: int, outputs: int, shared_data: Path
) -> None:
    table = read(str(shared_data / "tabular" / name), target)
    assert (table.task, len(table.labels)) == (task, rows)
    assert split(table, 0).outputs == outputs
    for part in parts(table).values():
        assert np.isfinite(part.X).all()
        assert np.isfinite(part.y).all()
