"""The one process that writes to a study: a batch is one transaction when it starts and one when it ends."""

from __future__ import annotations

import contextlib
import json
import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from studies import lease, tables
from studies.engine import StoreError, now
from studies.records import (
    OPTUNA_STATES,
    Confirmation,
    Opening,
    Result,
    stored_number,
    stored_points,
)

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

    from studies.store import Store

CONFIRMED = ("value", "epochs", "error", "finished")


class Writer:
    """The one process that writes to a study. A context manager: it beats while open, and gives back the lease."""

    def __init__(self, store: Store, study_id: int, name: str, token: str) -> None:
        self.store, self.study_id, self.name = store, study_id, name
        self._token = token
        self._ids: dict[int, int] = {}  # trial number -> trial_id, of the batch in flight
        self._closing = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="lease", daemon=True)

    def __enter__(self) -> Writer:
        self._heart.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._heart.join()
        # A lease that can't be given back (a full disk, say) runs out when this process ends.
        with contextlib.suppress(StoreError), self.store.writing() as connection:
            lease.release(connection, self.study_id, self._token)

    def _beat(self) -> None:
        while not self._closing.wait(lease.HEARTBEAT_SECONDS):
            # What goes wrong here goes wrong again at the next write, which is where it is told.
            with contextlib.suppress(StoreError, lease.LeaseError), self._transaction():
                pass

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        with self.store.writing() as connection:
            lease.renew(connection, self.study_id, self._token, self.name)
            yield connection

    def change_plan(self, plan: str) -> None:
        """Store another plan, to go on with: the study is not complete any more, nor stopped."""
        t, stops, rounds = tables.studies, tables.stops, tables.rounds
        begun = sa.select(sa.func.count()).where(rounds.c.study_id == self.study_id)
        with self._transaction() as connection:
            connection.execute(
                sa.update(stops)
                .where(stops.c.study_id == self.study_id)
                .values(lifted=begun.scalar_subquery())
            )
            connection.execute(
                sa.update(t).where(t.c.study_id == self.study_id).values(plan=plan, completed=None)
            )

    def name_metric(self, name: str) -> None:
        """Store the name of the metric, where it was not known before the first trial told it."""
        t = tables.studies
        with self._transaction() as connection:
            connection.execute(
                sa.update(t).where(t.c.study_id == self.study_id).values(metric=name)
            )

    def start_round(self, number: int, size: int, ranges: Mapping[str, Any]) -> None:
        """Record a round before its first trial is drawn."""
        with self._transaction() as connection:
            connection.execute(
                sa.insert(tables.rounds).values(
                    study_id=self.study_id, round=number, size=size, ranges=json.dumps(dict(ranges))
                )
            )

    def judge_round(
        self, number: int, verdicts: Mapping[str, Any], next_ranges: Mapping[str, Any]
    ) -> None:
        """Record what was decided after a round."""
        t = tables.rounds
        with self._transaction() as connection:
            connection.execute(
                sa.update(t)
                .where(t.c.study_id == self.study_id, t.c.round == number)
                .values(
                    verdicts=json.dumps(dict(verdicts)), next_ranges=json.dumps(dict(next_ranges))
                )
            )

    def start_batch(
        self,
        round_number: int,
        settings: Sequence[Mapping[str, Any]],
        distributions: Mapping[str, BaseDistribution],
    ) -> list[int]:
        """Record the trials of a batch as running, in one transaction; returns their numbers."""
        from optuna.distributions import distribution_to_json

        t, p = self.store.table("trials"), self.store.table("trial_params")
        a = self.store.table("trial_user_attributes")
        texts = {name: distribution_to_json(d) for name, d in distributions.items()}
        started = now()
        with self._transaction() as connection:
            last = connection.execute(
                sa.select(sa.func.max(t.c.number)).where(t.c.study_id == self.study_id)
            ).scalar_one()
            first = 0 if last is None else last + 1
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
        self._ids = made
        return numbers

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
            with self.store.reading() as connection:
                self._ids = {
                    row.number: row.trial_id
                    for row in connection.execute(
                        sa.select(t.c.number, t.c.trial_id).where(
                            t.c.study_id == self.study_id, t.c.state == "RUNNING"
                        )
                    )
                }
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
        with self._transaction() as connection:
            connection.execute(
                sa.update(t)
                .where(t.c.trial_id == sa.bindparam("id"))
                .values(state=sa.bindparam("now_state"), datetime_complete=ended),
                done,
            )
            for table, rows in ((v, values), (i, points), (tables.curves, curves), (a, attributes)):
                if rows:
                    connection.execute(sa.insert(table), rows)

    def start_stage(self, stage: int, trials: Sequence[int]) -> None:
        """Record which trials' settings are trained again, all on one seed and one split."""
        with self._transaction() as connection:
            connection.execute(
                sa.insert(tables.confirmations),
                [{"study_id": self.study_id, "stage": stage, "trial": n} for n in trials],
            )

    def finish_stage(self, results: Sequence[Confirmation]) -> None:
        """Record what came of all trainings of a stage, in one transaction."""
        t = tables.confirmations
        with self._transaction() as connection:
            connection.execute(
                sa.update(t)
                .where(
                    t.c.study_id == self.study_id,
                    t.c.stage == sa.bindparam("of_stage"),
                    t.c.trial == sa.bindparam("of_trial"),
                )
                .values({name: sa.bindparam(f"now_{name}") for name in CONFIRMED}),
                [
                    {"of_stage": result.stage, "of_trial": result.trial}
                    | {f"now_{name}": getattr(result, name) for name in CONFIRMED}
                    for result in results
                ],
            )

    def open_test(self, trial: int) -> Opening:
        """Record that the test rows are seen from now on, for the settings of a trial. Once a study."""
        opening = Opening(trial, now())
        with self._transaction() as connection:
            connection.execute(
                sa.insert(tables.tests).values(
                    study_id=self.study_id, trial=trial, opened=opening.opened
                )
            )
        return opening

    def finish_test(self, value: float | None, error: str | None) -> None:
        """Record what they said."""
        t = tables.tests
        with self._transaction() as connection:
            connection.execute(
                sa.update(t).where(t.c.study_id == self.study_id).values(value=value, error=error)
            )

    def stop(self, reason: str) -> None:
        """Record why the search ends before its last trial."""
        t = tables.stops
        with self._transaction() as connection:
            connection.execute(sa.delete(t).where(t.c.study_id == self.study_id))
            connection.execute(
                sa.insert(t).values(study_id=self.study_id, reason=reason, stopped=now())
            )

    def complete(self) -> None:
        """Record that every trial of the plan is done."""
        t = tables.studies
        with self._transaction() as connection:
            connection.execute(
                sa.update(t).where(t.c.study_id == self.study_id).values(completed=now())
            )


def _as_optuna_tells(result: Result) -> Result:
    if result.value is None or not math.isnan(result.value):
        return result
    state = "failed" if result.state == "complete" else result.state
    return replace(result, state=state, value=None)
