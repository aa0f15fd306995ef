"""Candidates are valid positions: anywhere in the ranges, or near good settings."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hpo.choose.candidates import near, uniform
from hpo.choose.positions import snapped
from hpo.plan.space import Categorical, Float, Int, Parameter

SPACE: dict[str, Parameter] = {
    "rate": Float(1e-5, 1.0, log=True),
    "units": Int(4, 64, log=True),
    "share": Float(0.0, 1.0, step=0.25),
    "kind": Categorical(("a", "b", "c")),
}


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_candidates_are_whole_numbers_steps_and_choices_inside_the_ranges(seed: int) -> None:
    rng = np.random.default_rng(seed)
    everywhere = uniform(SPACE, 50, rng)
    around = near(SPACE, everywhere[:3], 40, rng)
    for X in (everywhere, around):
        assert ((X[:, :3] >= 0) & (X[:, :3] <= 1)).all()
        assert set(X[:, 3]) <= {0.0, 1.0, 2.0}
        np.testing.assert_array_equal(snapped(SPACE, X.copy())[:, [0, 3]], X[:, [0, 3]])
        np.testing.assert_allclose(snapped(SPACE, X.copy()), X, atol=1e-12)
    assert set(everywhere[:, 3]) == {0.0, 1.0, 2.0}


def test_local_candidates_lie_near_their_centre() -> None:
    space: dict[str, Parameter] = {name: Float(0.0, 1.0) for name in "abcdef"}
    centre = np.full((1, 6), 0.5)
    X = near(space, centre, 2000, np.random.default_rng(0))
    moved = X != 0.5
    assert moved.any(axis=1).all()
    assert 2.5 < moved.sum(axis=1).mean() < 4.5
    assert np.quantile(np.abs(X - 0.5)[moved], 0.5) < 0.15  # one move in three goes anywhere
