"""Intervals from the number of rows: against scipy's, and by how often they hold what all rows would say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from trainer.fields import METRICS
from trainer.fit import fit
from trainer.recipe import Recipe, Rows
from trainer.uncertainty import bootstrap, of_shares

SEED = np.random.SeedSequence(1)


@settings(deadline=None)
@given(st.integers(0, 300), st.integers(1, 300))
def test_the_interval_of_a_share_is_wilsons(right: int, rows: int) -> None:
    right = min(right, rows)
    correct = np.arange(rows)[None] < right
    low, high = of_shares(correct, [np.ones(rows, bool)])
    expected = stats.binomtest(right, rows).proportion_ci(method="wilson")
    assert (low[0], high[0]) == pytest.approx((expected.low, expected.high), abs=1e-6)
    assert 0 <= low[0] <= right / rows <= high[0] <= 1


def test_the_interval_of_a_mean_of_shares_holds_as_often_as_it_says() -> None:
    """Balanced accuracy, of a common class and a rare one that are mostly right."""
    rng, truth = np.random.default_rng(0), np.array([0.97, 0.9])
    rare = np.arange(90) >= 70
    correct = rng.random((4000, 90)) < truth[rare.astype(int)]
    low, high = of_shares(correct, [~rare, rare])
    assert 0.93 <= np.mean((low <= truth.mean()) & (truth.mean() <= high)) <= 0.99


def test_the_bootstraps_interval_holds_as_often_as_it_says() -> None:
    errors = np.random.default_rng(0).normal(size=(300, 100))
    low, high = bootstrap(lambda drawn: np.sqrt((errors[:, drawn] ** 2).mean(axis=1)), 100, SEED)
    assert 0.9 <= np.mean((low <= 1) & (high >= 1)) <= 0.98


def test_where_resampling_says_nothing_there_is_no_interval() -> None:
    low, high = bootstrap(lambda drawn: np.array([1.0, np.nan, float(drawn[0])]), 9, SEED)
    assert np.isnan([low[:2], high[:2]]).all()
    assert low[2] < high[2]


@pytest.mark.parametrize("metric", METRICS)
def test_the_last_figures_of_a_training_have_intervals_within_what_the_metric_can_be(
    metric: str,
) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3)).astype(np.float32)
    classes = METRICS[metric].classes
    y = X[:, 0] + rng.normal(size=60)
    loss = "sparse_categorical_cross_entropy" if classes else "squared_error"
    recipe = Recipe(2 if classes else 1, hidden=(4,), metric=metric, loss=loss)
    rows = Rows(X, (y > 0).astype(int) if classes else y.astype(np.float32))
    figures = list(fit(recipe, [{}], rows, rows, epochs=2, seed=0, intervals=True))
    plain = list(fit(recipe, [{}], rows, rows, epochs=2, seed=0))
    assert figures[0].keys() == plain[0].keys()
    for name in (metric, "loss"):
        low, value, high = (
            figures[1][f"validation_{name}{end}"][0] for end in ("_low", "", "_high")
        )
        assert value == plain[1][f"validation_{name}"][0]
        assert low < value < high
        least, most = METRICS[metric].bounds if name == metric else (0.0, np.inf)
        assert least <= low
        assert high <= most
