"""What is concluded from all stages: the order of settings that trained again, their means, intervals and ties.

Settings train in different stages, and each stage's seed and split move all its values. So settings are compared on
equal stages: a value is the sum of a setting's effect, its stage's effect and noise, fitted by least squares to all
values of these settings (a two-way analysis of variance of an incomplete design). The search counts as a stage, too.
Every setting trained in it, so any two can be compared, and its effect takes up that its values are too good on average
because they chose the settings. Where each batch of the search had its own split, how these differ counts as noise.

The mean of a setting is what its values would have had for a mean if it had trained in every stage after the search:
its effect and the average effect of these stages. The order, the means and the ties all follow from this one fit.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hpo.choose.racing import Value, done_values
from hpo.choose.student import differs, reach
from hpo.choose.types import UNBOUNDED, Confirmation, Direction

METHOD = 4
"""The version of the method, stored with every conclusion: a change to what is concluded is a new version. Version 1
compared plain means, whatever the stages, and called settings tied or worse after a single training. Version 2 put
settings that were trained seldom after the others even if they were clearly better. Version 3 did not say how many
epochs they should train (`hpo.choose.lengths`)."""

SEARCH = 0  # the search as a stage of its own, before the others
LUCK = 0.35
"""How far luck lifts the mean of the setting that is chosen for having the best, in standard errors of a mean."""
FEWEST = 2
"""Trainings in stages without which a setting is neither tied nor worse, nor better than those that trained often."""
EQUAL = 12  # decimals, relative to the largest value: means that agree in them are equal


@dataclass(frozen=True)
class Finalist:
    """A trial whose settings were trained again. `values` are in the order of stages, None where a training failed.

    `mean` and `ci95` are None if a training failed: such settings are not recommended. `ci95` is also None if there are
    too few values to estimate their spread. `tied` says whether a comparison can't tell it from the first finalist;
    None: it was not trained often enough to tell.

    Of a baseline, `gain` is how much better the first finalist is, and `gain_ci95` its interval. The gain is None if
    the two never trained in one stage, the interval if they did so too seldom to tell.
    """

    trial: int
    values: list[float | None]
    mean: float | None
    ci95: tuple[float, float] | None
    tied: bool | None
    gain: float | None = None
    gain_ci95: tuple[float, float] | None = None


@dataclass(frozen=True)
class Conclusion:
    """The finalists, best first, and the version of the method. The first is recommended if it has a mean."""

    method: int
    finalists: list[Finalist]


def conclude(
    searched: Mapping[int, float],
    confirmed: Sequence[Confirmation],
    direction: Direction,
    bounds: tuple[float, float] = UNBOUNDED,
    baselines: Collection[int] = (),
) -> Conclusion:
    """Rank the settings that were trained again, with their means, intervals and ties.

    Settings are ranked by their means on equal stages. Those trained less than half as often as the most often trained
    ones come after the others, unless they trained at least twice and are better than the best of those by a
    comparison. Settings that failed come last. If every training repeated its value of the search, the values are
    exact: they are the means.

    Means and the ends of intervals lie within `bounds`, between which the metric lies, unless a value does not: a
    user's accuracy may be in percent. The first is compared with each of the `baselines`, which train in every stage.
    """
    done, failed = done_values(confirmed)
    values: dict[int, list[float | None]] = {}
    for c in sorted(confirmed, key=lambda c: c.stage):
        values.setdefault(c.trial, []).append(c.value)
    by_stage: dict[int, dict[int, float]] = {trial: {} for trial in values if trial not in failed}
    for stage, trial, value in done:
        by_stage[trial][stage] = value
    exact = all(value == searched[trial] for _, trial, value in done)
    low, high = bounds
    if not all(low <= value <= high for _, _, value in done):
        low, high = UNBOUNDED
    fit = _Fit([*(Value(SEARCH, trial, searched[trial]) for trial in sorted(by_stage)), *done])
    means = {trial: searched[trial] if exact else fit.mean(trial) for trial in by_stage}
    # A baseline trains in stages before those of the others begin.
    most = max((len(of) for trial, of in by_stage.items() if trial not in baselines), default=0)
    sign = 1.0 if direction == "maximize" else -1.0
    often = [trial for trial, of in by_stage.items() if 2 * len(of) >= most]
    best = max(often, key=lambda trial: sign * means[trial], default=None)

    def seldom(trial: int) -> bool:
        if best is None or trial in often:
            return False
        gap = fit.gap(trial, best)
        better = sign * gap.size > 0 and _tied(gap, fit.noise) is False
        return not better or len(by_stage[trial]) < FEWEST

    def place(trial: int) -> tuple[bool, bool, float, int]:
        if trial in failed:
            return True, False, 0.0, trial
        rank = means[trial] if exact else round(means[trial] / fit.largest, EQUAL)
        return False, seldom(trial), -sign * rank, trial

    order = sorted(values, key=place)
    spread = _spread(by_stage.values(), fit.largest)
    finalists: list[Finalist] = []
    for trial in order:
        if trial in failed:
            finalists.append(Finalist(trial, values[trial], None, None, tied=False))
            continue
        count, first = len(by_stage[trial]), order[0]
        half = 0.0 if exact else _half_width(count, spread, fit.noise, chosen=trial == first)
        mean = min(max(low, means[trial]), high)
        ends = None if half is None else (max(low, mean - half), min(mean + half, high))
        tied: bool | None = False
        if trial != first and exact:
            tied = means[trial] == means[first]
        elif trial != first:
            enough = min(count, len(by_stage[first])) >= FEWEST and trial in often
            tied = _tied(fit.gap(first, trial), fit.noise) if enough else None
        gain: tuple[float | None, tuple[float, float] | None] = None, None
        if trial != first and trial in baselines:
            gap = sign * (searched[first] - searched[trial])
            gain = (gap, (gap, gap)) if exact else _gain(by_stage[first], by_stage[trial], sign, fit.noise)  # fmt: skip
        finalists.append(Finalist(trial, values[trial], mean, ends, tied, *gain))
    return Conclusion(METHOD, finalists)


class _Estimate(NamedTuple):
    """A standard deviation and its degrees of freedom, 0 if it can't be estimated."""

    deviation: float
    degrees: int


