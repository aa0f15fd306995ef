"""Optuna adds trials to a study of ours: they count as drawn elsewhere, and the search goes on."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

import hpo
import studies
from hpo import operations
from hpo.run.watcher import Watcher
from studies.errors import LeaseError, StoreError
from tests.optunas import objective, optunas, train
from tests.running import Tables

pytestmark = pytest.mark.usefixtures("quiet_optuna")


class Killed(Watcher):
    """A search dies after so many trials, as if it were killed."""

    def __init__(self, after: int) -> None:
        self._left = after

    def trials_finished(self, results: Any, settings: Any) -> None:  # as a watcher has it
        self._left -= len(results)
        if self._left < 0:
            raise MemoryError


def test_a_study_of_ours_that_optuna_went_on_with_is_gone_on_with(
    storage: str, tmp_path: Path, tables: Tables
) -> None:
    hpo.search(
        train, space={"x": hpo.Float(0, 1), "n": hpo.Int(1, 8)}, metric="loss",
        direction="minimize", trials=20, epochs=2, storage=storage, name="theirs",
    )  # fmt: skip
    with optunas(storage) as study:
        drawn = len(study.trials)
        study.optimize(objective, 2)
        study.optimize(lambda trial: trial.suggest_float("other", 0, 1), 1)
        for _ in range(3):
            study.enqueue_trial({"x": 0.5})
        before = study.get_trials()
    theirs, waiting = range(drawn, drawn + 6), range(drawn + 3, drawn + 6)
    copies = [f"sqlite:///{shutil.copy(tmp_path / 'study.db', tmp_path / n)}" for n in ("a", "b")]
    straight = hpo.resume("theirs", train=train, trials=40, storage=storage)
    for copy, after in zip(copies, (1, 9), strict=True):
        with pytest.raises(MemoryError):
            operations.resume("theirs", train=train, trials=40, storage=copy, watcher=Killed(after))
        hpo.resume("theirs", train=train, storage=copy)
        assert tables("theirs", copy) == tables("theirs", storage)
    with optunas(storage) as study:
        trials = study.get_trials()
    assert trials[: drawn + 6] == before
    assert [t.number for t in trials if t.state == TrialState.WAITING] == [*waiting]
    frame = straight.trials_frame()
    assert frame[frame["round"].isna()]["number"].to_list() == [*theirs]
    confirmed = sum(len(values) for values in straight.finalists_frame()["values"])
    assert len(trials) - 6 + confirmed == 40
    assert straight.summary()["state"] == "complete"


def test_a_trial_that_optuna_is_running_in_a_study_of_ours_is_taken_over_or_waited_for(
    storage: str,
) -> None:
    space = {"x": hpo.Float(0, 1), "n": hpo.Int(1, 8)}
    hpo.search(train, space=space, trials=4, rounds=1, epochs=1, storage=storage, name="theirs")
    with optunas(storage) as study:
        number = study.ask().number
    with pytest.raises(LeaseError, match=rf"{number} \(RUNNING\).*take_over=True"):
        hpo.resume("theirs", train=train, trials=6, storage=storage)
    hpo.resume("theirs", train=train, trials=6, storage=storage, take_over=True)
    with optunas(storage) as study:
        assert study.trials[number].state == TrialState.FAIL
        assert all(trial.state.is_finished() for trial in study.trials)


def test_trials_that_another_program_adds_meanwhile_end_the_search(storage: str) -> None:
    """Numbers would not be places any more, and settings be taken for others."""
    begun: list[int] = []

    def meddled(params: dict[str, Any]) -> float:
        if not begun:
            begun.append(1)
            with optunas(storage) as study:
                study.optimize(objective, 1)
        return float(params["x"])

    space = {"x": hpo.Float(0, 1), "n": hpo.Int(1, 8)}
    with pytest.raises(StoreError, match="another program has added trials to study 'theirs'"):
        hpo.search(meddled, space=space, trials=40, storage=storage, name="theirs", workers=1)
    frame = studies.load("theirs", storage).trials_frame()
    assert frame["state"].to_list() == ["complete"] * len(frame)
    assert frame["round"].isna().sum() == 1
