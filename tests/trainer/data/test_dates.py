"""Columns of dates are recognized and said, and become days where they are asked for, also in new rows."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from tests.trainer.data.tables import Write
from trainer.data import Reading, Table, read
from trainer.data.dates import FORMATS, ISO, as_days, date_format
from trainer.data.texts import Texts

FIRST = datetime(2023, 11, 28, 14, 5, 9)
MOMENTS = [FIRST + timedelta(days=11 * i, minutes=50 * i) for i in range(50)]
EPOCH = datetime(1970, 1, 1)


def table_of(cells: list[str], write: Write, *, dates: bool) -> Table:
    rows = ((f'"{cell}"', i % 7, "ab"[i % 2]) for i, cell in enumerate(cells))
    return read(write("t.csv", ("when", "x", "y"), *rows), "y", Reading(dates=dates))


@pytest.mark.parametrize("form", [form for form in FORMATS if form != ISO])
def test_every_format_is_recognized_and_is_read_as_the_days_it_stands_for(form: str) -> None:
    written = [f"{moment:{form}}" for moment in MOMENTS]
    texts = Texts.of(pd.Series(written))
    found = date_format(texts)
    assert found is not None
    expected = [datetime.strptime(text, form) for text in texts.words]
    first = EPOCH if "%d" in form else datetime(1900, 1, 1)
    days = [(moment - first) / timedelta(days=1) for moment in expected]
    np.testing.assert_allclose(as_days(texts.words, found), days)


@pytest.mark.parametrize("write_date", ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"])
def test_iso_dates_are_days_since_1970(write_date: str, write: Write) -> None:
    cells = [f"{moment:{write_date}}" for moment in MOMENTS]
    table = table_of(cells, write, dates=True)
    expected = [(datetime.fromisoformat(cell) - EPOCH) / timedelta(days=1) for cell in cells]
    assert isinstance(table.rows, pd.DataFrame)
    np.testing.assert_allclose(table.rows["when"], expected)
    assert (table.columns[0].kind, table.columns[0].format) == ("date", ISO)


def test_a_time_zone_is_reckoned_with() -> None:
    assert (
        as_days(["2024-01-01T02:00:00+02:00", "2024-01-01T00:00:00Z"], ISO).tolist() == [19723] * 2
    )


def test_dates_are_text_unless_they_are_asked_for_and_a_note_says_both(write: Write) -> None:
    cells = [f"{moment:%d.%m.%Y}" for moment in MOMENTS]
    plain, asked = (table_of(cells, write, dates=dates) for dates in (False, True))
    assert (plain.columns[0].kind, asked.columns[0].kind) == ("text", "date")
    for table, words in ((plain, "--dates"), (asked, "days since")):
        (note,) = table.notes
        assert "'28.11.2023' for 2023-11-28" in note
        assert words in note


def test_cells_that_are_no_dates_are_missing_and_named(write: Write) -> None:
    cells = [f"{moment:%d.%m.%Y}" for moment in MOMENTS * 2]
    cells[3], cells[4], cells[5] = "soon", "-", "31.02.2024"
    table = table_of(cells, write, dates=True)
    assert isinstance(table.rows, pd.DataFrame)
    assert np.flatnonzero(table.rows["when"].isna()).tolist() == [3, 4, 5]
    assert "'soon' (1), '31.02.2024' (1)" in " ".join(table.notes)
    days, odd = table.columns[0].read(pd.Series(["01.01.1970", "later", "", None, "2024-01-01"]))
    assert days.fillna(-1).tolist() == [0, -1, -1, -1, -1]
    assert odd == {"later": 1, "2024-01-01": 1}


def test_a_day_that_may_be_a_month_is_read_as_the_others_in_its_column() -> None:
    assert date_format(Texts.of(pd.Series(["01/02/2024", "13/02/2024"]))) == "%d/%m/%Y"
    assert date_format(Texts.of(pd.Series(["01/02/2024", "02/13/2024"]))) == "%m/%d/%Y"
    assert date_format(Texts.of(pd.Series(["01/02/2024", "03/02/2024"]))) == "%m/%d/%Y"


@pytest.mark.parametrize(
    "cells", [["0-2", "15-19"], ["120/80", "110/70"], ["1.2.3", "4.5.6"], ["may", "june"], ["12:3"]]
)
def test_other_text_is_no_date(cells: list[str]) -> None:
    assert date_format(Texts.of(pd.Series(cells * 10))) is None
