"""When trials ran: sessions, and the pauses between them."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from studies.analysis.sessions import spans, times
from studies.database.records import Trial
from tests.studies.columns_of import frame_of
from tests.studies.figures import made

BEGUN = datetime(2026, 3, 1, 8)


def ran(*when: tuple[float, float | None]) -> pd.DataFrame:
    """Trials that ran from so many seconds to so many; None: still running."""
    trials = [
        Trial(
            n,
            "running" if end is None else "complete",
            None if end is None else 0.5,
            {"x": 0.5},
            {"round": 0},
            BEGUN + timedelta(seconds=begin),
            None if end is None else BEGUN + timedelta(seconds=end),
        )
        for n, (begin, end) in enumerate(when)
    ]
    return frame_of(trials, {})


def test_a_pause_splits_sessions_and_is_cut_out() -> None:
    trials = ran((0, 10), (0, 12), (3600, 3610))
    clock = times(spans(trials), trials["started"].min())
    assert clock.sessions == [(0.0, 12.0), (3600.0, 3610.0)]
    assert clock.pauses == [(12.0, 3588.0)]
    assert clock.ran == 22.0
    np.testing.assert_allclose(
        clock.running(np.array([0.0, 12.0, 1000.0, 3600.0, 3605.0])), [0, 12, 12, 12, 17]
    )


def test_what_a_search_thinks_between_batches_is_no_pause() -> None:
    trials = ran((0, 10), (25, 35))
    assert times(spans(trials), trials["started"].min()).pauses == []


def test_a_long_search_pauses_for_longer() -> None:
    trials = ran((0, 36000), (36060, 72000))  # a minute in 20 hours
    assert times(spans(trials), trials["started"].min()).pauses == []


def test_a_trial_that_runs_lasts_until_what_is_known() -> None:
    found = spans(ran((0, 10), (5, None)))
    assert list(found["end"]) == [10.0, 10.0]
    assert list(spans(ran((0, None), (5, None)))["end"]) == [5.0, 5.0]
    assert list(spans(ran((5, 3)))["end"]) == [0.0]  # a clock that was put back
    assert spans(made([0.5])[0]).empty
