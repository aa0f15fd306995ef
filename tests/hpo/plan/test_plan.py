"""The plan: what it refuses and in which words, and that it survives being stored."""

# Law 9: errors and misunderstandings are said.

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpo.choose.samplers import SAMPLERS
from hpo.errors import PlanError
from hpo.plan.fields import FIELDS, OF_A_NETWORK, PlanChanges, PlanFields
from hpo.plan.plan import Plan, default_space, make_plan, read_toml, to_json
from hpo.plan.space import Categorical, Float, Int
from trainer import fields as network

DIGITS = {"source": "digits"}


def test_the_table_the_plan_and_what_editors_complete_have_the_same_fields() -> None:
    of_users = [name for name in Plan.model_fields if name != "understanding"]
    assert list(FIELDS) == of_users
    assert ["source", *PlanFields.__annotations__] == list(FIELDS)
    changeable = {name for name, field in FIELDS.items() if field.change is not None}
    assert PlanChanges.__annotations__.keys() == changeable
    plan = make_plan(DIGITS)
    assert {n: f.default for n, f in FIELDS.items() if n not in ("source", "space")} == {
        n: getattr(plan, n) for n in FIELDS if n not in ("source", "space")
    }


def test_a_plan_can_name_whatever_there_is() -> None:
    for name in ("activation", "optimizer", "schedule", "dtype"):
        rule = network.FIELDS[name].rule
        for choice in rule.choices:
            assert getattr(make_plan(DIGITS | {name: choice}), name) == choice
    for metric in OF_A_NETWORK.choices:
        assert make_plan(DIGITS | {"metric": metric}).metric == metric
    for sampler in SAMPLERS:
        assert make_plan(DIGITS | {"sampler": sampler}).draws_by == sampler


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"trials": 0}, "trials: 0 is not a whole number of at least 1"),
        ({"trials": "many"}, "trials: 'many' is not a whole number of at least 1"),
        ({"trials": 2, "rounds": 3}, "2 trials can't fill 3 rounds: give rounds 2 or fewer"),
        (
            {"trails": 5},
            "trails: there is no such field; did you mean 'trials'?",
        ),
        ({"timeout": "1x"}, "timeout: '1x' is neither seconds nor a duration like 90s, 30m, 1h30m"),
        ({"seed": -1}, "seed: -1 is not a whole number of at least 0"),
        (
            {"hidden": "5,x"},
            "hidden: 'x' is not a list of whole numbers of at least 1, such as 100,100",
        ),
        ({"activation": "relo"}, "activation: 'relo' is not one of relu, leaky_relu, tanh"),
        ({"space": {}}, "space: dictionary should have at least 1 item"),
        ({"space": {"learning_rate": "1:0.1"}}, "space.learning_rate: low 1 is above high 0.1"),
        ({"space": {"learning_rate": {"low": 1}}}, "space.learning_rate: 'high' is missing"),
        ({"space": {"learning_rate": 3}}, "space.learning_rate: 3 is not a range: write LOW:HIGH"),
        ({"space": {"a b": "0:1"}}, "space.a b: a parameter's name is letters, digits and _ only"),
        ({"source": None}, "give a source, such as digits or table.csv, a trainer or a program"),
        ({"metric": "auc"}, "metric 'auc' is not one of accuracy, balanced_accuracy"),
        ({"direction": "minimize"}, "direction: for digits, it follows from the metric"),
        ({"trainer": "my:train"}, "source 'digits' and trainer 'my:train': give one of them"),
        (
            {"source": None, "trainer": "my"},
            "trainer: 'my' is not FILE.py:FUNCTION or MODULE:FUNCTION",
        ),
        (
            {"source": None, "trainer": "my:train"},
            "space: give the ranges of the parameters of my:train",
        ),
        (
            {"source": None, "trainer": "my:train", "hidden": "9"},
            "hidden is a field of the network, which my:train does not train",
        ),
        (
            {"source": None, "trainer": "m:t", "space": {"x": "0:1"}, "metric": "val_loss"},
            "direction: say whether val_loss is to be minimized or maximized",
        ),
    ],
)
def test_what_breaks_a_rule_is_told_in_one_line_with_the_place(
    fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(PlanError) as caught:
        make_plan(DIGITS | fields, "study.toml")
    assert str(caught.value).startswith(f"study.toml: {message}")
    assert "\n" not in str(caught.value)


def test_a_misspelt_field_is_told_before_the_one_it_leaves_missing() -> None:
    with pytest.raises(PlanError, match=r"^sauce: there is no such field"):
        make_plan({"sauce": "digits"})


def test_ranges_are_given_as_objects_text_or_tables() -> None:
    plan = make_plan(
        DIGITS
        | {
            "space": {
                "learning_rate": Float(1e-3, 1, log=True),
                "units": "4:64:log:int",
                "momentum": {"low": 0, "high": 0.9, "step": 0.1},
                "activation": {"choices": ["relu", "tanh"]},
            }
        }
    )
    assert plan.space == {
        "learning_rate": Float(1e-3, 1, log=True),
        "units": Int(4, 64, log=True),
        "momentum": Float(0, 0.9, step=0.1),
        "activation": Categorical(("relu", "tanh")),
    }


def test_the_default_ranges_are_those_of_the_contract() -> None:
    assert make_plan(DIGITS).space == default_space()
    assert default_space() == {
        "learning_rate": Float(1e-5, 1, log=True),
        "weight_decay": Float(1e-8, 1e-1, log=True),
    }


@given(
    trials=st.integers(3, 10**6),
    seed=st.integers(0, 2**63 - 1),
    hidden=st.lists(st.integers(1, 999), max_size=4),
    low=st.floats(1e-300, 1e300),
)
def test_a_plan_survives_being_stored(
    trials: int, seed: int, hidden: list[int], low: float
) -> None:
    space = {
        "learning_rate": Float(low, 1e300, log=True),
        "optimizer": Categorical(("sgd", "adam")),
    }
    plan = make_plan(DIGITS | {"trials": trials, "seed": seed, "hidden": hidden, "space": space})
    assert make_plan(json.loads(to_json(plan))) == plan


def test_toml_and_flags_say_the_same(tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text(
        'source = "digits"\ntrials = 30\nhidden = [20, 10]\n'
        '[space]\nlearning_rate = "1e-3:1:log"\nweight_decay = {low = 1e-6, high = 0.1, log = true}\n'
    )
    flags = {
        "source": "digits",
        "trials": 30,
        "hidden": "20,10",
        "space": {"learning_rate": "1e-3:1:log", "weight_decay": "1e-6:0.1:log"},
    }
    assert make_plan(read_toml(file)) == make_plan(flags)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "No such file"), (b"trials = = 5", "line 1, column 10"), (b"\xff\xfe", "is not TOML")],
)
def test_a_toml_file_that_cannot_be_read_is_named(
    content: bytes | None, message: str, tmp_path: Path
) -> None:
    file = tmp_path / "study.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(PlanError) as caught:
        read_toml(file)
    assert str(file) in str(caught.value)
    assert message in str(caught.value)


