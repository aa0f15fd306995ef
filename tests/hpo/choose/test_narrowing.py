"""Verdicts rest on evidence: narrowed or extended where there is some, kept where there is none."""

# Law 10: never narrow away from the best.

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hpo.choose.narrowing import narrow
from hpo.choose.places import FEWEST
from hpo.choose.suggest import suggest
from hpo.choose.types import Observation, Verdict
from hpo.plan.conditions import inside
from hpo.plan.space import (
    Categorical,
    Float,
    Int,
    Settings,
    Space,
    at,
    position,
)

SPACE: Space = {
    "rate": Float(1e-5, 1.0, log=True),
    "decay": Float(1e-8, 1e-1, log=True),
    "units": Int(4, 64),
    "kind": Categorical(("a", "b", "c")),
}
RATE = Float(1e-5, 1.0, log=True)


def tried(
    n: int, seed: int, score: Callable[[float, Settings], float], noise: float = 0.1
) -> list[Observation]:
    """n settings spread evenly, with a score of the position of their rate and of the settings, and noise."""
    rng = np.random.default_rng(seed)
    drawn = suggest(SPACE, [], n, seed, sampler="sobol")
    where = [position(RATE, float(s["rate"])) for s in drawn]  # type: ignore[arg-type]  # numbers
    return [
        Observation(s, score(x, s) + noise * float(rng.normal()))
        for x, s in zip(where, drawn, strict=True)
    ]


def where_is(trial: Observation) -> float:
    """The position of its rate."""
    return position(RATE, float(trial.settings["rate"]))  # type: ignore[arg-type]  # a number


def hill(at: float) -> Callable[[float, Settings], float]:
    return lambda x, _: -8 * (x - at) ** 2


def slope(x: float, _: Settings) -> float:
    return 2 * x


def nothing(_: float, __: Settings) -> float:
    return 0.0


def of_rate(history: list[Observation], **options: Any) -> tuple[Verdict, Float]:
    """The verdict on the rate, and its next range."""
    verdict = narrow(SPACE, history, "maximize", **options)["rate"]
    assert isinstance(verdict.next, Float)
    return verdict, verdict.next


@pytest.mark.parametrize("noise", [0.0, 0.1])
@pytest.mark.parametrize("n", [20, 60])
def test_a_range_is_narrowed_around_a_hill_in_its_middle(n: int, noise: float) -> None:
    around = 0
    for seed in range(8):
        verdict, found = of_rate(tried(n, seed, hill(0.5), noise))
        assert verdict.action == "narrowed"
        assert 1e-5 < found.low < found.high < 1.0
        assert (verdict.evidence["trials"], verdict.evidence["values"]) == (n, n)
        around += found.low < 10**-2.5 < found.high
    assert around >= (7 if noise else 8)


def test_a_range_loses_at_most_four_fifths_at_once_and_in_all_nearly_all_of_its_width() -> None:
    history = tried(60, 0, hill(0.5), noise=0.0)
    ranges = dict(SPACE)
    widths = [1.0]
    for _ in range(5):
        found = narrow(ranges, history, "maximize", first=SPACE)["rate"].next
        assert isinstance(found, Float)
        widths.append(math.log(found.high / found.low) / math.log(1e5))
        ranges["rate"] = found
        history += [  # further settings near the best
            Observation({**t.settings, "rate": at(found, (k + 0.5) / 60)}, None)
            for k, t in enumerate(history[:60])
        ]
        history = [replace(t, value=hill(0.5)(where_is(t), {})) for t in history]
    assert widths[1] >= 0.2 * (1 - 1e-9)
    assert min(widths) >= 0.01 * (1 - 1e-9)
    assert widths[-1] < 0.05


@pytest.mark.parametrize(("best_at", "end"), [(1.3, "upper"), (-0.3, "lower")])
def test_a_range_is_extended_where_the_best_lies_outside(best_at: float, end: str) -> None:
    for seed in range(8):
        verdict, found = of_rate(tried(34, seed, hill(best_at), 0.05))
        assert verdict.action == "extended"
        assert end in verdict.reason
        if end == "upper":
            assert found.high == pytest.approx(10**2.5)
            assert 1e-5 < found.low < 1.0
        else:
            assert found.low == pytest.approx(10**-7.5)
            assert 1e-5 < found.high < 1.0


