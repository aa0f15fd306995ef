"""Searches to their end: finalists are trained again, the test rows are seen once, and a search can stop early."""

# Law 7: training rows teach, validation rows choose, test rows are seen once.

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import hpo
import studies
from hpo import operations
from hpo.choose.confirming import REPEATED
from hpo.display.summary import summary
from hpo.display.text import show
from hpo.errors import PlanError
from hpo.plan.plan import make_plan
from hpo.run.seeds import CONFIRM, TEST_ROWS, seed_of
from hpo.run.watcher import Watcher
from hpo.trainables.network import mlp
from studies import Study
from studies.database.records import Confirmation, Result, Trial
from studies.database.store import open_store
from studies.database.tables import MIGRATIONS
from tests.hpo.scripted import trained_alone
from tests.running import Run, Tables
from trainer.data import TEST

PLAN: dict[str, Any] = {"trials": 30, "finalists": 4, "repeats": 3, "epochs": 3, "seed": 1}


def rows(storage: str, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(storage.removeprefix("sqlite:///"))) as connection, connection:
        return connection.execute(query).fetchall()


def confirmations(study: Study) -> list[Confirmation]:
    with open_store(study.storage) as store:
        return store.confirmations(store.study(study.name).study_id)


def trials(study: Study) -> list[Trial]:
    with open_store(study.storage) as store:
        return store.trials(store.study(study.name).study_id)


