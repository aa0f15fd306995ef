"""What the process that holds a study writes there. Each method is one transaction."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from studies.database import attributes, batches, tables
from studies.database.engine import now
from studies.database.folders import FOLDER
from studies.database.holding import Holding
from studies.database.records import (
    Conclusion,
    Confirmation,
    Opening,
    Result,
    stored_points,
)
from studies.database.references import Reference, write_references

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


class Writer(Holding):
    """Writes to a study that this process holds. Each method is one transaction."""

    _ids: Mapping[int, int] = {}  # the trial_id of each trial of the batch under way, by its number
    _shown: frozenset[int] = frozenset()  # the running trials of which scores are stored

    def change_plan(
        self, plan: str, changes: Sequence[Mapping[str, Any]], *, lift: bool = True
    ) -> None:
        """Store another plan and what it changes. The study is then not complete, nor stopped if that is to `lift`."""
        studies, stops = tables.studies, tables.stops
        rounds, plans = tables.rounds, tables.plans
        of_study = studies.c.study_id == self.study_id

        def work(connection: sa.Connection) -> None:
            begun = connection.execute(
                sa.select(sa.func.count()).where(rounds.c.study_id == self.study_id)
            ).scalar_one()
            if lift:
                connection.execute(
                    sa.update(stops).where(stops.c.study_id == self.study_id).values(lifted=begun)
                )
            if changes:
                versions = sa.select(sa.func.max(plans.c.version))
                version = connection.execute(
                    versions.where(plans.c.study_id == self.study_id)
                ).scalar()
                if version is None:
                    version = 1
                    first = sa.select(studies.c.plan, studies.c.created).where(of_study)
                    row = connection.execute(first).one()
                    self._add_plan(connection, version, row.plan, [], rounds=0, made=row.created)
                self._add_plan(connection, version + 1, plan, changes, rounds=begun, made=now())
            connection.execute(sa.update(studies).where(of_study).values(plan=plan, completed=None))

        self.write(work)

    def _add_plan(
        self,
        connection: sa.Connection,
        version: int,
        plan: str,
        changes: Sequence[Mapping[str, Any]],
        **columns: Any,
    ) -> None:
        stored = json.dumps([dict(change) for change in changes])
        connection.execute(
            sa.insert(tables.plans).values(
                study_id=self.study_id, version=version, plan=plan, changes=stored, **columns
            )
        )

    def move_to(self, provenance: Mapping[str, Any]) -> None:
        """Record that from now on the study is trained with other versions, or on another machine."""
        self._insert(tables.environments, since=now(), provenance=json.dumps(dict(provenance)))

    def name_metric(self, name: str) -> None:
        """Store the name of the metric, if only the first trial could tell it."""
        store, changed = self.store, sa.update(tables.studies).values(metric=name)

        def work(connection: sa.Connection) -> None:
            connection.execute(changed.where(tables.studies.c.study_id == self.study_id))
            attributes.name_metric(store, connection, self.study_id, name)

        self.write(work)

    def keep_folder(self, folder: str) -> None:
        """Store where the study keeps the folders of its trials."""
        store, stored = self.store, {FOLDER: folder}
        if attributes.user_attributes(store, self.study_id).get(FOLDER) != folder:
            self.write(
                lambda connection: attributes.write_user_attributes(
                    store, connection, self.study_id, stored
                )
            )

    def start_round(self, number: int, size: int, ranges: Mapping[str, Any]) -> None:
        """Record a round before its first trial is drawn."""
        self._insert(tables.rounds, round=number, size=size, ranges=json.dumps(dict(ranges)))

    def judge_round(
        self, number: int, verdicts: Mapping[str, Any], next_ranges: Mapping[str, Any]
    ) -> None:
        """Record what was decided after a round."""
        self._update(
            tables.rounds,
            tables.rounds.c.round == number,
            verdicts=json.dumps(dict(verdicts)),
            next_ranges=json.dumps(dict(next_ranges)),
        )

    def start_batch(
        self,
        round_number: int,
        settings: Sequence[Mapping[str, Any]],
        distributions: Mapping[str, BaseDistribution],
        *,
        split: int = 0,
        after: int | None = None,
    ) -> list[int]:
        """Record the trials of a batch as running on a split of the data; returns their numbers.

        Raises:
            StoreError: the study should have `after` trials, and another program has added some.
        """
        self._ids = self.write(
            batches.start(
                self.store,
                self.study_id,
                self.name,
                {"round": round_number} | ({"split": split} if split else {}),
                settings,
                distributions,
                after,
            )
        )
        return list(self._ids)

    def show(self, curves: Mapping[int, Sequence[float]]) -> None:
        """Store the scores so far of trials that are running, in place of those that were stored before."""
        self._know(curves)
        self._shown |= curves.keys()
        self.write(batches.show(self.store, self._ids, curves))

    def finish_batch(self, results: Sequence[Result]) -> None:
        """Record how trials of the batch under way ended. One whose value is NaN is stored as failed."""
        self._know([r.number for r in results])
        self.write(batches.finish(self.store, self._ids, results, self._shown))
        self._shown -= {r.number for r in results}

    def _know(self, numbers: Iterable[int]) -> None:
        """Look up trials that another process started, which may have stored scores of them."""
        if any(number not in self._ids for number in numbers):
            self._ids = self.store.read(self._running)
            self._shown |= self._ids.keys()

    def _running(self) -> dict[int, int]:
        t = self.store.table("trials")
        running = sa.select(t.c.number, t.c.trial_id).where(
            t.c.study_id == self.study_id, t.c.state == "RUNNING"
        )
        with self.store.reading() as connection:
            return {row.number: row.trial_id for row in connection.execute(running)}

    def start_stage(self, stage: int, trials: Sequence[int]) -> None:
        """Record which trials' settings are trained again, all on one seed and one split."""
        rows = [{"study_id": self.study_id, "stage": stage, "trial": n} for n in trials]
        self.write(lambda connection: connection.execute(sa.insert(tables.confirmations), rows))

    def finish_stage(self, results: Sequence[Confirmation], conclusion: Conclusion) -> None:
        """Record the results of all trainings of a stage, and what is concluded from all stages so far."""
        t = tables.confirmations
        columns = ("value", "epochs", "error", "finished")
        finished = (
            sa.update(t)
            .where(
                t.c.study_id == self.study_id,
                t.c.stage == sa.bindparam("of_stage"),
                t.c.trial == sa.bindparam("of_trial"),
            )
            .values({name: sa.bindparam(f"now_{name}") for name in columns})
        )
        rows = [
            {"of_stage": result.stage, "of_trial": result.trial}
            | {f"now_{name}": getattr(result, name) for name in columns}
            for result in results
        ]
        curves = [
            {"study_id": self.study_id, "stage": result.stage, "trial": result.trial}
            | {"metric": metric, "points": stored_points(points)}
            for result in results
            for metric, points in result.curves.items()
        ]

        predicted = [
            {"study_id": self.study_id, "stage": result.stage, "trial": result.trial}
            | {"predicted": stored_points(result.out_of_fold)}
            for result in results
            if result.out_of_fold
        ]

        def work(connection: sa.Connection) -> None:
            connection.execute(finished, rows)
            if curves:
                connection.execute(sa.insert(tables.stage_curves), curves)
            if predicted:
                connection.execute(sa.insert(tables.out_of_fold), predicted)
            self._conclude(connection, conclusion)

        self.write(work)

    def conclude(self, conclusion: Conclusion) -> None:
        """Record what is concluded from the stages of a study that an older hpo has confirmed."""
        self.write(lambda connection: self._conclude(connection, conclusion))

    def _conclude(self, connection: sa.Connection, conclusion: Conclusion) -> None:
        self._replace(connection, tables.conclusions, **_stored(conclusion))
        attributes.recommend(self.store, connection, self.study_id, conclusion)

    def compare(self, references: Sequence[Reference]) -> None:
        """Record what usual models score on the same rows, in place of an earlier record."""
        store, study_id = self.store, self.study_id
        self.write(lambda connection: write_references(store, connection, study_id, references))

    def open_test(self, trial: int) -> Opening:
        """Record that the test rows are looked at from now on, for the settings of a trial. Once a study."""
        opening = Opening(trial, now())
        self._insert(tables.tests, trial=trial, opened=opening.opened)
        return opening

    def finish_test(
        self, value: float | None, error: str | None, ci95: tuple[float, float] | None = None
    ) -> None:
        """Record the result on the test rows, with its interval if there is one."""
        t = tables.tests
        finished = sa.update(t).where(t.c.study_id == self.study_id)

        def work(connection: sa.Connection) -> None:
            connection.execute(finished.values(value=value, error=error))
            if ci95 is not None:
                self._replace(connection, tables.test_intervals, low=ci95[0], high=ci95[1])

        self.write(work)

    def stop(self, reason: str) -> None:
        """Record why the search ends before its last trial."""
        row = {"reason": reason, "stopped": now()}
        self.write(lambda connection: self._replace(connection, tables.stops, **row))

    def complete(self) -> None:
        """Record that every trial of the plan is done."""
        self._update(tables.studies, completed=now())

    def _insert(self, table: sa.Table, **columns: Any) -> None:
        """Insert a row of this study."""
        row = sa.insert(table).values(study_id=self.study_id, **columns)
        self.write(lambda connection: connection.execute(row))

    def _replace(self, connection: sa.Connection, table: sa.Table, **columns: Any) -> None:
        """Insert the one row that this study has in a table, in place of an earlier one."""
        connection.execute(sa.delete(table).where(table.c.study_id == self.study_id))
        connection.execute(sa.insert(table).values(study_id=self.study_id, **columns))

    def _update(self, table: sa.Table, *which: sa.ColumnElement[bool], **columns: Any) -> None:
        """Update this study's rows, or those of them that meet all conditions."""
        changed = sa.update(table).where(table.c.study_id == self.study_id, *which).values(columns)
        self.write(lambda connection: connection.execute(changed))


def _stored(conclusion: Conclusion) -> dict[str, Any]:
    finalists = [
        {"trial": f.trial, "mean": f.mean, "ci95": f.ci95, "tied": f.tied}
        | ({} if f.gain is None else {"gain": f.gain, "gain_ci95": f.gain_ci95})
        | ({} if f.epochs is None else {"epochs": f.epochs})
        for f in conclusion.finalists
    ]
    return {"method": conclusion.method, "made": now(), "finalists": json.dumps(finalists)}
