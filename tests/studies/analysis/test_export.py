"""Files that are read back hold the same numbers to the last digit and the same text."""

# Law 8: nothing that came from data is executed.

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from studies import Study
from studies.analysis.export import FORMATS, to_csv, to_json_lines, to_parquet
from studies.analysis.frames import finalists_frame, rounds_frame
from studies.database.records import Finalist, Round, Trial
from tests.studies.columns_of import epochs_of, frame_of

FRAMES: list[Callable[[Study], pd.DataFrame]] = [
    Study.trials_frame,
    Study.epochs_frame,
    Study.rounds_frame,
    Study.finalists_frame,
]
# A lone carriage return is left out: Python 3.11's csv writes it without quotes, which no reader takes.
text = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), min_size=1, max_size=8)
awkward = [
    "=1+1",
    "@x",
    "'=x",
    "-1",
    "-x",
    "＋1",
    "\tx",
    "a,b",
    'say "ja"',
    "two\nlines",
    "日本 ☃ é",
    " blanks ",
    "'",
    "NA",
    "1.0",
    "null",
]
floats = st.floats(width=64)


def read_csv(content: bytes) -> list[dict[str, str]]:
    rows = csv.DictReader(io.StringIO(content.decode(), newline=""))
    return [{k: cell.removeprefix("'") for k, cell in row.items()} for row in rows]


def number(cell: str | float | None) -> float:
    """A cell of CSV or JSON; NaN is what is missing there, as in a frame."""
    return math.nan if cell is None or cell == "" else float(cell)


def read_json_lines(content: bytes) -> list[dict[str, Any]]:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    return [json.loads(line, parse_constant=refuse) for line in content.decode().splitlines()]


def read_parquet(content: bytes) -> pd.DataFrame:
    return pd.read_parquet(io.BytesIO(content))


def trials(numbers: list[float], choices: list[str]) -> pd.DataFrame:
    rows = zip(numbers, choices, strict=True)
    return frame_of(
        [
            Trial(n, "complete", number, {"x": number, "choice": choice}, {}, None, None)
            for n, (number, choice) in enumerate(rows)
        ],
        {},
    )


rows_of_both = st.lists(st.tuples(floats, text | st.sampled_from(awkward)), min_size=1, max_size=5)
extremes = [math.nan, math.inf, -math.inf, 5e-324, -0.0, 0.1 + 0.2, 1.7976931348623157e308]
all_awkward = list(zip((extremes * 3)[: len(awkward)], awkward, strict=True))


@given(rows_of_both)
@example(all_awkward)
def test_csv_keeps_every_digit_and_every_character(rows: list[tuple[float, str]]) -> None:
    numbers, choices = map(list, zip(*rows, strict=True))
    read = read_csv(to_csv(trials(numbers, choices)))
    assert [row["choice"] for row in read] == choices
    for name in ("x", "value"):
        assert [repr(number(row[name])) for row in read] == list(map(repr, numbers))


@settings(deadline=None)  # a busy machine takes its time
@given(rows_of_both)
@example(all_awkward)
def test_no_cell_of_csv_is_a_formula(rows: list[tuple[float, str]]) -> None:
    for name in ("choice", "=1+1", "@SUM(A1)"):
        frame = trials(*map(list, zip(*rows, strict=True))).rename(columns={"choice": name})
        content = io.StringIO(to_csv(frame).decode(), newline="")
        for row in csv.reader(content):
            for cell in row:
                if cell.startswith(tuple("=+-@\t\r\n＝＋－＠")):
                    assert math.isfinite(float(cell)) or cell in ("-inf", "+inf")
    assert "'=1+1" in to_csv(trials([0.0], ["x"]).rename(columns={"choice": "=1+1"})).decode()


@given(rows_of_both)
@example(all_awkward)
def test_json_lines_keep_every_digit_and_every_character(rows: list[tuple[float, str]]) -> None:
    numbers, choices = map(list, zip(*rows, strict=True))
    read = read_json_lines(to_json_lines(trials(numbers, choices)))
    assert [row["choice"] for row in read] == choices
    for name in ("x", "value"):
        assert [repr(number(row[name])) for row in read] == list(map(repr, numbers))


@settings(max_examples=50, deadline=None)
@given(rows_of_both)
@example(all_awkward)
def test_parquet_keeps_every_digit_and_every_character(rows: list[tuple[float, str]]) -> None:
    numbers, choices = map(list, zip(*rows, strict=True))
    frame = trials(numbers, choices)
    pd.testing.assert_frame_equal(
        read_parquet(to_parquet(frame)), frame, check_exact=True, check_categorical=False
    )


@given(st.lists(st.lists(floats, max_size=4), max_size=4))
def test_curves_keep_every_digit_in_every_format(curves: list[list[float]]) -> None:
    frame = epochs_of([(n, "loss", points) for n, points in enumerate(curves)])
    expected = [repr(point) for points in curves for point in points]
    rows, lines = read_csv(to_csv(frame)), read_json_lines(to_json_lines(frame))
    assert len(lines) == len(rows) == len(expected)
    if curves:
        assert [repr(number(row["loss"])) for row in rows] == expected
        assert [repr(number(row["loss"])) for row in lines] == expected
        assert list(map(repr, read_parquet(to_parquet(frame))["loss"])) == expected


