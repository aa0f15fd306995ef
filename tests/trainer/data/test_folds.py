"""Folds divide the rows that are no test rows, and each learns from its training rows alone."""

# Law 7: training rows teach, validation rows choose, test rows are seen once.

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainer.data.tables import counted, numbers_of, one_line, positions, table_of
from trainer.data import Fold, Table, read, split
from trainer.data.folds import fold_apart
from trainer.errors import DataError


def folds(table: Table, count: int, which: int = 0, seed: int = 5) -> list[tuple[set[int], ...]]:
    """The numbers of the training and the validation rows of each fold."""
    each = (
        split(counted(table), seed, which, dtype="float64", fold=Fold(number, count))
        for number in range(count)
    )
    return [({*numbers_of(s.train)}, {*numbers_of(s.validation)}) for s in each]


@pytest.mark.parametrize("source", ["iris", "diabetes"])
@pytest.mark.parametrize("which", [0, 1, -3])
def test_every_row_but_the_test_rows_validates_once(source: str, which: int) -> None:
    table = read(source)
    found, test = folds(table, 4, which), {*positions(table, 5)["test"]}
    beside = {*range(len(table.labels))} - test
    assert sorted(row for _, validation in found for row in validation) == sorted(beside)
    for training, validation in found:
        assert training == beside - validation


@settings(max_examples=20, deadline=None)
@given(
    sizes=st.lists(st.integers(8, 40), min_size=2, max_size=4),
    count=st.integers(2, 6),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_class_has_its_share_of_each_fold(sizes: list[int], count: int, seed: int) -> None:
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    table = table_of(pd.DataFrame({"x": np.arange(len(labels), dtype=float)}), labels)
    each = [{*validation} for _, validation in folds(table, count, seed=seed)]
    for label in range(len(sizes)):
        shares = [sum(labels[row] == label for row in rows) for rows in each]
        assert max(shares) - min(shares) <= 1
        assert min(shares) >= 1


def test_a_fresh_division_is_another_and_the_same_again() -> None:
    table = read("iris")
    divisions = [
        frozenset(frozenset(validation) for _, validation in folds(table, 3, which))
        for which in (0, 1, 2, -1, 1)
    ]
    assert divisions[1] == divisions[4]
    assert len({*divisions}) == 4


def test_a_fold_learns_from_its_training_rows_alone() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=60), "kind": np.repeat(["a", "b", "c"], 20)})
    labels = rng.permutation(np.tile([0, 1], 30))
    (outlier,) = [*folds(table_of(frame, labels), 3)[1][1]][:1]
    other = frame.copy()
    other.loc[outlier, "x"] = 1e6
    other.loc[outlier, "kind"] = "rare"
    for number in range(3):
        one, two = (
            split(table_of(f, labels), 5, dtype="float64", fold=Fold(number, 3))
            for f in (frame, other)
        )
        if number == 1:  # there the row validates
            np.testing.assert_array_equal(one.train.X, two.train.X)
        else:
            assert one.train.X.shape != two.train.X.shape or (one.train.X != two.train.X).any()


@pytest.mark.parametrize(
    ("labels", "count", "told"),
    [
        ([0] * 40 + [1] * 5, 5, "folds = 5: class '1' has 4 rows .* give 4 folds or fewer"),
        ([0] * 40 + [1] * 3, 5, "folds = 5: class '1' has 2 rows .* give 2 folds"),
        ([0, 1] * 20, 17, "folds = 17: class '.' has 16 rows .* give 16 folds or fewer"),
    ],
)
def test_more_folds_than_rows_of_a_class_are_refused(
    labels: list[int], count: int, told: str
) -> None:
    table = table_of(pd.DataFrame({"x": np.arange(len(labels), dtype=float)}), np.array(labels))
    with pytest.raises(DataError, match=told) as error:
        split(table, 0, fold=Fold(0, count))
    assert one_line(error)


def test_more_folds_than_pairs_of_rows_are_refused() -> None:
    with pytest.raises(DataError, match=r"diabetes has 353 rows .* give 176 folds or fewer"):
        split(read("diabetes"), 0, fold=Fold(0, 177))


def test_rows_of_a_group_are_in_one_fold_and_times_have_none() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(20), 5)
    table = Table(
        "t", "classification", rng.normal(size=(100, 2)), rng.integers(0, 2, 100), ("a", "b"),
        groups=groups,
    )  # fmt: skip
    everything = np.arange(100)
    of_groups = []
    for number in range(4):
        train, validation = fold_apart(table, everything, Fold(number, 4), 0)
        assert not {*groups[train]} & {*groups[validation]}
        of_groups += [*{*groups[validation]}]
    assert sorted(of_groups) == [*range(20)]
    with pytest.raises(DataError, match="has 20 groups"):
        fold_apart(table, everything, Fold(0, 21), 0)
    dated = replace(table, groups=None, times=everything)
    with pytest.raises(DataError, match="--time"):
        fold_apart(dated, everything, Fold(0, 4), 0)
