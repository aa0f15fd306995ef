"""The one process that writes to a study: a batch is one transaction when it starts and one when it ends.

Each write is a function of a connection, which runs in a transaction that also renews the lease. Where the connection
to a server is lost, it runs again; but not if the lease tells that it was committed, though nobody has heard of it.
"""

from __future__ import annotations

import contextlib
import json
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa

from studies.database import lease, tables
from studies.database.engine import StoreError, now
from studies.database.records import (
    OPTUNA_STATES,
    Confirmation,
    Opening,
    Result,
    stored_number,
    stored_points,
)
from studies.database.retry import patiently

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

    from studies.database.store import Store

T = TypeVar("T")

CONFIRMED = ("value", "epochs", "error", "finished")


class Writer:
    """The one process that writes to a study. A context manager: it beats while open, and gives back the lease."""

    def __init__(self, store: Store, study_id: int, name: str, token: str) -> None:
        self.store, self.study_id, self.name = store, study_id, name
        self._token = self._next = (
            token  # what the lease bears, and what it bears after the write in flight
        )
        self._ids: dict[int, int] = {}  # trial number -> trial_id, of the batch in flight
        self._closing = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="lease", daemon=True)

    def __enter__(self) -> Writer:
        self._heart.start()
        return self

    def __exit__(self, kind: type[BaseException] | None = None, *_: object) -> None:
        self._closing.set()
        self._heart.join()
        # A lease that can't be given back (a full disk, say) is nobody's all the same. After an error a server was
        # waited for already.
        with contextlib.suppress(StoreError):
            patiently(self._release) if kind is None else self._release()
        lease.IN_USE.difference_update((self._token, self._next))

    def _release(self) -> None:
        with self.store.writing() as connection:
            lease.release(connection, self.study_id, self._token, self._next)

    def _beat(self) -> None:
        while not self._closing.wait(lease.HEARTBEAT_SECONDS):
            # What goes wrong here goes wrong again at the next write, which is where it is told. A write of this very
            # moment may have put a new token there: then it has beaten, too.
            with contextlib.suppress(StoreError), self.store.writing() as connection:
                lease.beat(connection, self.study_id, self._token)

    def _write(self, work: Callable[[sa.Connection], T]) -> T:
        """Run `work` in one transaction, committed once: again where the connection is lost before the end is known.

        Raises:
            LeaseError: the lease is no longer this writer's; nothing is written.
        """
        self._next = lease.new_token()
        lease.IN_USE.add(self._next)
        returned: list[T] = []

        def attempt() -> None:
            with self.store.writing() as connection:
                names = self.study_id, self._token, self._next, self.name
                if lease.renew(connection, *names):
                    returned[:] = [work(connection)]

        patiently(attempt, f"; when it is back, go on with hpo resume {self.name}")
        lease.IN_USE.discard(self._token)
        self._token = self._next
        return returned[0]

    def change_plan(self, plan: str, changes: Sequence[Mapping[str, Any]]) -> None:
        """Store another plan, to go on with, and what it changes: the study is not complete any more, nor stopped."""
        t, stops, rounds, plans = tables.studies, tables.stops, tables.rounds, tables.plans
        mine = plans.c.study_id == self.study_id

        def work(connection: sa.Connection) -> None:
            begun = connection.execute(
                sa.select(sa.func.count()).where(rounds.c.study_id == self.study_id)
            ).scalar_one()
            connection.execute(
                sa.update(stops).where(stops.c.study_id == self.study_id).values(lifted=begun)
            )
            if changes:
                last = connection.execute(sa.select(sa.func.max(plans.c.version)).where(mine))
                version = last.scalar_one()
                if version is None:
                    first = connection.execute(
                        sa.select(t.c.plan, t.c.created).where(t.c.study_id == self.study_id)
                    ).one()
                    version = 1
                    self._add_plan(connection, version, first.plan, [], 0, first.created)
                self._add_plan(connection, version + 1, plan, changes, begun, now())
            connection.execute(
                sa.update(t).where(t.c.study_id == self.study_id).values(plan=plan, completed=None)
            )

        self._write(work)

    def _add_plan(
        self,
        connection: sa.Connection,
        version: int,
        plan: str,
        changes: Sequence[Mapping[str, Any]],
        rounds: int,
        made: datetime,
    ) -> None:
        connection.execute(
            sa.insert(tables.plans).values(
                study_id=self.study_id,
                version=version,
                plan=plan,
                changes=json.dumps([dict(change) for change in changes]),
                rounds=rounds,
                made=made,
            )
        )

    def move_to(self, provenance: Mapping[str, Any]) -> None:
        """Record that what finishes from now on was trained with something else than what was before."""
        moved = sa.insert(tables.environments).values(
            study_id=self.study_id, since=now(), provenance=json.dumps(dict(provenance))
        )
        self._write(lambda connection: connection.execute(moved))

    def name_metric(self, name: str) -> None:
        """Store the name of the metric, where it was not known before the first trial told it."""
        t = tables.studies
        named = sa.update(t).where(t.c.study_id == self.study_id).values(metric=name)
        self._write(lambda connection: connection.execute(named))

    def start_round(self, number: int, size: int, ranges: Mapping[str, Any]) -> None:
        """Record a round before its first trial is drawn."""
        row = sa.insert(tables.rounds).values(
            study_id=self.study_id, round=number, size=size, ranges=json.dumps(dict(ranges))
        )
        self._write(lambda connection: connection.execute(row))

    def judge_round(
        self, number: int, verdicts: Mapping[str, Any], next_ranges: Mapping[str, Any]
    ) -> None:
        """Record what was decided after a round."""
        t = tables.rounds
        judged = (
            sa.update(t)
            .where(t.c.study_id == self.study_id, t.c.round == number)
            .values(verdicts=json.dumps(dict(verdicts)), next_ranges=json.dumps(dict(next_ranges)))
        )
        self._write(lambda connection: connection.execute(judged))

    def start_batch(
        self,
        round_number: int,
        settings: Sequence[Mapping[str, Any]],
        distributions: Mapping[str, BaseDistribution],
        *,
        after: int | None = None,
    ) -> list[int]:
        """Record the trials of a batch as running, in one transaction; returns their numbers.

        Raises:
            StoreError: the study should have had `after` trials, and another program has added some.
        """
        from optuna.distributions import distribution_to_json

        t, p = self.store.table("trials"), self.store.table("trial_params")
        a = self.store.table("trial_user_attributes")
        texts = {name: distribution_to_json(d) for name, d in distributions.items()}
        started = now()

        def work(connection: sa.Connection) -> dict[int, int]:
            last = connection.execute(  # that of the last row: the largest of all would be looked for in all
                sa.select(t.c.number)
                .where(t.c.study_id == self.study_id)
                .order_by(t.c.trial_id.desc())
                .limit(1)
            ).scalar()
            first = 0 if last is None else last + 1
            if after is not None and first != after:
                raise StoreError(
                    f"another program has added trials to study {self.name!r}: nothing more is written"
                )
            numbers = list(range(first, first + len(settings)))
            ids = connection.execute(
                sa.insert(t).returning(t.c.trial_id, sort_by_parameter_order=True),
                [
                    {
                        "number": number,
                        "study_id": self.study_id,
                        "state": "RUNNING",
                        "datetime_start": started,
                    }
                    for number in numbers
                ],
            ).scalars()
            made = dict(zip(numbers, ids, strict=True))
            params = [
                {
                    "trial_id": made[number],
                    "param_name": name,
                    "param_value": distributions[name].to_internal_repr(value),
                    "distribution_json": texts[name],
                }
                for number, values in zip(numbers, settings, strict=True)
                for name, value in values.items()
            ]
            if params:  # an insert of no rows would insert one that is empty
                connection.execute(sa.insert(p), params)
            connection.execute(
                sa.insert(a),
                [
                    {"trial_id": made[n], "key": "round", "value_json": str(round_number)}
                    for n in numbers
                ],
            )
            return made

        self._ids = self._write(work)
        return list(self._ids)

    def finish_batch(self, results: Sequence[Result]) -> None:
        """Record what came of all trials of the batch in flight, in one transaction.

        Optuna has no place for a value that is NaN: as it does itself, the trial is recorded as failed.
        """
        results = [_as_optuna_tells(result) for result in results]
        t, v = self.store.table("trials"), self.store.table("trial_values")
        i, a = (
            self.store.table("trial_intermediate_values"),
            self.store.table("trial_user_attributes"),
        )
        if any(
            result.number not in self._ids for result in results
        ):  # a batch that another process began
            self._ids = self.store.read(self._running)
        ids = self._ids
        names = {state: name for name, state in OPTUNA_STATES.items()}
        done = [
            {
                "id": ids[r.number],
                "now_state": names[r.state],
                "finished": r.finished,
            }
            for r in results
        ]
        values = [
            {"trial_id": ids[r.number], "objective": 0, **stored_number("value", r.value)}
            for r in results
            if r.value is not None
        ]
        points = [
            {"trial_id": ids[r.number], "step": step, **stored_number("intermediate_value", point)}
            for r in results
            for step, point in enumerate(r.curves.get(r.score, ()), start=1)
        ]
        curves = [
            {"trial_id": ids[r.number], "metric": metric, "points": stored_points(curve)}
            for r in results
            for metric, curve in r.curves.items()
        ]
        attributes = [
            {"trial_id": ids[r.number], "key": key, "value_json": json.dumps(value)}
            for r in results
            for key, value in r.attributes.items()
        ]
        # A clock that was set back in between makes no trial end before it began.
        finished = sa.bindparam("finished", type_=sa.DateTime())
        ended = sa.case((t.c.datetime_start > finished, t.c.datetime_start), else_=finished)

        def work(connection: sa.Connection) -> None:
            connection.execute(
                sa.update(t)
                .where(t.c.trial_id == sa.bindparam("id"))
                .values(state=sa.bindparam("now_state"), datetime_complete=ended),
                done,
            )
            for table, rows in ((v, values), (i, points), (tables.curves, curves), (a, attributes)):
                if rows:
                    connection.execute(sa.insert(table), rows)

        self._write(work)

    def _running(self) -> dict[int, int]:
        t = self.store.table("trials")
        mine = sa.select(t.c.number, t.c.trial_id).where(
            t.c.study_id == self.study_id, t.c.state == "RUNNING"
        )
        with self.store.reading() as connection:
            return {row.number: row.trial_id for row in connection.execute(mine)}

    def start_stage(self, stage: int, trials: Sequence[int]) -> None:
        """Record which trials' settings are trained again, all on one seed and one split."""
        rows = [{"study_id": self.study_id, "stage": stage, "trial": n} for n in trials]
        self._write(lambda connection: connection.execute(sa.insert(tables.confirmations), rows))

    def finish_stage(self, results: Sequence[Confirmation]) -> None:
        """Record what came of all trainings of a stage, in one transaction."""
        t = tables.confirmations
        finished = (
            sa.update(t)
            .where(
                t.c.study_id == self.study_id,
                t.c.stage == sa.bindparam("of_stage"),
                t.c.trial == sa.bindparam("of_trial"),
            )
            .values({name: sa.bindparam(f"now_{name}") for name in CONFIRMED})
        )
        rows = [
            {"of_stage": result.stage, "of_trial": result.trial}
            | {f"now_{name}": getattr(result, name) for name in CONFIRMED}
            for result in results
        ]
        self._write(lambda connection: connection.execute(finished, rows))

    def open_test(self, trial: int) -> Opening:
        """Record that the test rows are seen from now on, for the settings of a trial. Once a study."""
        opening = Opening(trial, now())
        row = sa.insert(tables.tests).values(
            study_id=self.study_id, trial=trial, opened=opening.opened
        )
        self._write(lambda connection: connection.execute(row))
        return opening

    def finish_test(self, value: float | None, error: str | None) -> None:
        """Record what they said."""
        t = tables.tests
        said = sa.update(t).where(t.c.study_id == self.study_id).values(value=value, error=error)
        self._write(lambda connection: connection.execute(said))

    def stop(self, reason: str) -> None:
        """Record why the search ends before its last trial."""
        t = tables.stops
        row = sa.insert(t).values(study_id=self.study_id, reason=reason, stopped=now())

        def work(connection: sa.Connection) -> None:
            connection.execute(sa.delete(t).where(t.c.study_id == self.study_id))
            connection.execute(row)

        self._write(work)

    def complete(self) -> None:
        """Record that every trial of the plan is done."""
        t = tables.studies
        done = sa.update(t).where(t.c.study_id == self.study_id).values(completed=now())
        self._write(lambda connection: connection.execute(done))


def _as_optuna_tells(result: Result) -> Result:
    if result.value is None or not math.isnan(result.value):
        return result
    state = "failed" if result.state == "complete" else result.state
    return replace(result, state=state, value=None)
