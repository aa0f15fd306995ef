"""Parameters that apply in some settings only: what is drawn, how the model sees it, and how ranges are judged."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpo.choose.model import Model, _embedded, fit
from hpo.choose.narrowing import narrow
from hpo.choose.positions import ABSENT, are_choices, are_conditional, positions, setting
from hpo.choose.suggest import suggest
from hpo.choose.types import Observation
from hpo.plan.conditions import applies, inside
from hpo.plan.space import Categorical, Float, Int, Parameter, Settings, Space

OPTIMIZERS: Space = {
    "rate": Float(1e-4, 1, log=True),
    "momentum": Float(0, 1, when={"optimizer": "sgd"}),
    "optimizer": Categorical(("sgd", "adam", "plain")),
    "beta": Float(0, 1, when={"optimizer": "adam"}),
}


@st.composite
def spaces(draw: Any) -> Space:
    """Up to six parameters, each under conditions on up to two of the choices before it, in any order."""
    space: dict[str, Parameter] = {}
    choices: dict[str, tuple[Any, ...]] = {}
    for name in "abcdef"[: draw(st.integers(2, 6))]:
        parents = draw(st.lists(st.sampled_from([*choices]), max_size=2, unique=True)) if choices else []  # fmt: skip
        when = {p: draw(st.lists(st.sampled_from(choices[p]), min_size=1)) for p in parents} or None
        space[name] = draw(
            st.sampled_from(
                [
                    Categorical((1, True, "x"), when=when),
                    Categorical((0, 1), when=when),
                    Float(1e-3, 1, log=True, zero=0.3, when=when),
                    Int(1, 4, when=when),
                    Float(0, 1, step=0.25, when=when),
                ]
            )
        )
        if isinstance(made := space[name], Categorical):
            choices[name] = made.choices
    return {name: space[name] for name in draw(st.permutations([*space]))}


def history(space: Space, count: int, seed: int) -> list[Observation]:
    drawn = suggest(space, [], count, seed, sampler="random") if count else []
    values = [None if x < 0.1 else float(x) for x in np.random.default_rng(seed).random(count)]
    return [Observation(s, v) for s, v in zip(drawn, values, strict=True)]


# --- drawing ---


@settings(max_examples=10, deadline=None)
@given(spaces(), st.integers(0, 12), st.integers(0, 99), st.sampled_from(["model", "sobol", "tpe"]))
def test_settings_have_exactly_the_parameters_that_apply(
    space: Space, count: int, seed: int, sampler: str
) -> None:
    past = history(space, count, seed)
    drawn = suggest(space, past, 3, seed, sampler=sampler)
    for one in drawn:
        assert [*one] == [name for name in space if applies(name, space, one)]
        assert inside(space, one)
    tried = [*(t.settings for t in past), *drawn]
    U = positions(space, tried)
    assert (U == ABSENT).tolist() == [[name not in s for name in space] for s in tried]
    assert [{*setting(space, row)} for row in U] == [{*s} for s in tried]


@pytest.mark.parametrize("sampler", ["cmaes", "tpe", "model"])
def test_a_sampler_learns_where_a_conditional_parameter_is_good(sampler: str) -> None:
    def value(s: Settings) -> float:
        return -abs(float(s["momentum"] or 0) - 0.9) if "momentum" in s else -0.6

    past = [Observation(t.settings, value(t.settings)) for t in history(OPTIMIZERS, 40, 1)]
    drawn = suggest(OPTIMIZERS, past, 10, 0, sampler=sampler)
    if sampler == "model":
        assert np.mean([abs(float(s.get("momentum", 0) or 0) - 0.9) < 0.2 for s in drawn]) >= 0.5
    assert all(inside(OPTIMIZERS, s) for s in drawn)


def test_zeros_are_a_share_of_the_settings_that_have_the_parameter() -> None:
    space: Space = {**OPTIMIZERS, "momentum": Float(0.1, 1, zero=0.5, when={"optimizer": "sgd"})}
    drawn = suggest(space, [], 60, 0, sampler="sobol")
    having = [s["momentum"] for s in drawn if "momentum" in s]
    assert 10 < len(having) < 30
    assert abs(having.count(0.0) - len(having) / 2) <= 1


# --- the model ---


def test_the_covariance_counts_what_applies_in_both_settings() -> None:
    tried: list[Settings] = [
        {"rate": 0.1, "optimizer": "sgd", "momentum": 0.2},
        {"rate": 0.1, "optimizer": "sgd", "momentum": 0.7},
        {"rate": 0.1, "optimizer": "adam", "beta": 0.5},
        {"rate": 0.1, "optimizer": "plain"},
        {"rate": 0.01, "optimizer": "plain"},
    ]
    U = positions(OPTIMIZERS, tried)
    model = fit(U, np.arange(5.0), are_choices(OPTIMIZERS), are_conditional(OPTIMIZERS))
    K = model.kernel(U, U)
    assert K[0, 2] == pytest.approx(K[1, 2])  # whatever the momentum, one without it is as far
    assert K[0, 3] == pytest.approx(K[1, 3])
    assert K[0, 1] < K[0, 0]
    assert K[3, 4] < K[3, 3]
    assert K[2, 3] < K[3, 3]  # settings that differ in what applies differ


@settings(max_examples=20, deadline=None)
@given(spaces(), st.integers(0, 99))
def test_the_covariance_is_positive_definite_for_any_settings(space: Space, seed: int) -> None:
    U = positions(space, [t.settings for t in history(space, 40, seed)])
    lengths = np.exp(np.random.default_rng(seed).uniform(-2, 2, len(space)))
    kinds = are_choices(space), are_conditional(space)
    K = Model(lengths, 1.0, 0.1, *kinds, U, U[:, 0], np.eye(40), 0.0).kernel(U, U)
    assert np.linalg.eigvalsh(K).min() > -1e-9


def test_positions_are_almost_as_far_apart_as_without_a_condition() -> None:
    x = np.linspace(0, 1, 11)
    points = _embedded(np.array([*x, ABSENT]))
    apart = np.linalg.norm(points[:, None] - points, axis=2)
    np.testing.assert_allclose(apart[:11, :11], abs(x[:, None] - x), rtol=0.05)
    np.testing.assert_allclose(apart[:11, 11], 1.0)


# --- judging ---


def with_values(count: int, seed: int = 0) -> list[Observation]:
    """Momentum is best at 0.8, beta does not matter, and plain is hopeless."""

    def value(s: Settings) -> float:
        if "momentum" in s:
            return -float((float(s["momentum"] or 0) - 0.8) ** 2)
        return -0.01 if "beta" in s else -9.0

    return [Observation(t.settings, value(t.settings)) for t in history(OPTIMIZERS, count, seed)]


def test_a_verdict_rests_on_the_trials_in_which_the_parameter_applies() -> None:
    past = with_values(60)
    verdicts = narrow(OPTIMIZERS, past, "maximize")
    having = sum("momentum" in t.settings for t in past)
    assert verdicts["momentum"].evidence["trials"] == having < 60
    assert verdicts["rate"].evidence["trials"] == 60
    momentum = verdicts["momentum"].next
    assert isinstance(momentum, Float)
    assert verdicts["momentum"].action == "narrowed"
    assert 0.5 < momentum.low < 0.8 < momentum.high
    assert momentum.when == {"optimizer": ("sgd",)}
    assert verdicts["beta"].action == "kept"
    optimizer = verdicts["optimizer"].next
    assert isinstance(optimizer, Categorical)
    assert "plain" not in optimizer.choices
    # The same as if only these trials had been made.
    alone = {
        "rate": OPTIMIZERS["rate"],
        "momentum": Float(0, 1),
        "optimizer": Categorical(("sgd",)),
    }
    of_sgd = [t for t in past if "momentum" in t.settings]
    assert narrow(alone, of_sgd, "maximize")["momentum"].evidence == verdicts["momentum"].evidence


def test_few_trials_in_which_it_applies_are_too_few() -> None:
    past = [t for t in with_values(60) if "momentum" not in t.settings]
    some = [t for t in with_values(60) if "momentum" in t.settings][:7]
    verdict = narrow(OPTIMIZERS, past + some, "maximize")["momentum"]
    assert verdict.reason == "kept: 7 values are too few to tell (at least 8)"


def test_where_it_can_never_apply_any_more_the_range_stays() -> None:
    ranges: Space = {**OPTIMIZERS, "optimizer": Categorical(("adam", "plain"))}
    verdict = narrow(ranges, with_values(60), "maximize")["momentum"]
    assert (verdict.action, verdict.next) == ("kept", OPTIMIZERS["momentum"])
    assert verdict.reason == "kept: it applies to no choice that is left"
    assert all("momentum" not in s for s in suggest(ranges, with_values(60), 9, 0, sampler="model"))


@settings(max_examples=5, deadline=None)
@given(spaces(), st.integers(0, 99))
def test_the_best_setting_stays_inside(space: Space, seed: int) -> None:
    """Law 10: also where it has parameters that do not apply in others."""
    past = history(space, 30, seed)
    verdicts = narrow(space, past, "maximize", first=space)
    best = max((t for t in past if t.value is not None), key=lambda t: t.value or 0.0)
    assert inside({name: v.next for name, v in verdicts.items()}, best.settings)
