"""The rows of a batch of trials, as Optuna stores them: what is written when it starts, and when it ends.

Both functions return a function of a connection, which can run again if the connection to a server is lost.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from studies.database import tables
from studies.database.connection import Database
from studies.database.engine import now
from studies.database.records import OPTUNA_STATES, Result, stored_number, stored_points
from studies.errors import StoreError
from studies.words import distinct

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

NAMED = {"sqlite": "named", "postgresql": "pyformat"}  # how a driver marks parameters with names


def start(
    database: Database,
    study_id: int,
    name: str,
    attributes: Mapping[str, int],
    settings: Sequence[Mapping[str, Any]],
    distributions: Mapping[str, BaseDistribution],
    after: int | None,
) -> Callable[[sa.Connection], dict[int, int]]:
    """Inserts trials that are running and have some attributes, and returns the trial_id of each by its number.

    Raises:
        StoreError: in the transaction, if the study does not have exactly `after` trials.
    """
    from optuna.distributions import distribution_to_json

    t, p = database.table("trials"), database.table("trial_params")
    a = database.table("trial_user_attributes")
    texts = {name: distribution_to_json(d) for name, d in distributions.items()}
    started = now()
    # The number of the last row; finding the largest of all numbers would read all of them.
    last_number = (
        sa.select(t.c.number).where(t.c.study_id == study_id).order_by(t.c.trial_id.desc()).limit(1)
    )

    def write(connection: sa.Connection) -> dict[int, int]:
        last = connection.execute(last_number).scalar()
        first = 0 if last is None else last + 1
        if after is not None and first != after:
            raise StoreError(
                f"another program has added trials to study {name!r} while it was searched: nothing more is "
                "written, and hpo resume goes on"
            )
        numbers = range(first, first + len(settings))
        trials = [
            {"number": n, "study_id": study_id, "state": "RUNNING", "datetime_start": started}
            for n in numbers
        ]
        new = sa.insert(t).returning(t.c.trial_id, sort_by_parameter_order=True)
        ids = dict(zip(numbers, connection.execute(new, trials).scalars(), strict=True))
        params = [
            {
                "trial_id": ids[number],
                "param_name": name,
                "param_value": _stored(distributions[name], value),
                "distribution_json": texts[name]
                if (d := _including(distributions[name], value)) is distributions[name]
                else distribution_to_json(d),
            }
            for number, values in zip(numbers, settings, strict=True)
            for name, value in values.items()
        ]
        facts = [
            {"trial_id": ids[n], "key": key, "value_json": str(value)}
            for n in numbers
            for key, value in attributes.items()
        ]
        _insert(connection, (p, params), (a, facts))
        return ids

    return write


def finish(
    database: Database,
    ids: Mapping[int, int],
    results: Sequence[Result],
    shown: Container[int] = (),
) -> Callable[[sa.Connection], None]:
    """Stores how trials ended, with their values and curves. `ids` has the trial_id of each by its number.

    Of those in `shown`, some of the curve is stored already.
    """
    results = [_as_optuna_does(result) for result in results]
    t, v = database.table("trials"), database.table("trial_values")
    i, a = database.table("trial_intermediate_values"), database.table("trial_user_attributes")
    words = {state: word for word, state in OPTUNA_STATES.items()}
    ends = [
        {"id": ids[r.number], "now_state": words[r.state], "finished": r.finished} for r in results
    ]
    values = [
        {"trial_id": ids[r.number], "objective": 0, **stored_number("value", r.value)}
        for r in results
        if r.value is not None
    ]
    points = _points(ids, {r.number: r.curves.get(r.score, ()) for r in results})
    again = [ids[r.number] for r in results if r.number in shown]
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
    # If the clock was set back in between, a trial still does not end before it began.
    finished = sa.bindparam("finished", type_=sa.DateTime())
    ended = sa.case((t.c.datetime_start > finished, t.c.datetime_start), else_=finished)
    end = (
        sa.update(t)
        .where(t.c.trial_id == sa.bindparam("id"))
        .values(state=sa.bindparam("now_state"), datetime_complete=ended)
    )

    def write(connection: sa.Connection) -> None:
        if not ends:  # SQLAlchemy would execute the statement once, without a trial
            return
        connection.execute(end, ends)
        _forget(connection, i, again)
        _insert(connection, (v, values), (tables.curves, curves), (a, attributes))
        _insert_plain(connection, i, points)

    return write


def show(
    database: Database, ids: Mapping[int, int], curves: Mapping[int, Sequence[float]]
) -> Callable[[sa.Connection], None]:
    """Stores the scores so far of trials that are running, in place of those that were stored before."""
    i, points = database.table("trial_intermediate_values"), _points(ids, curves)

    def write(connection: sa.Connection) -> None:
        _forget(connection, i, [ids[number] for number in curves])
        _insert_plain(connection, i, points)

    return write


def _points(ids: Mapping[int, int], curves: Mapping[int, Sequence[float]]) -> list[dict[str, Any]]:
    return [
        {"trial_id": ids[number], "step": step, **stored_number("intermediate_value", point)}
        for number, curve in curves.items()
        for step, point in enumerate(curve, start=1)
    ]


def _forget(connection: sa.Connection, i: sa.Table, trials: Sequence[int]) -> None:
    if trials:
        connection.execute(sa.delete(i).where(i.c.trial_id.in_(trials)))


def _stored(d: BaseDistribution, value: Any) -> float:
    """A value as Optuna stores it: of choices the place, where Optuna itself takes true for 1."""
    from optuna.distributions import CategoricalDistribution

    if isinstance(d, CategoricalDistribution):
        return list(map(distinct, d.choices)).index(distinct(value))
    return d.to_internal_repr(value)


def _including(d: BaseDistribution, value: Any) -> BaseDistribution:
    """The same range, wider if the value lies outside: the settings in use today may, and Optuna checks its records."""
    from optuna.distributions import FloatDistribution, IntDistribution

    if not isinstance(d, FloatDistribution | IntDistribution) or d.low <= value <= d.high:
        return d
    low, high = min(d.low, value), max(d.high, value)
    if isinstance(d, IntDistribution):
        return IntDistribution(low, high, log=d.log, step=d.step)
    return FloatDistribution(low, high, log=d.log, step=d.step)


def _insert(connection: sa.Connection, *tables_and_rows: tuple[sa.Table, list[Any]]) -> None:
    for table, rows in tables_and_rows:
        if rows:  # an insert of no rows would insert an empty one
            connection.execute(sa.insert(table), rows)


def _insert_plain(connection: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    """Insert rows that the driver takes as they are: for many rows, SQLAlchemy's work on each would take longer."""
    if rows:
        marks = NAMED[connection.dialect.name]
        dialect = type(connection.dialect)(paramstyle=marks)  # type: ignore[call-arg]  # all take it
        statement = sa.insert(table).compile(dialect=dialect, column_keys=list(rows[0]))
        connection.exec_driver_sql(str(statement), rows)


def _as_optuna_does(result: Result) -> Result:
    """Optuna can't store a value that is NaN, and so records the trial as failed."""
    if result.value is None or not math.isnan(result.value):
        return result
    state = "failed" if result.state == "complete" else result.state
    return replace(result, state=state, value=None)
