"""What is concluded from all stages: the order of settings that trained again, their means, intervals and ties.

Comparisons of settings leave out what a stage's seed and split do to all values. The mean and interval of one setting
keep it, because another seed and split would change them as much.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hpo.choose.racing import Value, done_values, scores
from hpo.choose.types import Confirmation, Direction

METHOD = 2
"""The version of `conclude`, stored with every conclusion: a change to what it returns is a new version. In version 1,
two settings that never trained in one stage were always tied."""

LEVEL = 0.95
SEARCH = 0  # the search as a stage of its own, before the others
LUCK = 0.35
"""How far luck lifts the mean of the setting that is chosen for having the best, in standard errors of a mean."""


@dataclass(frozen=True)
class Finalist:
    """A trial whose settings were trained again. `values` are in the order of stages, None where a training failed.

    `mean` and `ci95` are None if a training failed: such settings are not recommended. `ci95` is also None if there are
    too few values to estimate their spread. `tied`: a comparison can't tell it from the first finalist.

    Of a baseline, `gain` is how much better the first finalist is, and `gain_ci95` its interval. The gain is None if
    the two never trained in one stage, the interval if there are too few values to estimate the noise.
    """

    trial: int
    values: list[float | None]
    mean: float | None
    ci95: tuple[float, float] | None
    tied: bool
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
    baselines: Collection[int] = (),
) -> Conclusion:
    """Rank the settings that were trained again, with their means, intervals and ties.

    Settings are ranked by their scores. Those trained less than half as often as the most often trained ones come after
    the others, and those that failed come last. If every training repeated its value of the search, the values are
    exact, and settings are ranked by them.

    The first one is compared with each of the `baselines`, which train in every stage.
    """
    done, failed = done_values(confirmed)
    exact = all(c.value == searched[c.trial] for c in done)
    sign = 1.0 if direction == "maximize" else -1.0
    if exact:
        score = {trial: sign * value for trial, value in searched.items()}
    else:
        score = scores(searched, confirmed, direction)
    values: dict[int, list[float | None]] = {}
    for c in sorted(confirmed, key=lambda c: c.stage):
        values.setdefault(c.trial, []).append(c.value)
    # A baseline trains in stages before those of the others begin.
    raced = [own for trial, own in values.items() if trial not in failed and trial not in baselines]
    most = max(map(len, raced), default=0)
    order = sorted(
        values, key=lambda k: (k in failed, 2 * len(values[k]) < most, -score.get(k, 0.0), k)
    )
    by_stage: dict[int, dict[int, float]] = {trial: {} for trial in order if trial not in failed}
    for stage, trial, value in done:
        by_stage[trial][stage] = value
    spread, noise = _spread(by_stage.values()), _residual(done)
    in_search = [Value(SEARCH, trial, searched[trial]) for trial in by_stage]
    finalists: list[Finalist] = []
    for trial in order:
        if trial in failed:
            finalists.append(Finalist(trial, values[trial], None, None, tied=False))
            continue
        own = by_stage[trial]
        mean = math.fsum(own.values()) / len(own)
        half = 0.0 if exact else _half_width(len(own), spread, noise, chosen=not finalists)
        ends = None if half is None else (mean - half, mean + half)
        if finalists and not exact:
            first = finalists[0].trial
            together = by_stage[first].keys() & own.keys()
            tied = (
                _tied(_gap(by_stage[first], own, together, noise), noise)
                if together
                else _tied(*_gap_through_search([*in_search, *done], first, trial))
            )
        else:
            tied = False
        gain: tuple[float | None, tuple[float, float] | None] = None, None
        if finalists and trial in baselines and exact:
            gap = sign * (searched[finalists[0].trial] - searched[trial])
            gain = gap, (gap, gap)
        elif finalists and trial in baselines:
            gain = _gain(by_stage[finalists[0].trial], own, sign, noise)
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


def _spread(by_stage: Iterable[Mapping[int, float]]) -> _Estimate:
    """The standard deviation of one setting's values, pooled over all settings."""
    values = [list(own.values()) for own in by_stage]
    degrees = sum(len(own) - 1 for own in values)
    squares = sum(float(np.var(own)) * len(own) for own in values)
    return _Estimate(math.sqrt(squares / degrees) if degrees else 0.0, degrees)


