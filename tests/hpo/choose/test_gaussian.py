"""The Gaussian process agrees with an independent one, and what is drawn from it goes where values are good."""

# Law 1: choosing is pure.

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpo.choose import gaussian
from hpo.choose.gaussian import MAX_TRIALS, thompson
from hpo.choose.suggest import suggest
from hpo.choose.types import Observation
from hpo.plan.space import Categorical, Float, Int, Parameter, Settings, inside

SPACE: dict[str, Parameter] = {
    "rate": Float(1e-5, 1.0, log=True),
    "units": Int(4, 64, log=True),
    "share": Float(0.0, 1.0, step=0.25),
    "kind": Categorical(("a", "b", "c")),
}


def tried(count: int, seed: int = 0) -> list[Settings]:
    return suggest(SPACE, [], count, seed, sampler="random")


def value(s: Settings) -> float:
    rate = np.log10(float(s["rate"] or 0))
    return float(-((rate + 2) ** 2) - (s["kind"] != "b"))


def model(parameters: int) -> gaussian._Model:
    return gaussian._Model(np.linspace(0.4, 0.9, parameters), 1.7, 0.3)


def test_the_posterior_is_scikit_learns() -> None:
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    rng = np.random.default_rng(0)
    U, X = rng.random((12, 3)), rng.random((gaussian.BAND + 9, 3))
    z = np.sin(5 * U).sum(axis=1)
    numbers = np.zeros(3, bool)
    ours = model(3)
    mean, across = gaussian._posterior(ours, U, z, X, numbers)
    root = np.tril(gaussian._root(ours, X, across, numbers))
    kernel = ConstantKernel(ours.variance) * Matern(ours.lengths, nu=2.5)
    K = kernel(U) + (ours.noise + gaussian.JITTER) * np.eye(12)
    weights = np.linalg.solve(K, np.ones(12))
    middle = weights @ z / weights.sum()  # of generalized least squares
    theirs = GaussianProcessRegressor(
        kernel + WhiteKernel(ours.noise), alpha=gaussian.JITTER, optimizer=None
    ).fit(U, z - middle)
    expected, deviations = theirs.predict(X, return_cov=True)
    np.testing.assert_allclose(mean, expected + middle, atol=1e-8)
    unknown = root @ root.T - gaussian.JITTER * np.eye(len(X))
    np.testing.assert_allclose(unknown, deviations - ours.noise * np.eye(len(X)), atol=1e-8)


def test_the_gradient_of_the_fit_is_that_of_finite_differences(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from scipy import optimize

    seen: list[float] = []
    real = optimize.minimize

    def checking(function, start, **options):  # type: ignore[no-untyped-def]  # scipy's
        rng = np.random.default_rng(0)
        for at in (start, start + 0.3 * rng.standard_normal(len(start))):
            numerical = optimize.approx_fprime(at, lambda x: function(x)[0], 1e-6)
            seen.append(float(np.abs(function(at)[1] - numerical).max()))
        return real(function, start, **options)

    monkeypatch.setattr(optimize, "minimize", checking)
    given_ = tried(30)
    thompson(SPACE, given_, [value(s) for s in given_], 1, np.random.default_rng(0))
    assert seen
    assert max(seen) < 1e-3


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 40), st.integers(0, 6), st.integers(0, 10**6))
def test_what_is_drawn_lies_inside_the_ranges_and_is_the_same_for_one_seed(
    count: int, n: int, seed: int
) -> None:
    history = [
        Observation(s, None if k % 5 == 4 else value(s)) for k, s in enumerate(tried(count, seed))
    ]
    drawn = suggest(SPACE, history, n, seed, sampler="thompson")
    assert len(drawn) == n
    assert all(inside(SPACE, s) for s in drawn)
    assert all(type(s["units"]) is int and s["share"] in (0, 0.25, 0.5, 0.75, 1) for s in drawn)
    assert drawn == suggest(SPACE, history, n, seed, sampler="thompson")
    if n > 1:
        assert len({tuple(s.values()) for s in drawn}) == n


def test_it_draws_where_values_are_good_and_more_so_the_more_it_knows() -> None:
    def distance(count: int) -> float:
        before = tried(count, seed=1)
        history = [Observation(s, value(s)) for s in before]
        drawn = suggest(SPACE, history, 20, 0, sampler="thompson")
        return float(np.mean([-value(s) for s in drawn]))

    at_random = float(np.mean([-value(s) for s in tried(200)]))
    assert distance(60) < distance(12) < at_random
    assert distance(60) < 0.2


def test_noise_does_not_lead_it_astray() -> None:
    rng = np.random.default_rng(0)
    history = [Observation(s, value(s) + 0.5 * rng.standard_normal()) for s in tried(60)]
    drawn = suggest(SPACE, history, 20, 0, sampler="thompson")
    assert np.mean([-value(s) for s in drawn]) < 1.0


@pytest.mark.parametrize("values", [[None], [None] * 9, [1.0], [0.5] * 30, [0.0, None, 1e300]])
def test_odd_values_are_no_fault(values: list[float | None]) -> None:
    history = [Observation(s, v) for s, v in zip(tried(len(values)), values, strict=True)]
    assert len(suggest(SPACE, history, 4, 0, sampler="thompson")) == 4


def test_fewer_settings_than_draws_are_drawn_again() -> None:
    space: dict[str, Parameter] = {"kind": Categorical(("a", "b")), "one": Int(3, 3)}
    history = [Observation({"kind": "a", "one": 3}, 0.0)]
    drawn = suggest(space, history, 5, 0, sampler="thompson")
    assert {s["kind"] for s in drawn} == {"a", "b"}


def test_of_many_trials_it_learns_from_the_better_and_some_of_the_others() -> None:
    given_ = tried(MAX_TRIALS * 3)
    drawn = thompson(SPACE, given_, [value(s) for s in given_], 10, np.random.default_rng(0))
    assert np.mean([-value(s) for s in drawn]) < 0.1
