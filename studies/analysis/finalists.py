"""The settings that were trained again: which is best, how sure that is, and which can't be told from it.

Each stage trains some settings once, all on one fresh seed and split, so a value has three parts: setting + stage +
noise. What the stages have in common with none of the settings is taken out where settings are compared (`scores`,
`tied`), and left in where one setting's mean is told with its interval: another seed or split would move it as far.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studies.database.records import Confirmation, Direction, Finalist

LEVEL = 0.95
BEST_SHARE, FEWEST = 1 / 3, 8  # of the search: what an average good value is
STAGE_VARIANCE = 3.0
"""How much more than chance the seed and the split of a stage move all its values, as a multiple of the variance of the
rest; on measured tables between 1 and 9."""

LUCK = 0.35
"""By how much of its standard error the luck of single trainings lifts the mean of the one that is chosen for it."""


def scores(
    searched: Mapping[int, float], confirmations: Sequence[Confirmation], direction: Direction
) -> dict[int, float]:
    """How good each trial's settings are by all their values, larger better, those that failed since left out.

    The mean of a setting's values, less each stage's effect, and of one value more, the average of the best third of
    the search: one good value among many is luck in part, and counts for half; the more values, the more they count
    (an empirical-Bayes mean whose prior weighs as much as one training). The effects of stages are estimated beside
    the settings (Henderson's mixed-model equations, stages with `STAGE_VARIANCE`).

    `searched` has the value of each trial in the search.
    """
    sign = 1.0 if direction == "maximize" else -1.0
    done, failed = _done(confirmations)
    trials = [trial for trial in searched if trial not in failed]
    if not trials:
        return {}
    first = sign * np.array([searched[trial] for trial in trials])
    best = np.sort(first)[::-1][: max(FEWEST, math.ceil(BEST_SHARE * len(first)))]
    count, total = np.full(len(trials), 2.0), first + best.mean()
    row = {trial: k for k, trial in enumerate(trials)}
    column = {stage: k for k, stage in enumerate(sorted({c.stage for c in done}))}
    took_part = np.zeros((len(trials), len(column)))
    for c in done:
        took_part[row[c.trial], column[c.stage]] = 1
        total[row[c.trial]] += sign * _value(c)
        count[row[c.trial]] += 1
    if column:
        in_stage = np.array([sum(sign * _value(c) for c in done if c.stage == s) for s in column])
        # The settings' own equations solved for, what is left is one equation for each stage.
        left = np.diag(1 / STAGE_VARIANCE + took_part.sum(axis=0))
        left = left - took_part.T @ (took_part / count[:, None])
        effects = np.linalg.solve(left, in_stage - took_part.T @ (total / count))
        total -= took_part @ effects
    return dict(zip(trials, (total / count).tolist(), strict=True))


def finalists(
    searched: Mapping[int, float], confirmations: Sequence[Confirmation], direction: Direction
) -> list[Finalist]:
    """The finalists, best first: by their scores, those behind that were trained less than half as often as the most
    often trained one. The first, if it has a mean, is the one to recommend.
    """
    done, failed = _done(confirmations)
    if not done and not failed:
        return []
    found = scores(searched, confirmations, direction)
    repeat = all(_value(c) == searched[c.trial] for c in done)  # there is no luck
    if repeat:
        sign = 1.0 if direction == "maximize" else -1.0
        found = {k: sign * value for k, value in searched.items()}
    values: dict[int, list[float | None]] = {}
    for c in sorted((c for c in confirmations if c.finished is not None), key=lambda c: c.stage):
        values.setdefault(c.trial, []).append(c.value)
    most = max((len(v) for k, v in values.items() if k not in failed), default=0)
    order = sorted(
        values,
        key=lambda k: (k in failed, 2 * len(values[k]) < most, -found.get(k, 0.0), k),
    )
    spread = _Spread([[v for v in values[k] if v is not None] for k in order if k not in failed])
    told = _Comparison(done)
    made = []
    for k in order:
        own = [v for v in values[k] if v is not None]
        if k in failed:
            made.append(Finalist(k, values[k], None, None, False))
            continue
        mean = math.fsum(own) / len(own)
        half = 0.0 if repeat else spread.half_width(len(own), told.noise, chosen=not made)
        ends = None if half is None else (mean - half, mean + half)
        tied = bool(made) and made[0].mean is not None and told.tied(made[0].trial, k)
        made.append(Finalist(k, values[k], mean, ends, tied and not repeat))
    return made


def _done(confirmations: Sequence[Confirmation]) -> tuple[list[Confirmation], set[int]]:
    """Those that gave a value, of settings that never failed; and the trials whose settings did."""
    finished = [c for c in confirmations if c.finished is not None]
    failed = {c.trial for c in finished if c.value is None}
    return [c for c in finished if c.trial not in failed], failed


def _value(c: Confirmation) -> float:
    assert c.value is not None  # noqa: S101  # `_done` left out the others
    return c.value


class _Spread:
    """How far one setting's values lie apart, from those of all."""

    def __init__(self, values: Sequence[Sequence[float]]) -> None:
        self._degrees = sum(len(own) - 1 for own in values)
        squares = sum(float(np.var(own)) * len(own) for own in values)
        self._deviation = math.sqrt(squares / self._degrees) if self._degrees else 0.0

    def half_width(self, count: int, noise: float, *, chosen: bool) -> float | None:
        """Half of the 95 % interval of a mean of `count` values; None where nothing is known.

        That of the setting that was `chosen` for its values is wider than the textbook's: by n - 1 in place of n, by as
        few degrees of freedom as if only its own values were known, and by `LUCK` times the standard error that the
        `noise` of single trainings gives a mean. For the best mean of several is too high by that luck (what a stage
        moves, it moves for all), and only so do the intervals hold the truth as often as they say
        (scripts/bench/RESULTS.md).
        """
        from scipy import stats

        parts, degrees = (count - 1, count - 1) if chosen else (count, self._degrees)
        if not self._degrees or not parts:
            return None
        factor = float(stats.t.ppf((1 + LEVEL) / 2, degrees))
        half = factor * self._deviation / math.sqrt(parts)
        return half + LUCK * noise / math.sqrt(count) if chosen else half


class _Comparison:
    """Settings in pairs, on the stages that both took part in."""

    def __init__(self, done: Sequence[Confirmation]) -> None:
        self._values: dict[int, dict[int, float]] = {}
        for c in done:
            self._values.setdefault(c.trial, {})[c.stage] = _value(c)
        self.noise, self._degrees = _residual(done)

    def tied(self, one: int, other: int) -> bool:
        """Whether a paired t-test at 5 % can't tell the two. The noise is what all values leave unexplained, since
        two settings have few stages in common.
        """
        from scipy import stats

        shared = self._values[one].keys() & self._values[other].keys()
        if not shared or not self._degrees:
            return True
        gap = sum(self._values[one][s] - self._values[other][s] for s in shared) / len(shared)
        error = self.noise * math.sqrt(2 / len(shared))
        if error == 0:
            return gap == 0
        p_value: float = 2 * stats.t.sf(abs(gap) / error, self._degrees)
        return bool(p_value >= 1 - LEVEL)


def _residual(done: Sequence[Confirmation]) -> tuple[float, int]:
    """The standard deviation of what is neither of the setting nor of the stage, and its degrees of freedom."""
    if not done:
        return 0.0, 0
    columns: list[NDArray[Any]] = []
    for part in ([c.trial for c in done], [c.stage for c in done]):
        columns += [np.array([p == which for p in part], float) for which in sorted(set(part))]
    design = np.stack(columns, axis=1)
    values = np.array([_value(c) for c in done])
    found, _, rank, _ = np.linalg.lstsq(design, values, rcond=None)
    degrees = len(values) - int(rank)
    left = values - design @ found
    return math.sqrt(float(left @ left) / degrees) if degrees else 0.0, degrees
