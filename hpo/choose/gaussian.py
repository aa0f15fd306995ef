"""Thompson sampling from a Gaussian process: settings that could be the best, given values that are noisy.

A Gaussian process predicts the value of every setting and how uncertain it is, from all trials together, so the values
around a lucky one correct it. Each setting of a batch is the best of one random draw of the whole function (Thompson
1933), so a batch spreads more widely where less is known.

Length scales and noise are fitted to the trials under weak priors (maximum a posteriori), because the likelihood of ten
trials alone overfits.

Notation. N trials, M candidates, P parameters; U (N, P) positions in the ranges, from 0 to 1, or indices of choices;
z (N,) standardized values; ℓ (P,) length scales, a the variance of the function and v that of the noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hpo.plan.space import Categorical, Float, Numeric, Parameter, Settings, at

Array = NDArray[np.float64]

MAX_TRIALS = 200  # that the model is fitted to; more make it slower, not better
UNIFORM_CANDIDATES = 600
LOCAL_CENTRES, LOCAL_CANDIDATES = 6, 60  # the best trials, and the candidates around each
STEP_SIZES = (0.05, 0.15)  # standard deviations of a local step, as shares of the range
MOVE_PROBABILITY = 0.6  # of each parameter in a local step
# Normal priors on logarithms: mean and standard deviation.
LENGTH_PRIOR, VARIANCE_PRIOR, NOISE_PRIOR = (np.log(0.7), 0.7), (0.0, 1.0), (np.log(0.2), 1.0)
BOUNDS = ((-2.5, 2.5), (-4.0, 3.0), (-6.0, 2.0))  # of the same three logarithms
ITERATIONS = 25
TOLERANCE = 1e-4  # the fit ends when a step changes the log posterior by a smaller share than this
JITTER = 1e-6
BAND = 96  # columns of a covariance that are computed at once


def thompson(
    ranges: Mapping[str, Parameter],
    settings: Sequence[Settings],
    values: Sequence[float | None],
    n: int,
    rng: np.random.Generator,
) -> list[Settings]:
    """Draw n settings inside `ranges` from at least one trial's settings and values (larger is better, None failed).

    No setting is drawn twice, or was tried before, unless every candidate was.
    """
    U, z = _positions(ranges, settings), _scaled(values)
    known = set(map(bytes, U))
    if len(z) > MAX_TRIALS:  # half are the best trials, half are evenly spaced among the others
        order, half = np.argsort(-z, kind="stable"), MAX_TRIALS // 2
        others = np.linspace(half, len(z) - 1, MAX_TRIALS - half).astype(int)
        chosen = np.sort(np.concatenate([order[:half], order[others]]))
        U, z = U[chosen], z[chosen]
    choices = np.array([isinstance(p, Categorical) for p in ranges.values()])
    model = _fitted(U, z, choices)
    means = _posterior(model, U, z, U, choices)[0]
    centres = U[np.argsort(-means, kind="stable")[:LOCAL_CENTRES]]
    X = _candidates(ranges, centres, rng)
    mean, across = _posterior(model, U, z, X, choices)
    noise = rng.standard_normal((len(X), n))
    drawn: list[Settings] = []
    is_new = np.array([bytes(position) not in known for position in X])
    for function in mean + (_root(model, X, across, choices) @ noise).T:
        if not is_new.any():  # fewer settings than draws
            is_new[:] = True
        best = int(np.argmax(np.where(is_new, function, -np.inf)))
        drawn.append(_setting(ranges, X[best]))
        is_new &= (X[best] != X).any(axis=1)
    return drawn


def _positions(ranges: Mapping[str, Parameter], settings: Sequence[Settings]) -> Array:
    """The positions (N, P) of N settings; a 0 beside a range counts as its low end."""
    columns = []
    for name, parameter in ranges.items():
        values = [s[name] for s in settings]
        if isinstance(parameter, Categorical):
            columns.append(np.array([parameter.choices.index(v) for v in values], float))
            continue
        column = np.array(values, float)
        if isinstance(parameter, Float) and parameter.zero:
            column[column == 0] = parameter.low
        columns.append(_relative(parameter, column))
    return np.ascontiguousarray(np.stack(columns, axis=1))


def _relative(parameter: Numeric, values: Array) -> Array:
    """`hpo.plan.space.position` of many values."""
    low, high = float(parameter.low), float(parameter.high)
    if low == high:
        return np.full(len(values), 0.5)
    if parameter.log:
        values, low, high = np.log(values), np.log(low), np.log(high)
    return (values - low) / (high - low)


def _setting(ranges: Mapping[str, Parameter], position: Array) -> Settings:
    """The setting at a position (P,)."""
    return {
        name: p.choices[int(x)] if isinstance(p, Categorical) else at(p, x)
        for (name, p), x in zip(ranges.items(), position.tolist(), strict=True)
    }


def _scaled(values: Sequence[float | None]) -> Array:
    """Values as multiples of the distance from the median to the best tenth.

    Low values are compressed, since how bad a setting is says little about where good ones are. A failed trial counts
    as the worst value.
    """
    known = np.array([v for v in values if v is not None])
    if not len(known):
        return np.zeros(len(values))
    middle = np.median(known)
    unit = np.quantile(known, 0.9) - middle or known.std() or 1.0
    z = np.array([np.nan if v is None else (v - middle) / unit for v in values])
    z = np.where(z < -1, -1 - np.log1p(np.maximum(-z - 1, 0)), z)
    return np.where(np.isnan(z), np.nanmin(z), z)


class _Model(NamedTuple):
    lengths: Array  # (P,)
    variance: float
    noise: float


def _distances(A: Array, B: Array, lengths: Array, choices: NDArray[np.bool_]) -> Array:
    """Squared distances (N, M) in units of the length scales; two different choices are a whole range apart."""
    from scipy.spatial.distance import cdist

    numeric = ~choices
    sides = (side[:, numeric] / lengths[numeric] for side in (A, B))
    total: Array = cdist(*sides, "sqeuclidean") if numeric.any() else np.zeros((len(A), len(B)))
    for column in np.flatnonzero(choices):
        total += (A[:, column, None] != B[:, column]) / lengths[column] ** 2
    return total


def _matern(distances: Array) -> tuple[Array, Array, Array]:
    """Matérn 5/2 of squared distances (Rasmussen and Williams 2006, eq. 4.17), with its r and exp -r.

    It works in place, because memory traffic dominates its cost.
    """
    r = np.multiply(distances, 5)
    np.sqrt(r, out=r)
    decay = np.negative(r)
    np.exp(decay, out=decay)
    shape = np.multiply(r, 1 / 3)
    shape += 1
    shape *= r
    shape += 1
    shape *= decay
    return shape, r, decay


def _fitted(U: Array, z: Array, choices: NDArray[np.bool_]) -> _Model:
    """The maximum a posteriori model, with the function's mean integrated out (the same, eq. 2.45)."""
    from scipy.linalg import cho_factor
    from scipy.linalg.lapack import dpotri
    from scipy.optimize import minimize

    parameters, count = U.shape[1], len(U)
    steps = U.T[:, :, None] - U.T[:, None, :]
    squares = np.where(choices[:, None, None], steps != 0, steps**2).reshape(parameters, -1)
    prior = np.array([LENGTH_PRIOR] * parameters + [VARIANCE_PRIOR, NOISE_PRIOR])
    bounds = [BOUNDS[0]] * parameters + [*BOUNDS[1:]]
    ones, identity = np.ones(count), np.eye(count)

    def objective(logs: Array) -> tuple[float, Array]:
        """The negative log posterior and its gradient."""
        lengths, (variance, noise) = np.exp(logs[:-2]), np.exp(logs[-2:])
        shape, r, decay = _matern((lengths**-2 @ squares).reshape(count, count))
        factor = cho_factor(variance * shape + (noise + JITTER) * identity, lower=True)
        below = np.tril(dpotri(factor[0], lower=1)[0])
        inverse = below + np.tril(below, -1).T
        row_sums = inverse @ ones
        weights = inverse @ z - row_sums * (row_sums @ z) / row_sums.sum()
        value = (
            weights @ z / 2
            + np.log(np.diag(factor[0])).sum()
            + np.log(row_sums.sum()) / 2
            + (((logs - prior[:, 0]) / prior[:, 1]) ** 2).sum() / 2
        )
        # For every hyperparameter, d value = tr(G dK) / 2.
        G = inverse - np.outer(weights, weights) - np.outer(row_sums, row_sums) / row_sums.sum()
        # The factor that all derivatives by log ℓ share, beside (squares / ℓ²).
        slope = (5 / 3) * (1 + r) * decay
        by_length = variance * (squares @ (G * slope).ravel()) / lengths**2
        gradient = [*by_length, variance * (G * shape).sum(), noise * np.trace(G)]
        return value, np.array(gradient) / 2 + (logs - prior[:, 0]) / prior[:, 1] ** 2

    logs = minimize(
        objective,
        prior[:, 0],
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": ITERATIONS, "ftol": TOLERANCE},
    ).x
    return _Model(np.exp(logs[:-2]), float(np.exp(logs[-2])), float(np.exp(logs[-1])))