def _residual(done: Sequence[Value]) -> _Estimate:
    """The noise: the deviation of values from the sum of their setting's and their stage's effects."""
    if not done:
        return _Estimate(0.0, 0)
    design, values = _design(done), np.array([c.value for c in done])
    effects, _, rank, _ = np.linalg.lstsq(design, values, rcond=None)
    degrees = len(values) - int(rank)
    rest = values - design @ effects
    return _Estimate(math.sqrt(float(rest @ rest) / degrees) if degrees else 0.0, degrees)


def _half_width(count: int, spread: _Estimate, noise: _Estimate, *, chosen: bool) -> float | None:
    """Half of the 95 % interval of a mean of `count` values; None if their spread can't be estimated.

    The setting that was `chosen` for its mean gets a wider interval than the textbook's: n - 1 in place of n, the
    degrees of freedom of its own values alone, and `LUCK` standard errors more, because the best of several means is
    too high by luck. Only these intervals hold the truth as often as they claim (scripts/bench/RESULTS.md). Luck is
    counted in standard errors of the noise alone, since a stage moves all settings together.
    """
    from scipy import stats

    parts, degrees = (count - 1, count - 1) if chosen else (count, spread.degrees)
    if not spread.degrees or not parts:
        return None
    factor = float(stats.t.ppf((1 + LEVEL) / 2, degrees))
    half = factor * spread.deviation / math.sqrt(parts)
    return half + LUCK * noise.deviation / math.sqrt(count) if chosen else half


def _design(values: Sequence[Value]) -> NDArray[np.float64]:
    """Which setting and which stage each value is of (values, settings + stages), both in ascending order."""
    columns = []
    for part in ([v.trial for v in values], [v.stage for v in values]):
        columns += [np.array([p == which for p in part], float) for which in sorted(set(part))]
    return np.stack(columns, axis=1)


def _gap(
    one: Mapping[int, float], other: Mapping[int, float], stages: Collection[int], noise: _Estimate
) -> _Gap:
    """How far one setting is from another in the stages in which both trained."""
    gap = sum(one[s] - other[s] for s in sorted(stages)) / len(stages)
    return _Gap(gap, noise.deviation * math.sqrt(2 / len(stages)))


def _gain(
    first: Mapping[int, float], baseline: Mapping[int, float], sign: float, noise: _Estimate
) -> tuple[float | None, tuple[float, float] | None]:
    """How much better the first setting is than a baseline, in the stages in which both trained, and the interval.

    Its values in the search don't count: it was chosen for them, and the baseline was not. For what luck remains, the
    interval is wider, as that of its mean is (`_half_width`).
    """
    from scipy import stats

    together = first.keys() & baseline.keys()
    if not together:
        return None, None
    gap = _gap(first, baseline, together, noise)
    gain = sign * gap.size
    if not noise.degrees:
        return gain, None
    half = float(stats.t.ppf((1 + LEVEL) / 2, noise.degrees)) * gap.error
    half += LUCK * noise.deviation / math.sqrt(len(together))
    return gain, (gain - half, gain + half)


def _gap_through_search(values: Sequence[Value], one: int, other: int) -> tuple[_Gap, _Estimate]:
    """How far a setting is from another that never trained in one stage with it, and the noise of the values.

    All settings trained in the search, so the effects of stages can be estimated from `values`, which has both.
    """
    design = _design(values)
    trials = sorted({v.trial for v in values})
    contrast = np.zeros(design.shape[1])
    contrast[trials.index(one)], contrast[trials.index(other)] = 1, -1
    weights = contrast @ np.linalg.pinv(design)  # of the values in the least-squares estimate
    noise = _residual(values)
    gap = float(weights @ np.array([v.value for v in values]))
    return _Gap(gap, noise.deviation * float(np.linalg.norm(weights))), noise


def _tied(gap: _Gap, noise: _Estimate) -> bool:
    """Whether a t-test at 5 % can't tell two settings apart. The noise is that of all settings: two have few values."""
    from scipy import stats

    if not noise.degrees:
        return True
    if gap.error == 0:
        return gap.size == 0
    p_value = 2 * float(stats.t.sf(abs(gap.size) / gap.error, noise.degrees))
    return p_value >= 1 - LEVEL
