"""What is believed of all settings: where trainings fail, and how good they are where they do not.

A training that fails has no value, and one that ends far below most others says nothing of where good settings are.
If such trainings counted as bad values, the model would have to fall off steeply beside settings that may be the best,
such as those just below the learning rate from which on networks diverge, and would hardly tell these apart. So they
are left out of the model of values, and a second Gaussian process is fitted to which trainings failed (classification
by least squares; Rasmussen and Williams, *Gaussian Processes for Machine Learning*, 2006, 6.5). On slopes that end at a
cliff, the setting that is chosen is then several times as close to the best (scripts/bench/RESULTS.md).

Some trainings fail anywhere, because a machine has little memory or a program has a fault. As far as the failures may
be of this kind, no place is avoided.

Notation as in `hpo.choose.model`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hpo.choose.model import MAX_TRIALS, Model, fit, fit_standardized
from hpo.choose.positions import Array, Mask

FEWEST = 8  # values, before one of them may count as a failure
FAR = 5  # times the differences among the better values; by 2, the sides of a hill would be failures, too
SAME = 1e-9  # values that differ by a smaller share count as equal
# The least variance of noise among standardized successes: one success amid failures does not bend the border.
LEAST_NOISE = 0.1
LOWERED = 1e3  # how far functions are lowered where trainings fail; values differ by far less


@dataclass(frozen=True)
class Belief:
    """The model of values where trainings succeed, and the model of where that is, if any failed.

    The second one is fitted to 1 for each training that succeeded and 0 for each that failed, standardized. Trainings
    succeed where its function lies above the `border`. `succeeded` tells which trainings (N,) did.
    """

    values: Model
    succeeded: Mask
    successes: Model | None = None
    border: float = 0.0

    def log_success(self, X: Array) -> Array:
        """The logarithm (M,) of the probability that trainings at X succeed, as far as that depends on X."""
        from scipy import special

        if self.successes is None:
            return np.zeros(len(X))
        above, deviation = self._above(self.successes, X)
        anywhere = self.successes.doubt
        chance = special.log_ndtr(above / deviation)
        return np.asarray(np.logaddexp(np.log(anywhere), np.log1p(-anywhere) + chance))

    def draws(self, X: Array, count: int, rng: np.random.Generator) -> tuple[Array, Mask]:
        """Draws (count, M) of the function of values at X, and of where trainings fail, far below all values there."""
        functions = self.values.draws(X, count, rng)
        fails = self.failures(X, count, rng)
        functions[fails] -= LOWERED
        return functions, fails

    def failures(self, X: Array, count: int, rng: np.random.Generator) -> Mask:
        """Draws (count, M) of where trainings at X fail.

        One random number moves the function of a draw at all X alike, by so many of its standard deviations. That
        costs less than a draw of the whole function, and tells as well where the border may be.
        """
        if self.successes is None:
            return np.zeros((count, len(X)), bool)
        above, deviation = self._above(self.successes, X)
        failures = above + rng.standard_normal((count, 1)) * deviation < 0
        failures[rng.random(count) < self.successes.doubt] = False
        return np.asarray(failures)

    def _above(self, successes: Model, X: Array) -> tuple[Array, Array]:
        """How far above the border the function of success is expected, and its standard deviation."""
        mean, V = successes.posterior(X)
        return mean - self.border, np.sqrt(successes.variances(V))


def believe(
    U: Array, values: Sequence[float | None], choices: Mask, conditional: Mask | None = None
) -> Belief:
    """What to believe after the values (larger is better, None failed) of the settings at U (N, P)."""
    known = np.array([math.nan if value is None else value for value in values])
    succeeded = _succeeded(known)
    if not succeeded.any():  # as if all values were equal
        return Belief(fit(U, np.zeros(len(U)), choices, conditional), succeeded)
    model = fit(U[succeeded], known[succeeded], choices, conditional)
    some = _evenly(succeeded, MAX_TRIALS)
    share = float(succeeded[some].mean())
    if share in (0.0, 1.0):
        return Belief(model, succeeded)
    scale = math.sqrt(share * (1 - share))
    z = (succeeded[some] - share) / scale
    successes = fit_standardized(U[some], z, choices, conditional, least_noise=LEAST_NOISE)
    return Belief(model, succeeded, successes, (0.5 - share) / scale)


def _succeeded(values: Array) -> Mask:
    """Which trainings (N,) have a value that tells where good settings are; the value of one that failed is NaN.

    Among the values in order, a gap is looked for that is FAR times as wide as all values above it differ, where these
    are at least half of all. What lies below the gap counts as a failure.
    """
    succeeded = ~np.isnan(values)
    ranked = np.sort(values[succeeded])[::-1]
    if len(ranked) < FEWEST:
        return succeeded
    halves = ranked / 2  # whose differences do not overflow
    differ, below = halves[0] - halves[:-1], halves[:-1] - halves[1:]
    far = (below / FAR > differ) & (differ > SAME * np.maximum(abs(halves[0]), np.abs(halves[:-1])))
    far[: len(far) // 2] = False
    return succeeded & (values >= ranked[np.argmax(far)]) if far.any() else succeeded


def _evenly(succeeded: Mask, most: int) -> Array:
    """The indices of at most so many trials, with the same share of failures as among all."""
    order = np.argsort(succeeded, kind="stable")
    if len(order) > most:
        order = order[np.linspace(0, len(order) - 1, most).astype(int)]
    return np.sort(order)
