"""Studies that plain Optuna wrote: what we read of one to go on with it, and how that is recorded.

Its trials stay as Optuna wrote them, except that those which have not ended are recorded as failed, with the reason.
What is added is a plan, a first round of all those trials, and a note of where they came from. As long as we add no
trials, Optuna can go on with it, and the first round grows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from studies.database import tables
from studies.database.engine import now
from studies.database.reader import Reader
from studies.database.records import Direction, StudyRecord, read_distribution
from studies.database.store import create_store, open_store
from studies.database.writer import Writer
from studies.errors import LeaseError, StoreError

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Row: TypeAlias = sa.Row[int, int, str]  # a trial's trial_id, number and state

UNENDED = ("RUNNING", "WAITING")


@dataclass(frozen=True)
class OptunasTrial:
    """A trial of Optuna's: its state in Optuna's word, and the distribution and the value of each parameter."""

    number: int
    state: str
    distributions: Mapping[str, BaseDistribution]
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        """Whether it is neither running nor waiting."""
        return self.state not in UNENDED


@dataclass(frozen=True)
class OptunasStudy:
    """A study as plain Optuna left it."""

    name: str
    directions: Sequence[Direction]
    trials: Sequence[OptunasTrial]

    @property
    def unended(self) -> list[int]:
        """The numbers of the trials that are running or waiting, as far as Optuna knows."""
        return [t.number for t in self.trials if not t.ended]

    def check_ended(self) -> None:
        """Check that no process of Optuna's can still be searching it.

        Raises:
            LeaseError: it has trials that have not ended. Optuna does not record whether their process is alive.
        """
        unended = [f"{t.number} ({t.state})" for t in self.trials if not t.ended]
        if unended:
            raise _unended(self.name, unended)


def _unended(name: str, trials: Sequence[str]) -> LeaseError:
    return LeaseError(
        f"study {name!r} has trials that have not ended: {', '.join(trials)}; wait for the program that "
        "runs it, or, if that is gone, record them as failed with --take-over"
    )


def read_optunas(name: str, storage: str) -> OptunasStudy:
    """Read a study as Optuna has it, from a database that exists. Nothing is written.

    Raises:
        StoreError: there is no such database or study.
    """
    with open_store(storage) as store, store.reading() as connection:
        record = store.study(name)
        t, p = store.table("trials"), store.table("trial_params")
        distributions: dict[int, dict[str, BaseDistribution]] = {}
        params: dict[int, dict[str, Any]] = {}
        for trial_id, parameter, value, text in connection.execute(
            sa.select(p.c.trial_id, p.c.param_name, p.c.param_value, p.c.distribution_json)
            .join(t, t.c.trial_id == p.c.trial_id)
            .where(t.c.study_id == record.study_id)
            .order_by(p.c.param_id)
        ):
            of = distributions.setdefault(trial_id, {})[parameter] = read_distribution(text)
            params.setdefault(trial_id, {})[parameter] = of.to_external_repr(value)
        trials = [
            OptunasTrial(
                row.number,
                row.state,
                distributions.get(row.trial_id, {}),
                params.get(row.trial_id, {}),
            )
            for row in _trials(store, connection, record.study_id)
        ]
        return OptunasStudy(name, record.directions, trials)


def _trials(store: Reader, connection: sa.Connection, study_id: int) -> Sequence[Row]:
    t = store.table("trials")
    return connection.execute(
        sa.select(t.c.trial_id, t.c.number, t.c.state)
        .where(t.c.study_id == study_id)
        .order_by(t.c.number)
    ).all()


def added_by_optuna(store: Reader, record: StudyRecord) -> Sequence[Row]:
    """The trials that we did not draw, but for those that the study was adopted with."""
    t, a = store.table("trials"), store.table("trial_user_attributes")
    drawn = sa.exists().where(a.c.trial_id == t.c.trial_id, a.c.key == "round")
    with store.reading() as connection:
        return connection.execute(
            sa.select(t.c.trial_id, t.c.number, t.c.state)
            .where(t.c.study_id == record.study_id, t.c.number >= record.adopted, ~drawn)
            .order_by(t.c.number)
        ).all()


def check_added(store: Reader, record: StudyRecord, baselines: int, *, take_over: bool) -> None:
    """Check that we can go on with a study to which Optuna may have added trials.

    Those that wait in Optuna's queue are in nobody's way. Of running ones Optuna does not record whether their process
    is alive. The first trials have to be the `baselines`.

    Raises:
        LeaseError: some are running, and `take_over` is not set.
        StoreError: there is one among the first trials.
    """
    added = added_by_optuna(store, record)
    running = [f"{row.number} ({row.state})" for row in added if row.state == "RUNNING"]
    if running and not take_over:
        raise _unended(record.name, running)
    if added and added[0].number < baselines:
        raise StoreError(
            f"study {record.name!r} has a trial of Optuna's, {added[0].number}, before all of its baselines: "
            "begin a new study"
        )


def take_over_added(writer: Writer, record: StudyRecord) -> Sequence[Row]:
    """Record the trials that Optuna has added and that are running as failed; returns all that it has added."""
    added = added_by_optuna(writer.store, record)
    if running := [row for row in added if row.state == "RUNNING"]:
        writer.write(lambda connection: _fail(writer.store, connection, running))
    return added


def record_adoption(
    storage: str,
    study: OptunasStudy,
    *,
    plan: str,
    metric: str,
    data_hash: str,
    ranges: Mapping[str, Any],
    provenance: Mapping[str, Any],
) -> None:
    """Record the plan by which we go on with a study, and its trials as the first round, in one transaction.

    Raises:
        StoreError: another program has written to the study since it was read.
    """
    changed = _changed(study)
    adopted = {"trials": len(study.trials), "failed": study.unended}
    with create_store(storage) as store:
        study_id = store.study(study.name).study_id
        try:
            with store.writing() as connection:
                rows = _unchanged(store, connection, study_id, study)
                connection.execute(
                    sa.insert(tables.studies).values(
                        study_id=study_id,
                        plan=plan,
                        metric=metric,
                        data_hash=data_hash,
                        provenance=json.dumps({**provenance, "adopted": adopted}),
                        created=now(),
                    )
                )
                connection.execute(
                    sa.insert(tables.rounds).values(
                        study_id=study_id, round=0, size=len(rows), ranges=json.dumps(dict(ranges))
                    )
                )
                _fail(store, connection, [r for r in rows if r.state in UNENDED])
        except IntegrityError:
            raise changed from None


def record_growth(
    writer: Writer, study: OptunasStudy, *, plan: str, ranges: Mapping[str, Any]
) -> None:
    """Record that Optuna has gone on with a study that was adopted, and to which we have added no trials.

    All its trials are now the first round, which is to be judged again. What confirmed some of them stays.

    Raises:
        StoreError: another program has written to the study since it was read.
    """
    store, studies, rounds = writer.store, tables.studies, tables.rounds
    of_study = studies.c.study_id == writer.study_id

    def work(connection: sa.Connection) -> None:
        rows = _unchanged(store, connection, writer.study_id, study)
        provenance = json.loads(
            connection.execute(sa.select(studies.c.provenance).where(of_study)).scalar_one()
        )
        failed = [*provenance["adopted"]["failed"], *study.unended]
        provenance["adopted"] = {"trials": len(rows), "failed": failed}
        connection.execute(
            sa.update(studies)
            .where(of_study)
            .values(plan=plan, provenance=json.dumps(provenance), completed=None)
        )
        connection.execute(
            sa.update(rounds)
            .where(rounds.c.study_id == writer.study_id, rounds.c.round == 0)
            .values(
                size=len(rows), ranges=json.dumps(dict(ranges)), verdicts=None, next_ranges=None
            )
        )
        _fail(store, connection, [r for r in rows if r.state in UNENDED])

    writer.write(work)


def _changed(study: OptunasStudy) -> StoreError:
    return StoreError(
        f"another program has just written to study {study.name!r}: see that it has ended, then try again"
    )


def _unchanged(
    store: Reader, connection: sa.Connection, study_id: int, study: OptunasStudy
) -> Sequence[Row]:
    """The rows of a study's trials, which are as they were read."""
    rows = _trials(store, connection, study_id)
    if [(r.number, r.state) for r in rows] != [(t.number, t.state) for t in study.trials]:
        raise _changed(study)
    return rows


def _fail(store: Reader, connection: sa.Connection, rows: Sequence[Row]) -> None:
    """Record trials that have not ended as failed, with the reason unless they have an attribute of that name."""
    t, a = store.table("trials"), store.table("trial_user_attributes")
    for row in rows:
        connection.execute(
            sa.update(t)
            .where(t.c.trial_id == row.trial_id)
            .values(state="FAIL", datetime_complete=now())
        )
        taken = sa.exists().where(a.c.trial_id == row.trial_id, a.c.key == "error")
        if not connection.execute(sa.select(taken)).scalar():
            reason = f"was {row.state} when hpo took the study over"
            connection.execute(
                sa.insert(a).values(
                    trial_id=row.trial_id, key="error", value_json=json.dumps(reason)
                )
            )
