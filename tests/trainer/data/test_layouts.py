"""A file of text tells its layout: encoding, separator, quotes, names of columns and rows, comments."""

# Law 9: errors and misunderstandings are said.

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainer.data.tables import Write
from trainer.data import Layout, Reading, read
from trainer.data.files import contents

COMMA = Layout()


def frame(path: str, **options: Any) -> dict[str, list[Any]]:
    """The columns of a file, with None where nothing is."""
    read_as = contents(Path(path), **options).frame
    return {
        str(name): [None if pd.isna(cell) else cell for cell in column]
        for name, column in read_as.items()
    }


def layout(path: str, **options: Any) -> Layout:
    found = contents(Path(path), **options).layout
    assert found is not None
    assert Layout(**json.loads(json.dumps(asdict(found)))) == found
    return found


# What the files of csv-spectrum hold.
SPECTRUM: dict[str, tuple[bytes, dict[str, list[Any]]]] = {
    "a comma in quotes": (b'n,d\nJ,"a, b"\nK,c\n', {"n": ["J", "K"], "d": ["a, b", "c"]}),
    "nothing": (b'a,b,c\n1,"",""\n2,3,4\n', {"a": [1, 2], "b": [None, 3], "c": [None, 4]}),
    "nothing, CRLF": (b'a,b,c\r\n1,"",""\r\n2,3,4\r\n', {"a": [1, 2], "b": [None, 3], "c": [None, 4]}),
    "quotes": (b'a,b\n1,"ha ""ha"" ha"\n3,4\n', {"a": [1, 3], "b": ['ha "ha" ha', "4"]}),
    "quotes and line ends": (
        b'a,b\n1,"ha \n""ha"" \nha"\n3,4\n', {"a": [1, 3], "b": ['ha \n"ha" \nha', "4"]}
    ),
    "line ends": (
        b'a,b,c\n1,2,3\n"Once upon \na time",5,6\n', {"a": ["1", "Once upon \na time"], "b": [2, 5], "c": [3, 6]}
    ),
    "line ends, CRLF": (
        b'a,b,c\r\n1,2,3\r\n"Once upon \r\na time",5,6\r\n',
        {"a": ["1", "Once upon \r\na time"], "b": [2, 5], "c": [3, 6]},
    ),
    "CR": (b"a,b\r1,2\r3,4\r", {"a": [1, 3], "b": [2, 4]}),
    "JSON": (
        b'k,v\n1,"{""type"": ""Point"", ""coordinates"": [102.0, 0.5]}"\n2,{}\n',
        {"k": [1, 2], "v": ['{"type": "Point", "coordinates": [102.0, 0.5]}', "{}"]},
    ),
    "UTF-8": ("a,b\n1,ʤ\n2,größe\n".encode(), {"a": [1, 2], "b": ["ʤ", "größe"]}),
    "no end of the last line": (b"a,b\n1,2", {"a": [1], "b": [2]}),
    "blank lines": (b"\n\na,b\n\n1,2\n  \n3,4\n\n", {"a": [1, 3], "b": [2, 4]}),
    "a quote inside": (b'size,b\n5" disk,2\n3" disk,\n', {"size": ['5" disk', '3" disk'], "b": [2, None]}),
}  # fmt: skip


@pytest.mark.parametrize(("content", "columns"), SPECTRUM.values(), ids=SPECTRUM)
def test_cells_are_what_they_are(
    content: bytes, columns: dict[str, list[Any]], write: Write
) -> None:
    path = write("t.csv", content)
    assert frame(path) == columns
    assert layout(path) == COMMA


