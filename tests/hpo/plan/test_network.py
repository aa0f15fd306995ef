"""What the plan says of the network: what can be searched, within which limits, and what trials share."""

from __future__ import annotations

import math
from typing import Any

import pytest

from hpo.errors import PlanError
from hpo.plan.network import LIMITS, check_space, own_fields, shared_fields
from hpo.plan.plan import make_plan
from trainer.fields import SEARCHED
from trainer.recipe import Recipe


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ({"space": {"lr": "0:1"}}, "space.lr: the network has no such parameter; did you mean 'learning_rate'?"),
        ({"space": {"learning_rate": "-1:1"}}, "space.learning_rate: -1.0 is not a number of at least 0"),
        ({"space": {"momentum": "0:2"}}, "space.momentum: 2.0 is not a number of at least 0 and at most 1"),
        ({"space": {"units": "1.5:8"}}, "space.units: a whole number is needed: add :int to the range"),
        ({"space": {"units": "0:8:int"}}, "space.units: 0 is not a whole number of at least 1"),
        ({"space": {"activation": "relu,gelo"}}, "space.activation: 'gelo' is not one of relu, leaky_relu"),
        ({"space": {"momentum": "0:1"}, "optimizer": "sgd"}, "space.momentum: the optimizer 'sgd' has no momentum"),
        ({"space": {"rho": "0.9:1"}}, "space.rho: the optimizer 'momentum' has no rho"),
        ({"space": {"dropout": "0:1"}}, "space.dropout: 1.0 is not a number of at least 0 and below 1"),
        ({"space": {"schedule": "cosine,linear"}}, "space.schedule: 'linear' is not one of constant, step"),
        ({"space": {"schedule_every": "1:9"}}, "space.schedule_every: the schedule 'constant' has no schedule_e"),
        ({"space": {"init": "he,normal:x"}}, "space.init: 'normal:x' is not one of he, xavier"),
        ({"init": "hee"}, "init: 'hee' is not one of he, xavier, lecun, zeros or normal:STD"),
        ({"space": {"clip_norm": {"low": 1, "high": 5, "zero": 0.1}}}, "space.clip_norm: 0.0 is not a number above 0"),
        ({"space": {"batch_norm": "0,1"}}, "space.batch_norm: 0 is not true or false"),
        ({"space": {"units": "2:8:int"}, "hidden": ()}, "space.units and space.layers need a hidden layer"),
        ({"space": {"layers": "1:3:int"}, "hidden": (8, 9)}, "space.layers: hidden layers of one width"),
    ],
)  # fmt: skip
def test_what_the_network_cannot_take_is_named(plan: dict[str, Any], message: str) -> None:
    with pytest.raises(PlanError) as caught:
        check_space(make_plan({"source": "digits"} | plan))
    assert str(caught.value).startswith(message)


def test_every_parameter_is_shared_by_a_population_or_a_trial_s_own() -> None:
    plan = make_plan({"source": "digits", "dropout": 0.2, "hidden": "8"})
    setting = {name: field.default for name, field in SEARCHED.items()} | {"units": 4, "layers": 2}
    shared, own = shared_fields(plan, setting), own_fields(plan, setting)
    assert Recipe(3, **shared).hidden == (4, 4)
    assert shared.keys() & own.keys() == {
        "init"
    }  # the plan's is for trials that have none of their own
    assert shared.keys() | own.keys() | {"units", "layers"} == SEARCHED.keys() | {"hidden", "dtype"}
    assert own_fields(plan, {}) == {"dropout": 0.2}


def test_limits_are_those_of_the_rules_and_an_open_end_is_no_part_of_them() -> None:
    assert LIMITS["momentum"] == (0.0, 1.0)
    assert LIMITS["dropout"] == (0.0, math.nextafter(1, 0))
    assert LIMITS["clip_norm"] == (math.nextafter(0, 1), None)
    assert LIMITS["units"] == (1.0, None)
    for name, ends in LIMITS.items():
        rule = SEARCHED[name].rule
        whole = rule.kind is int
        assert all(rule.allows(int(end) if whole else end) for end in ends if end is not None), name
