"""Positions that may be drawn: evenly spread over the ranges, uniform in them, or near good settings."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hpo.choose.positions import ABSENT, Array, snapped
from hpo.choose.reach import final_ends
from hpo.plan.space import Categorical, Parameter

STEP_SIZES = (0.01, 0.05, 0.15)  # standard deviations of a local step, as shares of the range
PARAMETERS_MOVED = 3  # in a local step, on average
JUMP = 0.33  # the share of moves that go anywhere in the range, in place of a step
TRIES = 30  # hypercubes, of which `even` takes the best
MANY = 500  # positions, from which on any hypercube is as good


def even(ranges: Mapping[str, Parameter], count: int, rng: np.random.Generator) -> Array:
    """Positions (count, P) that are evenly spread over the ranges.

    They are a Latin hypercube (McKay et al. 1979): each range is cut into as many equal parts as there are positions,
    and each part has one. Of TRIES hypercubes it is the one whose closest two positions lie farthest apart; of MANY
    positions or more, it is the first.
    """
    from scipy.spatial.distance import pdist

    parts = np.tile(np.arange(count)[:, None], len(ranges))
    tries = ((rng.permuted(parts, axis=0) + rng.random(parts.shape)) / count for _ in range(TRIES))
    if count >= MANY:
        return _in_ranges(ranges, next(tries))
    return _in_ranges(ranges, max(tries, key=lambda X: pdist(X).min(initial=np.inf)))


def uniform(ranges: Mapping[str, Parameter], count: int, rng: np.random.Generator) -> Array:
    """Positions (count, P) uniform in the ranges."""
    return _in_ranges(ranges, rng.random((count, len(ranges))))


def _in_ranges(ranges: Mapping[str, Parameter], X: Array) -> Array:
    """Shares (M, P) of the ranges as positions, of whole numbers, steps and choices, too."""
    for column, parameter in enumerate(ranges.values()):
        if isinstance(parameter, Categorical):
            X[:, column] = np.floor(X[:, column] * len(parameter.choices))
    return snapped(ranges, X)


def near(
    ranges: Mapping[str, Parameter], centres: Array, each: int, rng: np.random.Generator
) -> Array:
    """Positions (C × each, P) near C centres: in each, a few parameters have moved, most of them by a small step.

    A step past an end goes to the end only if that is final. Else it is reflected, so that the best of a parameter
    without effect does not seem to lie at an end, past which its range would be extended. A parameter that does
    not apply in the centre is anywhere in its range where it applies.
    """
    X = np.repeat(centres, each, axis=0)
    count, parameters = X.shape
    step = rng.choice(STEP_SIZES, size=(count, 1)) * rng.standard_normal(X.shape)
    absent = X == ABSENT
    moves = rng.random(X.shape) < PARAMETERS_MOVED / (~absent).sum(axis=1, keepdims=True)
    moves[np.arange(count), rng.integers(parameters, size=count)] = True
    other = rng.random(X.shape)
    for column, parameter in enumerate(ranges.values()):
        if isinstance(parameter, Categorical):
            choice = np.floor(other[:, column] * len(parameter.choices))
            X[:, column] = np.where(moves[:, column] | absent[:, column], choice, X[:, column])
        else:
            far = moves[:, column] & (rng.random(count) < JUMP)
            lowest, highest = final_ends(parameter)
            moved = X[:, column] + moves[:, column] * step[:, column]
            moved = moved if lowest else np.abs(moved)
            moved = moved if highest else 1 - np.abs(1 - moved)
            X[:, column] = np.clip(moved, 0, 1)
            X[:, column] = np.where(far | absent[:, column], other[:, column], X[:, column])
    return snapped(ranges, X)
