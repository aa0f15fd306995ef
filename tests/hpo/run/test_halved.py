"""A search with halving: who leaves at a rung, what is recorded of them, and that it is the same however it runs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import hpo
from hpo import operations
from hpo.plan.plan import make_plan
from hpo.run.watcher import Watcher
from studies import Study
from studies.database.records import Result
from tests.hpo.recorded import confirmations, trials
from tests.running import Call, Tables

HALVING: dict[str, Any] = {
    "trials": 64, "rounds": 2, "epochs": 9, "halving": 3, "finalists": 3, "repeats": 3, "extend": False,
    "metric": "log_loss",
}  # fmt: skip


@pytest.fixture(scope="module")
def halved(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A search of 55 trials of which the worst left after 1 and 3 epochs. Not to be written to."""
    storage = f"sqlite:///{tmp_path_factory.mktemp('halved') / 'study.db'}"
    return hpo.search("wine", **HALVING, storage=storage, name="h")


def test_trials_that_left_at_a_rung_are_pruned_with_the_curve_they_had(halved: Study) -> None:
    frame, epochs = halved.trials_frame(), halved.epochs_frame()
    counts = frame.groupby(["round", "state", "epochs"], observed=True).size().to_dict()
    assert counts == {
        (0, "complete", 9): 3, (0, "pruned", 1): 19, (0, "pruned", 3): 6,
        (1, "complete", 9): 3, (1, "pruned", 1): 18, (1, "pruned", 3): 6,
    }  # fmt: skip
    for trial in trials(halved):
        curve = epochs[epochs["trial"] == trial.number]["validation_log_loss"].to_list()
        assert trial.attributes.get("left_epoch", 9) == len(curve)
        assert ("left_epoch" in trial.attributes) == (trial.state == "pruned")
        assert trial.value == curve[-1]
    assert halved.summary()["epochs_trained"] == len(epochs) + 9 * 9


def test_at_a_rung_no_trial_that_left_was_better_than_one_that_stayed(halved: Study) -> None:
    frame = halved.epochs_frame().merge(
        halved.trials_frame()[["number", "round", "epochs"]], left_on="trial", right_on="number"
    )
    for number in (0, 1):
        for rung in (1, 3):
            here = frame[(frame["round"] == number) & (frame["epoch"] == rung)]
            left = here[here["epochs"] == rung]["validation_log_loss"]
            stayed = here[here["epochs"] > rung]["validation_log_loss"]
            assert len(left) > 0
            assert left.min() >= stayed.max()  # the smaller, the better


def test_only_whole_trials_are_best_or_confirmed(halved: Study) -> None:
    whole = {t.number for t in trials(halved) if t.state == "complete"}
    assert halved.best is not None
    assert halved.best.number in whole
    assert {c.trial for c in confirmations(halved)} <= whole
    assert all(c.epochs == 9 for c in confirmations(halved))


def test_optuna_reads_them_as_pruned_with_what_they_reported(halved: Study) -> None:
    loaded = halved.optuna()
    for ours, theirs in zip(trials(halved), loaded.trials, strict=True):
        left = ours.attributes.get("left_epoch")
        assert theirs.state.name == ("COMPLETE" if left is None else "PRUNED")
        assert list(theirs.intermediate_values) == list(range(1, (left or 9) + 1))
        assert theirs.intermediate_values[left or 9] == theirs.value == ours.value
    assert halved.best is not None
    assert loaded.best_trial.number == halved.best.number
    database = loaded._storage
    database.remove_session()
    database._backend.engine.dispose()  # type: ignore[attr-defined]  # there is no other way to close it


def test_show_tells_whether_short_training_predicted_long_training(
    halved: Study, call_hpo: Call
) -> None:
    early, late = halved.rank_agreement([1, 3, 9])
    assert (early.epoch, early.later, early.trials) == (1, 3, 18)
    assert (late.epoch, late.later, late.trials) == (3, 9, 6)
    shown = call_hpo(f"show h --storage {halved.storage}").out
    sentence = re.search(r"Scores after 1 epoch .*?\.\n", shown, re.DOTALL)
    assert sentence is not None
    numbers = re.findall(r"\((-?[\d.]+)\)", sentence[0])
    assert numbers == [f"{early.correlation:.2f}"]
    assert "can't be compared with those after 9, which only 6 trials reached" in " ".join(
        sentence[0].split()
    )
    assert "h · complete · 55 trials (49 pruned) and 9 to confirm" in shown


def test_halving_gives_the_same_study_on_one_worker_or_interrupted(
    halved: Study, tmp_path: Path, tables: Tables
) -> None:
    class Interrupt(Watcher):
        recorded = 0

        def trials_finished(self, results: Sequence[Result], settings: Sequence[Any]) -> None:
            self.recorded += 1

        def epoch_trained(self, trials: int) -> None:
            if self.recorded == 1:
                raise KeyboardInterrupt

    one, stopped = (f"sqlite:///{tmp_path}/{name}.db" for name in ("one", "stopped"))
    hpo.search("wine", **HALVING, storage=one, name="h", workers=1)
    assert tables("h", one) == tables("h", halved.storage)
    plan = make_plan({"source": "wine", **HALVING})
    with pytest.raises(KeyboardInterrupt):
        operations.start(plan, storage=stopped, name="h", watcher=Interrupt())
    hpo.resume("h", storage=stopped)
    assert tables("h", stopped) == tables("h", halved.storage)
