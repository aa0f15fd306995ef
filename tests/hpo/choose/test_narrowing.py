"""Verdicts rest on evidence: narrowed where there is some, kept where there is none, and never away from the best."""

# Law 10: never narrow away from the best.

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpo.choose.narrowing import FEWEST, narrow
from hpo.choose.suggest import suggest
from hpo.choose.types import Direction, Observation, Verdict
from hpo.plan.space import (
    Categorical,
    Float,
    Int,
    Limit,
    Numeric,
    Parameter,
    Settings,
    Space,
    at,
    ends,
    inside,
    is_zero,
    position,
    section,
    within,
)

# --- any history ---

directions: st.SearchStrategy[Direction] = st.sampled_from(["maximize", "minimize"])
RANGES: list[Parameter] = [
    Float(0.0, 1.0),
    Float(-1e300, 1e300),
    Float(0.0, 1e-310),
    Float(3.0, 3.0000001),
    Float(-5.0, -1.0, extend=False),
    Float(0.5, 2.0, limit=(0.4, 2.5)),
    Float(0.25, 4.0, zero=0.3),
    Float(-4.0, -0.25, zero=0.3),
    Float(0.0, 1.0, step=0.1),
    Float(0.1, 0.7, step=0.2, limit=(0.0, 1.0)),
    Float(1e-5, 1.0, log=True),
    Float(1e-300, 1e300, log=True),
    Float(1e-8, 1e-1, log=True, zero=0.1),
    Float(2.0, 2.0),
    Int(1, 3),
    Int(-50, 1000),
    Int(0, 10**15),
    Int(1, 10**6, log=True),
    Int(10, 40, step=10, limit=(0, 45)),
    Categorical(("a", "b", "c")),
    Categorical((False, True)),
    Categorical(("alone",)),
]
ODD = [None, math.nan, math.inf, -math.inf, 1e308, -1e308, 1e-300, -1e-300, 5e-324, 0.0, 1.0]


@st.composite
def some_ranges(draw: st.DrawFn) -> tuple[Space, Space]:
    """The ranges that a search began with, and those of a later round: parts of them, or the same."""
    some = draw(st.lists(st.sampled_from(RANGES), min_size=1, max_size=4))
    first = {f"p{k}": parameter for k, parameter in enumerate(some)}
    now = dict(first)
    for name, parameter in first.items():
        if not isinstance(parameter, Categorical):
            shares = draw(st.sampled_from([(0, 1), (0, 1), (0.2, 0.7), (0.5, 0.52), (-0.5, 1)]))
            part = section(parameter, *shares)
            now[name] = part if part.low < part.high else parameter
    return first, now