def _kernel(model: _Model, A: Array, B: Array, choices: NDArray[np.bool_]) -> Array:
    """The covariance (N, M) of the values at A and at B."""
    shape = _matern(_distances(A, B, model.lengths, choices))[0]
    shape *= model.variance
    return shape


def _posterior(
    model: _Model, U: Array, z: Array, X: Array, choices: NDArray[np.bool_]
) -> tuple[Array, Array]:
    """The mean (M,) of the function at X, and V = L⁻¹ k(U, X) (N, M), where L is the Cholesky factor of the trials'
    covariance. The posterior covariance at X is k(X, X) - VᵀV (the same, alg. 2.1).
    """
    from scipy.linalg import solve_triangular

    K = _kernel(model, U, U, choices) + (model.noise + JITTER) * np.eye(len(U))
    root = np.linalg.cholesky(K)
    ones, values, across = (
        solve_triangular(root, side, lower=True)
        for side in (np.ones(len(U)), z, _kernel(model, U, X, choices))
    )
    middle = (ones @ values) / (ones @ ones)
    return middle + across.T @ (values - middle * ones), across


def _root(model: _Model, X: Array, across: Array, choices: NDArray[np.bool_]) -> Array:
    """The Cholesky factor (M, M) of the posterior covariance at X."""
    from scipy.linalg import cholesky
    from scipy.linalg.blas import dsyrk

    # The lower triangle is enough, and is computed in bands that fit the cache.
    covariance = np.empty((len(X), len(X)), order="F")
    for begin in range(0, len(X), BAND):
        end = begin + BAND
        covariance[begin:, begin:end] = _kernel(model, X[begin:end], X[begin:], choices).T
    covariance.ravel("K")[:: len(X) + 1] += JITTER
    unknown = dsyrk(-1.0, across, beta=1.0, c=covariance, trans=1, lower=1, overwrite_c=1)
    root: Array = cholesky(unknown, lower=True, overwrite_a=True, check_finite=False)
    return root


