"""Thompson sampling from a Gaussian process: settings that could be the best, given values that are noisy.

A Gaussian process says of every setting what value to expect and how sure that is, learned from all trials together: so
a value that was luck is seen for what it is by the values around it. Each setting of a batch is the best of one random
draw of the whole function (Thompson 1933), so that a batch spreads as widely as the knowledge is poor.

How far values go together along each parameter, and how noisy they are, is fitted to the trials and to weak beliefs
about such things (maximum a posteriori): with ten trials the likelihood alone believes in anything.

Notation. N trials, M candidates, P parameters; U (N, P) positions in the ranges, from 0 to 1, or numbers of choices;
z (N,) values on a scale of their own; ℓ (P,) length scales, a the variance of the function and v that of the noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hpo.plan.space import Categorical, Float, Numeric, Parameter, Settings, at

Array = NDArray[np.float64]

MOST = 200  # trials that are learned from; more make it slow, not better
ANYWHERE = 600  # candidates
BEST, NEAR = 6, 60  # so many around each of so many of the best
STEPS = (0.05, 0.15)  # how far from it, as a share of the range
MOVED = 0.6  # of its parameters
# Beliefs about logarithms: mean and standard deviation.
LENGTH, VARIANCE, NOISE = (np.log(0.7), 0.7), (0.0, 1.0), (np.log(0.2), 1.0)
BOUNDS = ((-2.5, 2.5), (-4.0, 3.0), (-6.0, 2.0))  # of the same three
ITERATIONS = 25
FLAT = 1e-4  # where a step changes the log posterior by less than this share of it, it is found well enough
JITTER = 1e-6
BAND = 96  # columns of a covariance that are worked out at once


def thompson(
    ranges: Mapping[str, Parameter],
    settings: Sequence[Settings],
    values: Sequence[float | None],
    n: int,
    rng: np.random.Generator,
) -> list[Settings]:
    """n settings inside `ranges`, given settings (at least one) and their values, larger better; None failed.

    None of them was tried before, or is drawn twice, while there are others.
    """
    U, z = _positions(ranges, settings), _scaled(values)
    known = set(map(bytes, U))
    if len(z) > MOST:  # the better half of them, and of the others as many evenly spaced
        order = np.argsort(-z, kind="stable")
        others = np.linspace(MOST // 2, len(z) - 1, MOST - MOST // 2).astype(int)
        chosen = np.sort(np.concatenate([order[: MOST // 2], order[others]]))
        U, z = U[chosen], z[chosen]
    choices = np.array([isinstance(p, Categorical) for p in ranges.values()])
    model = _fitted(U, z, choices)
    seen = U[np.argsort(-_expected(model, U, z, choices), kind="stable")[:BEST]]
    X = _candidates(ranges, seen, rng)
    mean, across = _posterior(model, U, z, X, choices)
    noise = rng.standard_normal((len(X), n))
    drawn: list[Settings] = []
    left = np.array([bytes(place) not in known for place in X])
    for function in mean + (_root(model, X, across, choices) @ noise).T:
        if not left.any():  # fewer settings than draws
            left[:] = True
        best = int(np.argmax(np.where(left, function, -np.inf)))
        drawn.append(_setting(ranges, X[best]))
        left &= (X[best] != X).any(axis=1)
    return drawn


def _positions(ranges: Mapping[str, Parameter], settings: Sequence[Settings]) -> Array:
    """Where settings (N) stand in the ranges (N, P); the 0 beside a range at its low end."""
    columns = []
    for name, parameter in ranges.items():
        values = [s[name] for s in settings]
        if isinstance(parameter, Categorical):
            columns.append(np.array([parameter.choices.index(v) for v in values], float))
            continue
        numbers = np.array(values, float)
        if isinstance(parameter, Float) and parameter.zero:
            numbers[numbers == 0] = parameter.low
        columns.append(_places(parameter, numbers))
    return np.ascontiguousarray(np.stack(columns, axis=1))


def _places(parameter: Numeric, values: Array) -> Array:
    """`hpo.plan.space.position` of many values."""
    low, high = float(parameter.low), float(parameter.high)
    if low == high:
        return np.full(len(values), 0.5)
    if parameter.log:
        values, low, high = np.log(values), np.log(low), np.log(high)
    return (values - low) / (high - low)


def _setting(ranges: Mapping[str, Parameter], where: Array) -> Settings:
    """The setting that stands there."""
    return {
        name: p.choices[int(x)] if isinstance(p, Categorical) else at(p, x)
        for (name, p), x in zip(ranges.items(), where.tolist(), strict=True)
    }


def _scaled(values: Sequence[float | None]) -> Array:
    """Values as multiples of the distance from the median to the best tenth; what is far below is drawn nearer.

    How bad the bad ones are says little of where the good ones are. One that failed is as bad as the worst.
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


def _squares(A: Array, B: Array, choices: NDArray[np.bool_]) -> Array:
    """Squared distances along each parameter (P, N, M): two choices that differ are a whole range apart."""
    apart = A.T[:, :, None] - B.T[:, None, :]
    return np.where(choices[:, None, None], apart != 0, apart**2)


def _apart(A: Array, B: Array, lengths: Array, choices: NDArray[np.bool_]) -> Array:
    """Squared distances in units of the length scales (N, M): the same, summed."""
    from scipy.spatial.distance import cdist

    numbers = ~choices
    sides = (side[:, numbers] / lengths[numbers] for side in (A, B))
    total: Array = cdist(*sides, "sqeuclidean") if numbers.any() else np.zeros((len(A), len(B)))
    for column in np.flatnonzero(choices):
        total += (A[:, column, None] != B[:, column]) / lengths[column] ** 2
    return total


