"""The finalists of studies without a recorded conclusion: ranked for ever as the first method ranked them."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpo.choose import concluding, types
from studies.analysis.finalists import conclude_now
from studies.database.records import Conclusion, Confirmation, Direction, Finalist

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


@settings(deadline=None)  # the first call imports scipy
@given(
    st.integers(0, 10**6),
    st.integers(1, 12),
    st.integers(1, 6),
    st.sampled_from(["luck", "none", "failures"]),
    st.sampled_from(["maximize", "minimize"]),
)
def test_it_is_the_method_that_searches_record_but_for_ties_of_settings_without_a_common_stage(
    seed: int, count: int, stages: int, kind: str, direction: Direction
) -> None:
    rng = np.random.default_rng(seed)
    searched = dict(enumerate(rng.normal(size=count).tolist()))
    values = []
    for stage in range(1, stages + 1):
        some = rng.choice(count, size=int(rng.integers(1, count + 1)), replace=False)
        for trial in sorted(some.tolist()):
            value = searched[trial] + (kind != "none") * float(rng.normal())
            failed = kind == "failures" and rng.random() < 0.2
            values.append(confirmation(stage, trial, None if failed else value))
    finished = [types.Confirmation(c.stage, c.trial, c.value) for c in values]
    concluded = concluding.conclude(searched, finished, direction).finalists
    stages_of = {f.trial: {c.stage for c in values if c.trial == f.trial} for f in concluded}
    exact = all(c.value is None or c.value == searched[c.trial] for c in values)
    expected = [
        Finalist(**vars(f))
        if f.mean is None or exact or stages_of[f.trial] & stages_of[concluded[0].trial]
        else Finalist(**vars(f) | {"tied": True})
        for f in concluded
    ]
    assert conclude_now(searched, values, direction) == Conclusion(1, expected, recorded=False)