SEPARATED: dict[str, tuple[str, str, int]] = {  # a file, its separator, how many columns
    "decimal commas": ("x;z;y\n1,5;2,5;a\n2,5;3,25;b\n", ";", 3),
    "decimal commas and a comma in the header": ("x, cm;z;y\n1,5;2,5;a\n2,5;3;b\n", ";", 3),
    "more commas than semicolons": ("t;y\na, b, c, d;1\ne;2\n", ";", 2),
    "a comma in a quoted header": ('"a, b, c, d";y\n1;2\n3;4\n', ";", 2),
    "bars in a text": ("t,y\na|b|c,1\nd|e|f,2\n", ",", 2),
    "bars": ("a|b|c\n1|x, y|3\n4|z|6\n", "|", 3),
    "tabs": ("a\tb\n1,5\tx\n2,5\ty\n", "\t", 2),
    "one column": ("a\n1\n2\n", "", 1),
    "one column of numbers with decimal commas": ("a\n1,5\n2,5\n", "", 1),
    "one column of sentences": ("text\nwell, well\nwell\none, two, three\n", "", 1),
    "line ends in quotes": ('a,b\n"x\n;y;z\n",1\n"\n;\n",2\n', ",", 2),
    "Excel's own word": ("sep=;\na;b,c\n1;2\n3;4\n", ";", 2),
    "Excel's own word for another": ("sep=^\na^b\n1^2\n", "^", 2),
    "a header alone": ("a;b;c\n", ";", 3),
}


