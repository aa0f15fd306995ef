"""Columns that give the answer by themselves are pointed out, with what leaves them out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.trainer.data.tables import Write
from trainer.data import Reading, read, split
from trainer.data.frames import from_frame

RNG = np.random.default_rng(0)
X = RNG.normal(size=200)
PRICE = np.round(100 + 20 * RNG.normal(size=200), 2)


def pointed_out(labels: Any, **columns: Any) -> list[str]:
    frame = pd.DataFrame({"x": X, **columns, "y": labels})
    notes = split(from_frame("t", frame, "y", "t"), 0).notes
    return [name for name in columns if any(f"--drop {name}," in note for note in notes)]


@pytest.mark.parametrize(
    ("column", "tells"),
    [
        (PRICE * 1.19, True),
        (np.round(PRICE * 1.19), True),  # a line but for rounding
        (-PRICE, True),
        (np.exp(PRICE / 50), True),
        (np.where(RNG.random(200) < 0.3, np.nan, 2 * PRICE), True),
        (PRICE + RNG.normal(size=200), False),
        (np.abs(PRICE - 100), False),
        (PRICE // 50, False),
        (RNG.normal(size=200), False),
        (np.full(200, 3.0), False),
    ],
)
def test_a_quantity_in_other_units_is_told(column: Any, tells: bool) -> None:
    assert pointed_out(PRICE, column=column) == (["column"] if tells else [])


def test_a_text_that_stands_for_a_quantity_is_told() -> None:
    level = np.arange(200) % 4
    names = np.array(["none", "few", "some", "all"], dtype=object)[level]
    assert pointed_out(level + 0.5, level=names, other=RNG.permutation(names)) == ["level"]


@pytest.mark.parametrize(
    ("column", "tells"),
    [
        (np.abs(X) * np.where(np.arange(200) % 2, 1, -1), True),  # its sign is the class
        (X, False),
        (np.arange(200) % 3, False),
    ],
)
def test_numbers_on_one_side_of_a_threshold_for_each_class_are_told(
    column: Any, tells: bool
) -> None:
    labels = np.where(np.arange(200) % 2, "a", "b")
    frame = pd.DataFrame({"x": X, "score": column, "y": labels})
    notes = split(from_frame("t", frame, "y", "t"), 0).notes
    assert any("'score' tells the class" in note for note in notes) == tells


def test_what_leaves_it_out_can_be_pasted_and_does(write: Write) -> None:
    rows = [(i % 7, f"{'yn'[i % 2]}", "ab"[i % 2]) for i in range(80)]
    path = write("t.csv", ("x", "it's so", "y"), *rows)
    (note,) = split(read(path, "y"), 0).notes
    assert """--drop 'it'"'"'s so'""" in note
    assert split(read(path, "y", Reading(drop=("it's so",))), 0).notes == ()
