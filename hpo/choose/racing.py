"""The race of the better settings: which train again in the next stage, by the scores of all settings.

Each stage trains some settings once, all on one fresh seed and split. So a value is the sum of a setting's effect, its
stage's effect, and noise. Scores leave out the stage's effect.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from hpo.choose.types import Confirmation, Direction

PARTS, SMALLEST_STAGE = 4, 2
BEST_SHARE, FEWEST_BEST = 1 / 3, 8  # trials of the search: their average is the prior mean
STAGE_VARIANCE = 3.0
"""The variance of the stages' effects as a multiple of the noise's; on measured tables it is between 1 and 9."""


def race(
    searched: Mapping[int, float],
    confirmed: Sequence[Confirmation],
    direction: Direction,
    trainings_left: int,
    finalists: int | None = None,
    measured: int = 0,
    baselines: Collection[int] = (),
) -> list[int]:
    """The trials whose settings train in the next stage. `trainings_left` is the budget of this and all later stages.

    They have the best scores; they are a quarter as many as there are trainings left, but at least two. So the clearly
    worse leave stage by stage, and close ones are compared more often. With `finalists`, that many different settings
    train before any leaves; the first `measured` trainings, which measured the noise, make no setting a finalist.

    The `baselines` train in every stage beside them, however bad they are, as long as there are trainings for them and
    one more: a setting is compared with them on the stages in which both trained. So no stage is left for fewer.
    """
    score = scores(searched, confirmed, direction)
    ranked = sorted(score, key=lambda trial: (-score[trial], trial))
    kept = [trial for trial in baselines if trial in score]
    if len(kept) >= trainings_left:
        kept = []
    ranked = [trial for trial in ranked if trial not in kept]
    trainings_left -= len(kept)
    size = max(SMALLEST_STAGE, trainings_left // PARTS)
    if finalists is not None:
        raced = {c.trial for c in confirmed[measured:]}.difference(kept)
        new = [trial for trial in ranked if trial not in raced][: max(0, finalists - len(raced))]
        ranked = [trial for trial in ranked if trial in raced or trial in new]
        size = len(ranked) if new else size
    if kept and trainings_left - size <= len(kept):
        size = trainings_left
    return [*kept, *ranked[: min(size, trainings_left)]]


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
    done, failed = done_values(confirmed)
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


class Value(NamedTuple):
    """The value of a trial's settings in a stage."""

    stage: int
    trial: int
    value: float


def done_values(confirmed: Iterable[Confirmation]) -> tuple[list[Value], set[int]]:
    """The values of the settings that never failed, sorted by stage and trial; and the trials whose settings failed."""
    failed = {c.trial for c in confirmed if c.value is None}
    values = [
        Value(c.stage, c.trial, c.value)
        for c in confirmed
        if c.value is not None and c.trial not in failed
    ]
    return sorted(values), failed
