"""What is believed of settings that trainings fail in, and of those beside them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpo.choose.belief import Belief, believe
from hpo.choose.model import MAX_TRIALS, fit
from hpo.choose.positions import Array

BORDER = 0.7
NUMBERS = np.zeros(1, bool)
GRID = np.linspace(0, 1, 101)[:, None]


def beyond_a_border(count: int, seed: int) -> tuple[Array, list[float | None]]:
    """Settings of one parameter, whose values rise up to a border, beyond which trainings fail."""
    U = np.random.default_rng(seed).random((count, 1))
    return U, [x if x <= BORDER else None for x in U[:, 0].tolist()]


def chances(belief: Belief) -> Array:
    """The probabilities of success on the grid."""
    return np.exp(belief.log_success(GRID))


def test_where_nothing_failed_all_is_as_the_model_of_the_values_says() -> None:
    U = np.random.default_rng(0).random((20, 1))
    belief = believe(U, U[:, 0].tolist(), NUMBERS)
    np.testing.assert_array_equal(belief.values.L, fit(U, U[:, 0], NUMBERS).L)
    assert belief.succeeded.all()
    assert (belief.log_success(GRID) == 0).all()
    assert not belief.failures(GRID, 9, np.random.default_rng(0)).any()


def test_beyond_a_border_failure_is_likely_and_values_below_it_are_not_drawn_down() -> None:
    for seed in range(5):
        U, values = beyond_a_border(40, seed)
        belief = believe(U, values, NUMBERS)
        known = U[:, 0] <= BORDER
        assert belief.succeeded.tolist() == known.tolist()
        chance = chances(belief)
        assert chance[GRID[:, 0] < U[known].max()].min() > 0.5
        assert chance[GRID[:, 0] > U[~known].min()].max() < 0.5
        assert (chance[5], chance[95]) == pytest.approx((1, 0), abs=0.1)
        mean, _ = belief.values.posterior(GRID[:71])
        assert (np.diff(mean) > 0).all()


def test_values_far_below_the_better_half_count_as_failures() -> None:
    U, values = beyond_a_border(40, 0)
    failed = believe(U, values, NUMBERS)
    for worst in (-5.0, -1e300, -4.0):
        lower = [
            worst * (1 + x) if v is None else v
            for v, x in zip(values, U[:, 0].tolist(), strict=True)
        ]
        belief = believe(U, lower, NUMBERS)
        np.testing.assert_array_equal(belief.succeeded, failed.succeeded)
        np.testing.assert_array_equal(chances(belief), chances(failed))


@pytest.mark.parametrize(
    "values",
    [
        np.linspace(0, 1, 20),
        np.random.default_rng(0).standard_normal(30),
        np.append(np.linspace(0, 1, 19), 100.0),  # one is far better than the others
        np.array([0.0, 1.0] * 10),
        np.array([-100.0, *np.linspace(0, 1, 6)]),  # too few
        np.zeros(20),
    ],
)
def test_values_that_may_tell_something_are_no_failures(values: Array) -> None:
    U = np.random.default_rng(1).random((len(values), 1))
    assert believe(U, values.tolist(), NUMBERS).succeeded.all()


def test_failures_without_a_place_bar_no_place() -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        U = rng.random((60, 1))
        failed = rng.random(60) < 0.2
        values = [None if f else x for f, x in zip(failed, U[:, 0].tolist(), strict=True)]
        assert chances(believe(U, values, NUMBERS)).min() > 0.5


def test_draws_fail_as_often_as_is_likely() -> None:
    belief = believe(*beyond_a_border(12, 1), NUMBERS)
    failures = belief.failures(GRID, 20_000, np.random.default_rng(0))
    np.testing.assert_allclose(failures.mean(axis=0), 1 - chances(belief), atol=0.015)
    assert ((failures.mean(axis=0) > 0.05) & (failures.mean(axis=0) < 0.95)).any()


def test_where_all_failed_nothing_is_known() -> None:
    U = np.random.default_rng(0).random((12, 1))
    belief = believe(U, [None] * 12, NUMBERS)
    assert not belief.succeeded.any()
    assert (belief.log_success(GRID) == 0).all()
    assert belief.values.posterior(GRID)[0].tolist() == [0.0] * len(GRID)


def test_of_many_trials_a_part_tells_where_they_fail() -> None:
    belief = believe(*beyond_a_border(4 * MAX_TRIALS, 0), NUMBERS)
    assert belief.successes is not None
    assert len(belief.successes.U) == MAX_TRIALS
    assert np.mean(belief.successes.U > BORDER) == pytest.approx(0.3, abs=0.05)
    chance = chances(belief)
    assert (chance[60], chance[80]) == pytest.approx((1, 0), abs=0.01)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.0, 0.5, 0.5 + 1e-9, 1.0]),
            st.sampled_from([None, -1e308, 0.0, 1e-300, 1.0, 1e308]),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_wherever_trainings_fail_and_whatever_their_values_there_is_a_belief(
    tried: list[tuple[float, float | None]],
) -> None:
    U = np.array([[place] for place, _ in tried])
    belief = believe(U, [value for _, value in tried], NUMBERS)
    assert np.isfinite(belief.values.draws(GRID, 3, np.random.default_rng(0))).all()
    chance = chances(belief)
    assert ((chance >= 0) & (chance <= 1)).all()
    assert not math.isnan(belief.border)
