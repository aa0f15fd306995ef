"""Parameters: what they refuse, how they are written, and where a value stands in its range."""

from __future__ import annotations

import math
from dataclasses import replace
from types import NoneType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpo.plan.conditions import inside
from hpo.plan.space import (
    Categorical,
    Float,
    Int,
    Numeric,
    Parameter,
    contains,
    distribution,
    from_mapping,
    position,
    section,
    to_mapping,
)

positive = st.floats(1e-300, 1e300)
finite = st.floats(-1e100, 1e100)


@st.composite
def floats(draw: st.DrawFn) -> Float:
    log = draw(st.booleans())
    low, high = sorted(draw(st.tuples(*2 * [positive if log else finite])))
    return Float(low, high, log=log)


@st.composite
def ints(draw: st.DrawFn) -> Int:
    log = draw(st.booleans())
    low, step = (
        draw(st.integers(1 if log else -10000, 10000)),
        1 if log else draw(st.integers(1, 7)),
    )
    return Int(low, low + step * draw(st.integers(0, 3000)), log=log, step=step)


@st.composite
def stepped(draw: st.DrawFn) -> Float:
    step, low, count = (draw(st.integers(*ends)) for ends in ((1, 99), (-500, 500), (0, 300)))
    return Float(low / 100, round((low + count * step) / 100, 2), step=step / 100)


