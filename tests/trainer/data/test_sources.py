"""Sources are read: built-in ones, files however they are written, and real tables."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.trainer.data.tables import (
    Write,
    parts,
)
from trainer.data import (
    read,
    split,
)
from trainer.errors import DataError


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


def test_what_reads_parquet_is_named_where_it_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "t.parquet"
    path.touch()
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DataError, match=r"t\.parquet needs .* pip install pyarrow$"):
        read(str(path), "y")


@pytest.mark.parametrize(
    ("source", "target", "says"),
    [
        ("irises", None, "unknown source 'irises': did you mean 'iris'\\?"),
        (
            "titanic",
            None,
            "unknown source 'titanic': give digits, .*, a .csv, .tsv, .*or mnist:DIR",
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
        read(write("t.csv", ("x", "y"), (1, "a")))


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