@pytest.mark.parametrize(("text", "separator", "width"), SEPARATED.values(), ids=SEPARATED)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_separator_gives_all_rows_as_many_cells(
    text: str, separator: str, width: int, end: str, write: Write
) -> None:
    rows = "" if text.count("\n") > 1 else "1;2;3\n"
    path = write("t.csv", (text + rows).replace("\n", end).encode())
    assert layout(path).separator == separator
    assert len(frame(path)) == width


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_what_csv_writes_is_read_with_its_separator(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    words = [
        "a",
        "b c",
        "x, y",
        "p; q",
        "u|v",
        'say "hi"',
        "it's",
        "two\nlines",
        "7",
        "2,5",
        "",
        "größe",
        '{"k": 1}',
        "#",
        "\t",
    ]
    width, sep = data.draw(st.integers(2, 5)), data.draw(st.sampled_from(",;\t|"))
    row = st.lists(st.sampled_from(words), min_size=width, max_size=width)
    rows = data.draw(st.lists(row, min_size=1, max_size=20))
    text = io.StringIO(newline="")
    end = data.draw(st.sampled_from(["\n", "\r\n"]))
    writer = csv.writer(text, delimiter=sep, lineterminator=end)
    writer.writerows([[f"column {k}" for k in range(width)], *rows])
    path = tmp_path_factory.mktemp("made") / "t.csv"
    path.write_bytes(text.getvalue().encode())
    made = contents(path)
    assert made.layout == replace(COMMA, separator=sep)
    for k, cells in enumerate(zip(*rows, strict=True)):
        column = made.frame[f"column {k}"]
        if column.dtype == "str":
            assert [cell.strip() for cell in column.fillna("")] == [cell.strip() for cell in cells]


def test_a_cell_may_be_longer_than_what_tells_the_layout(write: Write) -> None:
    long = "long; " * 60_000
    path = write("t.csv", ("text,y\n" + f'"{long}",1\nb,\n' * 3).encode())
    assert frame(path) == {"text": [long, "b"] * 3, "y": [1, None] * 3}


def test_a_table_may_have_thousands_of_columns(write: Write) -> None:
    path = write("t.csv", [f"column {k}" for k in range(20_000)], range(20_000), range(20_000))
    made = contents(Path(path))
    assert made.frame.shape == (2, 20_000)
    assert made.layout == COMMA


def test_a_tsv_has_tabs_and_a_txt_anything(write: Write) -> None:
    assert frame(write("t.tsv", b"a,b\tc,d\n1\t2\n")) == {"a,b": [1], "c,d": [2]}
    assert frame(write("t.txt", b"a;b\n1;2\n")) == {"a": [1], "b": [2]}
    assert frame(write("u.txt", b"a\tb\n1\t2\n")) == {"a": [1], "b": [2]}


def test_decimal_commas_beside_commas_need_no_header(write: Write) -> None:
    path = write("t.csv", b"1,5;2,5;3,5\n2,5;3,5;4,5\n")
    assert layout(path, header=False).separator == ";"
    assert list(frame(path, header=False)) == ["0", "1", "2"]


# --- quotes, names, comments ---


def test_single_quotes_are_quotes_where_each_that_opens_closes(write: Write) -> None:
    path = write("t.csv", b"a,b,y\n'x, z',1,'p'\n'it',2,'q'\n")
    assert frame(path) == {"a": ["x, z", "it"], "b": [1, 2], "y": ["p", "q"]}
    assert layout(path) == replace(COMMA, quote="'")
    path = write("t.csv", b"a,b\n'tis,1\nrock 'n' roll,2\n")
    assert frame(path) == {"a": ["'tis", "rock 'n' roll"], "b": [1, 2]}
    path = write("t.csv", b"a,b\n\"'x'\",1\n'y',2\n")
    assert frame(path)["a"] == ["'x'", "'y'"]


@pytest.mark.parametrize(
    "text",
    [
        '"x","y"\n"Mazda",1,2\n"Fiat",3,4\n',
        'x,y\n"3",1,2\n"7",3,4\n',
        "x y,y\na,1,2\nb,3,4\n",
        "x,y\n1,1,2\n2,3,4\n3,5,6\n",
    ],
)
def test_what_r_writes_before_each_row_is_its_name(text: str, write: Write) -> None:
    path = write("t.csv", text.encode())
    made = contents(Path(path))
    assert made.layout == replace(COMMA, row_names=True)
    assert made.frame.iloc[:, 0].to_list()[:2] == [1, 3]
    assert made.frame["y"].to_list()[:2] == [2, 4]
    assert made.frame.shape[1] == 2
    (note,) = made.notes
    assert "names" in note


def test_names_that_come_twice_or_not_at_all_are_said(write: Write) -> None:
    path = write("t.csv", b"x,,x,y,1.5\n1,2,3,4,5\n")
    made = contents(Path(path))
    assert list(made.frame.columns) == ["x", "Unnamed: 1", "x.1", "y", "1.5"]
    twice, nameless = made.notes
    assert "'x.1'" in twice
    assert "'Unnamed: 1'" in nameless


@pytest.mark.parametrize(
    ("before", "header", "comments"),
    [
        (b"# made by a program\n", b"x,y\n", 1),
        (b"# made by a program, on a day\n# with \"quotes, and it's said\n\n", b"x,y\n", 2),
        (b"# x, y\n", b"x,y\n", 1),
        (b"", b"#x,y\n", 0),
        (b"# made by a program\n", b"#x,y\n", 1),
        (b"", b"x,#y\n", 0),
    ],
)
def test_comments_are_what_is_before_the_header(
    before: bytes, header: bytes, comments: int, write: Write
) -> None:
    path = write("t.csv", before + header + b"1,a\n2,#b\n3,c\n")
    made = contents(Path(path))
    assert list(made.frame.columns) == header.decode().strip().split(",")
    assert made.frame.iloc[:, 1].to_list() == ["a", "#b", "c"]
    assert made.layout is not None
    assert made.layout.comments == comments
    assert len(made.notes) == (comments > 0)


def test_comments_come_before_rows_without_a_header_too(write: Write) -> None:
    path = write("t.csv", b"# made\n1,a\n2,b\n")
    assert frame(path, header=False) == {"0": [1, 2], "1": ["a", "b"]}


# --- no header ---


@pytest.mark.parametrize(
    ("text", "is_data"),
    [
        ("1,2,a\n3,4,b\n", True),
        ("a,b,u\nb,a,v\na,b,u\na,a,v\n", True),
        ("x,y\n1,a\n2,b\n", False),
        ("x,y\nu,a\nv,b\n", False),
        ("age,2010,2011\n7,1,2\n8,3,4\n", False),
        (",x,y\n1,2,a\n2,4,b\n", False),
    ],
)
def test_a_first_line_that_looks_like_data_is_said(text: str, is_data: bool, write: Write) -> None:
    path = write("t.csv", text.encode())
    made = contents(Path(path))
    assert made.data_in_header == is_data
    assert any("--no-header" in note for note in made.notes) == is_data
    assert not contents(Path(path), header=False).data_in_header


@pytest.mark.parametrize("target", ["2", "-1"])
def test_without_a_header_the_labels_are_named_by_their_position(target: str, write: Write) -> None:
    path = write("t.csv", *((i, i % 7, "ab"[i % 2]) for i in range(40)))
    table = read(path, target, Reading(header=False))
    assert isinstance(table.rows, pd.DataFrame)
    assert (list(table.rows.columns), table.classes) == (["0", "1"], ("a", "b"))
    assert table.layout == replace(COMMA, header=False)


# --- whatever is read today is read the same tomorrow ---

PINNED = {  # computed before files told their layouts
    "numbers and text": (
        "x,t,y\n" + "".join(f"{i / 7},u{i % 3},{'ab'[i % 2]}\n" for i in range(30)),
        "6b7b041712500fe36ffca19f08d9ec62513beac4e944c5198e64111469dd3a48",
    ),
    "decimal commas": (
        "x;t;y\r\n" + "".join(f"{i},25;{i % 5};{'ab'[i % 2]}\r\n" for i in range(30)),
        "8737caee25687a5b836046f12853e219d203b4d7c87cbcda74cf2c03fba69db8",
    ),
    "gaps": (
        "x,t,y\n"
        + "".join(f"{'' if i % 4 else i},{'?' if i % 5 else 'NA'},{i / 4}\n" for i in range(30)),
        "6a103189ff2abbea8b133fd34bd1cf73b4762685ae2011239815c1f0b1acc2e6",
    ),
}


@pytest.mark.parametrize(("text", "fingerprint"), PINNED.values(), ids=PINNED)
def test_the_fingerprint_of_a_file_stays(text: str, fingerprint: str, write: Write) -> None:
    assert read(write("t.csv", text.encode()), "y").fingerprint == fingerprint


@pytest.mark.parametrize(
    ("name", "target", "fingerprint"),
    [
        ("Telco-Customer-Churn.csv", "Churn", "8794714ac931c1bf"),
        ("adult.csv", "income-per-year", "68765d6c004f9e96"),
        ("california_housing.csv", "median_house_value", "40ae224fa67ef994"),
        ("penguins.csv", "species", "5ea319414bc29f8d"),
        ("penguins.csv", "sex", "5ecb05a0cbd24d99"),
        ("titanic.csv", "survived", "0a6f3713f577f164"),
        ("winequality-red-semicolon.csv", "y", "381bc395f12092c3"),
        ("oecd_bli.csv", "Value", "6c22ec586a0af23d"),
    ],
)
def test_the_fingerprint_of_a_real_file_stays(
    name: str, target: str, fingerprint: str, shared_data: Path
) -> None:
    table = read(str(shared_data / "tabular" / name), target)
    assert table.fingerprint.startswith(fingerprint)


@pytest.mark.parametrize(
    ("name", "header", "separator", "quote", "shape"),
    [
        ("Telco-Customer-Churn.csv", True, ",", '"', (7043, 21)),
        ("adult.csv", True, ",", '"', (32561, 15)),
        ("breast-cancer-quoted-no-header.csv", False, ",", "'", (286, 10)),
        ("california_housing.csv", True, ",", '"', (20640, 10)),
        ("higgs_binary.tsv", False, "\t", '"', (7000, 29)),
        ("horse-colic-question-marks.csv", False, ",", '"', (300, 28)),
        ("oecd_bli.csv", True, ",", '"', (2369, 17)),
        ("penguins.csv", True, ",", '"', (344, 8)),
        ("penguins_raw.csv", True, ",", '"', (344, 17)),
        ("titanic.csv", True, ",", '"', (891, 15)),
        ("winequality-red-semicolon.csv", True, ";", '"', (1599, 12)),
    ],
)
def test_real_files_tell_their_layout(
    name: str, header: bool, separator: str, quote: str, shape: tuple[int, int], shared_data: Path
) -> None:
    path = shared_data / "tabular" / name
    made = contents(path, header=header)
    assert made.frame.shape == shape
    assert made.layout == Layout(separator=separator, quote=quote, header=header)
    assert contents(path).data_in_header != header
