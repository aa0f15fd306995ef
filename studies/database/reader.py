"""What a database has of a study: its plan and rounds, its trials, what confirmed them, and what was concluded.

`studies.database.columns` reads many trials at once, and `studies.database.aggregates` sums them up.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from studies.database import attributes, lease, tables
from studies.database.connection import Database
from studies.database.engine import masked
from studies.database.lease import Holder
from studies.database.records import (
    OPTUNA_STATES,
    Conclusion,
    Confirmation,
    Environment,
    Finalist,
    Opening,
    PlanVersion,
    Round,
    State,
    StudyRecord,
    Trial,
    adopted_trials,
    direction_of,
    read_distribution,
    read_number,
    read_points,
)
from studies.errors import NoSuchStudyError
from studies.words import nearest


class Reader(Database):
    """An open database from which studies are read."""

    def names(self) -> list[str]:
        """The studies' names, oldest first."""
        t = self.table("studies")
        with self.reading() as connection:
            query = sa.select(t.c.study_name).order_by(t.c.study_id)
            return list(connection.execute(query).scalars())

    def study(self, name: str) -> StudyRecord:
        """All that is stored of a study except its trials, rounds and the like.

        Where there is no study `train`, it is that of a function `train` in some module, if there is just one.

        Raises:
            NoSuchStudyError: there is none of that name.
        """
        s, d, t = self.table("studies"), self.table("study_directions"), self.table("trials")
        with self.reading() as connection:
            rows = connection.execute(
                sa.select(s.c.study_id, d.c.direction)
                .join(d, d.c.study_id == s.c.study_id)
                .where(s.c.study_name == name)
                .order_by(d.c.objective)
            ).all()
            if not rows:
                ending = [n for n in self.names() if n.endswith(f"-{name}")]
                if len(ending) == 1 and _of_function(found := self.study(ending[0]), name):
                    return found
                raise self._no_study(name)
            study_id = rows[0].study_id
            ours, stop = self._row(tables.studies, study_id), self._row(tables.stops, study_id)
            if ours:
                holder, states = lease.living_holder(connection, study_id), []
            else:
                of_trials = sa.select(t.c.state).distinct().where(t.c.study_id == study_id)
                holder, states = None, list(connection.execute(of_trials).scalars())
            directions = tuple(direction_of(row.direction) for row in rows)
            named = attributes.metric_names(self, study_id)
            told = attributes.user_attributes(self, study_id)
            return StudyRecord(
                study_id=study_id,
                name=name,
                direction=directions[0],
                state=state_of(ours, holder, states),
                plan=json.loads(ours.plan) if ours else None,
                metric=ours.metric if ours else next(iter(named), "value"),
                data_hash=ours.data_hash if ours else None,
                provenance=json.loads(ours.provenance) if ours else {},
                created=ours.created if ours else None,
                holder=holder,
                stopped=stop.reason if stop and stop.lifted is None else None,
                resumed_after=(stop.lifted or 0) if stop else 0,
                directions=directions,
                owner=told.get("owner"),
                metrics=named,
                data=told.get("data") if ours else None,
            )

    def _no_study(self, name: str) -> NoSuchStudyError:
        names = self.names()
        hint = nearest(name, names, f"it has {', '.join(names) or 'none'}")
        return NoSuchStudyError(f"no study {name!r} in {masked(self.url)}: {hint}")

    def _rows(self, table: sa.Table, study_id: int) -> Sequence[sa.Row[Any]]:
        """The rows of a study in a table of ours, in the order of its key; none where an older database lacks it."""
        with self.reading() as connection:
            if not tables.present(connection, table):
                return []
            query = sa.select(table).where(table.c.study_id == study_id)
            return connection.execute(query.order_by(*table.primary_key.columns)).all()

    def _row(self, table: sa.Table, study_id: int) -> sa.Row[Any] | None:
        return next(iter(self._rows(table, study_id)), None)

    def rounds(self, study_id: int) -> list[Round]:
        """The rounds that have begun, in order."""
        return [
            Round(
                row.round,
                row.size,
                json.loads(row.ranges),
                json.loads(row.verdicts) if row.verdicts else None,
                json.loads(row.next_ranges) if row.next_ranges else None,
            )
            for row in self._rows(tables.rounds, study_id)
        ]

    def confirmations(self, study_id: int) -> list[Confirmation]:
        """The trainings that confirm, also those under way, by stage and then by trial."""
        return [
            Confirmation(r.stage, r.trial, r.value, r.epochs or 0, r.error, r.finished)
            for r in self._rows(tables.confirmations, study_id)
        ]

    def stage_curves(self, study_id: int) -> dict[tuple[int, int], dict[str, list[float]]]:
        """The curves of the trainings that confirm, metric by metric, by stage and trial; an older hpo stored none."""
        stored: dict[tuple[int, int], dict[str, list[float]]] = {}
        for row in self._rows(tables.stage_curves, study_id):
            curves = stored.setdefault((row.stage, row.trial), {})
            curves[row.metric] = read_points(row.points)
        return stored

    def out_of_fold(self, study_id: int, trial: int) -> list[list[float]]:
        """What was predicted of each fold when the settings of a trial were confirmed, stage by stage."""
        rows = self._rows(tables.out_of_fold, study_id)
        return [read_points(row.predicted) for row in rows if row.trial == trial]

    def conclusion(self, study_id: int) -> Conclusion | None:
        """What was concluded from the confirmations; None where nothing is recorded, as in studies of an older hpo."""
        row = self._row(tables.conclusions, study_id)
        if row is None:
            return None
        values: dict[int, list[float | None]] = {}
        for c in self.confirmations(study_id):
            if c.finished is not None:
                values.setdefault(c.trial, []).append(c.value)
        return Conclusion(
            row.method,
            [
                Finalist(
                    stored["trial"],
                    values[stored["trial"]],
                    stored["mean"],
                    stored["ci95"] and tuple(stored["ci95"]),
                    stored["tied"],
                    gain=stored.get("gain"),
                    gain_ci95=tuple(ends) if (ends := stored.get("gain_ci95")) else None,
                    epochs=stored.get("epochs"),
                )
                for stored in json.loads(row.finalists)
            ],
        )

    def plans(self, study_id: int) -> list[PlanVersion]:
        """All plans of a study, from the first to the present one; empty if the plan never changed."""
        return [
            PlanVersion(r.version, json.loads(r.plan), json.loads(r.changes), r.rounds, r.made)
            for r in self._rows(tables.plans, study_id)
        ]

    def environments(self, study_id: int) -> list[Environment]:
        """With which versions a study was trained, each from its time until the next; none for a study of Optuna's."""
        rows = [(r.created, r.provenance) for r in self._rows(tables.studies, study_id)]
        rows += [(r.since, r.provenance) for r in self._rows(tables.environments, study_id)]
        return [Environment(since, json.loads(text)) for since, text in rows]

    def opening(self, study_id: int) -> Opening | None:
        """The result on the test rows; None while nobody has looked at them."""
        row = self._row(tables.tests, study_id)
        if row is None:
            return None
        ends = self._row(tables.test_intervals, study_id)
        ci95 = None if ends is None else (ends.low, ends.high)
        return Opening(row.trial, row.opened, row.value, row.error, ci95)

    def of_trials(self, which: sa.ColumnElement[bool]) -> sa.Select[Any]:
        """A query for trial_id, number, state, start, end, value and its kind of some trials, by number."""
        t, v = self.table("trials"), self.table("trial_values")
        return (
            sa.select(
                t.c.trial_id,
                t.c.number,
                t.c.state,
                t.c.datetime_start,
                t.c.datetime_complete,
                v.c.value,
                v.c.value_type,
            )
            .outerjoin(v, sa.and_(v.c.trial_id == t.c.trial_id, v.c.objective == 0))
            .where(which)
            .order_by(t.c.number)
        )

    def of_params(self, which: sa.ColumnElement[bool]) -> sa.Select[Any]:
        """A query for trial_id, name, value and distribution of some trials' parameters, as Optuna stores them."""
        t, p = self.table("trials"), self.table("trial_params")
        return (
            sa.select(p.c.trial_id, p.c.param_name, p.c.param_value, p.c.distribution_json)
            .join(t, t.c.trial_id == p.c.trial_id)
            .where(which)
            .order_by(p.c.param_id)
        )

    def trials(
        self, study_id: int, *, among: Sequence[int] | sa.Select[tuple[int]] | None = None
    ) -> list[Trial]:
        """All trials in the order of their numbers, or those whose numbers are `among` some."""
        t, a = self.table("trials"), self.table("trial_user_attributes")
        which = t.c.study_id == study_id
        if among is not None:
            which = sa.and_(which, t.c.number.in_(among))
        params: dict[int, dict[str, Any]] = {}
        attributes: dict[int, dict[str, Any]] = {}
        with self.reading() as connection:
            foreign, several = self.foreign(study_id), self.objectives(study_id)
            rows = connection.execute(self.of_trials(which)).all()
            for trial_id, name, value, distribution in connection.execute(self.of_params(which)):
                external = read_distribution(distribution).to_external_repr(value)
                params.setdefault(trial_id, {})[name] = external
            for trial_id, key, text in connection.execute(
                sa.select(a.c.trial_id, a.c.key, a.c.value_json)
                .join(t, t.c.trial_id == a.c.trial_id)
                .where(which)
                .order_by(a.c.trial_user_attribute_id)
            ):
                attributes.setdefault(trial_id, {})[key] = json.loads(text)
        # For attributes of plain Optuna's trials see `ours`. The trials of an adopted study are its round 0.
        of_foreign = {"round": 0} if math.isfinite(foreign) else {}
        return [
            Trial(
                number=number,
                state=OPTUNA_STATES[state],
                value=None if several is not None else read_number(value, value_type),
                params=params.get(trial_id, {}),
                attributes=of_foreign if number < foreign else attributes.get(trial_id, {}),
                started=started,
                finished=finished,
                values=() if several is None else several.get(trial_id, ()),
            )
            for trial_id, number, state, started, finished, value, value_type in rows
        ]

    def foreign(self, study_id: int) -> float:
        """How many trials, the first ones, plain Optuna made; infinity if it made the study."""
        ours = self._row(tables.studies, study_id)
        return math.inf if ours is None else adopted_trials(json.loads(ours.provenance))

    def ours(self, study_id: int) -> sa.ColumnElement[bool]:
        """A condition on trials: of this study, and made by us.

        On a trial of plain Optuna, attributes of our names are its user's.
        """
        t, foreign = self.table("trials"), self.foreign(study_id)
        if math.isinf(foreign):
            return sa.false()
        return sa.and_(t.c.study_id == study_id, t.c.number >= int(foreign))

    def count_objectives(self, study_id: int) -> int:
        """How many objectives a study has."""
        d = self.table("study_directions")
        with self.reading() as connection:
            count = sa.select(sa.func.count()).where(d.c.study_id == study_id)
            return int(connection.execute(count).scalar_one())

    def objectives(
        self, study_id: int, which: sa.ColumnElement[bool] | None = None
    ) -> dict[int, tuple[float | None, ...]] | None:
        """The values of each trial of a study with several objectives, by trial_id; None where it has one.

        `which` is a condition on trials, if not all are wanted.
        """
        t, v = self.table("trials"), self.table("trial_values")
        with self.reading() as connection:
            if self.count_objectives(study_id) < 2:
                return None
            values: dict[int, tuple[float | None, ...]] = {}
            for trial_id, value, kind in connection.execute(
                sa.select(v.c.trial_id, v.c.value, v.c.value_type)
                .join(t, t.c.trial_id == v.c.trial_id)
                .where(t.c.study_id == study_id if which is None else which)
                .order_by(v.c.trial_id, v.c.objective)
            ):
                values[trial_id] = (*values.get(trial_id, ()), read_number(value, kind))
        return values


def state_of(ours: Any, holder: Holder | None, states: Iterable[str]) -> State:
    """The state of a study, from its row in `hpo_studies` and from who holds it.

    A study of plain Optuna has no such row. Only the `states` of its trials, in Optuna's words, say anything then.
    """
    if holder is not None:
        return "running"
    if ours is not None:
        return "interrupted" if ours.completed is None else "complete"
    states = set(states)
    return (
        "running" if "RUNNING" in states else "interrupted" if "WAITING" in states else "complete"
    )


def _of_function(study: StudyRecord, name: str) -> bool:
    trainer = (study.plan or {}).get("trainer") or ""
    function = re.split("[:.<]", trainer.rstrip(">"))[-1]
    return re.fullmatch(rf"{re.escape(function)}(-[0-9]+)?", name) is not None