def test_a_range_is_not_extended_where_the_best_lies_inside() -> None:
    verdicts = [of_rate(tried(34, seed, hill(0.5)))[0] for seed in range(20)]
    assert all(verdict.action == "narrowed" for verdict in verdicts)


def test_a_slope_keeps_its_better_end_where_that_is_a_limit() -> None:
    for seed in range(8):
        _, found = of_rate(tried(30, seed, slope), extend=False)
        assert found.low > 1e-5
        assert found.high == 1.0


def test_no_limit_is_passed_and_what_is_forbidden_is_warned_of() -> None:
    history = tried(40, 1, slope)

    def judge(parameter: Float, **options: Any) -> tuple[Verdict, Float]:
        verdict = narrow({**SPACE, "rate": parameter}, history, "maximize", **options)["rate"]
        assert isinstance(verdict.next, Float)
        return verdict, verdict.next

    _, limited = judge(replace(RATE, limit=(None, 2.0)))
    assert (limited.high, limited.limit) == (2.0, (None, 2.0))
    _, of_the_network = judge(RATE, limits={"rate": (0.0, 3.0)})
    assert (of_the_network.high, of_the_network.limit) == (3.0, None)
    verdict, at_its_limit = judge(replace(RATE, limit=(0.0, 1.0)))
    assert (verdict.action, verdict.warning, at_its_limit.high) == ("narrowed", None, 1.0)
    for shut, _ in (judge(RATE, extend=False), judge(replace(RATE, extend=False))):
        assert shut.action == "narrowed"
        assert shut.warning is not None
        assert "may not be extended" in shut.warning


def test_a_range_that_was_narrowed_too_far_widens_again() -> None:
    space: Space = {**SPACE, "rate": Float(1e-4, 1e-2, log=True)}
    history = [t for t in tried(100, 2, hill(0.9)) if inside(space, t.settings)]
    verdict = narrow(space, history, "maximize", first=SPACE, extend=False)["rate"]
    assert verdict.action == "extended"
    assert isinstance(verdict.next, Float)
    assert 1e-2 < verdict.next.high <= 1.0
    assert verdict.warning is None


def test_a_range_that_was_extended_before_that_was_forbidden_stays_valid() -> None:
    wide: Space = {**SPACE, "rate": Float(1e-5, 100.0, log=True)}
    history = tried(40, 1, slope)
    found = narrow(wide, history, "maximize", first=SPACE, extend=False)["rate"].next
    assert isinstance(found, Float)
    assert 1e-5 <= found.low < found.high <= 100.0


def test_a_range_that_is_extended_towards_a_zero_beside_it_never_includes_it() -> None:
    space: Space = {"x": Float(0.5, 2.0, zero=0.1)}
    history = [Observation({"x": 0.5 + k / 20}, -float(k)) for k in range(31)]
    found = narrow(space, history, "maximize")["x"].next
    assert isinstance(found, Float)
    assert 0 < found.low < 1e-3


def test_a_parameter_without_effect_is_mostly_kept() -> None:
    kept = [
        verdict.action == "kept"
        for seed in range(25)
        for verdict in narrow(SPACE, tried(60, seed, nothing), "maximize").values()
    ]
    assert np.mean(kept) >= 0.9


@pytest.mark.parametrize("name", ["decay", "kind"])
def test_a_parameter_without_effect_is_hardly_ever_narrowed_beside_one_with_an_effect(
    name: str,
) -> None:
    actions = [
        narrow(SPACE, tried(60, seed, hill(0.5)), "maximize")[name].action for seed in range(25)
    ]
    assert actions.count("narrowed") <= 2


def test_choices_without_chance_are_dropped() -> None:
    def score(_: float, s: Settings) -> float:
        return float(s["kind"] != "c")

    others = 0
    for seed in range(8):
        verdict = narrow(SPACE, tried(30, seed, score), "maximize")["kind"]
        assert verdict.action == "narrowed"
        assert isinstance(verdict.next, Categorical)
        assert "c" not in verdict.next.choices
        assert re.search(r"\bc\b", verdict.reason)
        others += len(verdict.next.choices)
    assert others >= 14  # of 16: two are equally good


def test_minimizing_is_maximizing_the_negative() -> None:
    up = tried(40, 3, hill(0.5))
    down = [Observation(t.settings, -(t.value or 0.0)) for t in up]
    assert narrow(SPACE, up, "maximize") == narrow(SPACE, down, "minimize")