choices = st.lists(
    st.one_of(st.text(), st.integers(2, 99), st.none()), min_size=1, unique=True
).map(lambda made: Categorical(tuple(made)))
numbers = st.one_of(floats(), ints(), stepped())
parameters = st.one_of(numbers, choices)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Float(1, 0), "low 1 is above high 0: write LOW:HIGH"),
        (
            lambda: Float(0, 1, log=True),
            "a log range can't start at 0: low must be at least 1e-300",
        ),
        (
            lambda: Float(1e-305, 1e-300, log=True),
            "a log range can't start at 1e-305: low must be at least 1e-300",
        ),
        (lambda: Float(-1e301, 0), "-1e+301:0 goes beyond 1e+300"),
        (lambda: Float(0, math.inf), "0:inf goes beyond 1e+300"),
        (lambda: Float("a", 1), "low = 'a' is not a number"),  # type: ignore[arg-type]  # on purpose
        (lambda: Float(0, 1, step=0), "step 0 must be above 0"),
        (lambda: Float(0.1, 1, log=True, step=0.1), "step 0.1 can't be used on a log range"),
        (lambda: Int(0, 10, step=3), "steps of 3 from 0 miss high 10: write 9"),
        (lambda: Float(0, 1, step=0.3), "steps of 0.3 from 0 miss high 1: write 0.9"),
        (lambda: Int(0.5, 1), "low = 0.5 is not a whole number"),  # type: ignore[arg-type]  # on purpose
        (lambda: Int(5, 1), "low 5 is above high 1: write LOW:HIGH"),
        (lambda: Float(0, 2, limit=(0, 1)), "0:2 is not inside its limit 0:1"),
        (lambda: Int(1, 2, limit=3), "limit = 3 is not two numbers, lowest and highest"),  # type: ignore[arg-type]  # on purpose
        (lambda: Float(1, 2, zero=1), "zero = 1 is not a share of at least 0 and below 1"),
        (lambda: Float(0, 2, zero=0.1), "zero = 0.1: the range from 0 includes 0"),
        (lambda: Float(0, 2, extend=0), "extend = 0 is neither true nor false"),  # type: ignore[arg-type]  # on purpose
        (lambda: Categorical(()), "choices = () is not a list of at least one choice"),
        (lambda: Categorical(("a", "a")), "choice 'a' is named twice"),
        (lambda: Categorical((1, 1.0)), "choice 1.0 is named twice"),
        (
            lambda: Categorical((math.nan,)),
            "choice nan is not a finite number: None may stand for it",
        ),
        (lambda: Categorical((b"a",)), "choice b'a' is not text, a number, true or false"),  # type: ignore[arg-type]  # on purpose
        (lambda: Categorical({"a"}), "choices = {'a'} is not a list of at least one choice"),  # type: ignore[arg-type]  # on purpose
    ],
)
def test_what_breaks_a_rule_is_refused_in_one_line(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        make()  # type: ignore[operator]  # each is a function
    assert str(caught.value) == message


@given(parameters)
def test_a_parameter_survives_being_written(parameter: Parameter) -> None:
    assert from_mapping(to_mapping(parameter)) == parameter


@given(parameters)
def test_a_parameter_and_its_distribution_agree(parameter: Parameter) -> None:
    made = distribution(parameter)
    if isinstance(parameter, Categorical):
        assert made.choices == parameter.choices  # type: ignore[attr-defined]  # a categorical one
    else:
        assert made.low == parameter.low  # type: ignore[attr-defined]  # a numeric one
        assert made.high == parameter.high  # type: ignore[attr-defined]  # a numeric one
        assert made._contains(made.to_internal_repr(parameter.high))


@given(numbers, st.floats(0, 1), st.floats(0, 1))
def test_a_section_lies_inside_and_is_of_the_same_kind(p: Numeric, a: float, b: float) -> None:
    start, stop = sorted((a, b))
    part = section(p, start, stop)
    assert type(part) is type(p)
    assert p.low <= part.low <= part.high <= p.high
    assert part.log == p.log
    if isinstance(p, Int):
        assert (part.low - p.low) % p.step == (part.high - p.low) % p.step == 0


@given(numbers)
def test_the_whole_section_is_the_range_to_the_last_digit(p: Numeric) -> None:
    assert section(p, 0, 1) == p


@given(floats(), st.floats(0, 1))
def test_position_is_where_a_section_begins(p: Float, share: float) -> None:
    if p.low < p.high and not (p.log and math.log(p.high) - math.log(p.low) < 1e-6):
        low = section(p, share, 1).low
        width = math.ulp(max(abs(p.low), abs(p.high))) / (p.high - p.low) if not p.log else 0
        assert position(p, low) == pytest.approx(share, abs=1e-6 + 4 * width)


def test_inside_asks_every_parameter() -> None:
    space: dict[str, Parameter] = {"a": Float(0, 1), "b": Categorical(("x",))}
    assert inside(space, {"a": 1.0, "b": "x", "c": 3})
    assert not inside(space, {"a": 1.1, "b": "x"})
    assert not inside(space, {"a": 0.5, "b": "y"})
    assert not inside(space, {"a": 0.5})
    assert contains(Int(1, 5), 5)


@given(numbers, st.floats(-3, 1), st.floats(0, 4))
def test_an_extended_range_passes_neither_its_limit_nor_zero(
    p: Numeric, start: float, stop: float
) -> None:
    wide = section(p, start, max(start, stop))
    assert wide.low <= wide.high
    if p.low >= 0:
        assert wide.low >= 0
    if p.log:
        assert wide.low > 0
    if isinstance(p, Int):
        assert (wide.low - p.low) % p.step == (wide.high - p.low) % p.step == 0
    limited = section(replace(p, limit=(p.low, p.high)), start, max(start, stop))
    assert p.low <= limited.low <= limited.high <= p.high


def test_a_range_is_extended_on_its_own_scale() -> None:
    upwards = section(Float(1e-6, 1e-2, log=True), 0, 1.5)
    assert upwards.low == 1e-6
    assert upwards.high == pytest.approx(1)
    assert section(Float(0.0, 1.0), -0.5, 1.5) == Float(0.0, 1.5)
    assert section(Float(-1.0, 1.0), -0.5, 1) == Float(-2.0, 1.0)
    assert section(Float(0.1, 0.5, limit=(None, 1)), 0, 9) == Float(0.1, 1.0, limit=(None, 1))
    assert section(Int(1, 9, step=2), -1, 1.5) == Int(1, 13, step=2)
    assert section(Int(1, 3), -0.5, 1.5) == Int(1, 4)  # a count, of which 0 would be none
    assert section(Int(0, 2), 0, 1.5) == Int(0, 3)
    assert section(Int(8, 128, log=True), -2, 1) == Int(1, 128, log=True)


def test_zero_stands_beside_a_range() -> None:
    decay = Float(1e-8, 1e-1, log=True, zero=0.1)
    assert contains(decay, 0.0)
    assert contains(decay, 1e-3)
    assert not contains(replace(decay, zero=0.0), 0.0)
    assert from_mapping(to_mapping(decay)) == decay


def test_what_numpy_gives_becomes_pythons_own() -> None:
    made: tuple[Parameter, ...] = (
        Float(np.float32(0.5), np.int64(2), log=np.True_, zero=np.float64(0.25)),  # type: ignore[arg-type]
        Int(np.int64(1), np.float64(9), step=np.int8(2)),  # type: ignore[arg-type]
        Categorical(np.array([1, 2])),  # type: ignore[arg-type]
        Categorical((np.str_("a"), np.bool_(True), np.int64(3))),  # type: ignore[arg-type]
    )
    assert made == (
        Float(0.5, 2.0, log=True, zero=0.25),
        Int(1, 9, step=2),
        Categorical((1, 2)),
        Categorical(("a", True, 3)),
    )
    assert {type(value) for p in made for value in vars(p).values()} <= {
        bool, int, float, tuple, NoneType,
    }  # fmt: skip
    assert "np." not in repr(made)


def test_zero_and_false_are_two_choices() -> None:
    both = Categorical((0, False))
    assert both.choices[1] is False
    assert [contains(Categorical((choice,)), False) for choice in both.choices] == [False, True]
