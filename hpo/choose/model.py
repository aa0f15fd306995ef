"""A Gaussian process: what the values of all settings may be, given the noisy values of those that were tried.

The kernel is Matérn 5/2 with a length scale for each parameter. Length scales, variance and noise are fitted to the
trials (maximum a posteriori). The priors are wide, so that the noise may turn out tiny or large, but for one thing: the
length scales are more or less alike, unless many trials say that a parameter matters less. A parameter that does not
apply everywhere counts between two settings that have it; one with it and one without are a whole range apart
(`_embedded`). The function's mean is 0 on standardized values: on measured tables that chooses better than a mean that
is integrated out (scripts/bench/RESULTS.md).

It is our own because scikit-learn's has no priors and takes ten times as long, and Optuna's needs PyTorch.

Notation. N trials, M candidates, P parameters; U (N, P) and X (M, P) positions in the ranges, from 0 to 1, or indices
of choices; z (N,) standardized values, larger is better; n (N,) how many values each z is the mean of; ℓ (P,) length
scales, a the variance of the function and v that of the noise of a single value. Equation numbers are those of
Rasmussen and Williams, *Gaussian Processes for Machine Learning* (2006).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hpo.choose.positions import ABSENT, Array, Mask
from hpo.choose.standardizing import standardized

# Normal priors on logarithms: mean and standard deviation; and the bounds of the same three logarithms.
LENGTH_PRIOR, VARIANCE_PRIOR, NOISE_PRIOR = (0.0, 1.5), (0.0, 1.0), (np.log(0.001), 2.0)
UNLIKE = 0.3
"""The standard deviation of the logarithm of one length scale around their common one. By few trials, a parameter that
matters may seem not to: on tables of nine parameters this nearly halves the regret (scripts/bench/RESULTS.md)."""
BOUNDS = ((-4.0, 4.0), (-4.0, 3.0), (-12.0, 2.0))
NOISE_STARTS = 0.001, 0.3  # a fit that starts from little stays where it interpolates large noise
# A fit ends after so many steps, or after one that changes the log posterior by a smaller share.
ITERATIONS, TOLERANCE = 30, 1e-4
JITTER, SMALLEST_VARIANCE = 1e-6, 1e-12
BAND = 96  # columns of a covariance that are computed at once
# How far below the median values are compressed, in units of `standardized`.
THRESHOLDS = 3.0, np.inf
MAX_TRIALS = 150  # that the model is fitted to; more make it slower, not better
SELECTING = 64  # trials by which a threshold and a start are chosen


@dataclass(frozen=True)
class Model:
    """A fitted model and its trials. L is the Cholesky factor of the covariance of their values.

    `doubt` is about how likely it is that all settings are equally good, and that only noise makes them differ.
    """

    lengths: Array  # (P,)
    variance: float
    noise: float
    choices: Mask  # (P,) which parameters are categorical
    conditional: Mask  # (P,) which parameters may be absent
    U: Array
    z: Array
    L: Array
    doubt: float

    def posterior(self, X: Array) -> tuple[Array, Array]:
        """The mean (M,) of the function at X, and V = L⁻¹ k(U, X) (N, M) (alg. 2.1)."""
        V = _solve(self.L, self.kernel(self.U, X))
        return np.asarray(V.T @ _solve(self.L, self.z)), V

    def variances(self, V: Array) -> Array:
        """The posterior variances (M,) of the function where `posterior` gave V."""
        return np.asarray(np.maximum(self.variance - (V * V).sum(axis=0), SMALLEST_VARIANCE))

    def draws(self, X: Array, count: int, rng: np.random.Generator) -> Array:
        """Draws (count, M) of the function at X from the posterior."""
        mean, V = self.posterior(X)
        return np.asarray(mean + (self._root(X, V) @ rng.standard_normal((len(X), count))).T)

    def kernel(self, A: Array, B: Array) -> Array:
        """The covariance (N, M) of the values at A and at B."""
        shape = _matern(_distances(A, B, self.lengths, self.choices, self.conditional))[0]
        shape *= self.variance
        return shape

    def distances(self, A: Array, B: Array) -> Array:
        """Squared distances (N, M) between A and B in shares of the ranges; different choices are a range apart."""
        return _distances(A, B, np.ones_like(self.lengths), self.choices, self.conditional)

    def _root(self, X: Array, V: Array) -> Array:
        """The Cholesky factor (M, M) of the posterior covariance at X, k(X, X) - VᵀV."""
        from scipy.linalg import cholesky
        from scipy.linalg.blas import dsyrk

        # The lower triangle is enough, and is computed in bands that fit the cache.
        covariance = np.empty((len(X), len(X)), order="F")
        for begin in range(0, len(X), BAND):
            end = begin + BAND
            covariance[begin:, begin:end] = self.kernel(X[begin:end], X[begin:]).T
        covariance.ravel("K")[:: len(X) + 1] += JITTER * (1 + self.variance)
        unknown = dsyrk(-1.0, V, beta=1.0, c=covariance, trans=1, lower=1, overwrite_c=1)
        root: Array = cholesky(unknown, lower=True, overwrite_a=True, check_finite=False)
        return root


def fit(U: Array, values: Array, choices: Mask, conditional: Mask | None = None) -> Model:
    """The maximum a posteriori model of the values (N,), larger is better, of the settings at U (N, P).

    Of the ways to compress low values, the likeliest is taken (Snelson et al., *Warped Gaussian Processes*, 2004).
    Values at the same position count as one mean with less noise.
    """
    kinds = _kinds(choices, conditional)
    few = _some(values, SELECTING)
    threshold, fitted = _likeliest(U[few], values[few], kinds)
    if len(few) == len(values):
        return fitted.model
    some = _some(values, MAX_TRIALS)
    z = standardized(values[some], threshold).z
    return _fit(U[some], z, kinds, [fitted.logs]).model


def fit_standardized(
    U: Array, z: Array, choices: Mask, conditional: Mask | None = None, *, least_noise: float
) -> Model:
    """A model of values z (N,) that have mean 0 and variance 1, as they are, fitted to some of them."""
    kinds, starts = _kinds(choices, conditional), _starts(U.shape[1])[-1:]
    few = np.unique(np.linspace(0, len(z) - 1, SELECTING).astype(int))
    fitted = _fit(U[few], z[few], kinds, starts, least_noise=least_noise)
    if len(few) == len(z):
        return fitted.model
    model = _fit(U, z, kinds, [fitted.logs], fits=False).model
    return replace(model, doubt=fitted.model.doubt)


def _kinds(choices: Mask, conditional: Mask | None) -> tuple[Mask, Mask]:
    return choices, np.zeros_like(choices) if conditional is None else conditional


def _starts(parameters: int) -> list[Array]:
    """The logarithms (P + 2,) from which fits begin, of different noise."""
    means = [LENGTH_PRIOR[0]] * parameters + [VARIANCE_PRIOR[0]]
    return [np.array([*means, np.log(noise)]) for noise in NOISE_STARTS]


def _likeliest(U: Array, values: Array, kinds: tuple[Mask, Mask]) -> tuple[float, _Fit]:
    """The threshold of `standardized` under which the values are likeliest, and the fit to them."""
    starts = _starts(U.shape[1])
    best: tuple[float, _Fit] | None = None
    before = math.nan
    for threshold in THRESHOLDS:
        z, log_slopes = standardized(values, threshold)
        if log_slopes == before:
            continue  # nothing lies that low
        before = log_slopes
        fitted = _fit(U, z, kinds, starts if best is None else [best[1].logs])
        fitted = fitted._replace(loss=fitted.loss - log_slopes)
        best = (threshold, fitted) if best is None or fitted.loss < best[1].loss else best
    assert best is not None  # noqa: S101  # there are thresholds
    return best


def _some(values: Array, most: int) -> NDArray[np.int_]:
    """The indices of at most so many values: half of them the best, half evenly spaced among the others."""
    if len(values) <= most:
        return np.arange(len(values))
    order = np.argsort(-values, kind="stable")
    others = np.linspace(most // 2, len(values) - 1, most - most // 2).astype(int)
    return np.sort(order[np.concatenate([np.arange(most // 2), others])])


class _Fit(NamedTuple):
    """A model, the negative logarithm of its posterior density, and the logarithms that were fitted."""

    model: Model
    loss: float
    logs: Array


def _fit(
    U: Array,
    values: Array,
    kinds: tuple[Mask, Mask],
    starts: Sequence[Array],
    *,
    fits: bool = True,
    least_noise: float = math.exp(BOUNDS[2][0]),
) -> _Fit:
    """The maximum a posteriori model of the values z (N,). The search for it begins at each of the starts (P + 2,).

    If it `fits` nothing, the first start is taken as it is. `kinds` are which parameters are categorical, and which may
    be absent.
    """
    from scipy.linalg.lapack import dpotrf, dpotri, dpotrs
    from scipy.optimize import minimize

    U, z, n, within = _pooled(U, values)
    repeats = float((n - 1).sum())
    parameters, count = U.shape[1], len(U)
    steps = U.T[:, :, None] - U.T[:, None, :]
    squares = np.where(kinds[0][:, None, None], steps != 0, steps**2).reshape(parameters, -1)
    for column in np.flatnonzero(kinds[1] & ~kinds[0]):
        points = _embedded(U[:, column])
        squares[column] = ((points[:, None] - points) ** 2).sum(axis=2).ravel()
    prior = np.array([VARIANCE_PRIOR, NOISE_PRIOR])
    bounds = [BOUNDS[0]] * parameters + [BOUNDS[1], (math.log(least_noise), BOUNDS[2][1])]
    diagonal = np.arange(count)

    def covariance(logs: Array) -> tuple[Array, Array, Array, Array]:
        """The covariance of the values, and what `_matern` returns."""
        shape, r, decay = _matern((np.exp(-2 * logs[:-2]) @ squares).reshape(count, count))
        K = np.exp(logs[-2]) * shape
        K[diagonal, diagonal] += np.exp(logs[-1]) / n + JITTER
        return K, shape, r, decay

    def objective(logs: Array) -> tuple[float, Array]:
        """The negative log posterior and its gradient (eq. 5.8 and 5.9)."""
        variance, noise = np.exp(logs[-2:])
        K, shape, r, decay = covariance(logs)
        root, _ = dpotrf(K, lower=1, clean=1)
        weights, _ = dpotrs(root, z, lower=1)
        inverse, _ = dpotri(root, lower=1)
        inverse = inverse + np.tril(inverse, -1).T
        off = (logs[-2:] - prior[:, 0]) / prior[:, 1]
        unlikely, pull = _unlikely(logs[:-2])
        value = 0.5 * (z @ weights + off @ off) + unlikely
        value += np.log(root[diagonal, diagonal]).sum()
        # Values at the same position differ by their noise alone.
        value += 0.5 * (repeats * logs[-1] + within / noise)
        slope = 0.5 * (inverse - np.outer(weights, weights))  # of the value in K
        r += 1
        r *= decay  # d shape / d ln ℓ is 5/3 (1 + r) e⁻ʳ × the squared step in units of ℓ
        of_lengths = 5 / 3 * variance * (squares @ (slope * r).ravel()) * np.exp(-2 * logs[:-2])
        of_variance = variance * (slope * shape).sum()
        of_noise = noise * (slope[diagonal, diagonal] / n).sum() + 0.5 * (repeats - within / noise)
        of_others = np.array([of_variance, of_noise]) + off / prior[:, 1]
        return float(value), np.concatenate([of_lengths + pull, of_others])

    def search(start: Array) -> tuple[float, Array]:
        """The least negative log posterior that is found from a start, and where it is."""
        options = {"maxiter": ITERATIONS, "ftol": TOLERANCE}
        found = minimize(
            objective, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options
        )
        return float(found.fun), found.x

    loss, logs = min(map(search, starts), key=itemgetter(0)) if fits else (math.nan, starts[0])
    root = np.linalg.cholesky(covariance(logs)[0]).astype(float)
    lengths, (variance, noise) = np.exp(logs[:-2]), np.exp(logs[-2:]).tolist()
    weights = _solve(root, z)
    likely = -0.5 * (weights @ weights + repeats * logs[-1] + within / noise)
    likely -= np.log(root[diagonal, diagonal]).sum() + 0.5 * np.log(n).sum()
    doubt = _doubt(float(likely), values)
    model = Model(lengths, variance, noise, *kinds, U, z, root, doubt)
    return _Fit(model, loss, logs)


def _doubt(likely: float, values: Array) -> float:
    """The probability that values (N,) with mean 0 are noise alone, by the Bayesian information criterion.

    `likely` is the logarithm of their likelihood under the fitted model. That has two parameters more than noise alone,
    a length scale and a variance: length scales are more or less alike. Before any value is known, both are as likely.
    """
    deviation = max(float(values.std()), math.sqrt(SMALLEST_VARIANCE))
    noise_alone = -len(values) * (math.log(deviation) + 0.5)
    gain = likely - noise_alone - math.log(len(values))
    return 1 / (1 + math.exp(min(max(gain, -30.0), 30.0)))  # neither 0 nor 1


def _unlikely(lengths: Array) -> tuple[float, Array]:
    """The negative logarithm of the prior density of log length scales (P,), up to a constant, and its gradient.

    They are a common length, with the prior LENGTH_PRIOR, and deviations from it of the size UNLIKE.
    """
    mean, deviation = LENGTH_PRIOR
    common = lengths.mean() - mean
    own = lengths - mean - common
    of_common = UNLIKE**2 + len(lengths) * deviation**2
    unlikely = 0.5 * (own @ own / UNLIKE**2 + len(lengths) * common**2 / of_common)
    return float(unlikely), own / UNLIKE**2 + common / of_common


def _pooled(U: Array, values: Array) -> tuple[Array, Array, Array, float]:
    """Different positions, the mean and the number of the values at each, and the sum of squares around the means."""
    U, place, n = np.unique(U, axis=0, return_inverse=True, return_counts=True)
    place = place.ravel()
    z = np.bincount(place, values) / n
    return U, z, n.astype(float), float(((values - z[place]) ** 2).sum())


def _solve(root: Array, right: Array) -> Array:
    from scipy.linalg.lapack import dtrtrs

    return np.asarray(dtrtrs(root, right, lower=1)[0])


def _embedded(column: Array) -> Array:
    """Positions (N,) in a range as points (N, 2) on a unit circle, and the absent as its centre.

    So two positions are almost as far apart as before, 2 sin(|x - y| / 2), and each is 1 from the absent: squared
    distances of points, without which the kernel would not be positive definite (Swersky et al., *Raiders of the Lost
    Architecture*, 2014).
    """
    points = np.column_stack([np.cos(column), np.sin(column)])
    points[column == ABSENT] = 0
    return points


def _distances(A: Array, B: Array, lengths: Array, choices: Mask, conditional: Mask) -> Array:
    """Squared distances (N, M) in units of the length scales; two different choices are a whole range apart."""
    from scipy.spatial.distance import cdist

    numeric = ~choices

    def side(X: Array) -> Array:
        plain = numeric & ~conditional
        columns = [X[:, plain] / lengths[plain]]
        columns += [_embedded(X[:, k]) / lengths[k] for k in np.flatnonzero(numeric & conditional)]
        return np.hstack(columns)

    sides = map(side, (A, B))
    total: Array = cdist(*sides, "sqeuclidean") if numeric.any() else np.zeros((len(A), len(B)))
    for column in np.flatnonzero(choices):
        total += (A[:, column, None] != B[:, column]) / lengths[column] ** 2
    return total


def _matern(distances: Array) -> tuple[Array, Array, Array]:
    """Matérn 5/2 of squared distances (eq. 4.17), with its r and exp -r.

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