def test_more_trials_are_more_rounds_of_the_same_size() -> None:
    plan = make_plan(DIGITS)
    assert plan.extended_to(100) == plan
    more = plan.extended_to(150)
    assert (more.trials, more.rounds) == (150, 5)
    assert more.model_copy(update={"trials": 100, "rounds": 3}) == plan
    with pytest.raises(PlanError, match=r"trials = 99 is a total, and .* plan of 100"):
        plan.extended_to(99)


def test_a_plan_cannot_be_changed() -> None:
    plan: Plan = make_plan(DIGITS)
    with pytest.raises(ValueError, match=r"frozen"):
        plan.trials = 5  # type: ignore[misc]  # on purpose


def test_halving_has_fewer_rounds_and_points_that_are_spread_unless_it_is_said() -> None:
    assert (make_plan(DIGITS).rounds, make_plan(DIGITS).draws_by) == (3, "model")
    halved = make_plan(DIGITS | {"halving": 3})
    assert (halved.rounds, halved.draws_by) == (2, "sobol")
    said = make_plan(DIGITS | {"halving": 3, "rounds": 4, "sampler": "tpe"})
    assert (said.rounds, said.draws_by) == (4, "tpe")
    assert make_plan(json.loads(to_json(halved))) == halved


@given(st.integers(1, 2000), st.integers(1, 9), st.none() | st.integers(2, 5), st.integers(1, 100))
def test_what_confirms_leaves_a_trial_for_each_round(
    trials: int, rounds: int, halving: int | None, epochs: int
) -> None:
    fields = {"trials": trials, "rounds": min(rounds, trials), "halving": halving}
    plan = make_plan(DIGITS | fields | {"epochs": epochs})
    assert 0 <= plan.confirming <= plan.trials - plan.rounds
    if halving is not None:  # the same share of the epochs, and so fewer trainings
        assert plan.confirming <= make_plan(DIGITS | {**fields, "halving": None}).confirming


def test_two_fifths_of_the_trainings_confirm_unless_it_is_said() -> None:
    assert make_plan(DIGITS).confirming == 40
    assert make_plan(DIGITS | {"finalists": 5, "repeats": 3}).confirming == 15
    assert make_plan(DIGITS | {"finalists": 5}).confirming == 40
    assert make_plan(DIGITS | {"finalists": 0}).confirming == 0
    with pytest.raises(PlanError) as caught:
        make_plan(DIGITS | {"finalists": 10, "repeats": 10})
    assert str(caught.value).startswith("100 of 100 trials would confirm 10 finalists and leave 0")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("1m", 60), ("1h30m", 5400), ("1.5 h", 5400), ("1h 30min", 5400), ("2d", 172800)],
)  # fmt: skip
def test_a_timeout_is_seconds_or_a_duration(text: str, seconds: float) -> None:
    assert make_plan({"source": "digits", "timeout": text}).timeout == seconds
