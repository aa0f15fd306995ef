"""What a database says of its studies, one by one: names, plans, rounds, trials, curves, confirmations.

`studies.database.columns` reads many trials at once; `studies.database.store` opens databases, and lets one process
write.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Self, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import NoSuchTableError

from studies.database import lease, tables
from studies.database.engine import StoreError, database_errors, first_line, masked
from studies.database.records import (
    OPTUNA_STATES,
    Confirmation,
    Direction,
    Environment,
    Opening,
    PlanVersion,
    Round,
    State,
    StudyRecord,
    Trial,
    adopted_trials,
    read_distribution,
    read_number,
    read_points,
)
from studies.database.retry import patiently
from studies.words import nearest

T = TypeVar("T")

OPTUNA_TABLES = (
    "studies",
    "study_directions",
    "trials",
    "trial_params",
    "trial_values",
    "trial_intermediate_values",
    "trial_user_attributes",
)


class NoSuchStudyError(StoreError):
    """The database has no study of that name."""


class Readings:
    """An open database: which studies it has, and what is in them."""

    def __init__(self, url: str, engine: sa.Engine) -> None:
        self.url = url
        self.engine = engine
        self._optuna = sa.MetaData()
        self._reading: sa.Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()

    def table(self, name: str) -> sa.Table:
        """One of Optuna's tables, as the database shows it."""
        if name not in self._optuna.tables:
            try:
                with database_errors(self.url):
                    self._optuna.reflect(self.engine, only=OPTUNA_TABLES)
            except (NoSuchTableError, sa.exc.InvalidRequestError) as error:
                raise StoreError(
                    f"{masked(self.url)} lacks a table of Optuna's: {first_line(error)}"
                ) from None
        return self._optuna.tables[name]

    @contextlib.contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection that sees one state of the database from beginning to end; so does what is read inside it."""
        if self._reading is not None:
            yield self._reading
            return
        with database_errors(self.url), self.engine.connect() as connection:
            if self.engine.dialect.name == "postgresql":
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                self._reading = connection
                try:
                    yield connection
                except (ValueError, TypeError, LookupError, OverflowError) as error:
                    # What we and Optuna write can be read; something else has been at it.
                    raise StoreError(
                        f"{masked(self.url)} holds what can't be read: {type(error).__name__}: {first_line(error)}"
                    ) from error
                finally:
                    self._reading = None

    def read(self, work: Callable[[], T]) -> T:
        """What `work` reads, all of one moment; read again where the connection to a server is lost."""

        def whole() -> T:
            with self.reading():
                return work()

        return patiently(whole)

    def names(self) -> list[str]:
        """The studies' names, oldest first."""
        t = self.table("studies")
        with self.reading() as connection:
            return list(
                connection.execute(sa.select(t.c.study_name).order_by(t.c.study_id)).scalars()
            )

    def study(self, name: str) -> StudyRecord:
        """What is known of a study beside its trials.

        Raises:
            NoSuchStudyError: there is none of that name.
        """
        s, d = self.table("studies"), self.table("study_directions")
        with self.reading() as connection:
            rows = connection.execute(
                sa.select(s.c.study_id, d.c.direction)
                .join(d, d.c.study_id == s.c.study_id)
                .where(s.c.study_name == name)
                .order_by(d.c.objective)
            ).all()
            if not rows:
                raise NoSuchStudyError(self._no_study(connection, name))
            row = rows[0]
            ours = holder = stop = None
            if tables.present(connection, tables.studies):
                ours = connection.execute(
                    sa.select(tables.studies).where(tables.studies.c.study_id == row.study_id)
                ).first()
                holder = lease.living_holder(connection, row.study_id)
            if tables.present(connection, tables.stops):
                stop = connection.execute(
                    sa.select(tables.stops).where(tables.stops.c.study_id == row.study_id)
                ).first()
            state: State = "running" if holder else "interrupted"
            if ours is None:
                t = self.table("trials")
                state = state_of_optunas(
                    connection.execute(
                        sa.select(t.c.state).distinct().where(t.c.study_id == row.study_id)
                    ).scalars()
                )
            elif holder is None and ours.completed is not None:
                state = "complete"
            return StudyRecord(
                study_id=row.study_id,
                name=name,
                direction=direction_of(row.direction),
                state=state,
                plan=json.loads(ours.plan) if ours else None,
                metric=ours.metric if ours else "value",
                data_hash=ours.data_hash if ours else None,
                provenance=json.loads(ours.provenance) if ours else {},
                created=ours.created if ours else None,
                holder=holder,
                stopped=stop.reason if stop and stop.lifted is None else None,
                resumed_after=(stop.lifted or 0) if stop else 0,
                directions=tuple(direction_of(row.direction) for row in rows),
            )

    def _no_study(self, connection: sa.Connection, name: str) -> str:
        t = self.table("studies")
        names = list(connection.execute(sa.select(t.c.study_name).order_by(t.c.study_id)).scalars())
        hint = nearest(name, names, f"it has {', '.join(names) or 'none'}")
        return f"no study {name!r} in {masked(self.url)}: {hint}"

    def rounds(self, study_id: int) -> list[Round]:
        """The rounds begun so far, in order."""
        t = tables.rounds
        with self.reading() as connection:
            if not tables.present(connection, t):
                return []
            rows = connection.execute(
                sa.select(t).where(t.c.study_id == study_id).order_by(t.c.round)
            ).all()
        return [
            Round(
                row.round,
                row.size,
                json.loads(row.ranges),
                json.loads(row.verdicts) if row.verdicts else None,
                json.loads(row.next_ranges) if row.next_ranges else None,
            )
            for row in rows
        ]

    def confirmations(self, study_id: int) -> list[Confirmation]:
        """The trainings that confirm, those not done yet included, in the order of stages, then of trials."""
        t = tables.confirmations
        with self.reading() as connection:
            if not tables.present(connection, t):
                return []
            rows = connection.execute(
                sa.select(t).where(t.c.study_id == study_id).order_by(t.c.stage, t.c.trial)
            ).all()
        return [
            Confirmation(r.stage, r.trial, r.value, r.epochs or 0, r.error, r.finished)
            for r in rows
        ]

    def plans(self, study_id: int) -> list[PlanVersion]:
        """The plans that a study has had, the first included; empty where it never changed."""
        t = tables.plans
        with self.reading() as connection:
            if not tables.present(connection, t):
                return []
            rows = connection.execute(
                sa.select(t).where(t.c.study_id == study_id).order_by(t.c.version)
            ).all()
        return [
            PlanVersion(r.version, json.loads(r.plan), json.loads(r.changes), r.rounds, r.made)
            for r in rows
        ]

    def environments(self, study_id: int) -> list[Environment]:
        """What a study was trained with, the first as it was begun, each until the next. Of a study of plain
        Optuna nothing is known.
        """
        s, t = tables.studies, tables.environments
        with self.reading() as connection:
            if not tables.present(connection, s):
                return []
            rows = [
                *connection.execute(
                    sa.select(s.c.created, s.c.provenance).where(s.c.study_id == study_id)
                )
            ]
            if tables.present(connection, t):
                rows += connection.execute(
                    sa.select(t.c.since, t.c.provenance)
                    .where(t.c.study_id == study_id)
                    .order_by(t.c.since)
                ).all()
        return [Environment(since, json.loads(text)) for since, text in rows]

    def opening(self, study_id: int) -> Opening | None:
        """What the test rows said; None while they are unseen."""
        t = tables.tests
        with self.reading() as connection:
            if not tables.present(connection, t):
                return None
            row = connection.execute(sa.select(t).where(t.c.study_id == study_id)).first()
        return None if row is None else Opening(row.trial, row.opened, row.value, row.error)

    def of_trials(self, which: sa.ColumnElement[bool]) -> sa.Select[Any]:
        """Asks for trial_id, number, state, start, end, value and its kind of trials, in the order of their numbers."""
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
        """Asks for trial_id, name, value and distribution, as Optuna stores them, of the parameters of trials."""
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
        mine = t.c.study_id == study_id
        if among is not None:
            mine = sa.and_(mine, t.c.number.in_(among))
        params: dict[int, dict[str, Any]] = {}
        attributes: dict[int, dict[str, Any]] = {}
        with self.reading() as connection:
            foreign, several = self.foreign(study_id), self.objectives(study_id)
            # A user of Optuna's may have given attributes of our names.
            theirs = {"round": 0} if math.isfinite(foreign) else {}
            rows = connection.execute(self.of_trials(mine)).all()
            for trial_id, name, value, distribution in connection.execute(self.of_params(mine)):
                external = read_distribution(distribution).to_external_repr(value)
                params.setdefault(trial_id, {})[name] = external
            for trial_id, key, text in connection.execute(
                sa.select(a.c.trial_id, a.c.key, a.c.value_json)
                .join(t, t.c.trial_id == a.c.trial_id)
                .where(mine)
                .order_by(a.c.trial_user_attribute_id)
            ):
                attributes.setdefault(trial_id, {})[key] = json.loads(text)
        return [
            Trial(
                number=number,
                state=OPTUNA_STATES[state],
                value=None if several is not None else read_number(value, value_type),
                params=params.get(trial_id, {}),
                attributes=theirs if number < foreign else attributes.get(trial_id, {}),
                started=started,
                finished=finished,
                values=() if several is None else several.get(trial_id, ()),
            )
            for trial_id, number, state, started, finished, value, value_type in rows
        ]

    def foreign(self, study_id: int) -> float:
        """How many of the first trials plain Optuna made; infinity if it made the study."""
        s = tables.studies
        with self.reading() as connection:
            if not tables.present(connection, s):
                return math.inf
            text = connection.execute(
                sa.select(s.c.provenance).where(s.c.study_id == study_id)
            ).scalar()
        return math.inf if text is None else adopted_trials(json.loads(text))

    def objectives(self, study_id: int) -> dict[int, tuple[float | None, ...]] | None:
        """The values of each trial of a study with several objectives, by trial_id; None where it has one."""
        t, v, d = self.table("trials"), self.table("trial_values"), self.table("study_directions")
        with self.reading() as connection:
            count = connection.execute(
                sa.select(sa.func.count()).where(d.c.study_id == study_id)
            ).scalar_one()
            if count < 2:
                return None
            found: dict[int, tuple[float | None, ...]] = {}
            for trial_id, value, kind in connection.execute(
                sa.select(v.c.trial_id, v.c.value, v.c.value_type)
                .join(t, t.c.trial_id == v.c.trial_id)
                .where(t.c.study_id == study_id)
                .order_by(v.c.trial_id, v.c.objective)
            ):
                found[trial_id] = (*found.get(trial_id, ()), read_number(value, kind))
        return found

    def curves(
        self, study_id: int, *, among: Sequence[int] | None = None
    ) -> list[tuple[int, str, list[float]]]:
        """(trial number, metric, one number an epoch) for every curve, or those of trials whose numbers are `among`
        some, in the order of trials, then of metrics' names.

        A trial that plain Optuna made has its intermediate values as one curve, named "value".
        """
        t, c = self.table("trials"), tables.curves
        i = self.table("trial_intermediate_values")
        made: list[tuple[int, str, list[float]]] = []
        mine = t.c.study_id == study_id
        if among is not None:
            mine = sa.and_(mine, t.c.number.in_(among))
        theirs = sa.select(t.c.trial_id).where(mine)
        with self.reading() as connection:
            if tables.present(connection, c):
                theirs = theirs.where(~sa.exists().where(c.c.trial_id == t.c.trial_id))
                made = [
                    (number, metric, read_points(points))
                    for number, metric, points in connection.execute(
                        sa.select(t.c.number, c.c.metric, c.c.points)
                        .join(t, t.c.trial_id == c.c.trial_id)
                        .where(mine)
                    )
                ]
            values: dict[int, list[float]] = {}
            for number, value, kind in connection.execute(
                sa.select(t.c.number, i.c.intermediate_value, i.c.intermediate_value_type)
                .join(t, t.c.trial_id == i.c.trial_id)
                .where(i.c.trial_id.in_(theirs))
                .order_by(t.c.number, i.c.step)
            ):
                read = read_number(value, kind)
                values.setdefault(number, []).append(math.nan if read is None else read)
        made += [(number, "value", points) for number, points in values.items()]
        return sorted(made, key=lambda curve: curve[:2])


def direction_of(word: str) -> Direction:
    """A direction in our word for Optuna's."""
    return "maximize" if word == "MAXIMIZE" else "minimize"


def state_of_optunas(states: Iterable[str]) -> State:
    """The state of a study that plain Optuna made: nobody knows who runs it, only which states its trials are in."""
    found = set(states)
    return "running" if "RUNNING" in found else "interrupted" if "WAITING" in found else "complete"
