"""When trials ran: sessions, the pauses between, and lengths of time as a person says them. Rungs, too."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from studies.analysis.agreement import compared_epochs, scores_after
from studies.analysis.sessions import spans, times
from studies.database.records import Trial
from tests.studies.columns_of import epochs_of, frame_of
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


def test_trials_are_compared_where_halving_had_them_leave() -> None:
    trials = made([0.5 + k / 100 for k in range(20)])[0]
    trials["epochs"] = pd.array([1] * 12 + [3] * 5 + [9] * 3, dtype="Int64")
    trials.loc[:16, "state"] = "pruned"
    lengths = trials["epochs"].tolist()
    epochs = epochs_of([(n, "validation_accuracy", [0.1] * e) for n, e in enumerate(lengths)])
    assert compared_epochs(trials, epochs) == [1, 3, 9]


def test_without_rungs_thirds_are_compared() -> None:
    trials, _, _ = made([0.5] * 3)
    epochs = epochs_of([(n, "validation_accuracy", [0.1] * 27) for n in range(3)])
    assert compared_epochs(trials, epochs) == [1, 3, 9, 27]
    assert compared_epochs(trials, epochs[epochs["epoch"] <= 2]) == [1, 2]
    assert compared_epochs(trials, epochs.head(0)) == []


def test_scores_are_those_after_the_epochs() -> None:
    epochs = epochs_of([(0, "score", [0.1, 0.2]), (3, "score", [0.3]), (4, "score", [np.nan, 1.0])])
    assert scores_after(epochs, "score", [1, 2]) == {1: {0: 0.1, 3: 0.3}, 2: {0: 0.2, 4: 1.0}}
