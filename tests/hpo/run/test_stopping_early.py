"""A search that stops before its last trial, for lack of time or of gain: it confirms, says why, and can go on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import hpo
from hpo import operations
from hpo.choose.confirming import REPEATED
from hpo.plan.plan import make_plan
from hpo.run.watcher import Watcher
from studies import Study
from studies.database.records import Result
from tests.hpo.recorded import PLAN, confirmations
from tests.running import Call, Tables


def test_a_search_without_time_does_nothing_until_it_has_some(
    done: Study, storage: str, tables: Tables
) -> None:
    study = hpo.search("wine", **PLAN, timeout=1e-9, storage=storage, name="w")
    assert study.stopped is not None
    assert study.stopped.startswith("a timeout of 1e-09 s is too short to begin")
    said = study.summary()
    assert (said["state"], said["best"], said["test"]) == ("complete", None, None)
    hpo.resume("w", storage=storage)  # nothing else is asked for
    assert study.stopped is not None
    hpo.resume("w", timeout=600, storage=storage)
    assert study.stopped is None
    assert tables("w", storage) == tables("w", done.storage)


class Slow(Watcher):
    """Takes its time over every batch."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def trials_finished(self, results: Sequence[Result], settings: Sequence[Any]) -> None:
        time.sleep(self.seconds)


def test_a_search_whose_time_was_over_goes_on_to_the_same_end(
    storage: str, done: Study, tables: Tables
) -> None:
    plan = make_plan({"source": "wine", **PLAN, "timeout": 2.0})
    study = operations.start(plan, name="w", storage=storage, watcher=Slow(2.1))
    assert study.stopped is not None
    assert study.stopped.startswith("a timeout of 2 s is too short: the first 10 trials,")
    assert len(study.trials_frame()) == 10
    assert confirmations(study) == []  # the time for these was over, too
    hpo.resume("w", trials=30, timeout=600, storage=storage)
    assert study.stopped is None
    assert tables("w", storage) == tables("w", done.storage)


def test_the_time_of_the_search_leaves_time_to_confirm(storage: str) -> None:
    plan = make_plan({"source": "wine", **PLAN, "trials": 14, "rounds": 2, "timeout": 5.0})
    study = operations.start(
        plan, name="w", storage=storage, watcher=Slow(0.8)
    )  # of 5 × 2 / 14 seconds
    assert study.stopped is not None
    assert len(study.trials_frame()) == 1
    assert len(confirmations(study)) > 0
    assert study.summary()["test"] is not None


def test_a_flat_search_runs_out_of_patience_and_says_why(storage: str, call_hpo: Call) -> None:
    space = {"learning_rate": hpo.Float(1e-12, 1e-11)}  # whose every value is as good
    study = hpo.search(
        "wine", trials=40, finalists=5, repeats=2, epochs=1, rounds=3, patience=1, space=space,
        storage=storage, name="w",
    )  # fmt: skip
    assert study.stopped is not None
    assert study.stopped.startswith("1 round brought 0, not more than the noise of 0")
    assert study.trials_frame()["round"].value_counts(sort=False).to_dict() == {0: 16, 1: 7}
    again = confirmations(study)
    early = [c for c in again if c.stage == 1]  # which is how the noise is known
    assert len({c.trial for c in early}) == len(early) == REPEATED
    assert len(again) == 8  # of 10, as 23 of the 30 trials were drawn
    assert study.summary()["test"] is not None
    shown = call_hpo(f"show w --storage {storage}").out
    assert "Stopped early: 1 round brought 0, not more than the noise of " in shown


def test_one_that_ran_out_of_patience_goes_on_if_more_trials_are_asked_for(storage: str) -> None:
    space = {"learning_rate": hpo.Float(1e-12, 1e-11)}
    plan: dict[str, Any] = {"trials": 20, "finalists": 2, "repeats": 2, "epochs": 1, "patience": 1}
    study = hpo.search("wine", **plan, space=space, storage=storage, name="w")
    assert study.stopped is not None
    before = len(study.trials_frame())
    hpo.resume("w", storage=storage)
    assert len(study.trials_frame()) == before
    hpo.resume("w", trials=40, storage=storage)
    assert len(study.trials_frame()) > before