def _candidates(ranges: Mapping[str, Parameter], centres: Array, rng: np.random.Generator) -> Array:
    """Candidate positions (M, P): some uniform in the ranges, others near the best trials, which are the centres."""
    uniform = rng.random((UNIFORM_CANDIDATES, len(ranges)))
    near = np.repeat(centres, LOCAL_CANDIDATES, axis=0)
    step = rng.choice(STEP_SIZES, size=(len(near), 1)) * rng.standard_normal(near.shape)
    moves = rng.random(near.shape) < MOVE_PROBABILITY
    drawn = rng.random(near.shape)
    for column, parameter in enumerate(ranges.values()):
        if isinstance(parameter, Categorical):
            count = len(parameter.choices)
            uniform[:, column] = np.floor(uniform[:, column] * count)
            other = moves[:, column] & (drawn[:, column] < 1 / count)
            choice = np.floor(rng.random(len(near)) * count)
            near[:, column] = np.where(other, choice, near[:, column])
        else:
            moved = near[:, column] + moves[:, column] * step[:, column]
            near[:, column] = np.clip(moved, 0, 1)
    X = np.concatenate([uniform, near])
    for column, parameter in enumerate(ranges.values()):
        if isinstance(parameter, Categorical):
            continue
        if parameter.step is not None or parameter.low == parameter.high:
            values = [float(at(parameter, x)) for x in X[:, column].tolist()]
            X[:, column] = _relative(parameter, np.array(values))
    return X
