"""Groups stay together, the latest rows test, and weights count, in every split of a table."""

# Law 7: training rows teach, validation rows choose, test rows are seen once.

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainer.data.tables import Write, counted, numbers_of, one_line
from trainer.arrays import Array
from trainer.data import TEST, Reading, Table, Which, load, read, split
from trainer.data.reading import PLAIN
from trainer.errors import DataError

SPLITS: tuple[Which, ...] = (0, 1, 2, 3, -1, TEST)


def parts(
    table: Table, which: Which, seed: int = 0, rows: int | None = None
) -> tuple[Array, Array]:
    """The numbers of the rows that train, and of those that are scored."""
    numbered = replace(
        counted(table), groups=table.groups, times=table.times, weights=table.weights
    )
    done = split(numbered, seed, which, rows=rows, dtype="float64")
    return numbers_of(done.train), numbers_of(done.validation)


def made(count: int, **roles: Any) -> Table:
    labels = np.arange(count) % 3
    frame = pd.DataFrame({"x": np.arange(count) / 7})
    return Table("made", "classification", frame, labels, ("a", "b", "c"), target="y", **roles)


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 40), st.integers(0, 2**31), st.sampled_from(["classification", "regression"]))
def test_rows_of_a_group_are_never_in_two_splits(groups: int, seed: int, task: Any) -> None:
    rng = np.random.default_rng(seed)
    of_rows = np.concatenate([np.arange(groups), rng.integers(groups, size=150 - groups)])
    table = replace(made(150, groups=of_rows), task=task)
    test = parts(table, TEST, seed)[1]
    assert len(test)
    for which in (0, 1, -1):
        train, validation = parts(table, which, seed)
        assert len(train)
        assert len(validation)
        named = [{*of_rows[part]} for part in (train, validation, test)]
        assert sum(map(len, named)) == len(set.union(*named)) == groups
        assert {*train, *validation, *test} == {*range(150)}


