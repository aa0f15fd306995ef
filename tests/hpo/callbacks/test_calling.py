"""Callbacks hear of what is recorded, in order; what goes wrong in them is shown once and changes nothing."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

import hpo
from hpo.callbacks import Callback, EndedTrial, MLflow
from hpo.callbacks import tracker as tracking
from hpo.callbacks.tracker import Tracker
from hpo.plan.plan import Plan
from hpo.run.cancel import Cancel
from studies import Study
from studies.analysis.one_trial import OneTrial
from tests.running import Tables

FEW: Any = {
    "space": {"x": hpo.Float(0, 1)}, "trials": 6, "rounds": 1, "epochs": 2, "finalists": 0, "metric": "score",
    "name": "s",
}  # fmt: skip


def train(params: Any, *, epochs: int) -> Any:
    for epoch in range(epochs):
        if params["x"] > 0.9:
            raise ValueError("too large")
        yield {"score": math.nan if params["x"] < 0.1 else params["x"] + epoch}


class Heard(Callback):
    def __init__(self) -> None:
        self.events: list[Any] = []

    def search_began(self, study: Study, plan: Plan) -> None:
        self.events.append(("began", study.name, plan.trials))

    def trial_ended(self, study: Study, trial: EndedTrial) -> None:
        stored = study.trial(trial.number)
        assert (stored.trial.state, stored.trial.value) == (trial.state, trial.value)
        assert (stored.trial.params, stored.curves) == (trial.params, trial.curves)
        self.events.append(trial)

    def search_ended(self, study: Study) -> None:
        self.events.append(("ended", study.read().record.state))


def test_what_is_recorded_is_heard_in_order(storage: str) -> None:
    heard = Heard()
    study = hpo.search(train, callbacks=[heard], workers=1, storage=storage, progress=False, **FEW)
    began, *trials, ended = heard.events
    assert (began, ended) == (("began", "s", 6), ("ended", "complete"))
    assert [t.number for t in trials] == list(range(6))
    assert {t.state for t in trials} == {"complete", "failed"}
    for trial in trials:
        x = trial.params["x"]
        assert trial.error == (
            "ValueError: too large" if x > 0.9 else "diverged at epoch 1" if x < 0.1 else None
        )
    heard.events.clear()
    hpo.resume("s", trials=8, callbacks=[heard], workers=1, storage=storage, progress=False)
    assert [e.number for e in heard.events[1:-1]] == [6, 7]
    heard.events.clear()
    hpo.confirm("s", 2, callbacks=[heard], storage=storage, progress=False)
    assert [e[0] for e in heard.events] == ["began", "ended"]
    assert len(study.trials_frame()) == 8


@pytest.mark.parametrize("shown", [True, False])
def test_errors_are_shown_once_for_each_callback_and_change_nothing(
    shown: bool, tmp_path: Path, tables: Tables, capsys: pytest.CaptureFixture[str]
) -> None:
    class Failing:
        def trial_ended(self, study: Study, trial: EndedTrial) -> None:
            raise ConnectionError("no\nserver")

    class NeverBegun(Heard):
        def search_began(self, study: Study, plan: Plan) -> None:
            raise RuntimeError

    urls = [f"sqlite:///{tmp_path}/{k}.db" for k in range(2)]
    never, heard = NeverBegun(), Heard()
    hpo.search(train, storage=urls[0], progress=False, **FEW)
    hpo.search(
        train,
        callbacks=[Failing(), never, Failing(), heard],
        storage=urls[1],
        progress=shown,
        **FEW,
    )
    assert tables("s", urls[0]) == tables("s", urls[1])
    lines = " ".join(capsys.readouterr().err.split())
    assert lines.count("ConnectionError: no server") == 2
    assert lines.count("NeverBegun.search_began failed") == 1
    assert not never.events
    assert len(heard.events) == 8


def test_a_search_that_is_stopped_or_fails_is_heard_to_end(storage: str) -> None:
    cancel = Cancel()

    class Cancelling(Heard):
        def trial_ended(self, study: Study, trial: EndedTrial) -> None:
            super().trial_ended(study, trial)
            cancel.request()

    heard = Cancelling()
    plan = {**FEW, "trials": 30}
    with pytest.raises(hpo.CancelledError):
        hpo.search(
            train,
            callbacks=[heard],
            cancel=cancel,
            workers=1,
            storage=storage,
            progress=False,
            **plan,
        )
    assert heard.events[-1] == ("ended", "interrupted")
    assert len(heard.events) < 30


def test_what_is_no_callback_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/new.db"
    with pytest.raises(hpo.PlanError, match=r"print.* has none of the methods search_began, trial"):
        hpo.search(train, callbacks=[print], storage=url, progress=False, **FEW)
    monkeypatch.setattr(tracking, "find_spec", lambda _: None)
    with pytest.raises(hpo.PlanError, match=r"MLflow needs mlflow: pip install .*\[mlflow\]"):
        MLflow()
    assert not list(tmp_path.iterdir())


class Remembered(Tracker):
    """A service in memory that is away at times."""

    package = "json"

    def __init__(self, away: set[int]) -> None:
        super().__init__()
        self.away, self.trials, self.closed = away, list[int](), 0

    def open(self, study: Study, plan: Plan) -> set[int]:
        return {*self.trials}

    def log(self, trial: OneTrial) -> None:
        if trial.trial.number in self.away:
            self.away.remove(trial.trial.number)
            raise ConnectionError
        self.trials.append(trial.trial.number)

    def close(self, study: Study) -> None:
        self.closed += 1


def test_a_tracker_logs_each_trial_once_and_what_it_missed_later(storage: str) -> None:
    quiet: Any = {"storage": storage, "progress": False, "workers": 1}
    hpo.search(train, **quiet, **FEW)
    tracker = Remembered({7})
    hpo.resume("s", trials=9, callbacks=[tracker], **quiet)
    assert tracker.trials == [0, 1, 2, 3, 4, 5, 6, 8, 7]
    hpo.resume("s", trials=10, callbacks=[tracker], **quiet)
    assert tracker.trials[9:] == [9]
    assert tracker.closed == 2