@pytest.mark.parametrize("n", range(FEWEST))
def test_too_few_values_change_nothing_and_it_says_so(n: int) -> None:
    history = tried(n, 5, slope) + [Observation(t.settings, None) for t in tried(20, 6, slope)]
    for name, verdict in narrow(SPACE, history, "maximize").items():
        assert (verdict.action, verdict.next) == ("kept", SPACE[name])
        assert "too few" in verdict.reason
        assert verdict.evidence == {"trials": n + 20, "values": n}


def test_equal_values_change_nothing() -> None:
    verdicts = narrow(SPACE, tried(40, 6, nothing, noise=0.0), "maximize")
    assert {verdict.action for verdict in verdicts.values()} == {"kept"}


def test_a_range_is_narrowed_to_where_trainings_succeed() -> None:
    for seed in range(8):
        history = [
            replace(t, value=None) if where_is(t) > 0.5 else t for t in tried(60, seed, nothing)
        ]
        verdict, found = of_rate(history)
        assert verdict.action == "narrowed"
        assert found.low == 1e-5
        assert 10**-2.5 <= found.high < 0.1


def test_failures_anywhere_narrow_nothing() -> None:
    kept = []
    for seed in range(15):
        history = [
            replace(t, value=None) if k % 5 == 0 else t
            for k, t in enumerate(tried(60, seed, nothing))
        ]
        kept += [v.action == "kept" for v in narrow(SPACE, history, "maximize").values()]
    assert np.mean(kept) >= 0.9


def test_infinite_values_are_failures() -> None:
    history = tried(40, 7, hill(0.5))
    wild = [replace(history[0], value=math.inf), replace(history[1], value=math.nan)]
    failed = [replace(t, value=None) for t in wild]
    for direction in ("maximize", "minimize"):
        found = narrow(SPACE, history[2:] + wild, direction)
        assert found == narrow(SPACE, history[2:] + failed, direction)


def test_trials_that_left_at_a_rung_count_at_most_as_the_worst_that_stayed() -> None:
    history = [
        replace(t, value=99.0, left_epoch=1) if where_is(t) > 0.5 else t
        for t in tried(60, 4, nothing)
    ]
    verdict, found = of_rate(history)
    assert verdict.action == "narrowed"
    assert found.high < 0.1
    worst = min(t.value for t in history if t.value is not None and t.left_epoch is None)
    as_worst = [t if t.left_epoch is None else Observation(t.settings, worst) for t in history]
    assert of_rate(as_worst)[0] == verdict


def test_most_trials_may_leave_at_rungs_and_verdicts_still_rest_on_evidence() -> None:
    history = tried(52, 4, hill(0.8))
    ranked = sorted(history, key=lambda t: t.value or 0.0)
    left = [replace(t, left_epoch=1) for t in ranked[:-4]] + ranked[-4:]
    verdict, found = of_rate(left)
    assert verdict.action == "narrowed"
    assert verdict == of_rate(ranked)[0]
    assert where_is(ranked[-1]) > 0.5
    assert found.low > 0.001


def test_a_single_value_and_a_single_choice_are_kept() -> None:
    space: Space = {"a": Float(1, 1), "b": Categorical(("x",)), "c": Float(0, 1)}
    history = [Observation({"a": 1.0, "b": "x", "c": k / 40}, float(k)) for k in range(40)]
    verdicts = narrow(space, history, "maximize")
    assert [verdicts[name].action for name in "abc"] == ["kept", "kept", "extended"]


def test_better_batches_drawn_elsewhere_are_no_reason_to_narrow_below_the_noise() -> None:
    # As a sampler that learns draws them: most settings near one place that is no better than the others.
    actions = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        history = [
            Observation({"x": float(rng.uniform(*part))}, float(rng.normal()), batch)
            for batch, part in ((0, (0, 1)), (3, (0.6, 0.8)))
            for _ in range(30)
        ]
        actions.append(narrow({"x": Float(0, 1)}, history, "maximize")["x"].action)
    assert actions.count("narrowed") <= 4


def test_it_judges_thousands_of_trials() -> None:
    rng = np.random.default_rng(0)
    where = rng.random(12_000).tolist()
    history = [
        Observation({"rate": at(RATE, x)}, hill(0.5)(x, {}) + float(rng.normal())) for x in where
    ]
    assert narrow({"rate": RATE}, history, "maximize")["rate"].action == "narrowed"
