"""Stages of a race as tests write them: which settings had which values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hpo.choose.types import Confirmation

Stages = Sequence[Mapping[int, float | None]]


def confirmed(stages: Stages) -> list[Confirmation]:
    return [
        Confirmation(number, trial, value)
        for number, values in enumerate(stages, start=1)
        for trial, value in values.items()
    ]


def drawn(seed: int, settings: int, stages: int) -> tuple[dict[int, float], Stages]:
    """Values of a search, and of stages of some of its settings each."""
    rng = np.random.default_rng(seed)
    searched = dict(enumerate(rng.normal(size=settings).tolist()))
    taken: list[dict[int, float | None]] = []
    for _ in range(stages):
        some = rng.choice(settings, size=int(rng.integers(1, settings + 1)), replace=False)
        taken.append({int(k): float(rng.normal()) for k in some})
    return searched, taken
