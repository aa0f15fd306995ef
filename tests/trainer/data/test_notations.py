"""Numbers in other notations are numbers, text that means missing may be a class, and either is said in a note."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.trainer.data.tables import Write
from trainer.data import Reading, read, split
from trainer.errors import DataError

VALUES = [(-1) ** i * i * 1234.5 / 7 for i in range(60)]
GERMAN = str.maketrans(",.", ".,")
NOTATIONS: dict[str, Any] = {
    "decimal commas": lambda v: f"{v:.2f}".translate(GERMAN),
    "German": lambda v: f"{v:,.2f}".translate(GERMAN),
    "English": lambda v: f"{v:,.2f}",
    "Swiss": lambda v: f"{v:,.2f}".replace(",", "'"),
    "French": lambda v: f"{v:,.2f} €".replace(",", "\u202f").replace(".", ","),
    "currency before": lambda v: f"${v:,.2f}",
    "minus before a currency": lambda v: f"{'-' * (v < 0)}${abs(v):,.2f}",
    "currency behind": lambda v: f"{v:,.2f} USD",
    "percent": lambda v: f"{v:.2f}%",
    "an accountant's": lambda v: f"({-v:,.2f})" if v < 0 else f"{v:,.2f}",
    "a typographer's minus": lambda v: f"{v:.2f}".replace("-", "\u2212"),
}


def labelled(cells: list[str]) -> list[tuple[Any, ...]]:
    return [(cell, "ab"[i % 2]) for i, cell in enumerate(cells)]


@pytest.mark.parametrize("write_number", NOTATIONS.values(), ids=NOTATIONS)
def test_numbers_are_read_in_every_notation_and_it_says_so(write_number: Any, write: Write) -> None:
    cells = [write_number(v) for v in VALUES]
    table = read(write("t.csv", ("x", "y"), *labelled(cells), sep=";"), "y")
    assert isinstance(table.rows, pd.DataFrame)
    np.testing.assert_allclose(table.rows["x"], VALUES, atol=0.0051)
    (note,) = table.notes
    assert "'x'" in note
    quantities = read(write("q.csv", ("y", "x"), *zip(cells, VALUES, strict=True), sep=";"), "y")
    np.testing.assert_allclose(quantities.labels, VALUES, atol=0.0051)


def test_a_comma_before_three_digits_is_what_the_rest_of_the_file_makes_it(write: Write) -> None:
    rows = [(f"{i},125", f"{i}.250", "ab"[i % 2]) for i in range(1, 41)]
    header = ("x", "z", "y")
    tables = {
        "thousands": read(write("a.csv", header, *((f'"{x}"', z, y) for x, z, y in rows)), "y"),
        "decimals": read(write("b.csv", header, *((x, 1, y) for x, z, y in rows), sep=";"), "y"),
    }
    for name, first in (("thousands", 1125), ("decimals", 1.125)):
        found = tables[name].rows
        assert isinstance(found, pd.DataFrame)
        assert found["x"][0] == first
    clear = [(f"{i},5", z, y) for i, (_, z, y) in enumerate(rows)]
    found = read(write("c.csv", header, *clear, sep=";"), "y").rows
    assert isinstance(found, pd.DataFrame)
    assert (found["x"][0], found["z"][0]) == (0.5, 1250)


@pytest.mark.parametrize(
    ("odd", "kind"),
    [
        (["-"] * 5, "float64"),
        (["n.a.", "?", ""], "float64"),
        (["1.2.3"], "float64"),
        (["closed"] * 9, "float64"),
        (["a", "b"] * 9, "object"),
        (["01.02.2024"] * 9 + ["02.03.2024"] * 9, "object"),
    ],
)
def test_cells_that_are_no_numbers_are_named(odd: list[str], kind: str, write: Write) -> None:
    rows = labelled([*(f"{v:.2f}" for v in VALUES), *odd])
    table = read(write("t.csv", ("x", "y"), *rows), "y")
    assert isinstance(table.rows, pd.DataFrame)
    assert str(table.rows["x"].dtype) == kind
    told = {cell for cell in odd if repr(cell) in " ".join(table.notes)}
    assert told == {*odd} - {"", "?"}  # the UCI's mark, which pandas reads


@pytest.mark.parametrize(
    "cells",
    [
        [f"{v:.2f} kg" for v in VALUES],
        [f"{abs(v):.1f}{'kM'[i % 2]}" for i, v in enumerate(VALUES)],
        [f"{100 + i}/{60 + i % 20}" for i in range(60)],
        [f"{'$€'[i % 2]}{v:.2f}" for i, v in enumerate(VALUES)],
    ],
)
def test_text_with_many_values_is_said_to_be_text(cells: list[str], write: Write) -> None:
    table = read(write("t.csv", ("x", "y"), *labelled(cells)), "y")
    (note,) = table.notes
    assert "'x' is taken for text" in note


@pytest.mark.parametrize("word", ["None", "NA", "n/a", "null", "nan", "-", "?"])
@pytest.mark.parametrize(("often", "classes"), [(30, 3), (4, 2)])
def test_a_word_is_a_class_where_it_is_as_frequent_as_one(
    word: str, often: int, classes: int, write: Write
) -> None:
    rows = [(i % 37, word if i < often else "ab"[i % 2]) for i in range(80)]
    table = read(write("t.csv", ("x", "y"), *rows), "y")
    assert table.classes is not None
    assert (len(table.classes), word in table.classes) == (classes, classes == 3)
    assert len(table.labels) == (80 if classes == 3 else 76)
    (note,) = table.notes
    assert repr(word) in note
    assert str(often) in note


def test_a_word_among_quantities_is_no_label(write: Write) -> None:
    rows = [(i, "NA" if i % 4 == 0 else i / 8) for i in range(80)]
    table = read(write("t.csv", ("x", "y"), *rows), "y")
    assert table.labels.tolist() == [i / 8 for i in range(80) if i % 4]
    assert "'NA' (20)" in table.notes[0]


# --- the task ---


def test_the_task_can_be_said(write: Write) -> None:
    rows = [(i, min(i, 9)) for i in range(12)] + [(i, i % 9) for i in range(60)]
    path = write("t.csv", ("x", "y"), *rows)
    with pytest.raises(DataError, match=r"class '9' has 1 .* --task=regression"):
        split(read(write("rare.csv", ("x", "y"), *rows[:10], *rows[12:]), "y"), 0)
    assert read(path, "y").task == "classification"
    table = read(path, "y", Reading(task="regression"))
    assert (table.task, table.classes) == ("regression", None)
    assert table.labels.tolist() == [y for _, y in rows]
    many = read(
        write("many.csv", ("x", "y"), *((i, i % 30) for i in range(120))),
        "y",
        Reading(task="classification"),
    )
    assert len(many.classes or ()) == 30


def test_text_is_no_quantity(write: Write) -> None:
    path = write("t.csv", ("x", "y"), *labelled([*"123456"]))
    with pytest.raises(DataError, match=r"t\.csv: column 'y' holds text, such as 'a'"):
        read(path, "y", Reading(task="regression"))


def test_beside_decimal_commas_a_point_is_a_mark_only_where_three_digits_follow_it(
    write: Write,
) -> None:
    rows = [(f'"{k},5"', f"1.{k:03d}", f"0.{k}25", "ab"[k % 2]) for k in range(1, 61)]
    path = write("t.csv", ("commas", "grouped", "points", "y"), *rows)
    for version in (1, 2):
        table = read(path, "y", Reading(version=version))
        assert isinstance(table.rows, pd.DataFrame)
        first = table.rows.iloc[0].tolist()
        assert first == [1.5, 1001.0, pytest.approx(0.125)]
