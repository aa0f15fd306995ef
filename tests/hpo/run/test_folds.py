"""Searches by cross-validation: every setting is trained on all folds, which is what --trials counts."""

# Law 2: the same seed gives the same study.
# Law 3: a trial does not feel its neighbours.

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hpo
import studies
from hpo import operations
from hpo.display.summary import summary
from hpo.display.text import show
from hpo.display.trial import of_trial
from hpo.errors import PlanError
from hpo.plan.place import Place
from hpo.plan.plan import make_plan
from hpo.run.watcher import Watcher
from studies import Study
from studies.database.records import Result
from tests.hpo.recorded import confirmations
from tests.running import Tables

FIELDS: dict[str, Any] = {
    "source": "wine", "folds": 4, "trials": 97, "rounds": 2, "epochs": 3, "seed": 2,
    "space": {"learning_rate": "1e-3:1e3:log", "activation": "relu,tanh"},
}  # fmt: skip


def search(storage: str, watcher: Watcher | None = None, **fields: Any) -> Study:
    plan = make_plan(FIELDS | fields)
    return operations.start(
        plan, name="s", storage=storage, watcher=watcher, place=Place(workers=1)
    )


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return search(f"sqlite:///{tmp_path_factory.mktemp('folds') / 'study.db'}")


def test_trials_are_counted_with_all_their_folds(done: Study) -> None:
    s = done.read()
    trials, again = done.trials_frame(), confirmations(done)
    assert len(trials) + len(again) == 97 // 4
    assert s.trainings == 96
    assert s.epochs_trained == 4 * (trials["epochs"].sum() + sum(c.epochs for c in again))
    assert done.summary()["data"]["folds"] == 4


def test_the_value_of_a_trial_is_the_mean_of_its_folds(done: Study) -> None:
    trials = done.trials_frame()
    complete = trials[trials["state"] == "complete"]
    for number, value in zip(complete["number"], complete["value"], strict=True):
        one = done.trial(int(number))
        assert len(one.folds) == 4
        assert np.isclose(np.mean(one.folds), value, rtol=1e-12)
        assert one.as_mapping()["folds"] == one.folds
    assert (trials["state"] == "failed").any()  # some diverged, on one fold or more


def test_trials_and_confirmations_are_on_other_folds(done: Study) -> None:
    frame = done.trials_frame()
    assert done.recommended is not None
    first = done.trial(done.recommended.trial)
    stages = [tuple(c.curves["fold1_validation_accuracy"]) for c in first.confirmations]
    assert len({*stages, tuple(first.curves["fold1_validation_accuracy"])}) == len(stages) + 1
    assert frame["value"].nunique() > 1


def test_a_trial_is_reproduced_alone_to_the_last_bit(done: Study) -> None:
    frame = done.trials_frame()
    for state in ("complete", "failed"):
        number = int(frame[frame["state"] == state]["number"].iloc[-1])
        assert hpo.reproduce("s", number, storage=done.storage).identical


def test_stopped_and_resumed_on_another_number_of_workers_it_is_the_same(
    done: Study, tmp_path: Path, tables: Tables
) -> None:
    class StopsAfterABatch(Watcher):
        def trials_finished(self, results: Sequence[Result], settings: Sequence[Any]) -> None:
            raise KeyboardInterrupt

    storage = f"sqlite:///{tmp_path}/stopped.db"
    with pytest.raises(KeyboardInterrupt):
        search(storage, StopsAfterABatch())
    assert studies.load("s", storage).summary()["state"] == "interrupted"
    hpo.resume("s", storage=storage, workers=2)
    assert tables("s", storage) == tables("s", done.storage)


@pytest.mark.slow
def test_halving_takes_trials_off_all_their_folds(tmp_path: Path) -> None:
    study = search(f"sqlite:///{tmp_path}/halved.db", halving=3, epochs=9, trials=160)
    trials = study.trials_frame()
    pruned = trials[trials["state"] == "pruned"]
    assert {*pruned["epochs"]} == {1, 3}
    left = study.trial(int(pruned["number"].iloc[0]))
    assert {len(curve) for curve in left.curves.values()} == {left.epochs}
    assert len(left.folds) == 4
    assert hpo.reproduce("s", left.trial.number, storage=study.storage).identical


def test_what_confirms_later_is_counted_with_all_its_folds(tmp_path: Path) -> None:
    said: list[str] = []

    class Hears(Watcher):
        def noticed(self, note: str) -> None:
            said.append(note)

    storage = f"sqlite:///{tmp_path}/confirmed.db"
    before = len(confirmations(search(storage, Hears())))
    assert "each setting is trained on 4 folds, so 97 trainings score settings 24 times" in said[0]
    with pytest.raises(PlanError, match=r"trainings: 3 are too few: .* 4 folds: give at least 4"):
        operations.confirm("s", 3, storage=storage)
    study = operations.confirm("s", 9, storage=storage, watcher=Hears())
    assert len(confirmations(study)) == before + 2
    assert any(note.startswith("8 more trainings") for note in said)


@pytest.mark.usefixtures("undrawn")
def test_what_is_shown_says_so_plainly(done: Study, capsys: pytest.CaptureFixture[str]) -> None:
    show(*summary(done))
    shown = " ".join(capsys.readouterr().out.split())
    assert "each on 4 folds: 96 trainings" in shown
    assert "Predicted out of fold, in " in shown
    assert "142 rows train and validate in 4 folds, 36 test" in shown
    assert "each on 4 folds (96 trainings with those that confirm)" in " ".join(
        done.report().split()
    )
    assert done.best is not None
    show(*of_trial(done.trial(done.best.number)))
    shown = capsys.readouterr().out
    assert "the mean of 4 folds: " in shown
    assert "fold1_" not in shown


def test_what_was_predicted_out_of_fold_is_kept_of_what_confirmed(done: Study) -> None:
    s = done.read()
    assert s.recommended is not None
    assert s.predicted is not None
    assert s.predicted.divisions == len(s.recommended.values)
    assert sum(map(sum, s.predicted.counts)) == 142 * s.predicted.divisions
    right = sum(row[k] for k, row in enumerate(s.predicted.counts)) / 142
    values = [value for value in s.recommended.values if value is not None]
    assert abs(right - sum(values)) < 0.02 * len(values)  # folds differ in size by a row
    said = done.summary()["out_of_fold"]
    assert said["classes"] == s.predicted.classes == ["class_0", "class_1", "class_2"]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"folds": 1}, "folds: 1 is not a whole number of at least 2"),
        (
            {"trials": 7},
            "7 trainings, 4 for each setting, score 1, .* fill 2 rounds: give rounds 1",
        ),
        ({"trials": 3}, "3 trainings, 4 for each setting, score 0, .* give at least 4"),
        ({"trials": 40, "finalists": 5, "repeats": 2}, "10 of 10 trials would confirm 5 finalists"),
        ({"source": None, "trainer": "a:b"}, "folds is a field of the network"),
    ],
)
def test_a_plan_that_folds_leave_too_few_settings_for_is_refused(
    fields: dict[str, Any], told: str
) -> None:
    with pytest.raises(PlanError, match=told) as error:
        make_plan(FIELDS | fields)
    assert "\n" not in str(error.value)


def test_the_folds_of_a_study_stay(done: Study) -> None:
    with pytest.raises(PlanError, match="folds can't be changed from 4 to 5"):
        hpo.resume("s", storage=done.storage, folds=5)  # type: ignore[call-arg]  # a user may try
