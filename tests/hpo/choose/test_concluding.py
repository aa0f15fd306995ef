"""What is concluded from all stages: which settings are best, how sure that is, and which can't be told apart.

On values whose truth is known.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpo.choose.concluding import FEWEST, METHOD, Finalist, conclude
from hpo.choose.types import UNBOUNDED, Confirmation, Direction
from tests.hpo.choose.stages import Stages, confirmed, drawn
from trainer.fields import bounds_of


def finalists(
    searched: Mapping[int, float], confirmed: Sequence[Confirmation], direction: Direction
) -> list[Finalist]:
    concluded = conclude(searched, confirmed, direction)
    assert concluded.method == METHOD
    return concluded.finalists


@settings(deadline=None)  # the first call imports scipy
@given(st.integers(0, 10**6), st.integers(1, 8), st.integers(1, 5))
def test_to_minimize_is_to_maximize_the_negative(seed: int, count: int, stages: int) -> None:
    searched, taken = drawn(seed, count, stages)
    flipped = [{k: None if v is None else -v for k, v in values.items()} for values in taken]
    up = finalists(searched, confirmed(taken), "maximize")
    down = finalists({k: -v for k, v in searched.items()}, confirmed(flipped), "minimize")
    assert [f.trial for f in up] == [f.trial for f in down]
    assert [f.tied for f in up] == [f.tied for f in down]
    for one, other in zip(up, down, strict=True):
        assert one.mean == pytest.approx(-(other.mean or 0.0))
        if one.ci95 is not None:
            assert one.ci95 == pytest.approx([-end for end in reversed(other.ci95 or ())])


def test_a_stage_of_luck_makes_nobody_better() -> None:
    searched = {0: 0.90, 1: 0.90, 2: 0.89}
    taken = [{0: 0.88, 1: 0.87, 2: 0.86}, {0: 0.88, 1: 0.87}, {2: 0.99, 1: 1.00, 0: 1.01}]
    assert [f.trial for f in finalists(searched, confirmed(taken), "maximize")] == [0, 1, 2]


def test_one_that_was_lucky_once_is_not_before_those_that_were_often_good() -> None:
    searched = dict.fromkeys(range(9), 0.9)
    taken: Stages = [{0: 0.91, 1: 0.90, 2: 0.999}, *({0: 0.91, 1: 0.90} for _ in range(5))]
    found = finalists(searched, confirmed(taken), "maximize")
    assert [f.trial for f in found] == [0, 1, 2]
    assert found[2].tied is None
    assert found[0].values == [0.91] * 6


def test_settings_that_failed_come_last_and_without_a_mean() -> None:
    found = finalists(
        {0: 0.9, 1: 0.8}, confirmed([{0: 0.9, 1: 0.8}, {0: None, 1: 0.81}]), "maximize"
    )
    assert [f.trial for f in found] == [1, 0]
    assert (found[1].mean, found[1].ci95, found[1].tied) == (None, None, False)
    assert found[1].values == [0.9, None]


def test_of_nothing_nothing_is_concluded() -> None:
    assert finalists({0: 0.9}, [], "maximize") == []


def test_values_that_repeat_exactly_are_known_exactly() -> None:
    found = finalists({0: 0.9, 1: 0.8}, confirmed([{0: 0.9, 1: 0.8}]), "maximize")
    assert [(f.mean, f.ci95, f.tied) for f in found] == [
        (0.9, (0.9, 0.9), False),
        (0.8, (0.8, 0.8), False),
    ]


def test_one_value_of_each_tells_nothing_of_how_far_they_lie_apart() -> None:
    found = finalists({0: 0.9, 1: 0.8}, confirmed([{0: 0.91, 1: 0.82}]), "maximize")
    assert [f.ci95 for f in found] == [None, None]
    assert found[1].tied is None


def simulated(seed: int, gap: float) -> tuple[dict[int, float], list[Confirmation]]:
    """Three settings, the second worse by `gap` than the first and the third by 1; noise of 0.1, stages of 0.3."""
    rng = np.random.default_rng(seed)
    truth = np.array([0.0, -gap, -1.0])
    searched = dict(enumerate((truth + 0.1 * rng.normal(size=3)).tolist()))
    stages = [truth + 0.3 * rng.normal() + 0.1 * rng.normal(size=3) for _ in range(6)]
    return searched, confirmed([dict(enumerate(values.tolist())) for values in stages])


@pytest.mark.parametrize(("gap", "least", "most"), [(0.0, 0.9, 1.0), (0.3, 0.0, 0.1)])
def test_equals_are_tied_and_unequals_are_not(gap: float, least: float, most: float) -> None:
    tied: list[bool | None] = []
    far: list[bool | None] = []
    for seed in range(200):
        found = {f.trial: f for f in finalists(*simulated(seed, gap), "maximize")}
        tied.append(found[1].tied if gap else found[0].tied or found[1].tied)
        far.append(found[2].tied)
    assert least <= tied.count(True) / len(tied) <= most
    assert far.count(True) / len(far) < 0.02
    assert None not in tied


@pytest.mark.parametrize(("gap", "least", "most"), [(0.0, 0.8, 1.0), (1.0, 0.0, 0.2)])
def test_settings_that_never_trained_together_are_compared_through_the_search(
    gap: float, least: float, most: float
) -> None:
    """Four settings measured the noise in two stages of their own; two others raced in four stages."""
    tied: list[bool | None] = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        truth = dict.fromkeys((0, 1, 2, 3), 0.0) | dict.fromkeys((4, 5), gap)
        searched = {k: t + 0.1 * float(rng.normal()) for k, t in truth.items()}
        stages = [(0, 1, 2, 3), (0, 1, 2, 3), (4, 5), (4, 5), (4, 5), (4, 5)]
        luck = [0.3 * float(rng.normal()) for _ in stages]
        done = [
            Confirmation(n, k, truth[k] + luck[n - 1] + 0.1 * float(rng.normal()))
            for n, stage in enumerate(stages, start=1)
            for k in stage
        ]
        found = finalists(searched, done, "maximize")
        tied += [f.tied for f in found if (f.trial < 4) != (found[0].trial < 4)]
    assert None not in tied
    assert least <= tied.count(True) / len(tied) <= most


def coverage(picked: Iterable[bool]) -> float:
    return float(np.mean([*picked]))


@pytest.mark.parametrize("of_stage", [0.0, 0.1])
def test_the_interval_of_the_one_that_is_chosen_holds_its_true_mean(of_stage: float) -> None:
    def holds(seed: int) -> bool:
        rng = np.random.default_rng(seed)
        truth = 0.05 * rng.normal(size=6)
        stages = [truth + of_stage * rng.normal() + 0.1 * rng.normal(size=6) for _ in range(6)]
        values = confirmed([dict(enumerate(v.tolist())) for v in stages])
        first = finalists(dict(enumerate(truth.tolist())), values, "maximize")[0]
        assert first.ci95 is not None
        return first.ci95[0] <= float(truth[first.trial]) <= first.ci95[1]

    assert 0.92 <= coverage(map(holds, range(300))) <= 0.995


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_the_order_of_what_was_recorded_changes_nothing(direction: Direction) -> None:
    searched, taken = drawn(3, 8, 5)
    values = confirmed(taken)
    assert finalists(searched, values[::-1], direction) == finalists(searched, values, direction)


@settings(deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(1, 8),
    st.integers(1, 6),
    st.sampled_from(["maximize", "minimize"]),
)
def test_the_order_shown_is_the_order_of_the_means_of_those_that_may_be_recommended(
    seed: int, count: int, stages: int, direction: Direction
) -> None:
    searched, taken = drawn(seed, count, stages)
    found = finalists(searched, confirmed(taken), direction)
    most = max(len(f.values) for f in found)
    means = [f.mean for f in found if 2 * len(f.values) >= most]
    assert means == sorted(means, key=lambda mean: mean or 0.0, reverse=direction == "maximize")
    for f in found[1:]:
        often = min(len(f.values), len(found[0].values)) >= FEWEST and 2 * len(f.values) >= most
        assert often or f.tied is None
    assert found[0].tied is False


@pytest.mark.parametrize(
    ("better", "times", "first"), [(1.0, 2, 2), (1.0, 1, 0), (0.001, 2, 0), (-1.0, 2, 0)]
)
def test_who_trained_seldom_leads_only_if_clearly_better(
    better: float, times: int, first: int
) -> None:
    rng = np.random.default_rng(0)
    effect = {0: 0.9, 1: 0.8, 2: 0.9 + better}
    taken: Stages = [
        {k: effect[k] + 0.01 * rng.normal() for k in ((0, 1, 2) if n < times else (0, 1))}
        for n in range(6)
    ]
    assert finalists(effect, confirmed(taken), "maximize")[0].trial == first


def test_means_are_those_of_equal_stages() -> None:
    """The third setting trained in the unlucky stage alone, and is as much better there as everywhere."""
    effect, stage = {0: 0.9, 1: 0.8, 2: 0.95}, [0.0, 0.03, 0.02, -0.2]
    taken: Stages = [
        {trial: effect[trial] + stage[number] for trial in trials}
        for number, trials in enumerate([(0, 1), (0, 1), (0, 1, 2)], start=1)
    ]
    found = finalists(effect, confirmed(taken), "maximize")
    average = sum(stage[1:]) / 3
    assert {f.trial: f.mean for f in found} == {
        trial: pytest.approx(effect[trial] + average) for trial in effect
    }
    assert [(f.trial, f.tied) for f in found] == [(0, False), (1, False), (2, None)]


def test_values_that_are_all_the_same_have_no_interval_if_the_search_had_others() -> None:
    found = finalists({0: 0.9}, confirmed([{0: 1.0}, {0: 1.0}]), "maximize")
    assert [(f.mean, f.ci95) for f in found] == [(1.0, None)]


def test_values_that_are_exactly_equal_are_tied() -> None:
    found = finalists(dict.fromkeys((0, 1), 0.5), confirmed([{0: 0.5, 1: 0.5}]), "maximize")
    assert [f.tied for f in found] == [False, True]
    searched, taken = {0: 0.5, 1: 0.4}, [{0: 1.0, 1: 0.9}, {0: 1.0, 1: 0.9}]
    assert [f.tied for f in finalists(searched, confirmed(taken), "maximize")] == [False, False]


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 4))
def test_means_and_intervals_stay_inside_what_the_metric_can_be(
    seed: int, count: int, stages: int
) -> None:
    searched, taken = drawn(seed, count, stages)
    shares = [
        {k: 1 / (1 + math.exp(-4 * (v or 0.0))) for k, v in values.items()} for values in taken
    ]
    found = conclude(searched, confirmed(shares), "maximize", (0.0, 1.0)).finalists
    free = conclude(searched, confirmed(shares), "maximize").finalists
    for inside, f in zip(found, free, strict=True):
        assert f.mean is not None
        assert inside.mean == min(max(0.0, f.mean), 1.0)
        assert (inside.ci95 is None) == (f.ci95 is None)
        if inside.ci95 is not None and f.ci95 is not None:
            assert 0.0 <= inside.ci95[0] <= inside.mean <= inside.ci95[1] <= 1.0
            assert (inside.ci95[0] < inside.ci95[1]) == (f.ci95[0] < f.ci95[1])


def test_an_accuracy_in_percent_is_not_held_to_shares() -> None:
    searched, taken = {0: 97.0, 1: 95.0}, confirmed([{0: 97.4, 1: 95.1}, {0: 96.8, 1: 94.7}])
    free = conclude(searched, taken, "maximize")
    assert conclude(searched, taken, "maximize", bounds_of("accuracy")) == free
    assert bounds_of("loss") == bounds_of(None) == UNBOUNDED


@settings(deadline=None)
@given(
    st.lists(
        st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=2),
        min_size=2,
        max_size=5,
    )
)
def test_any_finite_values_have_an_order_and_no_warning(pairs: list[list[float]]) -> None:
    searched, *taken = (dict(enumerate(pair)) for pair in pairs)
    found = finalists(searched, confirmed(taken), "maximize")
    assert sorted(f.trial for f in found) == [0, 1]
    assert all(f.mean is not None and not math.isnan(f.mean) for f in found)
