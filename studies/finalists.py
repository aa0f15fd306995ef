"""The settings that were trained again: their means, how sure those are, and which can't be told from the best."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from studies.records import Confirmation

LEVEL = 0.95


@dataclass(frozen=True)
class Finalist:
    """A trial whose settings were trained again, `values` in the order of stages; None where that failed.

    `mean` and `ci95` are None where a training failed: such settings are not to be recommended. `tied` says that a
    paired comparison can't tell them from the first finalist.
    """

    trial: int
    values: list[float | None]
    mean: float | None
    ci95: tuple[float, float] | None
    tied: bool


def finalists(
    confirmations: Sequence[Confirmation], direction: Literal["maximize", "minimize"]
) -> list[Finalist]:
    """The finalists, best mean first; the first, if it has a mean, is the one to recommend."""
    from scipy import stats

    done = sorted((c for c in confirmations if c.finished is not None), key=lambda c: c.stage)
    values: dict[int, list[float | None]] = {}
    for c in done:
        values.setdefault(c.trial, []).append(c.value)
    sound = {k: np.array(v, float) for k, v in values.items() if None not in v}
    residuals = np.concatenate([v - v.mean() for v in sound.values()] or [np.empty(0)])
    degrees = len(residuals) - len(sound)
    deviation = math.sqrt(float(residuals @ residuals) / degrees) if degrees else math.inf
    sign = -1.0 if direction == "maximize" else 1.0
    order = sorted(
        values, key=lambda k: (k not in sound, sign * sound[k].mean() if k in sound else 0, k)
    )
    made = []
    for k in order:
        if k not in sound:
            made.append(Finalist(k, values[k], None, None, False))
            continue
        mean = float(sound[k].mean())
        half = (
            float(stats.t.ppf((1 + LEVEL) / 2, max(degrees, 1)))
            * deviation
            / math.sqrt(len(sound[k]))
        )
        first = made[0] if made else None
        gap = 0.0 if first is None or first.mean is None else abs(first.mean - mean)
        sigma = deviation * math.sqrt(1 / len(sound[k]) + (1 / len(first.values) if first else 0))
        p = 1.0 if not first else 2 * float(stats.t.sf(gap / sigma, max(degrees, 1)))
        made.append(Finalist(k, values[k], mean, (mean - half, mean + half), p >= 1 - LEVEL))
    return made
