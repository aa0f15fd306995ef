"""suggest is a pure function, stays inside the ranges, and uses what it was told."""

# Law 1: choosing is pure.

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpo.choose.samplers import SAMPLERS
from hpo.choose.suggest import explore, suggest
from hpo.choose.types import Direction, Observation
from hpo.plan.conditions import inside
from hpo.plan.space import Categorical, Float, Int, Parameter, position

SPACE: dict[str, Parameter] = {
    "learning_rate": Float(1e-5, 1.0, log=True),
    "units": Int(4, 64, log=True),
    "momentum": Float(0.0, 1.0),
    "activation": Categorical(("relu", "tanh", "sigmoid")),
}


def tried(n: int, seed: int = 0, *, best_at: float = 1e-2) -> list[Observation]:
    """n settings and a value that is best at one learning rate; every seventh failed."""
    drawn = suggest(SPACE, [], n, seed, sampler="random")
    return [
        Observation(s, None if i % 7 == 6 else -abs(np.log10(float(s["learning_rate"]) / best_at)))  # type: ignore[arg-type]  # a number
        for i, s in enumerate(drawn)
    ]


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("n", [0, 1, 3])
def test_the_same_arguments_give_the_same_settings_inside_the_ranges(sampler: str, n: int) -> None:
    if sampler == "gp":
        pytest.importorskip("torch", reason="Optuna's GP needs it: pip install '.[gp]'")
    history = tried(30)
    first = suggest(SPACE, history, n, 5, sampler=sampler)
    assert first == suggest(SPACE, history, n, 5, sampler=sampler)
    assert len(first) == n
    assert all(inside(SPACE, s) and s.keys() == SPACE.keys() for s in first)
    if n > 1:
        assert first != suggest(SPACE, history, n, 6, sampler=sampler)


@pytest.mark.parametrize(("sampler", "learns"), [("model", True), ("tpe", False)])
def test_only_the_model_learns_from_settings_that_train_again(sampler: str, learns: bool) -> None:
    history = tried(30)
    again = [replace(t, stage=1, value=5.0) for t in history[:6]]
    alone, more = (suggest(SPACE, h, 6, 0, sampler=sampler) for h in (history, history + again))
    assert (alone != more) == learns


def test_history_outside_the_ranges_changes_nothing() -> None:
    near: dict[str, Parameter] = {**SPACE, "learning_rate": Float(1e-3, 1e-1, log=True)}
    history = tried(60)
    inner = [t for t in history if inside(near, t.settings)]
    assert 0 < len(inner) < len(history)
    assert suggest(near, history, 10, 1) == suggest(near, inner, 10, 1)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 60), st.integers(0, 2**32 - 1))
def test_exploring_puts_one_setting_into_each_part_of_every_range(n: int, seed: int) -> None:
    space: dict[str, Parameter] = {
        "a": Float(1e-5, 1.0, log=True),
        "b": Float(0, 1),
        "c": Categorical(("x", "y", "z")),
    }
    drawn = explore(space, n, seed)
    assert drawn == explore(space, n, seed)
    assert len(drawn) == n
    for name in "ab":
        where = [position(space[name], float(s[name])) for s in drawn]  # type: ignore[arg-type]  # numbers
        assert sorted(int(x * n) for x in where) == [*range(n)]
    chosen = [sum(s["c"] == choice for s in drawn) for choice in "xyz"]
    assert max(chosen) - min(chosen) <= 2


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_sobol_fills_every_half_of_every_range_evenly(seed: int) -> None:
    space: dict[str, Parameter] = {"a": Float(1e-5, 1.0, log=True), "b": Float(0, 1)}
    drawn = suggest(space, [], 32, seed, sampler="sobol")
    for name, parameter in space.items():
        where = [position(parameter, float(s[name])) for s in drawn]  # type: ignore[arg-type]  # numbers
        assert np.histogram(where, bins=8, range=(0, 1))[0].tolist() == [4] * 8


