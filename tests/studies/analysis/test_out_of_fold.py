"""What was predicted out of fold, summed up and in words."""

from __future__ import annotations

import pytest

from studies.analysis.out_of_fold import MOST, OutOfFold, out_of_fold


def test_counts_of_all_divisions_are_added_and_the_worst_class_comes_first() -> None:
    predicted = out_of_fold([[9, 1, 6, 4], [10, 0, 5, 5]], ["yes", "no"])
    assert predicted == OutOfFold(2, ["yes", "no"], [[19, 1], [11, 9]])
    heading, *lines = predicted.sentences()
    assert "2 fresh divisions" in heading
    assert lines == ["no: 45.0% right, 55.0% taken for yes", "yes: 95.0% right, 5.0% taken for no"]


def test_of_many_classes_the_worst_are_named_and_one_without_rows_is_not() -> None:
    size = MOST + 3
    table = [0.0] * size**2
    for k in range(1, size):
        table[k * size + k] = float(k)
        table[k * size] = 1.0
    predicted = out_of_fold([table], [f"c{k}" for k in range(size)])
    assert predicted is not None
    heading, *lines = predicted.sentences()
    assert f"the {MOST} worst of {size - 1} classes" in heading
    assert [line.partition(":")[0] for line in lines] == [f"c{k}" for k in range(1, MOST + 1)]


def test_quantiles_of_errors_are_means_over_the_divisions() -> None:
    predicted = out_of_fold([[-4, -2, 0, 2, 4], [-6, -2, 1, 3, 4]], [])
    assert predicted is not None
    assert predicted.errors == {"0.05": -5, "0.25": -2, "0.5": 0.5, "0.75": 2.5, "0.95": 4}
    (sentence,) = predicted.sentences()
    assert "in -2 … 2.5, nine in ten in -5 … 4" in sentence


@pytest.mark.parametrize("classes", [[], ["a", "b"]])
def test_where_nothing_is_kept_nothing_is_said(classes: list[str]) -> None:
    assert out_of_fold([], classes) is None
