"""How numbers, times, ranges and settings are written, and which name is suggested for a mistyped one."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpo.plan.space import Categorical, Float, Int, Parameter
from studies import words


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.07, "0.07"), (0.0026712, "0.00267"), (1e-5, "1e-05"), (1000.0, "1000"), (123456.7, "123000"),
     (-0.0, "0"), (1024.0, "1024"), (2.5e7, "2.5e+07"), (math.inf, "inf"), (math.nan, "nan"), (None, "–")],
)  # fmt: skip
def test_numbers_have_three_digits_and_no_exponent_below_a_million(
    value: float | None, text: str
) -> None:
    assert words.number(value) == text


def test_a_number_may_have_more_digits() -> None:
    assert words.number(0.123456, 4) == "0.1235"
    assert words.number(1234.56, 6) == "1234.56"


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 trials"), (1, "1 trial"), (1200, "1,200 trials")]
)
def test_a_count_has_its_noun(count: int, text: str) -> None:
    assert words.counted(count, "trial") == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.00267123, "0.00267"), (3, "3"), ("relu", "relu"), (True, "True"), (None, "None"), ([1.0, "a"], "1, a")],
)  # fmt: skip
def test_only_floats_are_rounded(value: Any, text: str) -> None:
    assert words.setting(value) == text
    assert words.settings({"x": value, "y": 0.5}) == f"x {text} · y 0.5"


@pytest.mark.parametrize(
    ("parameter", "text"),
    [(Float(1e-5, 1.0, log=True), "1e-05 … 1"), (Int(1, 20), "1 … 20"), (Categorical((True, 1.5)), "True, 1.5")],
)  # fmt: skip
def test_a_range_is_its_ends_and_choices_are_listed(parameter: Parameter, text: str) -> None:
    assert words.describe(parameter) == text


def test_ranges_may_be_plain_data() -> None:
    assert words.describe({"low": 0.1, "high": 2.0, "log": True}) == "0.1 … 2"
    assert words.describe({"choices": ["a", None]}) == "a, None"
    assert words.of_range(["a", "b"], math.nan, math.nan) == "a, b"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (0.0372, "0.037 s"), (4.31, "4.3 s"), (8.0, "8 s"), (45, "45 s"), (119.4, "119 s"), (119.6, "2 min"),
     (600, "10 min"), (5970, "1 h 40 min"), (7200, "2 h"), (7500, "2 h 05 min"), (1.2e9, "13,889 days")],
)  # fmt: skip
def test_a_duration_is_in_the_unit_that_fits(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0 s"), (0, "0 s"), (59.9, "59 s"), (60, "1 min"), (200, "3 min"), (3599, "59 min"),
     (3600, "1 h"), (7300, "2 h"), (47.9 * 3600, "47 h"), (48 * 3600, "2 days"),
     (60 * 86400, "60 days"), (61 * 86400, "2 months"), (730 * 86400, "23 months"),
     (731 * 86400, "2 years"), (3700 * 86400, "10 years")],
)  # fmt: skip
def test_an_age_is_in_whole_units(seconds: float, text: str) -> None:
    assert words.age(seconds) == text


@pytest.mark.parametrize(
    ("word", "text"),
    [("epoch", "did you mean 'epochs'?"), ("EPOCHS", "did you mean 'epochs'?"),
     ("trails", "did you mean 'Trials'?"), ("teacher", "give another"), ("", "give another"),
     ("LR", "did you mean 'learning_rate'?")],
)  # fmt: skip
def test_the_nearest_name_is_suggested_where_one_is_near(word: str, text: str) -> None:
    assert (
        words.nearest(word, ["source", "epochs", "Trials", "learning_rate"], "give another") == text
    )
    assert words.nearest(word, [], "give another") == "give another"


@pytest.mark.parametrize(
    ("value", "ends", "text"),
    [(0.97534, (0.97114, 0.97954), "0.9753 ± 0.0042"), (0.9942, (0.971, 1.0), "0.994, 0.971 … 1.000"),
     (60374.0, (59174.0, 61574.0), "60400 ± 1200"), (0.975, None, "0.9750"), (0.975, (0.975, 0.975), "0.9750"),
     (2.5312e7, (2.5e7, 2.5624e7), "2.531e+07 ± 3.1e+05"), (0.5, (-11.5, 12.5), "0.50 ± 12"), (None, None, "–"),
     (0.1, (0.0004, 0.1996), "0.10 ± 0.10"), (3e-12, (2e-12, 4e-12), "3.0e-12 ± 1.0e-12"),
     (0.37, (-1.33, 2.07), "0.37 ± 1.7"), (0.37, (0.37 - 3e-17, 0.37 + 6e-17), "0.3700"),
     (12.0, (-158.0, 182.0), "12 ± 170"),
     (0.0, (-1.7, 1.7), "0.0 ± 1.7"), (3e-5, (-1.7, 1.70006), "0.000 ± 1.7"), (1e9, (1e9, 1e9), "1.000e+09"),
     (9.5e5, (7e5, 1.2e6), "9.50e+05 ± 2.5e+05")],
)  # fmt: skip
def test_two_digits_of_half_an_interval_are_shown(
    value: float | None, ends: tuple[float, float] | None, text: str
) -> None:
    assert words.estimate(value, ends) == text


def test_values_of_a_list_are_told_apart() -> None:
    means, intervals = [0.97534, 0.97531, None], [(0.971, 0.979), None, None]
    shown = words.notation(means, intervals)
    assert [words.rounded(mean, shown) for mean in means] == ["0.97534", "0.97531", "–"]
    assert words.notation([0.97, 0.97 + 1e-16], [(0.96, 0.98)]) == (3, False)  # they are equal


@pytest.mark.parametrize(
    ("values", "texts"),
    [([0.0272, 1.48e-5], "2.720e-02 1.480e-05"), ([61790.2, 116000.4], "61790 116000"),
     ([1.0, 0.99994], "1.0000 0.9999"),
     ([0.1, 0.25, None], "0.10 0.25 –"), ([8, 64, 1000], "8 64 1000"), ([1e9, 3.0], "1.000e+09 3.000e+00"), ([], ""),
     ([0.0, 3.5e-12], "0 3.500e-12"), ([math.nan, 0.5, math.inf], "nan 0.5 inf"), ([0.0, 0.0], "0 0")],
)  # fmt: skip
def test_a_column_is_in_one_notation(values: list[float | None], texts: str) -> None:
    assert " ".join(words.column(values)) == texts


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(finite, max_size=5), st.lists(st.tuples(finite, finite).map(sorted), max_size=3))
def test_whatever_the_values_they_are_shown_in_a_few_digits_that_tell_them_apart(
    values: list[float], intervals: list[list[float]]
) -> None:
    shown = words.notation(values, [(low, high) for low, high in intervals])
    texts = [words.rounded(value, shown) for value in values]
    assert max(map(len, texts), default=0) < 30
    largest = max(map(abs, values), default=0.0)
    for (one, a), (other, b) in itertools.combinations(zip(values, texts, strict=True), 2):
        assert a != b or abs(one - other) <= 1e-9 * largest * len(values)


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("./train --lr {lr} --momentum {momentum} -q", "./train --lr -1 -q"),
        ("./train --momentum={momentum} {lr}", "./train -1"),
        ("./train {lr} {momentum} x", "./train -1 x"),
        ("./train 'm: {momentum}, lr: {lr}' {folder}", "./train {folder}"),
    ],
)
def test_a_command_lacks_what_does_not_apply(command: str, line: str) -> None:
    assert " ".join(words.filled(command, {"lr": -1}, ["momentum"])) == line
