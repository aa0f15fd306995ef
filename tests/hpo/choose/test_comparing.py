"""How much better the recommended settings are than a reference: an interval that claims no more than stages carry."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hpo.choose.comparing import gain


def test_it_is_positive_where_the_first_is_better_whatever_the_direction() -> None:
    own, other = {1: 0.9, 2: 0.8, 3: 0.85}, {1: 0.8, 2: 0.7, 3: 0.75}
    assert gain(own, other, maximize=True)[0] == pytest.approx(0.1)
    assert gain(own, other, maximize=False)[0] == pytest.approx(-0.1)


def test_only_stages_of_both_count() -> None:
    assert gain({1: 1.0, 2: 9.0}, {1: 0.5, 3: 7.0}, maximize=True) == (0.5, None)
    assert gain({1: 1.0}, {2: 0.5}, maximize=True) == (None, None)


def test_two_stages_give_no_interval_and_three_do() -> None:
    own = dict(enumerate((0.9, 0.8, 0.7)))
    assert gain(own, {0: 0.8, 1: 0.75}, maximize=True)[1] is None
    assert gain(own, {0: 0.8, 1: 0.75, 2: 0.6}, maximize=True)[1] is not None


def test_the_interval_is_that_of_the_corrected_resampled_t_test() -> None:
    own, other = {1: 3.0, 2: 5.0, 3: 4.0, 4: 6.0}, {1: 2.0, 2: 2.0, 3: 2.0, 4: 2.0}
    mean, ends = gain(own, other, maximize=True)
    half = 3.182446 * math.sqrt(
        (1 / 4 + 1 / 3) * 5 / 3
    )  # t of three degrees, the variance of 1, 3, 2, 4
    assert mean == 2.5
    assert ends == pytest.approx((2.5 - half, 2.5 + half), rel=1e-6)


def test_equal_models_are_seldom_told_apart() -> None:
    """Differences of overlapping splits share a part, which n values don't show."""
    rng, wrong = np.random.default_rng(0), 0
    for _ in range(500):
        shared = rng.normal() * math.sqrt(1 / 4)  # the correlation that the correction is made for
        values = {k: shared + rng.normal() * math.sqrt(3 / 4) for k in range(10)}
        _, ends = gain(values, dict.fromkeys(values, 0.0), maximize=True)
        assert ends is not None
        wrong += not ends[0] <= 0 <= ends[1]
    assert wrong / 500 == pytest.approx(0.05, abs=0.025)
