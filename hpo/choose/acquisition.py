"""Which settings to try next, by what is believed of them after the trials so far (`hpo.choose.belief`).

Where values have little noise, each setting of a batch has the largest expected improvement on the best so far (Jones
et al. 1998). Where the noise is large, it is the best of one random draw of the whole function (Thompson 1933), which
spreads more widely: on measured tables, that is what each is better at (scripts/bench/RESULTS.md). As long as noise
alone may be what makes settings differ, up to a quarter of the draws fill the gaps between those tried: else a search
runs after noise, and misses a narrow hill between them. The first two ways draw the less, the likelier trainings fail.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from hpo.choose.belief import Belief, believe
from hpo.choose.candidates import near, uniform
from hpo.choose.model import JITTER, SMALLEST_VARIANCE, Model
from hpo.choose.positions import Array, Mask, are_choices, are_conditional, positions, setting
from hpo.plan.space import Parameter, Settings

UNIFORM_CANDIDATES = 600
LOCAL_CENTRES, LOCAL_CANDIDATES = 6, 60  # the best trials, and the candidates around each
CLIMBS = 2  # how often candidates are added around the best candidates
CLIMBERS = 3  # how many candidates are the best ones then
MOST_FILLING = 0.25  # of the draws fill gaps, at most
GAPS = 64  # uniform candidates for each draw that fills a gap
CLOSE = 0.002  # settings that differ by less in each parameter, as shares of the ranges, count as the same
NOISY = 0.2
"""The noise's standard deviation, as a share of the distance from the median to the best setting, from which on all
draws are Thompson's."""


def draw(
    ranges: Mapping[str, Parameter],
    settings: Sequence[Settings],
    values: Sequence[float | None],
    n: int,
    rng: np.random.Generator,
    *,
    thompson: bool = False,
    training: Sequence[Settings] = (),
) -> list[Settings]:
    """Draw n settings inside `ranges` from at least one trial's settings and values (larger is better, None failed).

    With `thompson`, all draws are Thompson's. No setting is drawn twice, was tried before, or is `training`, unless
    every candidate was.
    """
    U = positions(ranges, settings)
    belief = believe(U, values, are_choices(ranges), are_conditional(ranges))
    model = belief.values
    expected = model.posterior(model.U)[0]
    best = float(expected.max())
    filling = int(min(MOST_FILLING, model.doubt) * n + rng.random())
    n -= filling
    by_thompson = n if thompson else int(_thompson_share(model, expected) * n + rng.random())
    centres = model.U[np.argsort(-expected, kind="stable")[:LOCAL_CENTRES]]
    spread = uniform(ranges, UNIFORM_CANDIDATES, rng)
    local = near(ranges, centres, LOCAL_CANDIDATES, rng)
    pending = positions(ranges, training)
    candidates = _candidates(belief, np.concatenate([pending, spread, local]))
    for _ in range(CLIMBS if by_thompson < n else 0):
        X, mean, V, log_success = candidates
        scores = log_improvement(mean, model.variances(V), best) + log_success
        top = np.argsort(-scores, kind="stable")
        more = near(ranges, X[top[:CLIMBERS]], LOCAL_CANDIDATES, rng)
        candidates = _joined(candidates, _candidates(belief, more))
    X = candidates.X
    is_new = _are_new(X, np.concatenate([U, pending]))
    chosen = _most_improving(model, candidates, is_new, best, n - by_thompson, len(pending))
    if by_thompson:
        functions, _ = belief.draws(X, by_thompson, rng)
        chosen += [_take(function, X, is_new) for function in functions]
    begin = len(pending)  # after which X has the uniform candidates
    gaps = slice(begin, begin + min(GAPS * filling, UNIFORM_CANDIDATES))
    known = np.concatenate([U, pending, X[chosen]])
    chosen += _in_gaps(model, X, gaps, known, is_new, filling)
    return [setting(ranges, X[k]) for k in chosen]


def _thompson_share(model: Model, expected: Array) -> float:
    """The share of Thompson's draws: all of them if the noise is NOISY × the distance from the median to the best."""
    gap = float(expected.max() - np.median(expected))
    deviation = float(np.sqrt(model.noise))
    return 1.0 if deviation >= NOISY * gap else (deviation / (NOISY * gap)) ** 2


