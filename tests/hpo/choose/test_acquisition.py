"""What is drawn by the model lies inside the ranges, is new, and goes where values are good."""

# Law 1: choosing is pure.

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpo.choose.acquisition import CLOSE, _thompson_share, draw, log_improvement
from hpo.choose.model import fit
from hpo.choose.positions import are_choices, positions
from hpo.choose.suggest import suggest
from hpo.choose.types import Observation
from hpo.plan.conditions import inside
from hpo.plan.space import Categorical, Float, Int, Parameter, Settings

SPACE: dict[str, Parameter] = {
    "rate": Float(1e-5, 1.0, log=True),
    "units": Int(4, 64, log=True),
    "share": Float(0.0, 1.0, step=0.25),
    "kind": Categorical(("a", "b", "c")),
}
SAMPLERS = ["model", "thompson"]


def tried(count: int, seed: int = 0) -> list[Settings]:
    return suggest(SPACE, [], count, seed, sampler="random")


def value(s: Settings) -> float:
    rate = np.log10(float(s["rate"] or 0))
    return float(-((rate + 2) ** 2) - (s["kind"] != "b"))


def drawn_after(
    before: list[Settings], values: list[float], n: int, sampler: str
) -> list[Settings]:
    history = [Observation(s, v) for s, v in zip(before, values, strict=True)]
    return suggest(SPACE, history, n, 0, sampler=sampler)


# --- expected improvement ---


@pytest.mark.parametrize("u", [-20.0, -5.0, -1.0 - 1e-9, -1.0 + 1e-9, 0.0, 0.3, 5.0])
@pytest.mark.parametrize("deviation", [0.01, 1.0, 30.0])
def test_the_expected_improvement_is_that_of_its_integral(u: float, deviation: float) -> None:
    from scipy import integrate

    # ∫ d φ(u + d), in units of the deviation, each factor relative to its largest value.
    scale = max(u, 0.0) ** 2 / 2 - u**2 / 2
    improvement, _ = integrate.quad(
        lambda d: d * math.exp(-((d - u) ** 2) / 2 - scale), 0, max(u, 0) + 40, points=[max(u, 0)]
    )
    expected = math.log(improvement / math.sqrt(2 * math.pi)) + scale + math.log(deviation)
    found = log_improvement(np.array([3.0 + u * deviation]), np.array([deviation**2]), 3.0)
    assert found[0] == pytest.approx(expected, abs=1e-5)


def test_the_expected_improvement_rises_with_the_mean_however_far_away() -> None:
    mean = -np.geomspace(1e8, 1e-3, 3000)
    found = log_improvement(mean, np.full(3000, 1.0), 0.0)
    assert np.isfinite(found).all()
    assert (np.diff(found) > 0).all()


# --- draws ---


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(SAMPLERS), st.integers(1, 40), st.integers(0, 6), st.integers(0, 10**6))
def test_what_is_drawn_lies_inside_the_ranges_is_new_and_the_same_for_one_seed(
    sampler: str, count: int, n: int, seed: int
) -> None:
    history = [
        Observation(s, None if k % 5 == 4 else value(s)) for k, s in enumerate(tried(count, seed))
    ]
    drawn = suggest(SPACE, history, n, seed, sampler=sampler)
    assert len(drawn) == n
    assert all(inside(SPACE, s) for s in drawn)
    assert all(type(s["units"]) is int and s["share"] in (0, 0.25, 0.5, 0.75, 1) for s in drawn)
    assert drawn == suggest(SPACE, history, n, seed, sampler=sampler)
    every = positions(SPACE, [*(t.settings for t in history), *drawn])
    for k in range(count, count + n):
        gaps = np.abs(np.delete(every, k, axis=0) - every[k]).max(axis=1)
        assert gaps.min() > CLOSE / 2  # some digits are lost between positions and settings


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_another_seed_draws_other_settings(sampler: str) -> None:
    history = [Observation(s, value(s)) for s in tried(20)]
    one, other = (suggest(SPACE, history, 3, seed, sampler=sampler) for seed in (1, 2))
    assert one != other


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_it_draws_where_values_are_good_and_more_so_the_more_it_knows(sampler: str) -> None:
    def distance(count: int) -> float:
        before = tried(count, seed=1)
        drawn = drawn_after(before, [value(s) for s in before], 20, sampler)
        return float(np.mean([-value(s) for s in drawn]))

    at_random = float(np.mean([-value(s) for s in tried(200)]))
    assert distance(60) < distance(12) < at_random
    assert distance(60) < 0.5


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_noise_does_not_lead_it_astray(sampler: str) -> None:
    rng = np.random.default_rng(0)
    before = tried(60)
    values = [value(s) + 0.5 * rng.standard_normal() for s in before]
    assert np.mean([-value(s) for s in drawn_after(before, values, 20, sampler)]) < 1.0


def test_the_larger_the_noise_the_more_draws_are_thompsons() -> None:
    def share(noise: float, seed: int) -> float:
        before = tried(60, seed)
        luck = np.random.default_rng(seed).standard_normal(60)
        values = np.array([value(s) for s in before]) + noise * luck
        model = fit(positions(SPACE, before), values, are_choices(SPACE))
        return _thompson_share(model, model.posterior(model.U)[0])

    for seed in range(2):
        assert share(0.0, seed) < 0.01 < share(0.1, seed) < 0.1 < share(0.5, seed) <= 1


@pytest.mark.parametrize("values", [[None], [None] * 9, [1.0], [0.5] * 30, [0.0, None, 1e300]])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_odd_values_are_no_fault(values: list[float | None], sampler: str) -> None:
    history = [Observation(s, v) for s, v in zip(tried(len(values)), values, strict=True)]
    assert len(suggest(SPACE, history, 4, 0, sampler=sampler)) == 4


def test_values_whose_model_is_nearly_flat_are_no_fault() -> None:
    space: dict[str, Parameter] = {"units": Int(1, 3)}
    values = [(3, -1e-300), (1, -1e308), (1, 1e308), (2, 1.0)]  # whose means differ by 1e-309
    history = [Observation({"units": units}, v) for units, v in values]
    assert len(suggest(space, history, 2, 0, sampler="model")) == 2


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_fewer_settings_than_draws_are_drawn_again(sampler: str) -> None:
    space: dict[str, Parameter] = {"kind": Categorical(("a", "b")), "one": Int(3, 3)}
    history = [Observation({"kind": "a", "one": 3}, 0.0)]
    drawn = suggest(space, history, 5, 0, sampler=sampler)
    assert drawn[0]["kind"] == "b"
    assert {s["kind"] for s in drawn} == {"a", "b"}


def test_while_settings_differ_by_noise_alone_some_draws_fill_gaps() -> None:
    ranges: dict[str, Parameter] = {"x": Float(0.0, 1.0)}
    for seed in range(5):
        rng = np.random.default_rng(seed)
        places = [*np.linspace(0.0, 0.55, 12), 0.95, 1.0]
        values = rng.standard_normal(len(places)).tolist()
        drawn = positions(ranges, draw(ranges, [{"x": float(x)} for x in places], values, 8, rng))
        assert ((drawn > 0.6) & (drawn < 0.9)).any()
