"""Reads what the record of a search has that is new, as the data of events.

One `Following` belongs to one search. Each `read` looks only at what can have changed: the trials from the first one
on that has not ended, and how many rounds are judged and stages done.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hpo.serve.caller import Caller
from hpo.serve.live.cursor import Cursor, Ended, Kind
from hpo.serve.progress import rows
from studies.database import tables
from studies.database.aggregates import best_trials
from studies.database.reader import Reader
from studies.database.records import ENDED, OPTUNA_STATES, TrialState

_EVERYTHING = Caller("", "admin")  # what a viewer may see is checked before it comes here
FINAL = frozenset({"done", "failed", "cancelled", "deleted"})
"""The states after which nothing follows, unless somebody lets the search go on."""


@dataclass(frozen=True)
class Record:
    """What a record has at one moment: as a cursor, and how far the search is.

    `events` are the data of its events but those of trials, by kind and number. `trials` are the data of trials that
    have ended since the last time, by their numbers.
    """

    cursor: Cursor
    progress: str
    events: Mapping[tuple[Kind, int], str]
    trials: Mapping[int, str]

    @property
    def final(self) -> bool:
        """Whether nothing follows."""
        return self.cursor.state.partition("-")[0] in FINAL


class Following:
    """Reads one search again and again, in one thread at a time."""

    def __init__(self, reader: Reader, name: str) -> None:
        self._reader, self._name = reader, name
        self._mark = _digest()
        self._begin(None)

    def _begin(self, study_id: int | None) -> None:
        self._study = study_id
        self._ended, self._last_id, self._states = Ended(), -1, Counter[TrialState]()
        self._rounds = self._stages = self._concluded = self._tested = 0
        self._confirmed = 0
        self._best: sa.Row[int, int, int, float] | None = None
        self._plan: tuple[str, dict[str, Any]] = ("{}", {})
        self._events: dict[tuple[Kind, int], str] = {}

    def read(self, first: bool = False) -> Record:
        """The record as it is now. The data of trials are not among it the `first` time: nobody waits for them.

        Raises:
            StoreError: the database can't be read.
        """
        reader = self._reader
        reader.table("studies")  # Optuna's tables are looked up before the transaction begins
        found = rows(_EVERYTHING)
        with reader.reading() as connection:
            row = connection.execute(sa.select(found).where(found.c.name == self._name)).first()
            study_id = None if row is None else row.study_id
            if study_id != self._study:
                self._begin(study_id)
            trials: dict[int, str] = {}
            running = 0
            if study_id is not None:
                new, running = self._look_at_trials(connection, study_id)
                self._look_at_rounds(connection, study_id)
                self._look_at_stages(connection, study_id)
                self._look_at_test(connection, study_id)
                if new and not first:
                    trials = self.trials(new)
                if new:
                    self._best = best_trials(reader, study_id).get(study_id)
        state, reason = ("deleted", None) if row is None else (row.state, row.reason)
        self._events["state", 0] = _json({"state": state, "reason": reason})
        if row is not None:
            self._mark = _digest(row.created, study_id if row.kind == "study" else 0)
        cursor = Cursor(
            self._mark, self._ended, self._rounds, self._stages, self._concluded, self._tested,
            state if reason is None else f"{state}-{_digest(reason)}",
        )  # fmt: skip
        return Record(cursor, self._progress(row, running), dict(self._events), trials)

    def trials(self, numbers: Sequence[int]) -> dict[int, str]:
        """The data of some trials that have ended, by their numbers."""
        if self._study is None:
            return {}
        return {
            trial.number: _json(
                {
                    "trial": trial.number,
                    "state": trial.state,
                    "value": trial.value,
                    **({"values": trial.values} if trial.values else {}),
                    "params": trial.params,
                    "round": trial.attributes.get("round"),
                }
            )
            for trial in self._reader.trials(self._study, among=numbers)
        }

    def _look_at_trials(self, connection: sa.Connection, study_id: int) -> tuple[list[int], int]:
        """Which trials have ended since the last time, and how many run."""
        t = self._reader.table("trials")
        rows = connection.execute(
            sa.select(t.c.trial_id, t.c.number, t.c.state)
            # Numbers grow with ids, so all trials up to the last id are known to have ended.
            .where(t.c.study_id == study_id, t.c.trial_id > self._last_id)
            .order_by(t.c.trial_id)
        ).all()
        known, new = self._ended, list[int]()
        for row in rows:
            state = OPTUNA_STATES[row.state]
            if state != "running" and row.number not in known:
                new.append(row.number)
                self._states[state] += 1
        self._ended = known | Ended.of(new) if new else known
        running = sum(OPTUNA_STATES[row.state] == "running" for row in rows)
        for row in itertools.takewhile(lambda row: row.number < self._ended.low, rows):
            self._last_id = row.trial_id
        return new, running

    def _look_at_rounds(self, connection: sa.Connection, study_id: int) -> None:
        t = tables.rounds
        judged = connection.execute(
            sa.select(t.c.round, t.c.verdicts, t.c.next_ranges)
            .where(t.c.study_id == study_id, t.c.round >= self._rounds, t.c.verdicts.is_not(None))
            .order_by(t.c.round)
        )
        for row in judged:
            self._events["round", row.round] = _json(
                {
                    "round": row.round,
                    "verdicts": json.loads(row.verdicts),
                    "ranges": json.loads(row.next_ranges or "null"),
                }
            )
            self._rounds = row.round + 1

    def _look_at_stages(self, connection: sa.Connection, study_id: int) -> None:
        t = tables.confirmations
        which = sa.and_(t.c.study_id == study_id, t.c.stage > self._stages)
        unfinished = sa.select(t.c.stage).where(which, t.c.finished.is_(None))
        rows = connection.execute(
            sa.select(t.c.stage, t.c.trial, t.c.value, t.c.error)
            .where(which, t.c.stage.not_in(unfinished))
            .order_by(t.c.stage, t.c.trial)
        )
        for stage, results in itertools.groupby(rows, key=lambda row: row.stage):
            trainings = [{"trial": r.trial, "value": r.value, "error": r.error} for r in results]
            self._events["stage", stage] = _json({"stage": stage, "trainings": trainings})
            self._confirmed += len(trainings)
            self._stages = stage
        if self._concluded < self._stages:
            conclusion = self._reader.conclusion(study_id)
            if conclusion is not None and conclusion.finalists:
                self._concluded = self._stages
                first = conclusion.finalists[0]
                params = {
                    trial.number: trial.params
                    for trial in self._reader.trials(study_id, among=[first.trial])
                }
                self._events["recommended", self._concluded] = _json(
                    {
                        "trial": first.trial,
                        "params": params[first.trial],
                        "mean": first.mean,
                        "ci95": first.ci95,
                        "tied": [f.trial for f in conclusion.finalists[1:] if f.tied],
                    }
                )

    def _look_at_test(self, connection: sa.Connection, study_id: int) -> None:
        t = tables.tests
        scored = sa.or_(t.c.value.is_not(None), t.c.error.is_not(None))
        opened = sa.exists().where(t.c.study_id == study_id, scored)
        if self._tested or not connection.execute(sa.select(opened)).scalar():
            return
        self._tested = 1
        if opening := self._reader.opening(study_id):
            self._events["test", 0] = _json(
                {"trial": opening.trial, "value": opening.value, "ci95": opening.ci95}
                | ({} if opening.error is None else {"error": opening.error})
            )

    def _progress(self, row: sa.Row[Any] | None, running: int) -> str:
        text = "{}" if row is None else row.stored_plan or row.plan or "{}"
        if text != self._plan[0]:
            self._plan = text, json.loads(text)
        plan, best = self._plan[1], self._best
        return _json(
            {
                "done": (sum(self._states.values()) + self._confirmed) * (plan.get("folds") or 1),
                "planned": plan.get("trials"),
                "running": running,
                "trials": {state: self._states[state] for state in ENDED},
                "best": best and {"trial": best.number, "value": best.value},
            }
        )


def _json(data: Any) -> str:
    """Strict JSON in one line: null for numbers that are not finite, which JSON does not have."""
    try:
        return json.dumps(data, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(data))


def _finite(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, Iterable) and not isinstance(data, str):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:8]