class _Candidates(NamedTuple):
    """Positions X (M, P), what `Model.posterior` says of them, and the logarithm (M,) of the probability of success."""

    X: Array
    mean: Array
    V: Array
    log_success: Array


def _candidates(belief: Belief, X: Array) -> _Candidates:
    return _Candidates(X, *belief.values.posterior(X), belief.log_success(X))


def _joined(some: _Candidates, more: _Candidates) -> _Candidates:
    return _Candidates(
        np.vstack([some.X, more.X]),
        np.append(some.mean, more.mean),
        np.hstack([some.V, more.V]),
        np.append(some.log_success, more.log_success),
    )


def _are_new(X: Array, known: Array) -> Mask:
    """Which positions (M,) are not CLOSE to any that is known."""
    from scipy.spatial import cKDTree

    distances, _ = cKDTree(known).query(X, p=np.inf, distance_upper_bound=CLOSE)
    return np.asarray(np.isinf(distances))


def _most_improving(
    model: Model, candidates: _Candidates, is_new: Mask, best: float, n: int, pending: int
) -> list[int]:
    """The n candidates of the largest expected improvement, one after another, as if each had its expected value.

    So the variance falls around each, and the next one lies elsewhere (the kriging believer of Ginsbourger et al.
    2010). A training that fails improves nothing. The first `pending` candidates are in training, and count as chosen.
    """
    X, mean, V, log_success = candidates
    variances = model.variances(V)
    begin = len(V)
    V = np.vstack([V, np.empty((pending + n, len(X)))])
    chosen: list[int] = []
    for end in range(begin, len(V)):
        k = len(chosen)
        if k >= pending:
            k = _take(log_improvement(mean, variances, best) + log_success, X, is_new)
        chosen.append(k)
        V[end] = model.kernel(X[k : k + 1], X)[0] - V[:end, k] @ V[:end]
        V[end] /= np.sqrt(variances[k] + model.noise + JITTER)
        variances = np.maximum(variances - V[end] ** 2, SMALLEST_VARIANCE)
    return chosen[pending:]


def _in_gaps(model: Model, X: Array, gaps: slice, known: Array, is_new: Mask, n: int) -> list[int]:
    """n of the candidates X[gaps], one after another, each the farthest from all settings that are known by then."""
    if not n:
        return []
    far = np.full(len(X), -1.0)
    far[gaps] = model.distances(X[gaps], known).min(axis=1)
    chosen: list[int] = []
    for _ in range(n):
        chosen.append(_take(far, X, is_new))
        far[gaps] = np.minimum(far[gaps], model.distances(X[gaps], X[chosen[-1:]])[:, 0])
    return chosen


def _take(scores: Array, X: Array, is_new: Mask) -> int:
    """The new candidate of the highest score; it and those close to it are not new any more."""
    if not is_new.any():  # fewer settings than draws
        is_new[:] = True
    chosen = int(np.argmax(np.where(is_new, scores, -np.inf)))
    is_new &= _differs(X, X[chosen])
    return chosen


def log_improvement(mean: Array, variances: Array, best: float) -> Array:
    """The logarithm of the expected improvement on `best`, which underflows far from it (Ament et al. 2023, eq. 9)."""
    from scipy import special

    deviations = np.sqrt(variances)
    u = (mean - best) / deviations
    density = -(u**2) / 2 - np.log(2 * np.pi) / 2
    near_best = u > -1
    result = np.empty_like(u)
    v = u[near_best]
    result[near_best] = np.log(np.exp(density[near_best]) + v * special.ndtr(v))
    v = u[~near_best]
    # log(1 + v Φ(v) / φ(v)), which is about log(1 / v²) far out.
    ratio = np.sqrt(np.pi / 2) * special.erfcx(-v / np.sqrt(2))
    rest = np.where(v < -1e3, v**-2, np.maximum(1 + v * ratio, 1e-300))
    result[~near_best] = density[~near_best] + np.log(rest)
    return np.asarray(result + np.log(deviations))


def _differs(X: Array, position: Array) -> Mask:
    """Which candidates differ from a position in one parameter at least by more than CLOSE."""
    return np.asarray((np.abs(X - position) > CLOSE).any(axis=1))
