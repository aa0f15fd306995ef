"""Ranges and choices as text: what is understood, and that what looks like something else is refused with a way out."""

from __future__ import annotations

import pytest

from hpo.plan.notation import parse_parameter
from hpo.plan.space import Categorical, Float, Int, Parameter


@pytest.mark.parametrize(
    ("text", "parameter"),
    [
        ("1e-5:1:log", Float(1e-5, 1, log=True)),
        ("0:1", Float(0, 1)),
        ("-5:-1", Float(-5, -1)),
        ("8:128:log:int", Int(8, 128, log=True)),
        ("8:128:int", Int(8, 128)),
        ("0:10:int:step=2", Int(0, 10, step=2)),
        ("0:1: step = 0.1", Float(0, 1, step=0.1)),
        ("1e-5:1:log:zero=0.1", Float(1e-5, 1, log=True, zero=0.1)),
        ("relu, tanh", Categorical(("relu", "tanh"))),
        ("16,32,64", Categorical((16, 32, 64))),
        ("adam", Categorical(("adam",))),
        ("normal:0.01,he", Categorical(("normal:0.01", "he"))),
        ("linear,log,sqrt", Categorical(("linear", "log", "sqrt"))),
        ("0.5,sqrt,log2", Categorical((0.5, "sqrt", "log2"))),
        ("1-10,11-20", Categorical(("1-10", "11-20"))),
        ("true,False", Categorical((True, False))),
        ("none,None2", Categorical((None, "None2"))),
        ("0,false,1,True", Categorical((0, False, 1, True))),
        ("'none',\"a,b\",'1',1", Categorical(("none", "a,b", "1", 1))),
        ("'1-10'", Categorical(("1-10",))),
    ],
)
def test_ranges_and_choices_are_read_from_text(text: str, parameter: Parameter) -> None:
    assert repr(parse_parameter(text)) == repr(parameter)  # True and 1 are equal


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("[1e-4,1]", "write 1e-4:1 for a range, 1e-4,1 for choices"),
        ("(0, 1)", "write 0:1 for a range, 0,1 for choices"),
        ("1e-4:1,log", "write 1e-4:1:log for a range"),
        ("1e-4,1,log", "write 1e-4:1:log for a range"),
        ("1e-4..1", "write 1e-4:1 for a range"),
        ("1e-4-1", "write 1e-4:1 for a range"),
        ("-5--1", "write -5:-1 for a range"),
        ("1e-4 to 1", "write 1e-4:1 for a range"),
        ("0;1", "write 0:1 for a range"),
        ("loguniform(1e-4,1)", "write 1e-4:1:log for a range"),
        ("randint(1,8)", "write 1:8:int for a range"),
        ("(64,64),(128,)", "a choice is no list; give each a name"),
        ("[1,2,3]", "write 1,2,3"),
        ("relu tanh", "write relu,tanh"),
        ("1,5:10", "write LOW:HIGH"),
        ("'a", "write LOW:HIGH"),
        ("a,,b", "write LOW:HIGH"),
        ("", "write LOW:HIGH"),
        ("nan,1", "nan is not a finite number"),
        ("1,1.0", "named twice"),
        ("1:2:lgo", "'lgo' in '1:2:lgo'"),
        ("0:1:0.1", "none of log, int, step=S"),
        ("1:8:int:zero=0.1", "whole numbers have none"),
        ("a:2", "'a' in 'a:2' is not a number"),
        ("1:", "'' in '1:' is not a number"),
        ("0:1:step=x", "'x' in '0:1:step=x' is not a number"),
    ],
)
def test_what_looks_like_something_else_is_refused_with_what_would_be_right(
    text: str, hint: str
) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_parameter(text)
    assert hint in str(caught.value)
