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
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hpo.space import Categorical, Parameter, Settings, at, is_zero, position

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
JITTER = 1e-6


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
    known = {place.tobytes() for place in U}
    if len(z) > MOST:  # the better half of them, and of the others as many evenly spaced
        order = np.argsort(-z, kind="stable")
        others = np.linspace(MOST // 2, len(z) - 1, MOST - MOST // 2).astype(int)
        chosen = np.sort(np.concatenate([order[: MOST // 2], order[others]]))
        U, z = U[chosen], z[chosen]
    choices = np.array([isinstance(p, Categorical) for p in ranges.values()])
    model = _fitted(U, z, choices)
    seen = U[np.argsort(-_expected(model, U, z, choices), kind="stable")[:BEST]]
    candidates = _candidates(ranges, seen, rng)
    X = _positions(ranges, candidates)
    mean, covariance = _posterior(model, U, z, X, choices)
    root = np.linalg.cholesky(covariance + JITTER * np.eye(len(X)))
    drawn: list[Settings] = []
    left = np.array([place.tobytes() not in known for place in X])
    for _ in range(n):
        if not left.any():  # fewer settings than draws
            left[:] = True
        function = mean + root @ rng.standard_normal(len(X))
        best = int(np.argmax(np.where(left, function, -np.inf)))
        drawn.append(candidates[best])
        left &= (X[best] != X).any(axis=1)
    return drawn


def _positions(ranges: Mapping[str, Parameter], settings: Sequence[Settings]) -> Array:
    def place(parameter: Parameter, value: Any) -> float:
        if isinstance(parameter, Categorical):
            return float(parameter.choices.index(value))
        return 0.0 if is_zero(parameter, value) else position(parameter, value)

    return np.array([[place(p, s[name]) for name, p in ranges.items()] for s in settings])


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


def _matern(squares: Array, lengths: Array) -> tuple[Array, Array]:
    """Matérn 5/2 (Rasmussen and Williams 2006, eq. 4.17), and what its derivatives by log ℓ have in common."""
    r = np.sqrt(5 * np.einsum("pnm,p->nm", squares, lengths**-2))
    decay = np.exp(-r)
    return (1 + r + r**2 / 3) * decay, (5 / 3) * (1 + r) * decay


def _fitted(U: Array, z: Array, choices: NDArray[np.bool_]) -> _Model:
    """The most probable model, with the unknown mean of the function integrated out (the same, eq. 2.45)."""
    from scipy.linalg import cho_factor, cho_solve
    from scipy.optimize import minimize

    squares = _squares(U, U, choices)
    parameters, count = squares.shape[:2]
    belief = np.array([LENGTH] * parameters + [VARIANCE, NOISE])
    bounds = [BOUNDS[0]] * parameters + [*BOUNDS[1:]]
    ones, identity = np.ones(count), np.eye(count)

    def surprise(logs: Array) -> tuple[float, Array]:
        """Minus the log posterior, and its gradient."""
        lengths, (variance, noise) = np.exp(logs[:-2]), np.exp(logs[-2:])
        shape, slope = _matern(squares, lengths)
        factor = cho_factor(variance * shape + (noise + JITTER) * identity, lower=True)
        inverse = cho_solve(factor, identity)
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
        by_length = variance * np.einsum("nm,nm,pnm->p", G, slope, squares) / lengths**2
        moved = [*by_length, variance * (G * shape).sum(), noise * np.trace(G)]
        return value, np.array(moved) / 2 + (logs - belief[:, 0]) / belief[:, 1] ** 2

    found = minimize(
        surprise,
        belief[:, 0],
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": ITERATIONS},
    ).x
    return _Model(np.exp(found[:-2]), float(np.exp(found[-2])), float(np.exp(found[-1])))


def _posterior(
    model: _Model, U: Array, z: Array, X: Array, choices: NDArray[np.bool_]
) -> tuple[Array, Array]:
    """What the function is at X: mean (M,) and covariance (M, M)."""
    from scipy.linalg import cho_factor, cho_solve

    def kernel(A: Array, B: Array) -> Array:
        return model.variance * _matern(_squares(A, B, choices), model.lengths)[0]

    K = kernel(U, U) + (model.noise + JITTER) * np.eye(len(U))
    factor = cho_factor(K, lower=True)
    told = cho_solve(factor, np.ones(len(U)))
    middle = told @ z / told.sum()
    across = kernel(X, U)
    mean = middle + across @ cho_solve(factor, z - middle)
    return mean, kernel(X, X) - across @ cho_solve(factor, across.T)


def _expected(model: _Model, U: Array, z: Array, choices: NDArray[np.bool_]) -> Array:
    return _posterior(model, U, z, U, choices)[0]


def _candidates(
    ranges: Mapping[str, Parameter], seen: Array, rng: np.random.Generator
) -> list[Settings]:
    """Settings anywhere in the ranges, and some near good ones (B, P)."""
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
    return [
        {
            name: p.choices[int(x)] if isinstance(p, Categorical) else at(p, x)
            for (name, p), x in zip(ranges.items(), row, strict=True)
        }
        for row in np.concatenate([anywhere, near]).tolist()
    ]