def _matern(apart: Array) -> tuple[Array, Array, Array]:
    """Matérn 5/2 of squared distances (Rasmussen and Williams 2006, eq. 4.17), and r and exp -r in it."""
    # Passes over memory are what it costs, so they are few.
    r = np.multiply(apart, 5)
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
    """The most probable model, with the unknown mean of the function integrated out (the same, eq. 2.45)."""
    from scipy.linalg import cho_factor
    from scipy.linalg.lapack import dpotri
    from scipy.optimize import minimize

    parameters, count = U.shape[1], len(U)
    squares = _squares(U, U, choices).reshape(parameters, -1)
    belief = np.array([LENGTH] * parameters + [VARIANCE, NOISE])
    bounds = [BOUNDS[0]] * parameters + [*BOUNDS[1:]]
    ones, identity = np.ones(count), np.eye(count)

    def surprise(logs: Array) -> tuple[float, Array]:
        """Minus the log posterior, and its gradient."""
        lengths, (variance, noise) = np.exp(logs[:-2]), np.exp(logs[-2:])
        shape, r, decay = _matern((lengths**-2 @ squares).reshape(count, count))
        factor = cho_factor(variance * shape + (noise + JITTER) * identity, lower=True)
        below = np.tril(dpotri(factor[0], lower=1)[0])
        inverse = below + np.tril(below, -1).T
        told = inverse @ ones
        weights = inverse @ z - told * (told @ z) / told.sum()
        value = (
            weights @ z / 2
            + np.log(np.diag(factor[0])).sum()
            + np.log(told.sum()) / 2
            + (((logs - belief[:, 0]) / belief[:, 1]) ** 2).sum() / 2
        )
        # d value = tr(G dK) / 2 for this G, whichever number of the model K is moved by.
        G = inverse - np.outer(weights, weights) - np.outer(told, told) / told.sum()
        # What the derivatives by log ℓ have in common, beside (squares / ℓ²).
        slope = (5 / 3) * (1 + r) * decay
        by_length = variance * (squares @ (G * slope).ravel()) / lengths**2
        moved = [*by_length, variance * (G * shape).sum(), noise * np.trace(G)]
        return value, np.array(moved) / 2 + (logs - belief[:, 0]) / belief[:, 1] ** 2

    found = minimize(
        surprise,
        belief[:, 0],
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": ITERATIONS, "ftol": FLAT},
    ).x
    return _Model(np.exp(found[:-2]), float(np.exp(found[-2])), float(np.exp(found[-1])))


def _kernel(model: _Model, A: Array, B: Array, choices: NDArray[np.bool_]) -> Array:
    """How values at A and at B go together (N, M)."""
    shape = _matern(_apart(A, B, model.lengths, choices))[0]
    shape *= model.variance
    return shape


def _posterior(
    model: _Model, U: Array, z: Array, X: Array, choices: NDArray[np.bool_]
) -> tuple[Array, Array]:
    """What the function is expected to be at X (M,), and L⁻¹ k(U, X) (N, M), L being the root of the trials'
    covariance: k(X, X) less the product of it with itself is what is still unknown (the same, alg. 2.1).
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
    """The Cholesky factor of what is still unknown at X (M, M)."""
    from scipy.linalg import cholesky
    from scipy.linalg.blas import dsyrk

    # It equals its transpose, so one half is enough; in bands, which stay in the cache.
    covariance = np.empty((len(X), len(X)), order="F")
    for begin in range(0, len(X), BAND):
        end = begin + BAND
        covariance[begin:, begin:end] = _kernel(model, X[begin:end], X[begin:], choices).T
    covariance.ravel("K")[:: len(X) + 1] += JITTER
    left = dsyrk(-1.0, across, beta=1.0, c=covariance, trans=1, lower=1, overwrite_c=1)
    root: Array = cholesky(left, lower=True, overwrite_a=True, check_finite=False)
    return root


def _expected(model: _Model, U: Array, z: Array, choices: NDArray[np.bool_]) -> Array:
    """The mean at the trials themselves (N,)."""
    return _posterior(model, U, z, U, choices)[0]


def _candidates(ranges: Mapping[str, Parameter], seen: Array, rng: np.random.Generator) -> Array:
    """Where settings stand (M, P) that are anywhere in the ranges, and some near good ones (B, P)."""
    anywhere = rng.random((ANYWHERE, len(ranges)))
    near = np.repeat(seen, NEAR, axis=0)
    step = rng.choice(STEPS, size=(len(near), 1)) * rng.standard_normal(near.shape)
    moved = rng.random(near.shape) < MOVED
    drawn = rng.random(near.shape)
    for column, parameter in enumerate(ranges.values()):
        if isinstance(parameter, Categorical):
            count = len(parameter.choices)
            anywhere[:, column] = np.floor(anywhere[:, column] * count)
            other = moved[:, column] & (drawn[:, column] < 1 / count)
            near[:, column] = np.where(
                other, np.floor(rng.random(len(near)) * count), near[:, column]
            )
        else:
            far = near[:, column] + moved[:, column] * step[:, column]
            near[:, column] = np.clip(far, 0, 1)
    X = np.concatenate([anywhere, near])
    for column, parameter in enumerate(ranges.values()):
        if isinstance(parameter, Categorical):
            continue
        if parameter.step is not None or parameter.low == parameter.high:
            values = [float(at(parameter, x)) for x in X[:, column].tolist()]
            X[:, column] = _places(parameter, np.array(values))
    return X
