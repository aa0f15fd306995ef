"""Verdicts rest on evidence: narrowed where there is some, kept where there is none."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpo.narrowing import narrow
from hpo.space import Categorical, Float, Int, Parameter, Settings
from hpo.suggest import Direction, Observation

SPACE: dict[str, Parameter] = {
    "learning_rate": Float(1e-5, 1.0, log=True),
    "weight_decay": Float(1e-8, 1e-1, log=True),
    "units": Int(4, 64),
    "activation": Categorical(("relu", "tanh", "sigmoid")),
}


def trials(n: int, seed: int, score: str = "learning_rate") -> list[Observation]:
    """n random settings; the score depends on the learning rate (best at 1e-2), or on the choice, and on noise."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(n):
        s: Settings = {
            "learning_rate": float(10 ** rng.uniform(-5, 0)),
            "weight_decay": float(10 ** rng.uniform(-8, -1)),
            "units": int(rng.integers(4, 65)),
            "activation": str(rng.choice(["relu", "tanh", "sigmoid"])),
        }
        rate, choice = float(s["learning_rate"]), s["activation"]  # type: ignore[arg-type]  # a number
        value = {
            "learning_rate": -abs(math.log10(rate) + 2),
            "activation": 0.0 if choice == "sigmoid" else 3.0,
            "nothing": 0.0,
        }[score]
        made.append(Observation(s, value + 0.3 * float(rng.normal())))
    return made


@pytest.mark.parametrize("n", [40, 400, 4000])
def test_a_parameter_that_matters_is_narrowed_around_its_best(n: int) -> None:
    verdict = narrow(SPACE, trials(n, 1), "maximize")["learning_rate"]
    assert verdict.action == "narrowed"
    found = verdict.next
    assert isinstance(found, Float)
    assert 1e-5 < found.low < 1e-2 < found.high < 1.0
    assert verdict.evidence["p_value"] < 0.05
    assert verdict.evidence["trials"] == n
    assert str(n) in verdict.reason


def test_a_parameter_that_does_nothing_is_kept_nineteen_times_of_twenty() -> None:
    kept = [
        narrow(SPACE, trials(40, seed, "nothing"), "maximize")[name].action == "kept"
        for seed in range(100)
        for name in ("learning_rate", "weight_decay", "units", "activation")
    ]
    assert np.mean(kept) >= 0.9


def test_a_choice_is_dropped_only_when_the_better_trials_avoid_it() -> None:
    verdict = narrow(SPACE, trials(60, 2, "activation"), "maximize")["activation"]
    assert verdict.action == "narrowed"
    assert verdict.next == Categorical(("relu", "tanh"))
    assert "sigmoid" in verdict.reason


def test_minimizing_is_maximizing_the_negative() -> None:
    up = trials(60, 3)
    down = [Observation(t.settings, -(t.value or 0.0)) for t in up]
    assert narrow(SPACE, up, "maximize") == narrow(SPACE, down, "minimize")


def test_diverged_trials_are_evidence_against_where_they_are() -> None:
    history = [
        Observation(t.settings, None if float(t.settings["learning_rate"]) > 1e-2 else t.value)  # type: ignore[arg-type]  # a number
        for t in trials(60, 4, "nothing")
    ]
    verdict = narrow(SPACE, history, "maximize")["learning_rate"]
    assert verdict.action == "narrowed"
    assert isinstance(verdict.next, Float)
    assert verdict.next.high < 0.1


@pytest.mark.parametrize("n", [0, 1, 5, 11])
def test_too_few_trials_change_nothing_and_it_says_so(n: int) -> None:
    for name, verdict in narrow(SPACE, trials(n, 5), "maximize").items():
        assert verdict.action == "kept"
        assert verdict.next == SPACE[name]
        assert "too few" in verdict.reason


def test_all_failed_changes_nothing() -> None:
    history = [Observation(t.settings, None) for t in trials(40, 6)]
    assert {v.action for v in narrow(SPACE, history, "maximize").values()} == {"kept"}


def test_infinite_values_are_never_the_best() -> None:
    history = trials(40, 7)
    wild = [Observation(history[0].settings, math.inf), Observation(history[1].settings, math.nan)]
    for direction in ("maximize", "minimize"):
        got = narrow(SPACE, history[2:] + wild, direction)
        failed = [Observation(t.settings, None) for t in wild]
        assert got == narrow(SPACE, history[2:] + failed, direction)


def test_a_single_value_and_a_single_choice_are_kept() -> None:
    space: dict[str, Parameter] = {"a": Float(1, 1), "b": Categorical(("x",))}
    history = [Observation({"a": 1.0, "b": "x"}, float(i)) for i in range(40)]
    assert {v.action for v in narrow(space, history, "maximize").values()} == {"kept"}


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 60), st.integers(0, 10**6), st.sampled_from(["maximize", "minimize"]))
def test_next_ranges_are_inside_and_hold_the_better_trials(
    n: int, seed: int, direction: Direction
) -> None:
    history = trials(n, seed)
    for name, verdict in narrow(SPACE, history, direction).items():
        now, following = SPACE[name], verdict.next
        assert (verdict.action == "kept") == (following == now)
        assert verdict.reason.startswith(verdict.action)
        assert "\n" not in verdict.reason
        if isinstance(now, Categorical):
            assert isinstance(following, Categorical)
            assert set(following.choices) <= set(now.choices)
        else:
            assert not isinstance(following, Categorical)
            assert now.low <= following.low <= following.high <= now.high
        sign = -1 if direction == "maximize" else 1
        ordered = sorted(history, key=lambda t: sign * (t.value or 0.0))
        for best in ordered[: verdict.evidence["best"]]:
            value = best.settings[name]
            if not isinstance(following, Categorical):
                assert following.low <= float(value) <= following.high  # type: ignore[arg-type]  # a number
