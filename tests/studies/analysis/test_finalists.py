"""The finalists of studies without a recorded conclusion: ranked for ever as the first method ranked them."""

from __future__ import annotations

from datetime import datetime

import pytest

from studies.analysis.finalists import conclude_now
from studies.database.records import Confirmation

THEN = datetime(2026, 1, 2, 3, 4)  # as the database has them


def confirmation(stage: int, trial: int, value: float | None) -> Confirmation:
    return Confirmation(stage, trial, value, 3, None if value is not None else "diverged", THEN)


def test_the_first_method_stays_what_it_was() -> None:
    searched = {0: 0.9, 1: 0.93, 2: 0.87, 3: 0.91}
    stages: list[dict[int, float | None]] = [
        {0: 0.91, 1: 0.9, 2: 0.88, 3: 0.89},
        {0: 0.92, 1: 0.925, 3: None},
        {0: 0.9, 1: 0.88},
    ]
    values = [
        confirmation(stage, trial, value)
        for stage, by_trial in enumerate(stages, start=1)
        for trial, value in by_trial.items()
    ]
    begun = [Confirmation(4, 0), Confirmation(4, 1)]
    concluded = conclude_now(searched, values + begun, "maximize")
    assert concluded is not None
    assert (concluded.method, concluded.recorded) == (1, False)
    assert [(f.trial, f.values, f.tied) for f in concluded.finalists] == [
        (1, [0.9, 0.925, 0.88], False),
        (0, [0.91, 0.92, 0.9], True),
        (2, [0.88], True),
        (3, [0.89, None], False),
    ]
    means = [
        (f.mean, *f.ci95) for f in concluded.finalists if f.mean is not None and f.ci95 is not None
    ]
    assert means == [
        pytest.approx((0.9016666666666667, 0.8468075077997691, 0.9565258255335644)),
        pytest.approx((0.91, 0.8820434051256112, 0.9379565948743889)),
        pytest.approx((0.88, 0.8315777572709389, 0.9284222427290612)),
    ]
    assert conclude_now(searched, begun, "maximize") is None


def test_exact_values_were_their_own_means() -> None:
    concluded = conclude_now(
        {0: 0.9, 1: 0.8}, [confirmation(1, k, 0.9 - k / 10) for k in (1, 0)], "minimize"
    )
    assert concluded is not None
    first, second = concluded.finalists
    assert (first.trial, first.mean, first.ci95, second.tied) == (1, 0.8, (0.8, 0.8), False)