def test_what_is_missing_is_an_empty_cell_or_null() -> None:
    running = Trial(0, "running", None, {"x": 1}, {}, None, None)
    done = Trial(1, "complete", 0.5, {}, {"round": 1}, datetime(2024, 2, 29, 12), None)
    frame = frame_of([running, done], {1: 3})
    assert to_csv(frame).decode() == (
        "number,state,value,round,x,epochs,diverged_epoch,error,started,finished\n"
        "0,running,,,1,0,,,,\n"
        "1,complete,0.5,1,,3,,,2024-02-29 12:00:00+00:00,\n"
    )
    assert read_json_lines(to_json_lines(frame)) == [
        {
            "number": 0,
            "state": "running",
            "value": None,
            "round": None,
            "x": 1,
            "epochs": 0,
            "diverged_epoch": None,
            "error": None,
            "started": None,
            "finished": None,
        },
        {
            "number": 1,
            "state": "complete",
            "value": 0.5,
            "round": 1,
            "x": None,
            "epochs": 3,
            "diverged_epoch": None,
            "error": None,
            "started": "2024-02-29T12:00:00+00:00",
            "finished": None,
        },
    ]


def test_choices_of_any_kind_can_be_exported() -> None:
    values = ["auto", 3, 0.5, True, None]
    frame = frame_of(
        [Trial(n, "complete", 0.0, {"x": x}, {}, None, None) for n, x in enumerate(values)], {}
    )
    assert [row["x"] for row in read_json_lines(to_json_lines(frame))] == values
    assert [row["x"] for row in read_csv(to_csv(frame))] == ["auto", "3", "0.5", "True", ""]
    cells = read_parquet(to_parquet(frame))["x"]
    assert cells.iloc[:4].to_list() == ["auto", "3", "0.5", "True"]
    assert pd.isna(cells.iloc[4])


def test_choices_that_read_alike_are_told_apart() -> None:
    values = [1, "1"]
    frame = frame_of(
        [Trial(n, "complete", 0.0, {"x": x}, {}, None, None) for n, x in enumerate(values)], {}
    )
    assert [json.loads(row["x"]) for row in read_csv(to_csv(frame))] == values
    assert [json.loads(cell) for cell in read_parquet(to_parquet(frame))["x"]] == values


def test_lists_of_choices_are_json_in_every_format() -> None:
    lists = [["a,b", 'say "ja"'], [16, 32], [True, 0.5, "日本"]]
    ranges = {str(n): {"choices": choices} for n, choices in enumerate(lists)}
    frame = rounds_frame([Round(0, 9, ranges | {"y": {"low": 0, "high": 1}}, None, None)])
    assert [row["choices"] for row in read_json_lines(to_json_lines(frame))] == [*lists, None]
    cells = [row["choices"] for row in read_csv(to_csv(frame))]
    assert [json.loads(cell) for cell in cells[:3]] == lists
    assert cells[3] == ""
    column = read_parquet(to_parquet(frame))["choices"]
    assert [json.loads(cell) for cell in column.iloc[:3]] == lists
    assert pd.isna(column.iloc[3])
    assert frame["choices"].to_list() == [*lists, None]  # the frame itself is left as it was


def test_the_values_of_finalists_are_json_in_every_format() -> None:
    lists: list[list[float | None]] = [[0.1 + 0.2, 5e-324], [0.5, None]]
    frame = finalists_frame([Finalist(n, v, None, None, False) for n, v in enumerate(lists)], {})
    assert [row["values"] for row in read_json_lines(to_json_lines(frame))] == lists
    assert [json.loads(row["values"]) for row in read_csv(to_csv(frame))] == lists
    assert [json.loads(cell) for cell in read_parquet(to_parquet(frame))["values"]] == lists


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("name", FORMATS)
def test_the_same_study_gives_the_same_bytes(
    name: str, frame: Callable[[Study], pd.DataFrame], study: Study
) -> None:
    first, second = FORMATS[name](frame(study)), FORMATS[name](frame(study))
    assert first == second
    assert len(first) > 100


@pytest.mark.parametrize("name", FORMATS)
def test_a_study_without_trials_can_be_exported(name: str) -> None:
    for frame in (
        frame_of([], {}),
        epochs_of([]),
        rounds_frame([]),
        finalists_frame([], {}),
    ):
        content = FORMATS[name](frame)
        if name == "csv":
            assert content == (",".join(frame.columns) + "\n").encode()
        elif name == "json":
            assert content == b""
        else:
            assert list(read_parquet(content).columns) == list(frame.columns)


@pytest.mark.parametrize("frame", FRAMES)
def test_a_stored_studys_tables_are_the_same_in_every_format(
    frame: Callable[[Study], pd.DataFrame], study: Study
) -> None:
    table = frame(study)
    rows, lines = read_csv(to_csv(table)), read_json_lines(to_json_lines(table))
    parquet = read_parquet(to_parquet(table))
    assert list(rows[0]) == list(lines[0]) == list(parquet.columns) == list(table.columns)
    for name in table.select_dtypes("number").columns:
        expected = table[name].astype("float64").map(repr).to_list()
        assert [repr(number(row[name])) for row in rows] == expected
        assert [repr(number(row[name])) for row in lines] == expected
        assert parquet[name].astype("float64").map(repr).to_list() == expected
