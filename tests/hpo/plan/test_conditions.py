"""Conditional parameters in a plan: how they are written, what is refused, and where they apply."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hpo.errors import PlanError
from hpo.plan.changes import changed_plan, changes
from hpo.plan.conditions import applies, fits, inside, parents_first, where_it_applies
from hpo.plan.network import check_space, with_conditions
from hpo.plan.notation import parse_conditional
from hpo.plan.plan import Plan, make_plan, to_json
from hpo.plan.space import Categorical, Float, Int, Settings, Space, from_mapping, to_mapping
from hpo.plan.toml import read_toml

SGD = {"optimizer": ("sgd", "momentum")}
NAG = {"optimizer": ("sgd", "momentum", "nag")}
MOMENTUM = {"low": 0, "high": 0.99, "when": SGD}
SPACE: Space = {
    "factor": Float(0.1, 1, when={"schedule": "step"}),
    "schedule": Categorical(("step", "constant"), when={"optimizer": "sgd"}),
    "momentum": Float(0, 0.99, when={"optimizer": ["sgd", "momentum"]}),
    "optimizer": Categorical(("sgd", "momentum", "adam")),
    "depth": Int(1, 3),
}


def plan(space: dict[str, Any], **fields: Any) -> Plan:
    return make_plan({"trainer": "m:f", "space": space} | fields)


# --- how they are written ---


def test_a_condition_is_written_the_same_in_python_toml_and_flags(tmp_path: Path) -> None:
    file = tmp_path / "plan.toml"
    file.write_text(
        'trainer = "m:f"\n[space]\noptimizer = "sgd,momentum,adam"\n'
        '[space.momentum]\nlow = 0\nhigh = 0.99\nwhen = { optimizer = ["sgd", "momentum"] }\n'
    )
    momentum = make_plan(read_toml(file)).space["momentum"]
    assert momentum == SPACE["momentum"]
    assert momentum == parse_conditional("optimizer=sgd|momentum=0:0.99")
    assert momentum.when == SGD


def test_values_and_several_conditions_are_read_from_text() -> None:
    parameter = parse_conditional("a='x=y'|2@b=true=u,v:1,w=z")
    assert parameter == Categorical(("u", "v:1", "w=z"), when={"a": ("x=y", 2), "b": (True,)})
    assert parse_conditional("a=1=1:2:step=0.5") == Float(1, 2, step=0.5, when={"a": 1})


@pytest.mark.parametrize("text", ["a=0:1", "=0:1", "a=x", "a|b=0:1", "a=x@a=y=0:1", "a=x|=0:1"])
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no condition and range: write CHOICE=a"):
        parse_conditional(text)


def test_plain_data_keep_conditions() -> None:
    stored = json.loads(json.dumps({name: to_mapping(p) for name, p in SPACE.items()}))
    assert {name: from_mapping(fields) for name, fields in stored.items()} == SPACE
    made = plan(SPACE)
    assert make_plan(json.loads(to_json(made))) == made


# --- what is refused ---


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ({"optimiser": "sgd"}, "space: x applies when optimiser = sgd, but optimiser is not searched; did you mean 'o"),
        ({"q": ["a", "b"]}, "space: x applies when q = a or b, but q is not searched; the space has optimizer, d"),
        ({"optimizer": "sdg"}, "space: x applies when optimizer = sdg, which is no choice; did you mean 'sgd'?"),
        ({"optimizer": True}, "space: x applies when optimizer = True, which is no choice; it has sgd, adam"),
        ({"depth": [2, 3]}, "space: x applies when depth = 2 or 3, but depth is a range: a condition is on choices"),
        ("optimizer", "space.x: when = 'optimizer' is not a condition, such as {'optimizer': 'sgd'}"),
        ({}, "space.x: when = {} is not a condition"),
        ({"optimizer": []}, "space.x: when = {'optimizer': []} is not a condition"),
    ],
)  # fmt: skip
def test_a_condition_that_can_not_be_met_is_refused(when: Any, said: str) -> None:
    x = {"low": 0, "high": 1, "when": when}
    with pytest.raises(PlanError) as refused:
        plan({"optimizer": "sgd,adam", "depth": "1:3:int", "x": x})
    assert str(refused.value).startswith(said)
    assert "\n" not in str(refused.value)


def test_a_circle_is_named() -> None:
    a, b = ({"choices": ["p", "q"], "when": {other: "p"}} for other in "ba")
    with pytest.raises(PlanError, match=r"conditions go round in a circle.*: a → b → a$"):
        plan({"c": "0:1", "a": a, "b": b})


# --- where they apply ---


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"optimizer": "adam"}, {"optimizer", "depth"}),
        ({"optimizer": "momentum"}, {"optimizer", "depth", "momentum"}),
        ({"optimizer": "sgd", "schedule": "step"}, {*SPACE}),
        ({"optimizer": "adam", "schedule": "step"}, {"optimizer", "depth"}),
    ],
)
def test_a_parameter_applies_if_its_whole_chain_does(
    settings: dict[str, Any], names: set[str]
) -> None:
    assert {name for name in SPACE if applies(name, SPACE, settings)} == names


def test_settings_inside_have_what_applies_and_nothing_else() -> None:
    adam: Settings = {"optimizer": "adam", "depth": 2}
    assert inside(SPACE, adam)
    assert not inside(SPACE, {**adam, "momentum": 0.5})
    assert not inside(SPACE, {**adam, "optimizer": "momentum"})
    assert fits(SPACE, {**adam, "momentum": 0.5})
    assert not fits(SPACE, {**adam, "optimizer": "momentum"})


def test_parents_come_first() -> None:
    assert parents_first(SPACE) == ["optimizer", "schedule", "factor", "momentum", "depth"]


def test_where_a_parameter_applies_it_has_no_condition() -> None:
    part = where_it_applies(SPACE, "factor")
    assert part == {
        "factor": Float(0.1, 1),
        "schedule": Categorical(("step",)),
        "momentum": Float(0, 0.99),
        "optimizer": Categorical(("sgd",)),
        "depth": Int(1, 3),
    }
    of_momentum = where_it_applies(SPACE, "momentum")
    assert of_momentum["optimizer"] == Categorical(("sgd", "momentum"))
    assert of_momentum["schedule"] == SPACE["schedule"]
    narrowed = {**SPACE, "optimizer": Categorical(("adam",))}
    assert where_it_applies(narrowed, "factor") == {}


# --- baselines, changes, the network ---


def test_a_baseline_has_what_applies_in_it() -> None:
    made = plan(
        SPACE, baseline=["optimizer=adam,depth=2", "optimizer=momentum,momentum=0.9,depth=1"]
    )
    assert [set(b) for b in made.baseline] == [
        {"optimizer", "depth"},
        {"momentum", "optimizer", "depth"},
    ]
    with pytest.raises(
        PlanError, match="momentum does not apply: it does if optimizer is sgd or mo"
    ):
        plan(SPACE, baseline="optimizer=adam,depth=2,momentum=0.9")
    with pytest.raises(PlanError, match="baseline: momentum is missing"):
        plan(SPACE, baseline="optimizer=momentum,depth=2")


@pytest.mark.parametrize(
    ("wider", "when"),
    [
        ({"momentum": "0:1"}, SGD),
        ({"momentum": {"low": 0, "high": 1, "when": SGD}}, SGD),
        (
            {"optimizer": "sgd,momentum,adam,nag", "momentum": {**MOMENTUM, "when": NAG}},
            NAG,
        ),
    ],
)  # fmt: skip
def test_a_range_keeps_its_condition_which_may_gain_new_choices(
    wider: dict[str, Any], when: Any
) -> None:
    before = plan(SPACE)
    after = changed_plan(before, {"space": wider})
    assert after.space["momentum"].when == when
    assert {c.field for c in changes(before, after)} == {f"space.{name}" for name in wider}
    assert make_plan(json.loads(to_json(after))) == after


@pytest.mark.parametrize(
    "when",
    [{"optimizer": "sgd"}, {"optimizer": ["sgd", "momentum", "adam"]}, {"schedule": "step"}],
)
def test_a_condition_that_trials_were_drawn_under_stays(when: Any) -> None:
    before = plan(SPACE)
    after = changed_plan(before, {"space": {"momentum": {"low": 0, "high": 1, "when": when}}})
    with pytest.raises(PlanError, match=r"space.momentum: it applies if optimizer is sgd or mo"):
        changes(before, after)


def test_what_an_optimizer_does_not_read_does_not_apply_to_it() -> None:
    space = {"optimizer": "sgd,momentum,adam", "momentum": "0:1", "beta1": "0.5:0.99", "dropout": "0:0.5"}  # fmt: skip
    made = with_conditions(
        make_plan({"source": "wine", "space": space, "baseline": ["default", "optimizer=adam"]})
    )
    assert {name: p.when for name, p in made.space.items()} == {
        "optimizer": None, "momentum": {"optimizer": ("momentum",)}, "beta1": {"optimizer": ("adam",)}, "dropout": None,
    }  # fmt: skip
    assert [sorted(b) for b in made.baseline] == [
        ["dropout", "momentum", "optimizer"],
        ["beta1", "dropout", "optimizer"],
    ]
    check_space(made)
    assert with_conditions(made) == made
    given = {"space": space, "baseline": ["default", "optimizer=adam,momentum=0.9"]}
    assert changed_plan(made, given) == made  # as a script that can run again gives it


def test_where_all_choices_read_it_a_parameter_has_no_condition() -> None:
    made = make_plan(
        {"source": "wine", "space": {"optimizer": "nesterov,momentum", "momentum": "0:1"}}
    )
    assert with_conditions(made) == made


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"optimizer": "sgd,adam", "momentum": "0:1"}, "space.momentum: no optimizer that is searched has momentum"),
        ({"optimizer": "sgd,momentum", "momentum": MOMENTUM}, "space.momentum: the optimizer 'sgd' has no momentum"),
    ],
)  # fmt: skip
def test_a_condition_that_the_network_can_not_meet_is_refused(
    fields: dict[str, Any], said: str
) -> None:
    with pytest.raises(PlanError, match=said):
        check_space(with_conditions(make_plan({"source": "wine", "space": fields})))


def test_a_baseline_with_what_its_optimizer_does_not_read_is_refused() -> None:
    space = {"optimizer": "sgd,momentum", "momentum": "0:1"}
    made = make_plan({"source": "wine", "space": space, "baseline": "optimizer=sgd,momentum=0.5"})
    with pytest.raises(PlanError, match="momentum does not apply"):
        with_conditions(made)
