"""The table of fields: it and the formulas agree, and whoever takes fields refuses what breaks a rule."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

import trainer
from trainer import fields, layers, losses, metrics, optimizers, schedules
from trainer.fields import FIELDS, METRICS, NUMBERS, PER_TRIAL, check_setting
from trainer.recipe import Recipe

INFINITE = math.inf
# Of each number: what may be, what may not, and the rule in words.
RULES: dict[str, tuple[list[float], list[float], str]] = {
    "learning_rate": ([0, 1e-300, 5], [-1e-9], "a number of at least 0"),
    "weight_decay": ([0, 0.5, 7], [-0.1], "a number of at least 0"),
    "l1": ([0, 0.5, 7], [-0.1], "a number of at least 0"),
    "momentum": ([0, 0.9, 1], [-0.1, 1.01], "a number of at least 0 and at most 1"),
    "beta1": ([0, 0.9], [-0.1, 1, 2], "a number of at least 0 and below 1"),
    "beta2": ([0, 0.999], [-0.1, 1, 2], "a number of at least 0 and below 1"),
    "rho": ([0, 0.99, 1], [-0.1, 1.1], "a number of at least 0 and at most 1"),
    "dropout": ([0, 0.5, 0.99], [-0.1, 1, 2], "a number of at least 0 and below 1"),
    "label_smoothing": ([0, 0.1, 1], [-0.1, 1.1], "a number of at least 0 and at most 1"),
    "clip_norm": ([1e-9, 5, INFINITE], [0, -1], "a number above 0"),
    "schedule_factor": ([1e-9, 0.5, 1], [0, 1.1], "a number above 0 and at most 1"),
    "schedule_every": ([0.1, 10, INFINITE], [0, -1], "a number above 0"),
    "warmup": ([0, 0.5, 3], [-0.1], "a number of at least 0"),
    "patience": ([1, 2.5, INFINITE], [0, 0.9], "a number of at least 1"),
}
NO_NUMBERS: list[Any] = [math.nan, "0.1", None, True, [0.1]]


def said_of(setting: dict[str, Any], where: str = "") -> str:
    with pytest.raises(ValueError, match=r"is not|there is no") as error:
        check_setting(setting, where)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_there_is_a_rule_for_every_number() -> None:
    assert RULES.keys() == NUMBERS.keys()


@pytest.mark.parametrize("name", RULES)
def test_a_number_may_be_what_its_rule_says_and_so_may_its_default(name: str) -> None:
    allowed, _, rule = RULES[name]
    assert NUMBERS[name].rule.text == rule
    for value in (*allowed, NUMBERS[name].default):
        check_setting({name: value})


@pytest.mark.parametrize("name", RULES)
def test_a_number_that_may_not_be_is_told_with_its_place_its_name_and_its_rule(name: str) -> None:
    _, refused, rule = RULES[name]
    for value in (*refused, *NO_NUMBERS):
        expected = f"settings[3]: {name} = {value!r} is not {rule}"
        assert said_of({"momentum": 0.5, name: value}, "settings[3]: ") == expected


@pytest.mark.parametrize("name", ["learning_rate", "weight_decay", "l1"])
def test_what_is_multiplied_by_has_to_be_finite(name: str) -> None:
    assert name in said_of({name: INFINITE})


@pytest.mark.parametrize("number", [np.float64(0.5), np.float32(0.5), np.int64(1), np.int32(1)])
def test_a_number_of_numpys_is_a_number(number: Any) -> None:
    check_setting({"learning_rate": number, "momentum": number})


def test_a_name_that_is_none_is_told_with_all_there_are() -> None:
    said = said_of({"learning_rate": 0.1, "lr": 0.1}, "settings[0]: ")
    assert said.startswith("settings[0]: ")
    assert "'lr'" in said
    assert all(name in said for name in PER_TRIAL)


@pytest.mark.parametrize("init", ["he", "normal:0.1"])
def test_a_trial_may_have_its_own_init(init: str) -> None:
    check_setting({"init": init})


@pytest.mark.parametrize("init", ["heh", "normal:x", 3, None])
def test_an_init_that_is_none_is_told_with_its_place(init: Any) -> None:
    said = said_of({"init": init}, "settings[2]: ")
    assert said.startswith("settings[2]: ")
    assert "normal:STD" in said


def test_a_setting_of_nothing_will_do() -> None:
    check_setting({})


# --- what all trials share ---


FORMULAS: dict[str, Mapping[str, Any]] = {
    "loss": losses.LOSSES,
    "metric": metrics.METRICS,
    "activation": layers.ACTIVATIONS,
    "optimizer": optimizers.OPTIMIZERS,
    "schedule": schedules.SCHEDULES,
}


@pytest.mark.parametrize("name", FORMULAS)
def test_every_choice_has_a_formula_of_its_name(name: str) -> None:
    rule = FIELDS[name].rule
    assert list(rule.choices) == list(FORMULAS[name])


def test_every_field_may_be_its_default_and_says_what_it_is_for() -> None:
    for name, field in FIELDS.items():
        assert field.default is None or field.rule.allows(field.default), name
        assert field.help.endswith("."), name
        assert len(field.help) < 80, name


def test_what_choices_read_is_in_the_table() -> None:
    read = {
        number
        for table in (fields.OPTIMIZERS, fields.SCHEDULES)
        for r in table.values()
        for number in r
    }
    assert read < NUMBERS.keys()
    assert fields.readers("momentum") == ("optimizer", ["momentum", "nesterov"])
    assert fields.readers("schedule_every") == ("schedule", ["step", "exponential"])
    assert fields.readers("learning_rate") is None


def test_train_population_has_the_defaults_of_the_table() -> None:
    parameters = inspect.signature(trainer.train_population).parameters
    same = FIELDS.keys() & parameters.keys() - {"loss", "metric"}  # which follow from y
    assert same > {"hidden", "optimizer", "dtype"}
    assert {n: parameters[n].default for n in same} == {n: FIELDS[n].default for n in same}


def test_an_estimator_takes_fields_of_the_table_by_their_names() -> None:
    taken = inspect.signature(trainer.MLPClassifier).parameters.keys() & FIELDS.keys()
    assert taken | {"hidden_layer_sizes", "epochs", "random_state"} == set(
        inspect.signature(trainer.MLPClassifier).parameters
    )


def test_hidden_layers_are_those_given_unless_units_or_layers_say_otherwise() -> None:
    assert fields.hidden_layers([8, 9]) == (8, 9)
    assert fields.hidden_layers((8, 9), units=5) == (5, 5)
    assert fields.hidden_layers((8,), layers=3) == (8, 8, 8)
    assert fields.hidden_layers((8,), units=5, layers=2) == (5, 5)
    assert fields.hidden_layers(()) == ()


@pytest.mark.parametrize("name", [*FORMULAS, "dtype"])
def test_a_choice_that_is_none_is_told_with_all_there_are(name: str) -> None:
    rule = FIELDS[name].rule
    wrong: dict[str, Any] = {name: "none"}
    with pytest.raises(ValueError, match=f"^{name} = 'none' is not one of") as error:
        Recipe(3, **wrong)
    assert all(choice in str(error.value) for choice in rule.choices)


@pytest.mark.parametrize("value", [0, -1, 2.0, "5"])
@pytest.mark.parametrize("name", ["batch_size", "hidden"])
def test_counts_are_whole_numbers_from_one(name: str, value: Any) -> None:
    given: dict[str, Any] = {name: (4, value) if name == "hidden" else value}
    with pytest.raises(ValueError, match=rf"^{name} = .*{value!r}.* is not a .*whole number"):
        Recipe(3, **given)


def test_counts_may_be_numpys_and_layers_may_be_none() -> None:
    recipe = Recipe(3, hidden=(np.int64(5),), batch_size=np.int32(7))  # type: ignore[arg-type]
    assert (recipe.hidden, recipe.batch_size) == ((5,), 7)
    assert Recipe(3, hidden=()).hidden == ()


def test_first_weights_of_all_are_checked_too() -> None:
    with pytest.raises(ValueError, match="'hee' is not one of"):
        Recipe(3, init="hee")


@pytest.mark.parametrize("loss", losses.LOSSES)
@pytest.mark.parametrize("metric", METRICS)
def test_a_metric_has_to_fit_the_loss(metric: str, loss: str) -> None:
    if METRICS[metric].classes == (loss != "squared_error"):
        assert Recipe(1, loss=loss, metric=metric).metric == metric
    else:
        with pytest.raises(ValueError, match=f"metric '{metric}' does not fit {loss}"):
            Recipe(3, loss=loss, metric=metric)


def test_several_questions_have_no_balance_of_classes() -> None:
    with pytest.raises(ValueError, match="metric 'balanced_accuracy' does not fit binary"):
        Recipe(3, loss="binary_cross_entropy", metric="balanced_accuracy")