@st.composite
def some_histories(draw: st.DrawFn, space: Space) -> list[Observation]:
    """Trials anywhere in the ranges, many of them at ends or in the same place, with values of any kind."""
    count = draw(st.one_of(st.integers(0, 40), st.integers(0, 250)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    at_ends, odd, repeated = draw(st.tuples(*3 * [st.sampled_from([0.0, 0.3, 0.9])]))
    slopes = draw(st.tuples(*len(space) * [st.sampled_from([-1.0, 0.0, 1.0])]))
    noise, scale = (
        draw(st.sampled_from([0.0, 0.1, 3.0])),
        draw(st.sampled_from([1.0, 1e-300, 1e307])),
    )
    rungs = draw(st.booleans())
    made: list[Observation] = []
    for k in range(count):
        where = rng.random(len(space))
        where = np.where(rng.random(len(space)) < at_ends, np.round(where), where)
        tried: Settings = {}
        for (name, parameter), x in zip(space.items(), where.tolist(), strict=True):
            if isinstance(parameter, Categorical):
                tried[name] = parameter.choices[round(x * (len(parameter.choices) - 1))]
            else:
                tried[name] = at(parameter, x)
            if isinstance(parameter, Float) and rng.random() < parameter.zero:
                tried[name] = 0.0
        if made and rng.random() < repeated:
            tried = made[int(rng.integers(len(made)))].settings
        value: float | None = scale * float(where @ slopes + noise * rng.normal())
        if rng.random() < odd:
            value = ODD[int(rng.integers(len(ODD)))]
        left = 1 if rungs and rng.random() < 0.3 else None
        made.append(Observation(tried, value, k // 5, left))
    return made


def reach(now: Numeric, first: Numeric, limit: Limit | None, extend: bool) -> tuple[float, float]:
    """The lowest and the highest value that the range may reach."""
    lowest, highest = (
        ends(within(first, limit)) if extend and first.extend else (first.low, first.high)
    )
    return min(lowest, now.low), max(highest, now.high)


def best_of(history: list[Observation], direction: Direction) -> Observation | None:
    """The first of the best among the trials that trained to the end."""
    sign = 1.0 if direction == "maximize" else -1.0
    known = [t for t in history if t.left_epoch is None and math.isfinite(t.value or 0.0)]
    known = [t for t in known if t.value is not None]
    return max(known, key=lambda t: sign * (t.value or 0.0), default=None)


@settings(max_examples=100, deadline=None)
@given(st.data(), some_ranges(), directions, st.booleans())
def test_no_history_leads_away_from_the_best_or_to_a_range_that_can_not_be_drawn_from(
    data: st.DataObject, both: tuple[Space, Space], direction: Direction, extend: bool
) -> None:
    first, now = both
    history = data.draw(some_histories(now))
    limits: dict[str, Limit] = data.draw(
        st.sampled_from([{}, {"p0": (0.0, 1.0)}, {"p0": (None, 3.0)}])
    )
    verdicts = narrow(now, history, direction, first=first, limits=limits, extend=extend)
    best = best_of(history, direction)
    for name, verdict in verdicts.items():
        before, after, start = now[name], verdict.next, first[name]
        assert (verdict.action == "kept") == (after == before)
        assert verdict.reason.startswith(verdict.action)
        assert not re.search(r"\n|\b(nan|inf)\b", verdict.reason)
        assert all(math.isfinite(v) for v in verdict.evidence.values() if isinstance(v, float))
        if isinstance(before, Categorical) or isinstance(start, Categorical):
            assert isinstance(before, Categorical)
            assert isinstance(after, Categorical)
            assert set(after.choices) <= set(before.choices)
            assert best is None or best.settings[name] in after.choices
            continue
        assert not isinstance(after, Categorical)
        assert after.low < after.high or before.low == before.high
        bottom, top = reach(before, start, limits.get(name), extend)
        assert bottom <= after.low <= after.high <= top
        judged = "low" in verdict.evidence
        value = best.settings[name] if best is not None and judged else None
        if not isinstance(value, int | float) or is_zero(before, value):
            continue
        step = after.step or 0
        assert after.low < value or after.low == value < bottom + step or value == bottom
        assert value < after.high or after.high == value > top - step or value == top
    following = {name: verdict.next for name, verdict in verdicts.items()}
    known = [t for t in history if math.isfinite(t.value or 0.0)]
    for sampler in ("model", "sobol"):
        drawn = suggest(following, known, 2, 0, sampler=sampler)
        assert all(inside(following, s) for s in drawn)


@settings(max_examples=20, deadline=None)
@given(st.data(), some_ranges(), directions)
def test_the_same_history_leads_to_the_same_verdicts(
    data: st.DataObject, both: tuple[Space, Space], direction: Direction
) -> None:
    first, now = both
    history = data.draw(some_histories(now))
    one, other = (narrow(now, history, direction, first=first) for _ in range(2))
    assert one == other


@given(st.sampled_from([(1.0, 1.0 + 2**-52), (0.0, 5e-324), (-1e300, 1e300)]), st.booleans())
@settings(max_examples=12, deadline=None)
def test_a_range_between_two_neighbouring_floats_and_the_widest_are_judged(
    ends_: tuple[float, float], up: bool
) -> None:
    history = [Observation({"x": ends_[(k + up) % 2]}, float(k % 2)) for k in range(20)]
    found = narrow({"x": Float(*ends_)}, history, "maximize")["x"].next
    assert isinstance(found, Float)
    assert found.low <= ends_[not up] <= found.high
    assert found.low < found.high


# --- what evidence leads to ---

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


def test_failed_trials_count_as_the_worst() -> None:
    history = [replace(t, value=None) if where_is(t) > 0.5 else t for t in tried(60, 4, nothing)]
    verdict, found = of_rate(history)
    assert verdict.action == "narrowed"
    assert found.high < 0.1
    worst = min(t.value for t in history if t.value is not None)
    counted, same = of_rate(
        [replace(t, value=worst if t.value is None else t.value) for t in history]
    )
    assert counted.action == "narrowed"
    assert (same.low, same.high) == pytest.approx((found.low, found.high))


def test_infinite_values_are_failures() -> None:
    history = tried(40, 7, hill(0.5))
    wild = [replace(history[0], value=math.inf), replace(history[1], value=math.nan)]
    failed = [replace(t, value=None) for t in wild]
    for direction in ("maximize", "minimize"):
        found = narrow(SPACE, history[2:] + wild, direction)
        assert found == narrow(SPACE, history[2:] + failed, direction)


def test_trials_that_left_at_a_rung_count_as_the_worst_whatever_their_value_there() -> None:
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
    left = [replace(t, left_epoch=1) for t in history]
    assert {v.action for v in narrow(SPACE, left, "maximize").values()} == {"kept"}


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


# --- the 0 beside a range ---

DECAY: dict[str, Parameter] = {"decay": Float(1e-8, 1e-1, log=True, zero=0.2)}


def with_zeros(n: int, seed: int, *, worth: float) -> list[Observation]:
    rng = np.random.default_rng(seed)
    decays = [0.0 if k % 5 == 0 else float(10 ** rng.uniform(-8, -1)) for k in range(n)]
    return [Observation({"decay": d}, worth * (d == 0) + float(rng.normal())) for d in decays]


@pytest.mark.parametrize(("worth", "word"), [(9.0, "of the draws are 0"), (-9.0, "0 is left out")])
def test_zero_is_left_out_or_drawn_more_often_on_evidence(worth: float, word: str) -> None:
    verdict = narrow(DECAY, with_zeros(60, 0, worth=worth), "maximize")["decay"]
    assert word in verdict.reason
    assert verdict.action != "kept"
    assert isinstance(verdict.next, Float)
    assert verdict.next.zero == (0 if worth < 0 else pytest.approx(12 / 18))


def test_zero_that_is_worth_nothing_is_drawn_as_often_as_before() -> None:
    following = [
        narrow(DECAY, with_zeros(60, seed, worth=0), "maximize")["decay"].next for seed in range(40)
    ]
    assert [isinstance(p, Float) and p.zero for p in following].count(0.2) >= 36


@pytest.mark.parametrize("worth", [9.0, -9.0])
def test_how_good_zero_is_says_nothing_of_the_range_beside_it(worth: float) -> None:
    for seed in range(8):
        history = with_zeros(60, seed, worth=worth)
        found = narrow(DECAY, history, "maximize")["decay"].next
        without = [t for t in history if t.settings["decay"] != 0]
        expected = narrow(DECAY, without, "maximize")["decay"].next
        assert isinstance(found, Float)
        assert isinstance(expected, Float)
        assert (found.low, found.high) == (expected.low, expected.high)


def test_where_all_are_zero_there_is_nothing_to_compare() -> None:
    history = [Observation({"decay": 0.0}, float(k)) for k in range(40)]
    assert narrow(DECAY, history, "maximize")["decay"].action == "kept"


def test_it_judges_thousands_of_trials() -> None:
    rng = np.random.default_rng(0)
    where = rng.random(12_000).tolist()
    history = [
        Observation({"rate": at(RATE, x)}, hill(0.5)(x, {}) + float(rng.normal())) for x in where
    ]
    assert narrow({"rate": RATE}, history, "maximize")["rate"].action == "narrowed"