class _Gap(NamedTuple):
    """The difference of two settings' means, and its standard error."""

    size: float
    error: float


class _Fit:
    """The least-squares fit of values by an effect of each setting and of each stage.

    `noise` is the deviation of values from the sum of their effects, `largest` the largest absolute value.
    """

    def __init__(self, values: Sequence[Value]) -> None:
        self.largest = max((abs(v.value) for v in values), default=0.0) or 1.0
        self._values = np.array([v.value for v in values]) / self.largest
        self._trials = sorted({v.trial for v in values})
        stages = sorted({v.stage for v in values})
        design = np.array(  # which setting and which stage each value is of
            [
                [v.trial == trial for trial in self._trials] + [v.stage == s for s in stages]
                for v in values
            ],
            float,
        ).reshape(len(values), len(self._trials) + len(stages))
        self._weights = np.linalg.pinv(design)  # of the values in each estimated effect
        after = [k for k, s in enumerate(stages, start=len(self._trials)) if s != SEARCH]
        self._of_stages = self._weights[after].mean(axis=0) if after else np.zeros(len(values))
        rest = self._values - design @ (self._weights @ self._values)
        # All settings are in the search, so one effect is free: what is added to settings may be taken from stages.
        degrees = max(0, len(values) - (len(self._trials) + len(stages) - 1))
        deviation = math.sqrt(float(rest @ rest) / degrees) if degrees else 0.0
        deviation = round(deviation, EQUAL)
        self.noise = _Estimate(self.largest * deviation, degrees)

    def _of_setting(self, trial: int) -> NDArray[np.float64]:
        """The weights of the values in the effect of a setting."""
        return np.asarray(self._weights[self._trials.index(trial)])

    def mean(self, trial: int) -> float:
        """The mean that the setting would have had in all stages but the search."""
        return self.largest * float((self._of_setting(trial) + self._of_stages) @ self._values)

    def gap(self, one: int, other: int) -> _Gap:
        """How far one setting is above another on equal stages."""
        weights = self._of_setting(one) - self._of_setting(other)
        error = self.noise.deviation * float(np.linalg.norm(weights))
        return _Gap(self.largest * round(float(weights @ self._values), EQUAL), error)


def _spread(by_stage: Iterable[Mapping[int, float]], largest: float) -> _Estimate:
    """The standard deviation of one setting's values, of which none is beyond ± `largest`, pooled over all settings."""
    lists = [np.array([*own.values()]) / largest for own in by_stage]
    degrees = sum(len(own) - 1 for own in lists)
    squares = sum(float(np.var(own)) * len(own) for own in lists)
    return _Estimate(largest * math.sqrt(squares / degrees) if degrees else 0.0, degrees)


def _half_width(count: int, spread: _Estimate, noise: _Estimate, *, chosen: bool) -> float | None:
    """Half of the 95 % interval of a mean of `count` values; None if their spread can't be estimated.

    The setting that was `chosen` for its mean gets a wider interval than the textbook's: n - 1 in place of n, the
    degrees of freedom of its own values alone, and `LUCK` standard errors more, because the best of several means is
    too high by luck. Only these intervals hold the truth as often as they claim (scripts/bench/RESULTS.md). Luck is
    counted in standard errors of the noise alone, since a stage moves all settings together.
    """
    parts, degrees = (count - 1, count - 1) if chosen else (count, spread.degrees)
    if not spread.deviation or not parts:
        return None
    factor = reach(degrees)
    half = factor * spread.deviation / math.sqrt(parts)
    return half + LUCK * noise.deviation / math.sqrt(count) if chosen else half


def _tied(gap: _Gap, noise: _Estimate) -> bool | None:
    """Whether a t-test at 5 % can't tell two settings apart; None: there is nothing to estimate the noise from.

    The noise is that of all settings: two have few values.
    """
    if not noise.degrees:
        return None
    if gap.error == 0:
        return gap.size == 0
    return not differs(gap.size / gap.error, noise.degrees)


def _gain(
    first: Mapping[int, float], baseline: Mapping[int, float], sign: float, noise: _Estimate
) -> tuple[float | None, tuple[float, float] | None]:
    """How much better the first setting is than a baseline, in the stages in which both trained, and the interval.

    Its values in the search don't count: it was chosen for them, and the baseline was not. For what luck remains, the
    interval is wider, as that of its mean is (`_half_width`).
    """
    together = sorted(first.keys() & baseline.keys())
    if not together:
        return None, None
    gain = sign * sum(first[stage] - baseline[stage] for stage in together) / len(together)
    if not noise.degrees or len(together) < FEWEST:
        return gain, None
    factor = reach(noise.degrees)
    half = (factor * math.sqrt(2) + LUCK) * noise.deviation / math.sqrt(len(together))
    return gain, (gain - half, gain + half)
