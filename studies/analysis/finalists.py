"""The finalists of studies that were stored before conclusions were: ranked when they are read.

Today a search records what it concludes, and readers show the record. An older study has only the values of its
confirmations, until it is next written to. For such studies the method of that time (version 1) is kept here as it
was, whatever becomes of `hpo.choose.concluding`, where it is explained.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from studies.database.records import Conclusion, Confirmation, Direction, Finalist

Done = list[tuple[int, int, float]]  # stage, trial, value


def conclude_now(
    searched: Mapping[int, float], confirmations: Sequence[Confirmation], direction: Direction
) -> Conclusion | None:
    """What version 1 concludes from the confirmations that are finished; None where there are none.

    `searched` has the value of each trial in the search.
    """
    values: dict[int, dict[int, float | None]] = {}  # of each trial, by stage
    for c in sorted((c for c in confirmations if c.finished is not None), key=lambda c: c.stage):
        values.setdefault(c.trial, {})[c.stage] = c.value
    if not values:
        return None
    own = {
        trial: {stage: value for stage, value in of.items() if value is not None}
        for trial, of in values.items()
        if None not in of.values()
    }
    done = sorted((stage, trial, value) for trial in own for stage, value in own[trial].items())
    sign = 1.0 if direction == "maximize" else -1.0
    exact = all(value == searched[trial] for _, trial, value in done)
    score = {trial: sign * value for trial, value in searched.items()}
    if not exact:
        score = _scores({k: v for k, v in score.items() if k in own or k not in values},
                        [(stage, trial, sign * value) for stage, trial, value in done])  # fmt: skip
    most = max(map(len, own.values()), default=0)
    order = sorted(
        values, key=lambda k: (k not in own, 2 * len(values[k]) < most, -score.get(k, 0.0), k)
    )
    degrees = sum(len(own[k]) - 1 for k in order if k in own)
    squares = sum(float(np.var([*own[k].values()])) * len(own[k]) for k in order if k in own)
    spread = math.sqrt(squares / degrees) if degrees else 0.0
    noise, noise_degrees = _noise(done)
    finalists: list[Finalist] = []
    for trial in order:
        mean, half, tied = None, None, False
        if trial in own:
            count, first = len(own[trial]), own[order[0]]
            mean = math.fsum(own[trial].values()) / count
            half = 0.0 if exact else _half(count, spread, degrees, noise if not finalists else None)
            tied = bool(finalists) and not exact and _tied(first, own[trial], noise, noise_degrees)
        ends = None if mean is None or half is None else (mean - half, mean + half)
        finalists.append(Finalist(trial, [*values[trial].values()], mean, ends, tied))
    return Conclusion(1, finalists, recorded=False)


def _scores(first: Mapping[int, float], done: Done) -> dict[int, float]:
    rows = {trial: k for k, trial in enumerate(first)}
    stages = sorted({stage for stage, _, _ in done})
    values = np.array([*first.values()])
    best = np.sort(values)[::-1][: max(8, math.ceil(1 / 3 * len(values)))]
    count, total = np.full(len(rows), 2.0), values + best.mean()
    took_part = np.zeros((len(rows), len(stages)))
    for stage, trial, value in done:
        row = rows[trial]
        took_part[row, stages.index(stage)] = 1
        total[row] += value
        count[row] += 1
    if stages:
        in_stage = np.array([sum(value for s, _, value in done if s == stage) for stage in stages])
        equations = np.diag(1 / 3.0 + took_part.sum(axis=0))
        equations = equations - took_part.T @ (took_part / count[:, None])
        total -= took_part @ np.linalg.solve(equations, in_stage - took_part.T @ (total / count))
    return dict(zip(first, (total / count).tolist(), strict=True))


def _noise(done: Done) -> tuple[float, int]:
    """The standard deviation of what neither setting nor stage explains, and its degrees of freedom."""
    if not done:
        return 0.0, 0
    stages, trials = ({d[part] for d in done} for part in (0, 1))
    rows = [[t == k for k in sorted(trials)] + [s == k for k in sorted(stages)] for s, t, _ in done]
    design = np.array(rows, float)
    values = np.array([value for _, _, value in done])
    effects, _, rank, _ = np.linalg.lstsq(design, values, rcond=None)
    rest, degrees = values - design @ effects, len(values) - int(rank)
    return (math.sqrt(float(rest @ rest) / degrees) if degrees else 0.0), degrees


def _half(count: int, spread: float, degrees: int, luck: float | None) -> float | None:
    """Half of a mean's 95 % interval; wider by `luck` for the setting that was chosen for its mean."""
    from scipy import special  # as scipy.stats.t, without importing scipy.stats

    parts = count if luck is None else count - 1
    if not degrees or not parts:
        return None
    factor = float(special.stdtrit(degrees if luck is None else parts, 0.975))
    half = factor * spread / math.sqrt(parts)
    return half if luck is None else half + 0.35 * luck / math.sqrt(count)


def _tied(one: Mapping[int, float], other: Mapping[int, float], noise: float, degrees: int) -> bool:
    from scipy import special  # as scipy.stats.t, without importing scipy.stats

    shared = one.keys() & other.keys()
    if not shared or not degrees:
        return True
    gap = sum(one[s] - other[s] for s in shared) / len(shared)
    error = noise * math.sqrt(2 / len(shared))
    return (
        gap == 0 if error == 0 else 2 * float(special.stdtr(degrees, -abs(gap) / error)) >= 1 - 0.95
    )
