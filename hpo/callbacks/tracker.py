"""What callbacks that log to a tracking service share: each trial is logged once, however often a search stops.

When a search begins or goes on, the service is asked which trials it has. Those that it lacks are logged: of a search
that was killed before it could log them, or that ran without the callback. What failed to be logged is tried once more
at the end.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import Any

from hpo.callbacks.protocol import Callback, EndedTrial
from hpo.errors import PlanError
from hpo.plan.plan import Plan
from studies import extras
from studies.analysis.one_trial import OneTrial
from studies.database.records import StudyRecord
from studies.study import Study


class Tracker(Callback, ABC):
    """A callback that logs each trial of a study once."""

    package: str

    def __init__(self) -> None:
        if find_spec(self.package) is None:
            extra = self.package
            raise PlanError(f"{type(self).__name__} needs {extra}: {extras.command(extra)}")
        self._logged: set[int] = set()

    @abstractmethod
    def open(self, study: Study, plan: Plan) -> set[int]:
        """Begin or go on with the run of a study; returns the numbers of the trials that it has."""

    @abstractmethod
    def log(self, trial: OneTrial) -> None:
        """Log one trial that has ended, all or nothing: one that was cut off is not among those of `open`."""

    @abstractmethod
    def close(self, study: Study) -> None:
        """Log what is best and recommended. The search may go on later."""

    def search_began(self, study: Study, plan: Plan) -> None:
        """Go on with the study's run, and log what it lacks."""
        self._logged = self.open(study, plan)
        self._catch_up(study)

    def trial_ended(self, study: Study, trial: EndedTrial) -> None:
        """Log the trial."""
        self.log(study.trial(trial.number))
        self._logged.add(trial.number)

    def search_ended(self, study: Study) -> None:
        """Log what could not be logged before, and what the search found."""
        self._catch_up(study)
        self.close(study)

    def _catch_up(self, study: Study) -> None:
        trials = study.trials_frame()
        ended = trials.loc[trials["state"].isin(["complete", "pruned", "failed"]), "number"]
        for number in sorted({*map(int, ended)} - self._logged):
            self.log(study.trial(number))
            self._logged.add(number)


def identity(record: StudyRecord) -> str:
    """A short name for a study that is the same each time it is opened, and another for one of the same name."""
    text = f"{record.name} {record.study_id} {record.created}"
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def seconds(moment: datetime) -> float:
    """A time as studies store it, as seconds since 1970."""
    return moment.replace(tzinfo=UTC).timestamp()


def found(study: Study) -> tuple[dict[str, float], dict[str, Any]]:
    """What a study has found so far: numbers by their names, and the settings to use."""
    summary = study.read()
    numbers = {}
    if summary.best is not None and summary.best.value is not None:
        numbers["best"] = summary.best.value
    if summary.recommended is not None and summary.recommended.mean is not None:
        numbers["recommended"] = summary.recommended.mean
    if summary.test is not None:
        numbers["test"] = summary.test
    params = {} if summary.chosen is None else dict(summary.chosen[1])
    return numbers, params


def facts(trial: OneTrial) -> dict[str, Any]:
    """What there is to say of a trial beside its settings and curves."""
    known = trial.trial.attributes
    every = {
        "state": trial.trial.state,
        "round": known.get("round"),
        "error": known.get("error"),
        "diverged_epoch": known.get("diverged_epoch"),
    }
    return {name: value for name, value in every.items() if value is not None}
