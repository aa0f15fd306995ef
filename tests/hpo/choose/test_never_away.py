"""Whatever the history: the next ranges hold the best setting seen, are valid, and can be drawn from."""

# Law 10: never narrow away from the best.

from __future__ import annotations

import math
import re

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hpo.choose.narrowing import narrow
from hpo.choose.suggest import suggest
from hpo.choose.types import Direction, Observation
from hpo.plan.conditions import inside
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
    is_zero,
    section,
    within,
)

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
