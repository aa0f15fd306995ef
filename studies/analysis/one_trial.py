"""All that is stored of one trial."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from operator import index
from typing import Any

from studies.database import aggregates
from studies.database.columns import curves
from studies.database.records import Confirmation, StudyRecord, Trial
from studies.database.store import Store
from studies.errors import StoreError

OF_FOLD = re.compile(r"fold\d+_")
"""How the name of a curve begins that is of one fold; the others are means over all folds."""


@dataclass(frozen=True)
class OneTrial:
    """A trial with its curves, as metric -> a value for each epoch, and the trainings that confirm its settings."""

    record: StudyRecord
    trial: Trial
    curves: dict[str, list[float]]
    confirmations: list[Confirmation]  # with their curves, if they were stored

    @property
    def epochs(self) -> int:
        """How many epochs were trained to their end."""
        return max(map(len, self.curves.values()), default=0)

    @property
    def folds(self) -> list[float]:
        """The score on each fold after the last epoch, in the order of folds; empty if it trained on one split."""
        names = sorted(filter(OF_FOLD.match, self.curves), key=lambda name: (len(name), name))
        return [self.curves[name][-1] for name in names if self.curves[name]]

    def as_mapping(self) -> dict[str, Any]:
        """One JSON-ready object, as `hpo show NAME TRIAL --json` prints it; docs/json.md describes its fields."""
        trial, known = self.trial, self.trial.attributes
        times = (trial.started, trial.finished)
        started, finished = (
            None if t is None else t.isoformat(timespec="seconds") + "Z" for t in times
        )
        return {
            "study": self.record.name,
            "trial": trial.number,
            "state": trial.state,
            "value": list(trial.values) or trial.value,
            "params": trial.params,
            "round": known.get("round"),
            "epochs": self.epochs,
            "diverged_epoch": known.get("diverged_epoch"),
            "started": started,
            "finished": finished,
            "curves": self.curves,
            **({"folds": self.folds} if self.folds else {}),
            "confirmed": [
                {"stage": c.stage, "value": c.value, "error": c.error, "curves": c.curves}
                for c in self.confirmations
            ],
            "output": known.get("output"),
            "error": known.get("error"),
            "traceback": known.get("traceback"),
        }


def one_trial(store: Store, name: str, number: int) -> OneTrial:
    """A trial of the study of that name in an open database.

    Raises:
        StoreError: there is no such study, or it has no such trial.
    """
    record, number = store.study(name), index(number)  # no database knows the numbers of a frame
    trials = store.trials(record.study_id, among=[number])
    if not trials:
        count = sum(aggregates.counts(store, record.study_id).values())
        numbers = f"it has 0 to {count - 1}" if count else "it has none yet"
        raise StoreError(f"no trial {number} in study {record.name!r}: {numbers}")
    confirmed = store.stage_curves(record.study_id)
    return OneTrial(
        record,
        trials[0],
        {c.metric: c.points.tolist() for c in curves(store, record.study_id, among=[number])},
        [
            replace(c, curves=confirmed.get((c.stage, number), {}))
            for c in store.confirmations(record.study_id)
            if c.trial == number and c.finished
        ],
    )
