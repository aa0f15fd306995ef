"""Verdicts rest on evidence: narrowed where there is some, kept where there is none."""

# Law 10: never narrow away from the best.

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpo.choose.narrowing import narrow
from hpo.choose.suggest import suggest
from hpo.choose.types import Direction, Observation, Verdict
from hpo.plan.space import Categorical, Float, Int, Parameter, Settings, inside, position

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
            assert following.low < following.high
            if verdict.action != "extended":
                assert now.low <= following.low <= following.high <= now.high
        sign = -1 if direction == "maximize" else 1
        ordered = sorted(history, key=lambda t: sign * (t.value or 0.0))
        for best in ordered[: verdict.evidence["best"]]:
            value = best.settings[name]
            if not isinstance(following, Categorical):
                assert following.low <= float(value) <= following.high  # type: ignore[arg-type]  # a number


# --- extended ---


def climbing(n: int, seed: int, *, best_at: float, noise: float = 0.05) -> list[Observation]:
    """n settings spread evenly over the space; the score falls with the square of the distance in learning rate, as a
    share of the range, from where it is best, which may be outside of it.
    """
    rng = np.random.default_rng(seed)
    drawn = suggest(SPACE, [], n, seed, sampler="sobol")
    where = [position(SPACE["learning_rate"], float(s["learning_rate"])) for s in drawn]  # type: ignore[arg-type]  # numbers
    return [
        Observation(s, -2 * (w - best_at) ** 2 + noise * float(rng.normal()))
        for s, w in zip(drawn, where, strict=True)
    ]


@pytest.mark.parametrize(
    ("best_at", "least", "most"), [(1.3, 0.8, 1), (-0.3, 0.8, 1), (0.5, 0, 0.05)]
)
def test_a_range_is_extended_where_the_best_lies_outside_and_not_where_it_lies_inside(
    best_at: float, least: float, most: float
) -> None:
    verdicts = [
        narrow(SPACE, climbing(34, seed, best_at=best_at), "maximize")["learning_rate"]
        for seed in range(40)
    ]
    share = np.mean([v.action == "extended" for v in verdicts])
    assert least <= share <= most
    for verdict in verdicts:
        assert isinstance(verdict.next, Float)
        if verdict.action == "extended" and best_at > 1:
            assert verdict.next.high == pytest.approx(10**2.5)
            assert verdict.next.low > 1e-5
            assert verdict.reason.startswith("extended upwards to 316: ")
        if verdict.action == "extended" and best_at < 0:
            assert verdict.next.low == pytest.approx(10**-7.5)
            assert verdict.reason.startswith("extended downwards to 3.16e-08: ")


def test_no_limit_is_passed_and_what_is_forbidden_is_warned_of() -> None:
    history = climbing(60, 1, best_at=1.5)
    rate = SPACE["learning_rate"]
    assert isinstance(rate, Float)

    def judge(parameter: Float, **options: Any) -> Verdict:
        space = {**SPACE, "learning_rate": parameter}
        return narrow(space, history, "maximize", **options)["learning_rate"]

    limited = judge(replace(rate, limit=(None, 2.0))).next
    assert isinstance(limited, Float)
    assert (limited.high, limited.limit) == (2.0, (None, 2.0))
    of_the_network = judge(rate, limits={"learning_rate": (0.0, 3.0)}).next
    assert isinstance(of_the_network, Float)
    assert (of_the_network.high, of_the_network.limit) == (3.0, None)
    at_its_limit = judge(replace(rate, limit=(0.0, 1.0)))
    assert (at_its_limit.action, at_its_limit.warning) == ("narrowed", None)
    for shut in (judge(rate, extend=False), judge(replace(rate, extend=False))):
        assert shut.action == "narrowed"
        assert shut.warning is not None
        assert "may not be extended" in shut.warning


def test_a_range_that_was_narrowed_too_far_widens_again() -> None:
    space = {**SPACE, "learning_rate": Float(1e-4, 1e-2, log=True)}
    history = [t for t in climbing(120, 2, best_at=0.9) if inside(space, t.settings)]
    verdict = narrow(space, history, "maximize", first=SPACE, extend=False)["learning_rate"]
    assert verdict.action == "extended"
    assert isinstance(verdict.next, Float)
    assert 1e-2 < verdict.next.high <= 1.0
    assert verdict.warning is None


def test_better_batches_drawn_elsewhere_are_no_evidence() -> None:
    # As a sampler that learns draws them: the second batch is better, for other reasons, and drawn from one corner.
    actions = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        history = [
            Observation({"x": float(rng.uniform(*ends))}, batch + float(rng.normal()), batch)
            for batch, ends in ((0, (0, 1)), (3, (0.8, 1)))
            for _ in range(30)
        ]
        actions.append(narrow({"x": Float(0, 1)}, history, "maximize")["x"].action)
    assert actions.count("kept") >= 36


# --- the 0 beside a range ---

DECAY: dict[str, Parameter] = {"decay": Float(1e-8, 1e-1, log=True, zero=0.2)}


def with_zeros(n: int, seed: int, *, worth: float) -> list[Observation]:
    rng = np.random.default_rng(seed)
    decays = [0.0 if k % 5 == 0 else float(10 ** rng.uniform(-8, -1)) for k in range(n)]
    return [Observation({"decay": d}, worth * (d == 0) + float(rng.normal())) for d in decays]


@pytest.mark.parametrize(("worth", "word"), [(9.0, "of the draws are 0"), (-9.0, "0 is left out")])
def test_zero_is_left_out_or_drawn_more_often_on_evidence(worth: float, word: str) -> None:
    verdict = narrow(DECAY, with_zeros(60, 0, worth=worth), "maximize")["decay"]
    assert verdict.action == "narrowed"
    assert word in verdict.reason
    assert isinstance(verdict.next, Float)
    assert verdict.next.zero == (0 if worth < 0 else pytest.approx(12 / 18))
    assert (verdict.next.low, verdict.next.high) == (1e-8, 1e-1)


def test_zero_that_is_worth_nothing_is_kept() -> None:
    kept = [
        narrow(DECAY, with_zeros(60, seed, worth=0), "maximize")["decay"].action == "kept"
        for seed in range(60)
    ]
    assert np.mean(kept) >= 0.85  # a range and a 0 are judged


def test_where_all_are_zero_there_is_nothing_to_compare() -> None:
    history = [Observation({"decay": 0.0}, float(k)) for k in range(40)]
    assert narrow(DECAY, history, "maximize")["decay"].action == "kept"


@pytest.mark.parametrize("n", [12_000])
def test_it_judges_thousands_of_trials(n: int) -> None:
    verdicts = narrow(SPACE, trials(n, 3), "maximize")
    assert verdicts["learning_rate"].action == "narrowed"