def copied(study: Study, folder: Path) -> str:
    """A copy of a study's database, to be written to."""
    shutil.copy(study.storage.removeprefix("sqlite:///"), folder / "copy.db")
    return f"sqlite:///{folder / 'copy.db'}"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A search with 18 trials and 12 trainings that confirm. Not to be written to."""
    storage = f"sqlite:///{tmp_path_factory.mktemp('confirmed') / 'study.db'}"
    return hpo.search("wine", **PLAN, storage=storage, name="w")


# --- confirming ---


def test_trials_and_confirmations_are_the_trials_of_the_plan(done: Study) -> None:
    said, again = done.summary(), confirmations(done)
    assert sum(said["trials"].values()) == 18
    assert len(again) == 12
    assert said["epochs_trained"] == done.trials_frame()["epochs"].sum() + 12 * 3
    assert said["state"] == "complete"
    assert done.stopped is None


def test_a_stage_trains_complete_trials_each_once(done: Study) -> None:
    again = confirmations(done)
    stages = sorted({c.stage for c in again})
    assert stages == list(range(1, len(stages) + 1))
    for stage in stages:
        members = [c.trial for c in again if c.stage == stage]
        assert len(members) == len(set(members)) >= 1
    complete = {t.number for t in trials(done) if t.state == "complete"}
    assert {c.trial for c in again} <= complete
    assert all(c.finished and c.value is not None and c.epochs == 3 for c in again)


def test_all_of_a_stage_train_on_its_seed_and_its_split(done: Study) -> None:
    plan = make_plan(done.read().plan)
    trainable, settings = mlp(plan), [t.params for t in trials(done)]
    values = set()
    for c in confirmations(done):
        seed = seed_of(plan, CONFIRM, c.stage)
        outcome = trained_alone(
            trainable, settings[c.trial], epochs=plan.epochs, seed=seed, split=c.stage
        )
        assert outcome.value == c.value
        values.add((c.trial, c.value))
    assert len(values) > len({trial for trial, _ in values})  # stages differ


def test_the_finalists_have_what_the_stages_gave(done: Study) -> None:
    again, found = confirmations(done), done.summary()["finalists"]
    assert {f["trial"] for f in found} == {c.trial for c in again}
    for f in found:
        assert f["values"] == [c.value for c in again if c.trial == f["trial"]]
        assert f["params"] == trials(done)[f["trial"]].params


def test_the_first_finalist_is_recommended(done: Study) -> None:
    said = done.summary()
    assert done.recommended is not None
    assert done.recommended.trial == said["finalists"][0]["trial"]
    first = said["finalists"][0]
    assert said["recommended"] == {key: first[key] for key in ("trial", "params", "mean", "ci95")}


@pytest.mark.parametrize(("finalists", "repeats"), [(1, 1), (3, 2), (2, 5)])
def test_finalists_and_repeats_are_not_exceeded(finalists: int, repeats: int, storage: str) -> None:
    study = hpo.search(
        "wine", trials=20, rounds=1, epochs=1, finalists=finalists, repeats=repeats, storage=storage
    )
    again = confirmations(study)
    assert 1 <= len(again) <= finalists * repeats
    # The first stage measures the noise.
    assert len({c.trial for c in again if c.stage > 1}) <= finalists
    assert len({c.trial for c in again}) <= finalists + REPEATED
    assert len(study.trials_frame()) == 20 - finalists * repeats


def test_more_finalists_than_trials_allow_are_refused(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/new.db"
    with pytest.raises(PlanError, match=r"18 of 20 trials would confirm 6 finalists and leave 2"):
        hpo.search("wine", trials=20, finalists=6, repeats=3, storage=storage)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("count", [2, 3, 4, 6, 10])
def test_a_search_of_few_trials_can_be_shown(
    count: int, storage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    study = hpo.search("wine", trials=count, rounds=1, epochs=1, storage=storage, name="w")
    assert len(trials(study)) + len(confirmations(study)) == count
    json.dumps(study.summary(), allow_nan=False)
    assert study.report()
    show(*summary(study))
    assert capsys.readouterr().out.startswith("w · complete · ")


# --- the test rows ---


def test_the_test_rows_say_how_good_the_recommended_settings_are(done: Study) -> None:
    plan, said = make_plan(done.read().plan), done.summary()
    outcome = trained_alone(
        mlp(plan), said["recommended"]["params"], epochs=plan.epochs,
        seed=seed_of(plan, TEST_ROWS), split=TEST,
    )  # fmt: skip
    assert (said["test"]["metric"], said["test"]["value"]) == ("accuracy", outcome.value)
    ((trial, value, error),) = rows(done.storage, "SELECT trial, value, error FROM hpo_tests")
    assert (trial, value, error) == (said["recommended"]["trial"], outcome.value, None)
    opened = said["test"]["opened_at"]
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", opened)
    last = max(c.finished for c in confirmations(done) if c.finished)
    assert last.isoformat(timespec="seconds") + "Z" <= opened


def test_the_test_rows_are_not_opened_again_when_a_search_goes_on(
    done: Study, tmp_path: Path
) -> None:
    storage = copied(done, tmp_path)
    before = rows(storage, "SELECT * FROM hpo_tests")
    study = hpo.resume("w", trials=60, storage=storage)
    assert study.summary()["state"] == "complete"
    assert len(study.trials_frame()) > 18
    assert rows(storage, "SELECT * FROM hpo_tests") == before


def test_test_rows_that_were_opened_and_not_scored_are_scored_for_the_same_trial(
    done: Study, tmp_path: Path, tables: Tables
) -> None:
    storage = copied(done, tmp_path)
    before = rows(storage, "SELECT * FROM hpo_tests")
    rows(storage, "UPDATE hpo_tests SET value = NULL")
    rows(storage, "UPDATE hpo_studies SET completed = NULL")
    stopped = studies.load("w", storage).summary()
    assert (stopped["state"], stopped["test"]) == ("interrupted", None)
    hpo.resume("w", storage=storage)
    assert rows(storage, "SELECT * FROM hpo_tests") == before
    assert tables("w", storage) == tables("w", done.storage)


def test_without_finalists_the_test_rows_stay_unseen(storage: str) -> None:
    study = hpo.search("wine", **PLAN | {"finalists": 0}, storage=storage)
    said = study.summary()
    assert sum(said["trials"].values()) == 30
    assert (said["finalists"], said["recommended"], said["test"]) == ([], None, None)
    assert study.recommended is None
    assert len(study.finalists_frame()) == 0
    for table in ("hpo_tests", "hpo_confirmations"):
        assert rows(storage, f"SELECT * FROM {table}") == []  # noqa: S608  # ours


# --- stopping early ---


def test_a_search_without_time_does_nothing_until_it_has_some(
    done: Study, storage: str, tables: Tables
) -> None:
    study = hpo.search("wine", **PLAN, timeout=1e-9, storage=storage, name="w")
    assert study.stopped is not None
    assert study.stopped.startswith("the time was over: 0 trials in ")
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
    plan = make_plan({"source": "wine", **PLAN, "timeout": 1.0})
    study = operations.start(plan, name="w", storage=storage, watcher=Slow(1.1))
    assert study.stopped is not None
    assert study.stopped.startswith("the time was over: 10 trials in 0.6 s")
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


def test_a_flat_search_runs_out_of_patience_and_says_why(storage: str, run_hpo: Run) -> None:
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
    shown = run_hpo("show", "w", "--storage", storage).stdout
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


# --- halving ---

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
    halved: Study, run_hpo: Run
) -> None:
    early, late = halved.rank_agreement([1, 3, 9])
    assert (early.epoch, early.later, early.trials) == (1, 3, 18)
    assert (late.epoch, late.later, late.trials) == (3, 9, 6)
    shown = run_hpo("show", "h", "--storage", halved.storage).stdout
    sentence = re.search(r"Scores after 1 epoch .*?\.\n", shown, re.DOTALL)
    assert sentence is not None
    numbers = re.findall(r"\((-?[\d.]+)\)", sentence[0])
    assert numbers == [f"{early.correlation:.2f}", f"{late.correlation:.2f}"]
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


# --- a database from before there was any of this ---

NEW_FIELDS = ("halving", "finalists", "repeats", "timeout", "patience")


def test_an_older_database_is_read_and_its_study_can_go_on(storage: str, tables: Tables) -> None:
    study = hpo.search("wine", trials=12, finalists=0, epochs=2, storage=storage, name="old")
    before, seen = study.summary(), tables("old", storage)
    for table in ("hpo_confirmations", "hpo_tests", "hpo_stops", "hpo_plans", "hpo_environments"):
        rows(storage, f"DROP TABLE {table}")
    rows(storage, "DELETE FROM hpo_migrations WHERE number > 1")
    ((plan,),) = rows(storage, "SELECT plan FROM hpo_studies")
    older = {name: value for name, value in json.loads(plan).items() if name not in NEW_FIELDS}
    assert make_plan(older).model_copy(update={"finalists": 0}) == make_plan(json.loads(plan))
    rows(storage, f"UPDATE hpo_studies SET plan = '{json.dumps(older)}'")  # noqa: S608  # ours

    assert study.summary() == before
    assert (study.stopped, study.recommended, len(study.finalists_frame())) == (None, None, 0)
    assert tables("old", storage) == seen
    assert rows(storage, "SELECT number FROM hpo_migrations") == [(1,)]  # reading changes nothing
    hpo.resume("old", trials=40, storage=storage)
    assert rows(storage, "SELECT number FROM hpo_migrations ORDER BY 1") == [
        (number,) for number in range(1, len(MIGRATIONS) + 1)
    ]
    assert tables("old", storage)["trials"].startswith(seen["trials"])
    assert len(trials(study)) + len(confirmations(study)) == 40
    assert study.recommended is not None
    assert study.summary()["test"] is not None