def test_groups_are_divided_anew_for_a_fresh_split_and_the_test_rows_stay() -> None:
    table = made(300, groups=np.arange(300) // 10)
    drawn = [frozenset(parts(table, which)[1]) for which in SPLITS]
    assert len({*drawn}) == len(SPLITS)
    assert drawn[-1] == frozenset(parts(table, TEST)[1])
    assert 45 <= len(drawn[0]) <= 75
    assert 45 <= len(drawn[-1]) <= 75
    half = parts(table, 0, rows=120)
    assert len(half[0]) + len(half[1]) == 120
    assert not {*table.groups[half[0]]} & {*table.groups[half[1]]}  # type: ignore[index]


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("ties", [1, 7])
def test_the_latest_rows_test_and_those_before_them_validate(seed: int, ties: int) -> None:
    times = np.random.default_rng(seed).permutation(200) // ties
    table = made(200, times=times.astype(float))
    test = parts(table, TEST, seed)[1]
    validated = set()
    for which in SPLITS:
        train, validation = parts(table, which, seed)
        assert times[train].max() < times[validation].min()
        assert len(train) >= 60
        if which != TEST:
            assert times[validation].max() < times[test].min()
            validated.add(frozenset(validation))
    assert len(validated) >= 4
    assert abs(len(test) - 40) < 2 * ties
    train, validation = parts(table, 0, seed)
    assert {*train, *validation, *test} == {*range(200)}
    assert abs(len(validation) - 40) < 3 * ties


# --- from a file ---


def role_of(role: str, column: str) -> Any:
    return {role: column}


HEADER = ("who", "when", "count", "x", "y")
ROWS = [
    (f"p{i % 9}", f"{1 + i % 28:02}.{1 + i % 12:02}.2024", i % 3, i % 7, "ab"[i % 2])
    for i in range(90)
]


def test_columns_with_a_role_are_no_features(write: Write) -> None:
    path = write("t.csv", HEADER, *ROWS)
    table = read(path, "y", Reading(group="who", weight="count"))
    assert [column.name for column in table.columns] == ["when", "x"]
    assert table.left_out == {"who": "group", "count": "weight"}
    assert table.groups is not None
    assert table.weights is not None
    assert len(np.unique(table.groups)) == 9
    assert table.weights.tolist() == [i % 3 for i in range(90)]
    timed = read(path, "y", Reading(time="when"))
    assert timed.times is not None
    dates = [pd.Timestamp(f"2024-{row[1][3:5]}-{row[1][:2]}") for row in ROWS]
    assert timed.times.tolist() == [(date - pd.Timestamp("1970-01-01")).days for date in dates]
    prints = [
        read(path, "y", replace(PLAIN, **role_of(role, "count")))
        for role in ("group", "time", "weight")
    ]
    assert len({table.fingerprint for table in [*prints, timed]}) == 4


def test_weights_go_with_their_rows(write: Write) -> None:
    rows = [(i, i % 5, "ab"[i % 2]) for i in range(60)]
    path = write("t.csv", ("x", "w", "y"), *rows)
    draw = load(path, "y", seed=0, rows=None, dtype="float64", reading=Reading(weight="w"))
    done = draw(0)
    step = np.diff(np.sort(done.train.X[:, 0])).min()
    for part in (done.train, done.validation):
        assert part.weights is not None
        numbers = np.rint((part.X[:, 0] - part.X[0, 0]) / step).astype(
            int
        )  # of the rows, from one of them
        shift = (part.weights - numbers) % 5
        assert len({*shift.tolist()}) == 1


def test_rows_without_a_group_a_time_or_a_weight_are_left_out_and_it_says_so(write: Write) -> None:
    gaps = [(*("n.a." if (i + k) % 30 == 0 else cell for k, cell in enumerate(row[:3])), *row[3:])
            for i, row in enumerate(ROWS)]  # fmt: skip
    path = write("t.csv", HEADER, *gaps)
    for role, column in (("group", "who"), ("time", "when"), ("weight", "count")):
        table = read(path, "y", replace(PLAIN, **role_of(role, column)))
        assert len(table.labels) == 87
        assert f"3 rows are left out: no '{column}' for --{role}" in " ".join(table.notes)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"group": "whom"}, r"no column 'whom' for --group: did you mean 'who'\?"),
        ({"time": "who"}, "'who' for --time holds neither dates nor numbers, but 'p0'"),
        ({"weight": "who"}, "'who' for --weight holds no numbers"),
        ({"weight": "y"}, "'y' can't be for --target and for --weight"),
        ({"group": "who", "weight": "who"}, "'who' can't be for --group and for --weight"),
        ({"group": "who", "time": "when"}, "--group who and --time when: give one of them"),
        ({"group": "y2"}, "2 groups are too few"),
        ({"weight": "minus"}, "holds -1: a weight is a number of at least 0"),
    ],
)
def test_roles_that_can_not_be_are_told(options: dict[str, Any], says: str, write: Write) -> None:
    rows = [(*row, i % 2, i % 5 - 1) for i, row in enumerate(ROWS)]
    path = write("t.csv", (*HEADER, "y2", "minus"), *rows)
    with pytest.raises(DataError, match=says) as error:
        split(read(path, "y", Reading(**options)), 0)
    assert one_line(error)


# --- classes with few rows ---


def test_rows_of_rare_classes_are_left_out_where_that_is_asked_for(write: Write) -> None:
    rows = [(i % 7, "ab"[i % 2]) for i in range(40)] + [(1, "c"), (2, "c"), (3, "d")]
    path = write("t.csv", ("x", "y"), *rows)
    with pytest.raises(DataError, match=r"class 'c' has 2 of the rows.*--drop-rare"):
        split(read(path, "y"), 0)
    table = read(path, "y", Reading(drop_rare=True))
    assert table.classes == ("a", "b")
    assert "3 rows of classes" in table.notes[0]
    assert "'c' (2), 'd' (1)" in table.notes[0]
    quantities = write("q.csv", ("x", "y"), *((i % 7, i / 3) for i in range(40)))
    with pytest.raises(DataError, match="'y' is a quantity and has no classes"):
        read(quantities, "y", Reading(drop_rare=True))
