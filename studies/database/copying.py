"""Copies one study into an SQLite file of its own, from any database: Optuna's rows of it and ours.

Numbers stay as they are, those of the study and of its trials among them. What concerns only the place where it was is
left out: who holds it, and where the folders of its trials are.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from studies.database import attributes, schema, tables
from studies.database.connection import OPTUNA_TABLES
from studies.database.engine import database_errors, make_engine
from studies.database.folders import FOLDER
from studies.database.store import OF_STUDIES, OF_TRIALS, Store
from studies.database.version import version
from studies.errors import StoreError

ROWS = 10_000  # that are in memory at once


def copy_study(store: Store, name: str, path: Path) -> str:
    """Write the study of that name to a new file; returns its version (`studies.database.version`).

    All of it is as it was at one moment, however long copying takes. The file is whole, or is not there.

    Raises:
        NoSuchStudyError: there is none of that name.
        StoreError: the file exists, or can't be written.
    """
    if path.exists():
        raise StoreError(f"{path} exists already")
    url = f"sqlite:///{path}"
    engine = make_engine(url)
    try:
        with store.reading() as source:
            study_id = store.study(name).study_id
            copied = version(store, study_id)
            with database_errors(url), engine.connect().execution_options(hpo_begin="") as copy:
                # Nobody else has the file yet, and if this process dies it is of no use.
                for statement in ("PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", "BEGIN"):
                    copy.exec_driver_sql(statement)
                schema.write(copy)
                for table, query in _parts(source, study_id):
                    _copy(source, query, copy, table)
                copy.exec_driver_sql("COMMIT")
    except BaseException:
        engine.dispose()
        with suppress(OSError):
            path.unlink()
        raise
    engine.dispose()
    return copied


def _parts(source: sa.Connection, study_id: int) -> Iterator[tuple[str, sa.Select[Any]]]:
    """Each table with the query for its rows of the study, as the source has them."""
    optunas = sa.MetaData()
    optunas.reflect(source, only=lambda name, _: name in {*OPTUNA_TABLES, *OF_STUDIES, *OF_TRIALS})
    trials = optunas.tables["trials"]
    of_trials = sa.select(trials.c.trial_id).where(trials.c.study_id == study_id)
    for name in ("studies", "trials", *OF_STUDIES):
        table = optunas.tables[name]
        query = sa.select(table).where(table.c.study_id == study_id)
        if name == attributes.USER:
            query = query.where(table.c.key != FOLDER)
        yield name, query
    for name in OF_TRIALS:
        table = optunas.tables[name]
        yield name, sa.select(table).where(table.c.trial_id.in_(of_trials))
    for table in tables.OF_STUDIES:
        if table is not tables.leases and tables.present(source, table):
            yield table.name, sa.select(table).where(table.c.study_id == study_id)
    if tables.present(source, tables.curves):
        of_it = tables.curves.c.trial_id.in_(of_trials)
        yield tables.curves.name, sa.select(tables.curves).where(of_it)


def _copy(source: sa.Connection, query: sa.Select[Any], copy: sa.Connection, name: str) -> None:
    there = sa.Table(name, sa.MetaData(), autoload_with=copy)
    rows = source.execution_options(stream_results=True, yield_per=ROWS).execute(query)
    columns = [there.c[key] for key in rows.keys()]  # noqa: SIM118  # no mapping
    if any(isinstance(column.type, sa.DateTime) for column in columns):
        for dated in rows.mappings().partitions():
            copy.execute(sa.insert(there), [dict(row) for row in dated])
        return
    # The large tables have numbers and text alone, which need nothing of what SQLAlchemy does with each row.
    values: dict[str, Any] = {column.name: sa.bindparam(column.name) for column in columns}
    insert = str(sa.insert(there).values(values).compile(dialect=copy.dialect))
    for some in rows.partitions():
        copy.exec_driver_sql(insert, [tuple(row) for row in some])
