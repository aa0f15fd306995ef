"""Where the best setting may still be: functions drawn from what is believed, and where each of them has its best.

A sampler that learns draws most settings near good ones, which a test that compares better and worse trials would
misread. The belief (`hpo.choose.belief`) would not, since it knows where it has looked. No function has its best where
trainings likely fail.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hpo.choose.belief import Belief, believe
from hpo.choose.candidates import near, uniform
from hpo.choose.model import MAX_TRIALS
from hpo.choose.positions import Array, are_choices, are_conditional, positions, snapped
from hpo.choose.types import Observation
from hpo.plan.space import Categorical, Parameter

FEWEST = 8  # values that a verdict rests on
FUNCTIONS = 256  # drawn for each parameter
MOST_FLAT = 0.5  # of them, where noise alone may be what makes settings differ
CENTRES = 6  # the best settings
STEPS = 24  # the values of one parameter that are tried in each of the best settings
# Further candidates: in the whole range, and near each of the best settings.
UNIFORM, LOCAL = 200, 10


@dataclass(frozen=True)
class Places:
    """Of each parameter that always applies: where each function has its best (FUNCTIONS,), and the best settings (B,).

    The first `flat` functions are flat.
    """

    places: dict[str, Array]
    flat: int
    best: dict[str, Array]


def places_of_best(ranges: Mapping[str, Parameter], trials: Sequence[Observation]) -> Places | str:
    """The places that some trials tell of, or why they tell nothing."""
    values = [t.value for t in trials]
    known = [v for v in values if v is not None]
    if len(known) < FEWEST:
        return f"{len(known)} values are too few to tell (at least {FEWEST})"
    highest = max(known)
    if highest == min(known):
        return "all values are equal"
    U = positions(ranges, [t.settings for t in trials])
    belief = believe(U, values, are_choices(ranges), are_conditional(ranges))
    rng = np.random.default_rng(0)  # a verdict is a function of the history
    tried = U[belief.succeeded]
    order = np.argsort(-belief.values.posterior(tried)[0], kind="stable")
    _, different = np.unique(tried[order], axis=0, return_index=True)
    ranked = tried[order][np.sort(different)]
    centres = ranked[:CENTRES]
    everywhere = np.vstack(
        [ranked[:MAX_TRIALS], uniform(ranges, UNIFORM, rng), near(ranges, centres, LOCAL, rng)]
    )
    start = min(len(ranked), MAX_TRIALS)
    anywhere = start, start + UNIFORM
    best = np.vstack([U[values.index(highest)], ranked[0]])
    judged = [(k, name, p) for k, (name, p) in enumerate(ranges.items()) if p.when is None]
    places = {
        name: _places(
            belief, np.vstack([everywhere, _sweep(p, ranges, centres, k)]), anywhere, k, rng
        )
        for k, name, p in judged
    }
    return Places(places, _flat(belief), {name: best[:, k] for k, name, _ in judged})


def _flat(belief: Belief) -> int:
    """How many of the functions are flat, since only noise may make settings differ."""
    return round(min(belief.values.doubt, MOST_FLAT) * FUNCTIONS)


def _places(
    belief: Belief, X: Array, anywhere: tuple[int, int], column: int, rng: np.random.Generator
) -> Array:
    """Where functions drawn from the belief have their best among the candidates X, in one parameter.

    Each has its best where trainings succeed. The first of them are flat, and have their best anywhere there: at one of
    the candidates from the first to before the second of `anywhere`, which are uniform. So noise alone narrows nothing.
    """
    functions, fails = belief.draws(X, FUNCTIONS, rng)
    best = np.argmax(functions, axis=1)
    flat, (begin, end) = _flat(belief), anywhere
    which = rng.integers(begin, end, flat) - begin
    so_far = np.cumsum(~fails[:flat, begin:end], axis=1)  # candidates where trainings succeed
    which %= np.maximum(so_far[:, -1], 1)
    best[:flat] = begin + np.argmax(so_far > which[:, None], axis=1)
    return np.asarray(X[best, column])


def _sweep(
    parameter: Parameter, ranges: Mapping[str, Parameter], centres: Array, column: int
) -> Array:
    """The centres with one parameter moved all over its range, so that one without effect has its best anywhere."""
    if isinstance(parameter, Categorical):
        values = np.arange(float(len(parameter.choices)))
    else:
        values = np.linspace(0.0, 1.0, STEPS)
    X = np.repeat(centres, len(values), axis=0)
    X[:, column] = np.tile(values, len(centres))
    return snapped(ranges, X)
