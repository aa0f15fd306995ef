"""Searches to their end: finalists are trained again, and the test rows are seen once."""

# Law 7: training rows teach, validation rows choose, test rows are seen once.

from __future__ import annotations

import json
import random
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import hpo
import studies
from hpo.choose.confirming import REPEATED
from hpo.choose.types import Confirmation, History, Observation, Traits
from hpo.display.summary import summary
from hpo.display.text import show
from hpo.errors import PlanError
from hpo.plan.plan import make_plan
from hpo.run.confirming import after_confirming
from hpo.run.seeds import CONFIRM, TEST_ROWS, seed_of
from hpo.trainables.network import mlp
from studies import Study
from tests.hpo.recorded import PLAN, confirmations, rows, trials
from tests.hpo.scripted import trained_alone
from tests.running import Tables
from trainer.data import TEST


def copied(study: Study, folder: Path) -> str:
    """A copy of a study's database, to be written to."""
    shutil.copy(study.storage.removeprefix("sqlite:///"), folder / "copy.db")
    return f"sqlite:///{folder / 'copy.db'}"


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
    assert said["recommended"] == {
        key: first[key] for key in ("trial", "params", "mean", "ci95", "epochs")
    }


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


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    "count", [2, 4, *(pytest.param(n, marks=pytest.mark.slow) for n in (3, 6, 10))]
)
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


def test_a_test_score_of_other_settings_is_told_as_theirs() -> None:
    plan = make_plan(
        {"trainer": "m:f", "space": {"x": (0, 1)}, "trials": 2, "rounds": 1, "finalists": 0}
    )
    seen = History(
        trials={0: Observation({"x": 0.1}, 0.1), 1: Observation({"x": 0.2}, 0.2)},
        confirmed=[Confirmation(1, 1, 0.3), Confirmation(1, 0, 0.1)],
        tested=0,
        test_done=True,
        stopped="enough",
    )
    (line,) = after_confirming(plan, Traits("maximize", tests=True), seen)
    assert "of trial 0: those of trial 1, recommended now, have no test score" in line
    seen.tested = 1
    assert after_confirming(plan, Traits("maximize", tests=True), seen) == []


def test_what_is_found_after_an_earlier_race_races_and_is_recommended(storage: str) -> None:
    """The user widens the range and asks for more, and the new trials are far better."""

    def train(params: dict[str, Any], *, seed: int) -> float:
        luck = random.Random(f"{seed}{params}")  # noqa: S311  # no secret
        return float(params["x"]) + luck.gauss(0, 0.05)

    space = {"x": hpo.Float(0, 1, extend=False)}
    first = hpo.search(train, space=space, trials=40, storage=storage, name="s")
    assert first.recommended is not None
    assert first.recommended.params["x"] <= 1
    wider = {"x": hpo.Float(0, 5, extend=False)}
    study = hpo.resume("s", train=train, trials=60, space=wider, storage=storage)
    assert study.recommended is not None
    assert study.recommended.params["x"] > 4.5
    assert len(study.recommended.values) >= 2
