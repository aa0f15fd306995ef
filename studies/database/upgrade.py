"""Bring a database's tables to the newest version, Optuna's by its own migrations and ours by ours, and keep a copy."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import warnings
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from studies.database import schema, tables
from studies.database.engine import (
    check_creatable,
    check_whole,
    database_errors,
    make_engine,
    masked,
    sqlite_path,
)
from studies.database.files import first_line
from studies.database.lease import living_holders
from studies.errors import LeaseError, StoreError


def upgrade(url: str, *, without_backup: bool = False) -> str:
    """Bring the tables to the newest version; returns a line that says what was done.

    A copy of an SQLite file is kept beside it. A server's database can't be copied, so its user must agree to go on
    `without_backup`.

    Raises:
        StoreError: there is no such database, it is damaged or another program's, or newer than this one.
        LeaseError: a study in it is being searched.
    """
    path = sqlite_path(url)
    if path is not None and not path.exists():
        raise StoreError(f"no database at {path}: there is nothing to upgrade")
    check_creatable(url)
    with database_errors(url), contextlib.ExitStack() as closing:
        engine = make_engine(url)
        closing.callback(engine.dispose)
        if not {"studies", "trials", "version_info"} <= set(sa.inspect(engine).get_table_names()):
            raise StoreError(f"{masked(url)} holds no studies: there is nothing to upgrade")
        if path is not None:
            check_whole(path)
        steps = _steps(engine, url)
        if not steps:
            return f"{masked(url)} has the newest tables: there is nothing to do"
        _check_free(engine)
        if path is None and not without_backup:
            raise StoreError(
                f"{masked(url)} would be brought {' and '.join(steps)}, and hpo can't copy a server's database: "
                "make a backup (pg_dump), then run hpo upgrade --yes"
            )
        backup = None if path is None else _backup(path)
        kept = "without a backup" if backup is None else f"a copy from before is {backup.name}"
        try:
            with _quietly(), schema.optuna_storage(url) as storage:
                storage.upgrade()
            with engine.begin() as connection:
                if tables.present(connection, tables.migrations_done):
                    tables.migrate(connection, masked(url))
        except Exception as error:
            raise StoreError(
                f"{masked(url)} could not be brought {' and '.join(steps)}: {first_line(error)}; {kept}"
            ) from error
    return f"{masked(url)} was brought {' and '.join(steps)}; {kept}"


def _steps(engine: sa.Engine, url: str) -> list[str]:
    """What is to be done, each as the end of a sentence."""
    steps = []
    stored, (known, *older) = schema.optuna_version(engine), schema.optuna_versions()
    if stored in older:
        steps.append(f"from Optuna's tables {stored} to {known}")
    else:
        schema.check(engine, url)
    with engine.connect() as connection:
        done = tables.check_known(connection, masked(url))
    if done and len(done) < len(tables.MIGRATIONS):
        steps.append(f"from hpo's tables {max(done)} to {len(tables.MIGRATIONS)}")
    return steps


def _check_free(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        holders = living_holders(connection) if tables.present(connection, tables.leases) else {}
    for holder in holders.values():
        raise LeaseError(f"a study is held by {holder}: wait for it or stop it, then upgrade")


def _backup(path: Path) -> Path:
    """Copy an SQLite file, to a name beside it that is free."""
    plain = f"{path.name}.backup-{datetime.now():%Y%m%d-%H%M%S}"
    number, backup = 1, path.with_name(plain)
    while backup.exists():
        number += 1
        backup = path.with_name(f"{plain}-{number}")
    try:
        with (
            contextlib.closing(sqlite3.connect(path)) as source,
            contextlib.closing(sqlite3.connect(backup)) as copy,
        ):
            source.backup(copy)
    except (sqlite3.Error, OSError) as error:
        backup.unlink(missing_ok=True)
        raise StoreError(
            f"{path} can't be copied to {backup.name}: {first_line(error)}; it was left as it is"
        ) from None
    return backup


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    # Optuna's migrations log to stderr if nobody has set up logging, and warn about what is to be migrated.
    root, silent = logging.getLogger(), logging.NullHandler()
    root.addHandler(silent)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        root.removeHandler(silent)
