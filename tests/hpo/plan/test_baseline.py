"""The settings in use today, as a plan takes them: each has a value for every parameter, or an error says why not."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest

from hpo.errors import PlanError
from hpo.plan.baseline import outside
from hpo.plan.changes import changed_plan, changes
from hpo.plan.network import check_space
from hpo.plan.plan import Plan, make_plan, to_json

SPACE = {
    "x": "0:1",
    "n": {"low": 2, "high": 10, "int": True, "step": 4},
    "rule": "adam,sgd,8,true",
}
FULL = {"x": 0.5, "n": 6, "rule": "adam"}


def of_function(baseline: Any, **fields: Any) -> Plan:
    return make_plan({"trainer": "my:train", "space": SPACE, "baseline": baseline, **fields})


def of_network(baseline: Any, **fields: Any) -> Plan:
    plan = make_plan({"source": "digits", "baseline": baseline, **fields})
    check_space(plan)
    return plan


@pytest.mark.parametrize(
    "baseline",
    [
        "x=0.5,n=6,rule=adam",
        " x = 0.5, rule = adam, n = 6",
        FULL,
        [FULL],
        tomllib.loads('baseline = "x=0.5,n=6,rule=adam"')["baseline"],
        tomllib.loads('[[baseline]]\nx = 0.5\nn = 6.0\nrule = "adam"')["baseline"],
    ],
)
def test_text_and_tables_mean_the_same(baseline: Any) -> None:
    assert of_function(baseline).baseline == (FULL,)


def test_each_kind_of_value_is_kept_and_stored() -> None:
    plan = of_function([FULL | {"rule": True}, FULL | {"rule": 8.0}, FULL | {"x": 1, "n": -2}])
    assert [type(b["rule"]) for b in plan.baseline] == [bool, int, str]
    assert plan.baseline[2] == {"x": 1.0, "n": -2, "rule": "adam"}
    again = make_plan(json.loads(to_json(plan)))
    assert again == plan
    assert [type(b["rule"]) for b in again.baseline] == [bool, int, str]
    assert of_function(()).baseline == of_function(None).baseline == ()


@pytest.mark.parametrize(
    ("fields", "defaults"),
    [
        ({}, {"learning_rate": 0.01, "weight_decay": 0.0}),
        ({"space": {"dropout": "0:0.5"}, "dropout": 0.2}, {"dropout": 0.2}),
        (
            {"space": {"optimizer": "momentum,adam", "units": "8:64:int", "layers": "1:3:int"}},
            {"optimizer": "momentum", "units": 50, "layers": 1},
        ),
    ],
)
def test_the_network_has_defaults(fields: dict[str, Any], defaults: dict[str, Any]) -> None:
    assert of_network("default", **fields).baseline == (defaults,)
    (first, *_) = defaults
    named = {first: defaults[first]}
    assert of_network([named], **fields).baseline == (defaults,)


@pytest.mark.parametrize(
    ("baseline", "message"),
    [
        ("default", "baseline: x is missing"),
        ("x=0.5,n=6", "baseline: rule is missing"),
        ("x=0.5,n=6,rul=adam", "baseline: rul is not searched; did you mean 'rule'?"),
        ("x=half,n=6,rule=adam", "baseline: x = 'half' is not a number"),
        ("x=nan,n=6,rule=adam", "baseline: x = nan is not a number"),
        ("x=true,n=6,rule=adam", "baseline: x = True is not a number"),
        ("x=0.5,n=6.5,rule=adam", "baseline: n = 6.5 is not a whole number"),
        ("x=0.5,n=7,rule=adam", "baseline: n = 7 is no step of 4 from 2"),
        ("x=0.5,n=6,rule=lamb", "baseline: rule = 'lamb' is not one of the choices adam, sgd"),
        ("x=0.5,n=6,rule=false", "baseline: rule = False is not one of the choices"),
        ("x=0.5,x=0.6", "baseline: 'x=0.5,x=0.6' is neither NAME=VALUE"),
        ("x=0.5,n=", "baseline: 'x=0.5,n=' is neither NAME=VALUE"),
        ("", "baseline: '' is neither NAME=VALUE"),
        (5, "baseline: 5 is neither NAME=VALUE"),
        ([5], "baseline: 5 is neither NAME=VALUE"),
        ([FULL, FULL], "is there twice"),
        ([FULL | {"n": 2 + 4 * k} for k in range(9)], "the 9 baselines are trials of the first round"),
    ],
)  # fmt: skip
def test_an_error_names_the_value_and_the_rule(baseline: Any, message: str) -> None:
    with pytest.raises(PlanError) as caught:
        of_function(baseline, trials=10)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("baseline", "fields", "message"),
    [
        ("learning_rate=-1", {}, "baseline: learning_rate: -1.0 is not a number of at least 0"),
        ("optimizer=adam", {}, "baseline: optimizer is not searched"),
        ("default", {"space": {"optimizer": "adam,sgd"}}, "optimizer = 'momentum' is not one of"),
        ("default", {"space": {"clip_norm": "0.1:9:log"}}, "clip_norm is missing, and the network"),
        ("default", {"space": {"units": "8:64:int"}, "hidden": [9, 5]}, "units is missing, and"),
    ],
)
def test_the_network_can_take_the_values(
    baseline: Any, fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(PlanError) as caught:
        of_network(baseline, **fields)
    assert message in str(caught.value)


def test_what_lies_outside_of_its_range_is_told() -> None:
    plan = of_network(["default", "learning_rate=3,weight_decay=1e-4"])
    told = outside(plan.baseline, plan.space)
    assert [line.partition(" lies ")[0] for line in told] == [
        "baseline weight_decay = 0", "baseline learning_rate = 3",
    ]  # fmt: skip
    zero = {"space": {"weight_decay": {"low": 1e-8, "high": 1, "log": True, "zero": 0.1}}}
    assert (
        outside(of_network("default", **zero).baseline, of_network("default", **zero).space) == []
    )


def test_it_is_confirmed_beside_as_many_finalists_as_are_asked_for() -> None:
    more = {"finalists": 3, "repeats": 2, "trials": 40}
    assert of_function(FULL, **more).confirming == 8
    assert of_function((), **more).confirming == 6
    assert of_function(FULL, finalists=0).confirming == 0
    few = of_function([FULL | {"n": 2 + 4 * k} for k in range(4)], trials=6)
    assert (
        few.trials - few.confirming == 6
    )  # four in the first round, and one in each of the others


def test_a_stored_study_keeps_its_baselines() -> None:
    plan = of_function(FULL)
    for other in ("x=0.1,n=6,rule=sgd", ()):
        with pytest.raises(
            PlanError, match=r"baseline can't be changed from x 0\.5 · n 6 · rule adam to "
        ):
            changes(plan, changed_plan(plan, {"baseline": other}))  # fmt: skip
    assert (
        changes(plan, changed_plan(plan, {"baseline": [FULL], "trials": 300}))[0].field == "trials"
    )
