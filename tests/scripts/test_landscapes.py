"""Whole searches of made-up functions, one difficulty each, with fixed seeds."""

# Law 10: never narrow away from the best.

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import pytest

import hpo
from hpo.choose.samplers import SAMPLERS
from hpo.plan.space import Categorical, Parameter, from_mapping
from scripts.bench.search.landscapes import (
    LANDSCAPES,
    NOISE,
    SHAPES,
    SOON,
    TRIALS,
    Training,
    position,
)
from scripts.bench.search.running import recommended, searched
from studies import Study

QUICK = {
    "slope up, very steep",
    "slope down, linear in the position, noise",
    "slope up, diverges beyond a cliff, noise",
    "hill, one in seven trainings fails",
    "choices",
    "end outside, hill above",
}
SLOPES = [f"slope {way}, {shape}" for way in ("up", "down") for shape in SHAPES]


def check_ranges(study: Study, space: Mapping[str, Parameter]) -> None:
    """No verdict leaves out the best setting so far, or puts it on an edge that is not final; no range collapses."""
    trials, rounds = study.trials_frame(), study.summary()["rounds"]
    for before, after in pairwise(rounds):
        seen = trials[(trials["round"] <= before["round"]) & trials["value"].notna()]
        for name, first in space.items():
            now, following = (from_mapping(r["ranges"][name]) for r in (before, after))
            if seen.empty or isinstance(now, Categorical) or isinstance(first, Categorical):
                continue
            assert not isinstance(following, Categorical)
            assert following.low < following.high
            inside = seen[seen[name].between(now.low, now.high)]
            best = inside.loc[inside["value"].idxmax(), name]
            final = () if first.extend else (first.low, first.high)
            assert following.low < best < following.high or best in final, (name, best, following)


def named(names: list[str]) -> list[Any]:
    return [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in names]


@pytest.mark.parametrize("name", named(list(LANDSCAPES)))
def test_the_best_of_a_landscape_is_never_left_and_soon_met(name: str) -> None:
    landscape, seed = LANDSCAPES[name], 1
    training = Training(landscape, seed)
    with searched(
        training, space=dict(landscape.space), direction="maximize", trials=TRIALS, seed=seed
    ) as study:
        check_ranges(study, landscape.space)
        regret = landscape.best - landscape.truth(recommended(study))
        rounds = study.summary()["rounds"]
    assert training.calls <= TRIALS
    assert regret <= (3 * NOISE if landscape.noise else 0.02), regret
    for parameter in landscape.outside:
        actions = [r["verdicts"][parameter]["action"] for r in rounds]
        assert "extended" in actions[:SOON]


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOPES)
@pytest.mark.parametrize("sampler", ["model", "thompson", "tpe", "cmaes", "sobol", "random"])
def test_every_sampler_comes_to_the_end_of_a_slope(name: str, sampler: str) -> None:
    landscape = LANDSCAPES[name]
    with searched(
        Training(landscape, 0), space=dict(landscape.space), direction="maximize",
        trials=TRIALS, sampler=sampler,
    ) as study:  # fmt: skip
        check_ranges(study, landscape.space)
        reached = position(recommended(study)["rate"])
    # Samplers that don't learn draw anywhere in what is left of the range, whose end stays in it.
    assert abs(reached - ("up" in name)) <= (0.01 if SAMPLERS[sampler].learns else 0.05)


@pytest.mark.slow
@pytest.mark.parametrize("parameters", [1, 3, 9])
@pytest.mark.parametrize("trials", [24, 60, 300])
@pytest.mark.parametrize("halving", [None, 3])
def test_one_slope_among_parameters_without_effect(
    parameters: int, trials: int, halving: int | None
) -> None:
    space = {f"rate_{k}": hpo.Float(1e-5, 1.0, log=True, extend=False) for k in range(parameters)}

    def train(rates: Mapping[str, float]) -> Iterator[dict[str, float]]:
        for epoch in range(9):
            yield {"score": position(rates["rate_0"]) - 1 / (1 + epoch)}

    with searched(
        train, space=space, metric="score", direction="maximize", epochs=9, trials=trials,
        halving=halving,
    ) as study:  # fmt: skip
        check_ranges(study, space)
        rounds = study.summary()["rounds"]
        reached = position(recommended(study)["rate_0"])
    # A search with halving draws evenly, and 24 trainings are few.
    assert reached >= (0.99 if trials >= 60 and not halving else 0.9)
    others = [r["verdicts"][name]["action"] for r in rounds for name in list(space)[1:]]
    assert others.count("kept") >= 0.9 * len(others)
