"""The race of the better settings: which train again in the next stage, and what is concluded from all stages.

Each stage trains some settings once, all on one fresh seed and split. So a value is the sum of a setting's effect, its
stage's effect, and noise. Comparisons of settings remove the stage's effect. The mean and interval of one setting keep
it, because another seed and split would change them as much.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from hpo.choose.types import Confirmation, Direction

METHOD = 1
"""The version of `conclude`, stored with every conclusion: a change to what it returns is a new version."""

PARTS, SMALLEST_STAGE = 4, 2
LEVEL = 0.95
BEST_SHARE, FEWEST_BEST = 1 / 3, 8  # trials of the search: their average is the prior mean
STAGE_VARIANCE = 3.0
"""The variance of the stages' effects as a multiple of the noise's; on measured tables it is between 1 and 9."""

LUCK = 0.35
"""How far luck lifts the mean of the setting that is chosen for having the best, in standard errors of a mean."""


@dataclass(frozen=True)
class Finalist:
    """A trial whose settings were trained again. `values` are in the order of stages, None where a training failed.

    `mean` and `ci95` are None if a training failed: such settings are not recommended. `ci95` is also None if there are
    too few values to estimate their spread. `tied`: a paired comparison can't tell it from the first finalist.
    """

    trial: int
    values: list[float | None]
    mean: float | None
    ci95: tuple[float, float] | None
    tied: bool


@dataclass(frozen=True)
class Conclusion:
    """The finalists, best first, and the version of the method. The first is recommended if it has a mean."""

    method: int
    finalists: list[Finalist]


def race(
    searched: Mapping[int, float],
    confirmed: Sequence[Confirmation],
    direction: Direction,
    trainings_left: int,
    finalists: int | None = None,
    measured: int = 0,
) -> list[int]:
    """The trials whose settings train in the next stage. `trainings_left` is the budget of this and all later stages.

    They have the best scores; they are a quarter as many as there are trainings left, but at least two. So the clearly
    worse leave stage by stage, and close ones are compared more often. With `finalists`, that many different settings
    train before any leaves; the first `measured` trainings, which measured the noise, make no setting a finalist.
    """
    score = scores(searched, confirmed, direction)
    ranked = sorted(score, key=lambda trial: (-score[trial], trial))
    size = max(SMALLEST_STAGE, trainings_left // PARTS)
    if finalists is not None:
        raced = {c.trial for c in confirmed[measured:]}
        new = [trial for trial in ranked if trial not in raced][: max(0, finalists - len(raced))]
        ranked = [trial for trial in ranked if trial in raced or trial in new]
        size = len(ranked) if new else size
    return ranked[: min(size, trainings_left)]


def scores(
    searched: Mapping[int, float], confirmed: Sequence[Confirmation], direction: Direction
) -> dict[int, float]:
    """The scores of all trials whose settings never failed in a stage; larger is better.

    The score is the mean of a setting's values, each without its stage's effect, and of a prior that counts as one
    training: the average of the best third of the search (an empirical-Bayes mean), since one good value among many is
    partly luck. The effects of stages are estimated together with the settings, by Henderson's
    mixed-model equations in which stages have the variance `STAGE_VARIANCE`.

    `searched` has the value of each trial in the search.
    """
    return _estimated(searched, confirmed, direction)[0]


def stage_effects(
    searched: Mapping[int, float], confirmed: Sequence[Confirmation], direction: Direction
) -> dict[int, float]:
    """How far each stage's seed and split move all values, in the units of the metric."""
    return _estimated(searched, confirmed, direction)[1]


def _estimated(
    searched: Mapping[int, float], confirmed: Sequence[Confirmation], direction: Direction
) -> tuple[dict[int, float], dict[int, float]]:
    sign = 1.0 if direction == "maximize" else -1.0
    done, failed = _done(confirmed)
    trials = [trial for trial in searched if trial not in failed]
    if not trials:
        return {}, {}
    effects = np.zeros(0)
    first = sign * np.array([searched[trial] for trial in trials])
    best = np.sort(first)[::-1][: max(FEWEST_BEST, math.ceil(BEST_SHARE * len(first)))]
    count, total = np.full(len(trials), 2.0), first + best.mean()
    row = {trial: k for k, trial in enumerate(trials)}
    column = {stage: k for k, stage in enumerate(sorted({c.stage for c in done}))}
    took_part = np.zeros((len(trials), len(column)))
    for c in done:
        took_part[row[c.trial], column[c.stage]] = 1
        total[row[c.trial]] += sign * c.value
        count[row[c.trial]] += 1
    if column:
        in_stage = np.array([sum(sign * c.value for c in done if c.stage == s) for s in column])
        # With the settings' own equations solved for, one equation for each stage remains.
        equations = np.diag(1 / STAGE_VARIANCE + took_part.sum(axis=0))
        equations = equations - took_part.T @ (took_part / count[:, None])
        effects = np.linalg.solve(equations, in_stage - took_part.T @ (total / count))
        total -= took_part @ effects
    return (
        dict(zip(trials, (total / count).tolist(), strict=True)),
        dict(zip(column, (sign * effects).tolist(), strict=True)),
    )


