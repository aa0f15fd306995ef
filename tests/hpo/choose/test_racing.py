"""Who is trained again, stage by stage; which settings are best, how sure that is, and which can't be told apart.

On values whose truth is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpo.choose.concluding import METHOD, Finalist, conclude
from hpo.choose.racing import SMALLEST_STAGE, STAGE_VARIANCE, race, scores
from hpo.choose.types import Confirmation, Direction

Stages = Sequence[Mapping[int, float | None]]


def finalists(
    searched: Mapping[int, float], confirmed: Sequence[Confirmation], direction: Direction
) -> list[Finalist]:
    concluded = conclude(searched, confirmed, direction)
    assert concluded.method == METHOD
    return concluded.finalists


def run(
    truth: list[float], budget: int, seed: int, *, noise: float = 0.1, most: int | None = None
) -> tuple[list[list[int]], list[Confirmation], dict[int, float]]:
    """A whole race: its stages, what they gave, and what the search had given."""
    rng = np.random.default_rng(seed)
    searched = {k: t + noise * rng.normal() for k, t in enumerate(truth)}
    stages: list[list[int]] = []
    done: list[Confirmation] = []
    while trials := race(searched, done, "maximize", budget - len(done), most):
        stages.append(trials)
        luck = noise * rng.normal()
        done += [
            Confirmation(len(stages), k, truth[k] + luck + noise * rng.normal()) for k in trials
        ]
    return stages, done, searched


@given(
    st.integers(1, 40), st.integers(0, 60), st.integers(0, 10**6), st.none() | st.integers(1, 12)
)
def test_a_race_spends_what_it_has_on_distinct_settings_of_each_stage(
    count: int, budget: int, seed: int, most: int | None
) -> None:
    truth = np.random.default_rng(seed).normal(size=count).tolist()
    stages, done, _ = run(truth, budget, seed, most=most)
    assert len(done) == budget
    for trials in stages:
        assert len(trials) == len(set(trials)) >= 1
    assert len({c.trial for c in done}) <= (count if most is None else min(most, count))
    enough = min(SMALLEST_STAGE, count if most is None else min(most, count))
    assert all(len(trials) >= enough for trials in stages[:-1])


def test_stages_become_smaller_and_the_clearly_worse_leave_first() -> None:
    truth = np.linspace(1, 0, 30).tolist()
    stages, done, _ = run(truth, 40, 0)
    assert [len(trials) for trials in stages] == [10, 7, 5, 4, 3, 2, 2, 2, 2, 2, 1]
    assert max(stages[-1]) <= 4
    trained = np.bincount([c.trial for c in done], minlength=30)
    assert trained[:3].sum() > trained[3:].sum() / 2
    assert trained[12:].sum() == 0


def test_a_race_tells_merit_from_luck() -> None:
    truth = [1.0] + [0.8] * 40
    chosen, lucky = [], []
    for seed in range(60):
        _, done, searched = run(truth, 40, seed, noise=0.15)
        lucky.append(max(searched, key=lambda k: searched[k]) == 0)
        chosen.append(finalists(searched, done, "maximize")[0].trial == 0)
    assert np.mean(chosen) > np.mean(lucky) + 0.1


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_what_failed_is_not_trained_again(direction: Direction) -> None:
    searched = {0: 0.5, 1: 0.5, 2: 0.5}
    done = [Confirmation(1, 0, None)]
    assert race(searched, done, direction, 4) == [1, 2]
    assert race({}, [], direction, 4) == []
    assert race(searched, [Confirmation(1, k, None) for k in searched], direction, 4) == []


def confirmed(stages: Stages) -> list[Confirmation]:
    return [
        Confirmation(number, trial, value)
        for number, values in enumerate(stages, start=1)
        for trial, value in values.items()
    ]


def drawn(seed: int, settings: int, stages: int) -> tuple[dict[int, float], Stages]:
    """Values of a search, and of stages of some of its settings each."""
    rng = np.random.default_rng(seed)
    searched = dict(enumerate(rng.normal(size=settings).tolist()))
    taken: list[dict[int, float | None]] = []
    for _ in range(stages):
        some = rng.choice(settings, size=int(rng.integers(1, settings + 1)), replace=False)
        taken.append({int(k): float(rng.normal()) for k in some})
    return searched, taken


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(0, 6))
def test_scores_are_the_best_linear_prediction_of_each_setting(
    seed: int, count: int, stages: int
) -> None:
    searched, taken = drawn(seed, count, stages)
    found = scores(searched, confirmed(taken), "maximize")
    # The same, from the covariances of everything at once: value = setting + stage + noise, all of variance 1 but for
    # the stages, around the average good value.
    best = np.sort([*searched.values()])[::-1][: max(8, -(-count // 3))].mean()
    rows = [(k, 0, v) for k, v in searched.items()]
    rows += [
        (k, s, v) for s, vs in enumerate(taken, start=1) for k, v in vs.items() if v is not None
    ]
    trial, stage, value = (np.array(column) for column in zip(*rows, strict=True))
    same = trial[:, None] == trial
    together = (stage[:, None] == stage) & (stage > 0)
    covariance = 1.0 * same + STAGE_VARIANCE * together + np.eye(len(rows))
    of_settings = (np.arange(count)[:, None] == trial).astype(float)
    expected = best + of_settings @ np.linalg.solve(covariance, value - best)
    np.testing.assert_allclose([found[k] for k in range(count)], expected, atol=1e-9)


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
    assert found[2].mean == 0.999
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
    assert found[1].tied


def simulated(seed: int, gap: float) -> tuple[dict[int, float], list[Confirmation]]:
    """Three settings, the second worse by `gap` than the first and the third by 1; noise of 0.1, stages of 0.3."""
    rng = np.random.default_rng(seed)
    truth = np.array([0.0, -gap, -1.0])
    searched = dict(enumerate((truth + 0.1 * rng.normal(size=3)).tolist()))
    stages = [truth + 0.3 * rng.normal() + 0.1 * rng.normal(size=3) for _ in range(6)]
    return searched, confirmed([dict(enumerate(values.tolist())) for values in stages])


@pytest.mark.parametrize(("gap", "least", "most"), [(0.0, 0.9, 1.0), (0.3, 0.0, 0.1)])
def test_equals_are_tied_and_unequals_are_not(gap: float, least: float, most: float) -> None:
    tied, far = [], []
    for seed in range(200):
        found = {f.trial: f for f in finalists(*simulated(seed, gap), "maximize")}
        tied.append(found[1].tied if gap else found[0].tied or found[1].tied)
        far.append(found[2].tied)
    assert least <= np.mean(tied) <= most
    assert np.mean(far) < 0.02


@pytest.mark.parametrize(("gap", "least", "most"), [(0.0, 0.9, 1.0), (1.0, 0.0, 0.2)])
def test_settings_that_never_trained_together_are_compared_through_the_search(
    gap: float, least: float, most: float
) -> None:
    """Four settings measured the noise in a stage of their own; two others raced in four stages."""
    tied = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        truth = dict.fromkeys((0, 1, 2, 3), 0.0) | dict.fromkeys((4, 5), gap)
        searched = {k: t + 0.1 * float(rng.normal()) for k, t in truth.items()}
        stages = [(0, 1, 2, 3), (4, 5), (4, 5), (4, 5), (4, 5)]
        luck = [0.3 * float(rng.normal()) for _ in stages]
        done = [
            Confirmation(n, k, truth[k] + luck[n - 1] + 0.1 * float(rng.normal()))
            for n, stage in enumerate(stages, start=1)
            for k in stage
        ]
        found = finalists(searched, done, "maximize")
        tied += [f.tied for f in found if (f.trial < 4) != (found[0].trial < 4)]
    assert least <= np.mean(tied) <= most


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
