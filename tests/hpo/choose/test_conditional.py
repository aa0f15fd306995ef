"""Settings that are drawn have exactly the parameters that apply, whatever was drawn before."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hpo.choose.positions import ABSENT, positions, setting
from hpo.choose.suggest import suggest
from hpo.choose.types import Observation
from hpo.plan.conditions import applies, inside
from hpo.plan.space import Categorical, Float, Int, Parameter, Settings, Space

OPTIMIZERS: Space = {
    "rate": Float(1e-4, 1, log=True),
    "momentum": Float(0, 0.99, when={"optimizer": "sgd"}),
    "optimizer": Categorical(("sgd", "adam", "plain")),
    "beta": Float(0.5, 0.999, when={"optimizer": "adam"}),
}


@st.composite
def spaces(draw: Any) -> Space:
    """Up to six parameters, each under up to two conditions on choices that come before it in a hidden order."""
    space: dict[str, Parameter] = {}
    for name in "abcdef"[: draw(st.integers(2, 6))]:
        parents = [n for n, p in space.items() if isinstance(p, Categorical)]
        when = (
            {
                parent: draw(
                    st.lists(st.sampled_from(space[parent].choices), min_size=1, unique=True)
                )  # type: ignore[union-attr]
                for parent in draw(st.lists(st.sampled_from(parents), max_size=2, unique=True))
            }
            if parents
            else {}
        )
        space[name] = draw(
            st.sampled_from(
                [
                    Categorical((1, True, "x"), when=when or None),
                    Categorical((0, 1), when=when or None),
                    Float(0, 1, zero=0.3, limit=(0, 2), when=when or None)
                    if False
                    else Float(1e-3, 1, log=True, zero=0.3, when=when or None),
                    Int(1, 4, when=when or None),
                    Float(0, 1, step=0.25, when=when or None),
                ]
            )
        )
    names = draw(st.permutations(list(space)))
    return {name: space[name] for name in names}


def history(space: Space, count: int, seed: int, sampler: str = "random") -> list[Observation]:
    rng = np.random.default_rng(seed)
    drawn = suggest(space, [], count, seed, sampler=sampler) if count else []
    values = [None if x < 0.1 else float(x) for x in rng.random(count)]
    return [Observation(s, v) for s, v in zip(drawn, values, strict=True)]


def exactly_what_applies(space: Space, one: Settings) -> bool:
    return list(one) == [name for name in space if applies(name, space, one)]


@settings(max_examples=25, deadline=None)
@given(spaces(), st.integers(0, 12), st.integers(0, 99), st.sampled_from(["model", "sobol", "tpe"]))
def test_settings_have_exactly_the_parameters_that_apply(
    space: Space, count: int, seed: int, sampler: str
) -> None:
    past = history(space, count, seed)
    drawn = suggest(space, past, 3, seed, sampler=sampler)
    assert all(exactly_what_applies(space, s) and inside(space, s) for s in drawn)
    everything = [*past, *(Observation(s, 0.5 * k) for k, s in enumerate(drawn))]
    U = positions(space, [t.settings for t in everything])
    absent = [[name not in t.settings for name in space] for t in everything]
    assert (U == ABSENT).tolist() == absent
    assert [set(setting(space, row)) for row in U] == [set(t.settings) for t in everything]
