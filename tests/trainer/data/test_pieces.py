"""Files are read in pieces: the same cells as in one, whatever the kind of file and the size of a piece."""

from __future__ import annotations

import gzip
from dataclasses import asdict, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.trainer.data.tables import one_line
from trainer.data import Layout, delimited, pieces
from trainer.errors import DataError

Packed = Literal["gzip"] | None

ROWS = 1000
LATE = 870  # the row in which columns become something else


BEYOND = "18446744073709551615"  # more than an int64 holds


def made(rows: int = ROWS) -> pd.DataFrame:
    """A table with a column of each kind, some of which show only late what they are."""
    n = np.arange(rows)
    return pd.DataFrame(
        {
            "whole": n,
            "fraction": n / 7,
            "gaps": pd.Series(n, dtype="Int64").mask(n % 5 == 0),
            "late gap": pd.Series(n, dtype="Int64").mask(n == LATE),
            "category": pd.Series(n % 9).map(str).mask(n == LATE),
            "late text": pd.Series(n).map(str).mask(n == LATE, "none, or so"),
            "flag": n % 2 == 0,
            "late flag gap": pd.Series(n % 2 == 0).map(str).mask(n == LATE, ""),
            "late only": pd.Series(n).map(str).where(n >= LATE, "").mask(n == LATE, 'a "b"\nc'),
            "nothing": "",
            "y": pd.Series(n % 3).map({0: "a", 1: "NA", 2: "größer"}),
        }
    )


def in_one(path: Path, **options: object) -> pd.DataFrame:
    """What plain pandas reads."""
    return pd.read_csv(path, na_values=["?"], skipinitialspace=True, low_memory=False, **options)  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.csv.gz", "T.TSV.GZ", "t.txt"])
@pytest.mark.parametrize("cells", [1000, 3000, 10**6])
def test_a_file_whose_pieces_are_joined_is_what_pandas_reads_in_one(
    name: str, cells: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, sep = tmp_path / name, "\t" if "tsv" in name.lower() else ","
    compression: Packed = "gzip" if name.lower().endswith("gz") else None
    made(900).to_csv(path, index=False, sep=sep, compression=compression)
    monkeypatch.setattr(delimited, "CELLS", cells)
    found = delimited.layout_of(path)
    assert (found.layout.separator, found.width) == (sep, 11)
    frame = delimited.whole(path, found.layout, found.width)
    plain = in_one(path, sep=sep, compression=compression)
    pd.testing.assert_frame_equal(frame, plain)


@pytest.mark.parametrize("name", ["t.csv", "t.tsv.gz", "t.parquet"])
@pytest.mark.parametrize("rows", [1, 97, 100_000])
def test_rows_come_in_pieces_and_text_stays_the_text_that_it_is(
    name: str, rows: int, tmp_path: Path
) -> None:
    path, count = tmp_path / name, 40 if rows == 1 else ROWS
    plain = made(count)
    if name.endswith(".parquet"):
        plain.to_parquet(path, row_group_size=300)
    else:
        sep = "\t" if "tsv" in name else ","
        compression: Packed = "gzip" if name.endswith("gz") else None
        plain.to_csv(path, index=False, sep=sep, compression=compression)
    done = [*pieces(path, rows=rows, as_text={"category", "gaps", "late gap", "of another file"})]
    assert all(0 < len(piece) <= rows for piece in done)
    together = pd.concat(done)
    assert together.index.to_list() == [*range(count)]
    assert list(together.columns) == list(plain.columns)
    for column in ("category", "gaps", "late gap"):
        text = plain[column].astype(object).where(plain[column].notna(), None)
        assert [cell if isinstance(cell, str) else None for cell in together[column]] == [
            None if cell is None else str(cell) for cell in text
        ]
    assert together["whole"].to_list() == plain["whole"].to_list()
    assert together["fraction"].to_list() == plain["fraction"].to_list()


@given(
    column=st.lists(
        st.sampled_from(
            [
                "",
                "7",
                "-0.5",
                "True",
                "False",
                "NA",
                "?",
                "x",
                "1e3",
                BEYOND,
                "9007199254740993",
            ]
        ),
        min_size=2,
        max_size=12,
    ),
    rows=st.integers(1, 5),
)
def test_no_cell_depends_on_where_a_piece_ends(
    column: list[str], rows: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # Beside a number from 2**63 on, pandas takes NA for text, and in pieces fractions as well. For us such text is a
    # number or missing later on.
    assume(BEYOND not in column or not {"", "NA", "?", "-0.5", "1e3"} & {*column})
    path = tmp_path_factory.mktemp("made") / "t.csv"
    path.write_text("a,b\n" + "".join(f"{cell},1\n" for cell in column))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited, "CELLS", rows * 2)
        frame = delimited.whole(path, Layout(), 2)
    pd.testing.assert_frame_equal(frame, in_one(path))


def test_pieces_of_decimal_commas_are_as_the_layout_says(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x;n;y\n1,5;1;a\n1.234;2;b\n;3;c\n")
    (piece,) = pieces(path, like=Layout(decimal=","))
    assert piece["n"].to_list() == [1, 2, 3]
    assert piece["x"].to_list()[:2] == ["1,5", "1.234"]
    assert piece["x"].isna().to_list() == [False, False, True]


def test_a_layout_holds_where_the_new_file_does_not_tell_its_own(tmp_path: Path) -> None:
    then = Layout(encoding="cp949", separator=";", header=False)
    assert Layout(**asdict(then)) == then
    path = tmp_path / "new.csv"
    path.write_bytes("가;1\n".encode("cp949"))
    (piece,) = pieces(path, like=then)
    assert piece.to_dict("list") == {"0": ["가"], "1": [1]}
    path.write_bytes("이름,n\n가,1\n".encode())
    (piece,) = pieces(path, like=replace(then, header=True))
    assert piece.to_dict("list") == {"이름": ["가"], "n": [1]}
    (piece,) = pieces(path, like=then, header=True, encoding="utf-8")
    assert list(piece.columns) == ["이름", "n"]


def test_names_of_columns_are_text_and_positions_without_a_header(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("7,a\n,b\n")
    (piece,) = pieces(path, header=False, as_text={"0"})
    assert list(piece.columns) == ["0", "1"]
    assert piece["0"].to_list()[0] == "7"
    pd.DataFrame([[1, 2]], columns=[0, 1]).to_parquet(tmp_path / "t.parquet")
    (piece,) = pieces(tmp_path / "t.parquet")
    assert list(piece.columns) == ["0", "1"]


def test_an_archive_is_cut_into_pieces(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", X=np.arange(10).reshape(5, 2), y=np.array([*"ababa"]))
    done = [*pieces(tmp_path / "t.npz", rows=2, as_text={"x0"})]
    assert [len(piece) for piece in done] == [2, 2, 1]
    assert pd.concat(done)["x0"].to_list() == ["0", "2", "4", "6", "8"]
    assert pd.concat(done)["y"].to_list() == [*"ababa"]


@pytest.mark.parametrize("row", ["1,2,3\n", "1\n"])
def test_a_row_of_another_width_is_named_also_in_a_late_piece(row: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv.gz"
    with gzip.open(path, "wt") as file:
        file.write("a,b\n" + "1,2\n" * 500 + row + "1,2\n" * 50)
    with pytest.raises(
        DataError, match=rf"t\.csv\.gz, line 502: {row.count(',') + 1} cell.* 2 "
    ) as error:
        [*pieces(path, rows=100)]
    assert one_line(error)


def test_a_file_without_rows_has_no_pieces(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n")
    with pytest.raises(DataError, match=r"t\.csv has no rows"):
        [*pieces(path)]