@pytest.mark.parametrize(
    "sampler",
    ["model", "thompson", "tpe", pytest.param("gp", marks=pytest.mark.slow), "cmaes"],
)
@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_it_draws_near_what_was_good(direction: Direction, sampler: str) -> None:
    if sampler == "gp":
        pytest.importorskip("torch", reason="Optuna's GP needs it: pip install '.[gp]'")
    sign = 1 if direction == "maximize" else -1
    history = [Observation(t.settings, t.value and sign * t.value) for t in tried(60)]
    drawn = suggest(SPACE, history, 10, 2, direction=direction, sampler=sampler)
    rates = np.log10([float(s["learning_rate"]) for s in drawn])  # type: ignore[arg-type]  # numbers
    assert np.median(np.abs(rates + 2)) < 0.7  # at random it would be 1.5


@pytest.mark.parametrize("sampler", ["model", "thompson", "tpe", "sobol", "random", "cmaes"])
def test_zero_is_drawn_as_often_as_it_should_be(sampler: str) -> None:
    space: dict[str, Parameter] = {
        **SPACE,
        "weight_decay": Float(1e-8, 1e-1, log=True, zero=0.1),
    }
    history: list[Observation] = []
    for batch in range(4):
        drawn = suggest(space, history, 25, batch, sampler=sampler)
        assert all(inside(space, s) for s in drawn)
        assert sum(s["weight_decay"] == 0 for s in drawn) in (2, 3)
        history += [Observation(s, float(k)) for k, s in enumerate(drawn)]
    zeros = [
        setting["weight_decay"] == 0
        for seed in range(60)
        for setting in suggest(space, [], 3, seed)
    ]
    assert 5 < sum(zeros) < 35  # 18 on average: where a tenth is no whole trial, chance decides


def test_tpe_avoids_where_trials_failed() -> None:
    drawn = suggest(SPACE, [], 60, 0, sampler="random")
    history = [Observation(s, None if float(s["momentum"]) > 0.5 else 1.0) for s in drawn]  # type: ignore[arg-type]  # a number
    momenta = [float(s["momentum"]) for s in suggest(SPACE, history, 30, 1)]  # type: ignore[arg-type]  # numbers
    assert np.mean(np.array(momenta) > 0.5) < 0.3


def test_optuna_is_left_as_talkative_as_it_was(caplog: pytest.LogCaptureFixture) -> None:
    import optuna

    before = optuna.logging.get_verbosity()
    with caplog.at_level(logging.INFO):
        suggest(SPACE, tried(12), 3, 0)
    assert optuna.logging.get_verbosity() == before
    assert not caplog.records


@pytest.mark.parametrize("sampler", ["model", "thompson"])
def test_a_model_ignores_trials_that_left_at_a_rung_and_explores_at_first(
    sampler: str,
) -> None:
    left = [Observation(t.settings, 99.0, left_epoch=1) for t in tried(20, 1)]
    history = tried(20)
    drawn = suggest(SPACE, history, 3, 0, sampler=sampler)
    assert suggest(SPACE, history + left, 3, 0, sampler=sampler) == drawn
    assert suggest(SPACE, left, 4, 0, sampler=sampler) == explore(SPACE, 4, 0)


@pytest.mark.parametrize("sampler", ["model", "sobol", "tpe"])
def test_zero_and_false_are_drawn_apart(sampler: str) -> None:
    ranges: dict[str, Parameter] = {"x": Categorical((0, False, 1, True))}
    before = suggest(ranges, [], 16, 0, sampler="random")
    values = [Observation(s, float(s["x"] is False)) for s in before]
    drawn = [repr(s["x"]) for s in before + suggest(ranges, values, 16, 0, sampler=sampler)]
    assert set(drawn) == {"0", "False", "1", "True"}
    assert sampler != "tpe" or drawn[16:].count("False") > drawn[16:].count("0")
