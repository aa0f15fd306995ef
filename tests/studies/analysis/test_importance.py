"""Importance: Optuna's numbers over all that was searched; what was narrowed most, what tells the lost."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest

from studies.analysis import frames
from studies.analysis.importance import (
    MAX_TRIALS,
    MIN_TRIALS,
    importances,
    most_narrowed_first,
    most_telling_first,
)
from studies.database.records import Round
from tests.studies.figures import made

RANGES: dict[str, Any] = {
    "rate": {"low": 1e-5, "high": 1.0, "log": True},
    "idle": {"low": 0.0, "high": 1.0, "log": False},
    "kind": {"choices": ["a", "b"]},
}


def settings(count: int, seed: int = 0) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    return [
        {"rate": float(10 ** rng.uniform(-5, 0)), "idle": float(rng.random()), "kind": "ab"[int(rng.integers(2))]}
        for _ in range(count)
    ]  # fmt: skip


def by_rate(setting: dict[str, Any]) -> float:
    return -abs(math.log10(setting["rate"]) + 3.0)


def test_what_decides_explains_the_most() -> None:
    tried = settings(80)
    trials, _, rounds = made([by_rate(s) for s in tried], lambda n: tried[n], RANGES)
    found = importances(trials, rounds, direction="maximize")
    assert found is not None
    assert next(iter(found.shares)) == "rate"
    assert found.shares["rate"] > 0.9
    assert sum(found.shares.values()) == pytest.approx(1.0)
    assert (found.trials, found.of) == (80, 80)


def test_a_logarithmic_range_is_seen_as_one() -> None:
    """All that matters happens below 1e-3, which is a thousandth of the range for who takes it for linear."""
    tried = settings(120)
    values = [2.0 * (s["rate"] < 1e-3) + 1.0 * (s["kind"] == "a") for s in tried]
    trials, _, rounds = made(values, lambda n: tried[n], RANGES)
    found = importances(trials, rounds, direction="maximize")
    assert found is not None
    assert found.shares["rate"] > found.shares["kind"] > found.shares["idle"]
    assert 0.6 < found.shares["rate"] < 0.95  # variances 0.96 to 0.25


def test_ranges_that_moved_are_one_space_where_optuna_alone_drops_them() -> None:
    """Optuna looks only at parameters that have one range in all trials."""
    tried = settings(60)
    for s in tried[30:]:
        s["rate"] = 10 ** (-2 + 0.5 * math.log10(s["rate"]) / 5)
    narrower = RANGES | {"rate": {"low": 10**-2.5, "high": 1e-2, "log": True}}
    trials = made([by_rate(s) for s in tried], lambda n: tried[n], RANGES)[0]
    trials["round"] = pd.array(np.arange(60) // 30, dtype="Int64")
    verdicts = {name: {"action": "kept", "reason": "kept"} for name in RANGES}
    rounds = frames.rounds_frame(
        [Round(0, 30, RANGES, verdicts, narrower), Round(1, 30, narrower, verdicts, narrower)]
    )
    found = importances(trials, rounds, direction="maximize")
    assert found is not None
    assert set(found.shares) == set(RANGES)
    assert next(iter(found.shares)) == "rate"


def test_the_same_study_gives_the_same_numbers_and_optuna_says_nothing(
    capfd: pytest.CaptureFixture[str],
) -> None:
    level = optuna.logging.get_verbosity()
    tried = settings(40)
    trials, _, rounds = made([by_rate(s) for s in tried], lambda n: tried[n], RANGES)
    assert importances(trials, rounds, direction="maximize") == importances(
        trials, rounds, direction="maximize"
    )
    assert optuna.logging.get_verbosity() == level
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "values",
    [
        [],
        [0.5],
        [0.5] * 30,
        [None] * 30,
        [0.1 * k for k in range(MIN_TRIALS - 1)],
        [0.1 + 0.2, 0.3] * 15,
    ],
    ids=["none", "one", "equal", "failed", "few", "rounded"],
)
def test_too_little_to_learn_from_has_no_importance(values: list[float | None]) -> None:
    tried = settings(30)
    trials, _, rounds = made(values, lambda n: tried[n], RANGES)
    assert importances(trials, rounds, direction="maximize") is None


def test_settings_that_no_tree_can_tell_apart_have_no_importance() -> None:
    tried = [
        {"rate": 0.1 * (1 + 1e-12 * k), "idle": 0.5 + 1e-12 * k, "kind": "a"} for k in range(30)
    ]
    trials, _, rounds = made([float(k) for k in range(30)], lambda n: tried[n], RANGES)
    assert importances(trials, rounds, direction="maximize") is None


def test_where_the_forest_learns_nothing_there_is_no_importance(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise RuntimeError("Encountered zero total variance in all trees.")

    monkeypatch.setattr(optuna.importance, "get_param_importances", refused)
    tried = settings(40)
    trials, _, rounds = made([by_rate(s) for s in tried], lambda n: tried[n], RANGES)
    assert importances(trials, rounds, direction="maximize") is None


@pytest.mark.parametrize("size", [1e-300, 1e-12, 1e300])
def test_the_size_of_the_values_does_not_matter(size: float) -> None:
    tried = settings(40)
    of_one, of_another = (
        importances(*made([factor * by_rate(s) for s in tried], lambda n: tried[n], RANGES)[::2], direction="maximize")
        for factor in (1.0, size)
    )  # fmt: skip
    assert of_one is not None
    assert of_another is not None
    assert of_another.shares == pytest.approx(of_one.shares, abs=0.02)


def test_constant_and_conditional_parameters_are_named() -> None:
    tried = settings(40)
    trials, _, rounds = made([by_rate(s) for s in tried], lambda n: tried[n], RANGES)
    trials["idle"] = 0.5
    trials.loc[MIN_TRIALS - 1 :, "kind"] = None
    found = importances(trials, rounds, direction="maximize")
    assert found is not None
    assert (found.shares, found.constant, found.partly) == ({"rate": 1.0}, ("idle",), ("kind",))


def test_a_parameter_that_does_not_always_apply_explains_the_trials_that_have_it() -> None:
    tried = settings(60)
    values = [by_rate(s) if n % 2 else 10.0 * (s["kind"] == "b") for n, s in enumerate(tried)]
    trials, _, rounds = made(values, lambda n: tried[n], RANGES)
    trials.loc[1::2, "kind"] = None
    found = importances(trials, rounds, direction="maximize")
    assert found is not None
    assert found.partly == ()
    assert found.within["kind"] > 0.9
    assert "kind" not in found.shares


def test_a_hopeless_trial_does_not_decide_alone() -> None:
    tried = settings(60)
    values = [by_rate(s) for s in tried]
    trials, _, rounds = made(values, lambda n: tried[n], RANGES)
    calm = importances(trials, rounds, direction="maximize")
    trials.loc[7, "value"] = -1e30
    upset = importances(trials, rounds, direction="maximize")
    assert calm is not None
    assert upset is not None
    assert upset.shares["rate"] == pytest.approx(calm.shares["rate"], abs=0.15)


def test_of_many_trials_some_are_looked_at() -> None:
    tried = settings(3 * MAX_TRIALS)
    trials, _, rounds = made([by_rate(s) for s in tried], lambda n: tried[n], RANGES)
    found = importances(trials, rounds, direction="maximize")
    assert found is not None
    assert (found.trials, found.of) == (MAX_TRIALS, 3 * MAX_TRIALS)
    assert next(iter(found.shares)) == "rate"


def test_a_zero_beside_a_log_range_has_a_place() -> None:
    tried = settings(60)
    for s in tried[::3]:
        s["rate"] = 0.0
    trials, _, rounds = made([float(s["rate"] == 0) for s in tried], lambda n: tried[n], RANGES)
    found = importances(trials, rounds, direction="maximize")
    assert found is not None
    assert found.shares["rate"] > 0.9


def test_the_most_narrowed_comes_first() -> None:
    ranges = {"a": {"low": 0.0, "high": 1.0}, "b": {"low": 1e-4, "high": 1.0, "log": True}}
    following = {"a": {"low": 0.0, "high": 0.9}, "b": {"low": 1e-2, "high": 1.0, "log": True}}
    verdicts = {name: {"action": "narrowed", "reason": "narrowed"} for name in ranges}
    rounds = frames.rounds_frame([Round(0, 5, ranges, verdicts, following)])
    assert most_narrowed_first(pd.DataFrame(), rounds) == ["b", "a"]


def test_what_tells_the_lost_comes_first() -> None:
    tried = settings(60)
    lost = made([None if s["idle"] > 0.7 else 0.5 for s in tried], lambda n: tried[n], RANGES)
    assert most_telling_first(lost[0], lost[2])[0] == "idle"
    kinds = made([None if s["kind"] == "b" else 0.5 for s in tried], lambda n: tried[n], RANGES)
    assert most_telling_first(kinds[0], kinds[2])[0] == "kind"
    none = made([0.5] * 60, lambda n: tried[n], RANGES)
    assert most_telling_first(none[0], none[2]) == most_narrowed_first(none[0], none[2])
