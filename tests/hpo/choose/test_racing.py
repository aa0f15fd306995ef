"""Who is trained again, stage by stage, on values whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpo.choose.concluding import conclude
from hpo.choose.racing import SMALLEST_STAGE, STAGE_VARIANCE, race, scores
from hpo.choose.types import Confirmation, Direction
from tests.hpo.choose.stages import confirmed, drawn


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
        chosen.append(conclude(searched, done, "maximize").finalists[0].trial == 0)
    assert np.mean(chosen) > np.mean(lucky) + 0.1


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_what_failed_is_not_trained_again(direction: Direction) -> None:
    searched = {0: 0.5, 1: 0.5, 2: 0.5}
    done = [Confirmation(1, 0, None)]
    assert race(searched, done, direction, 4) == [1, 2]
    assert race({}, [], direction, 4) == []
    assert race(searched, [Confirmation(1, k, None) for k in searched], direction, 4) == []


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