def conclude(
    searched: Mapping[int, float], confirmed: Sequence[Confirmation], direction: Direction
) -> Conclusion:
    """Rank the settings that were trained again, with their means, intervals and ties.

    Settings are ranked by their scores. Those trained less than half as often as the most often trained ones come after
    the others, and those that failed come last. If every training repeated its value of the search, the values are
    exact, and settings are ranked by them.
    """
    done, failed = _done(confirmed)
    exact = all(c.value == searched[c.trial] for c in done)
    if exact:
        sign = 1.0 if direction == "maximize" else -1.0
        score = {trial: sign * value for trial, value in searched.items()}
    else:
        score = scores(searched, confirmed, direction)
    values: dict[int, list[float | None]] = {}
    for c in sorted(confirmed, key=lambda c: c.stage):
        values.setdefault(c.trial, []).append(c.value)
    most = max((len(own) for trial, own in values.items() if trial not in failed), default=0)
    order = sorted(
        values, key=lambda k: (k in failed, 2 * len(values[k]) < most, -score.get(k, 0.0), k)
    )
    by_stage: dict[int, dict[int, float]] = {trial: {} for trial in order if trial not in failed}
    for stage, trial, value in done:
        by_stage[trial][stage] = value
    spread, noise = _spread(by_stage.values()), _residual(done)
    finalists: list[Finalist] = []
    for trial in order:
        if trial in failed:
            finalists.append(Finalist(trial, values[trial], None, None, tied=False))
            continue
        own = by_stage[trial]
        mean = math.fsum(own.values()) / len(own)
        half = 0.0 if exact else _half_width(len(own), spread, noise, chosen=not finalists)
        ends = None if half is None else (mean - half, mean + half)
        tied = bool(finalists) and not exact and _tied(by_stage[finalists[0].trial], own, noise)
        finalists.append(Finalist(trial, values[trial], mean, ends, tied))
    return Conclusion(METHOD, finalists)


class _Value(NamedTuple):
    stage: int
    trial: int
    value: float


def _done(confirmed: Iterable[Confirmation]) -> tuple[list[_Value], set[int]]:
    """The values of the settings that never failed, sorted by stage and trial; and the trials whose settings failed."""
    failed = {c.trial for c in confirmed if c.value is None}
    values = [
        _Value(c.stage, c.trial, c.value)
        for c in confirmed
        if c.value is not None and c.trial not in failed
    ]
    return sorted(values), failed


class _Estimate(NamedTuple):
    """A standard deviation and its degrees of freedom, 0 if it can't be estimated."""

    deviation: float
    degrees: int


def _spread(by_stage: Iterable[Mapping[int, float]]) -> _Estimate:
    """The standard deviation of one setting's values, pooled over all settings."""
    values = [list(own.values()) for own in by_stage]
    degrees = sum(len(own) - 1 for own in values)
    squares = sum(float(np.var(own)) * len(own) for own in values)
    return _Estimate(math.sqrt(squares / degrees) if degrees else 0.0, degrees)


def _residual(done: Sequence[_Value]) -> _Estimate:
    """The noise: the deviation of values from the sum of their setting's and their stage's effects."""
    if not done:
        return _Estimate(0.0, 0)
    columns = []
    for part in ([c.trial for c in done], [c.stage for c in done]):
        columns += [np.array([p == which for p in part], float) for which in sorted(set(part))]
    design = np.stack(columns, axis=1)
    values = np.array([c.value for c in done])
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


def _tied(one: Mapping[int, float], other: Mapping[int, float], noise: _Estimate) -> bool:
    """Whether a paired t-test at 5 % can't tell two settings apart by their values in each stage.

    The noise comes from all settings, since two of them share few stages.
    """
    from scipy import stats

    shared = one.keys() & other.keys()
    if not shared or not noise.degrees:
        return True
    gap = sum(one[s] - other[s] for s in shared) / len(shared)
    error = noise.deviation * math.sqrt(2 / len(shared))
    if error == 0:
        return gap == 0
    p_value = 2 * float(stats.t.sf(abs(gap) / error, noise.degrees))
    return p_value >= 1 - LEVEL
