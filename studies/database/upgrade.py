"""Bring a database's tables to the newest version, Optuna's by its own migrations and ours by ours, and keep a copy."""

from __future__ import annotations

import contextlib
import logging
import shutil
import sqlite3
import warnings
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa

from studies.database import schema, tables
from studies.database.engine import (
    BUSY_SECONDS,
    check_creatable,
    check_whole,
    database_errors,
    make_engine,
    masked,
    sqlite_errors,
    sqlite_path,
)
from studies.database.files import first_line
from studies.database.lease import living_holders
from studies.errors import LeaseError, StoreError


def upgrade(url: str, *, without_backup: bool = False) -> str:
    """Bring the tables to the newest version; returns a line that says what was done.

    An SQLite file becomes the new one in one transaction, or stays what it was, and a copy from before is kept beside
    it. A server's database can't be copied, so its user must agree to go on `without_backup`.

    Raises:
        StoreError: there is no such database, it is damaged or another program's, or newer than this one.
        LeaseError: a study in it is being searched.
    """
    path = sqlite_path(url)
    if path is not None and not path.exists():
        raise StoreError(f"no database at {path}: there is nothing to upgrade")
    check_creatable(url)
    with database_errors(url):
        with _opened(url) as engine:
            if not {"studies", "trials", "version_info"} <= set(
                sa.inspect(engine).get_table_names()
            ):
                raise StoreError(f"{masked(url)} holds no studies: there is nothing to upgrade")
            if path is not None:
                check_whole(path)
            steps = " and ".join(_steps(engine, url))
            if not steps:
                return f"{masked(url)} has the newest tables: there is nothing to do"
            if path is None:
                _check_free(engine)
        if path is None and not without_backup:
            raise StoreError(
                f"{masked(url)} would be brought {steps}, and hpo can't copy a server's database: "
                "make a backup (pg_dump), then run hpo upgrade --yes"
            )
        try:
            kept = _upgrade_server(url) if path is None else _upgrade_file(path)
        except (LeaseError, StoreError):
            raise
        except Exception as error:
            left = "it was left as it is" if path is not None else "what was not done was undone"
            raise StoreError(
                f"{masked(url)} could not be brought {steps}: {first_line(error)}; {left}"
            ) from error
    return f"{masked(url)} was brought {steps}; {kept}"


@contextlib.contextmanager
def _opened(url: str) -> Iterator[sa.Engine]:
    engine = make_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


def _upgrade_server(url: str) -> str:
    with _quietly(), database_errors(url):
        schema.upgrade(url)
    return "without a backup"


def _upgrade_file(path: Path) -> str:
    """Upgrade a copy, while no other program can write to the file, then write the copy back in one transaction."""
    # Only a process that was killed leaves this folder, since the file is locked while it is there.
    folder = path.with_name(f"{path.name}.upgrading")
    copy = folder / "copy.db"
    with contextlib.ExitStack() as undoing:
        original = undoing.enter_context(_locked(path))
        shutil.rmtree(folder, ignore_errors=True)
        undoing.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.mkdir()
        with contextlib.closing(sqlite3.connect(copy)) as connection:
            original.backup(connection)
        address = sa.URL.create("sqlite", database=str(copy)).render_as_string()
        with _opened(address) as engine:
            _check_free(engine)
        with _quietly():
            schema.upgrade(address)
        backup = _free_name(path)
        try:
            with contextlib.closing(sqlite3.connect(backup)) as connection:
                original.backup(connection)
            with contextlib.closing(sqlite3.connect(copy)) as connection:
                connection.backup(original)
        except BaseException:
            backup.unlink(missing_ok=True)
            raise
    return f"a copy from before is {backup.name}"


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that lets no other write to the file until it is closed, also between its own transactions."""
    address = f"file:{quote(str(path))}?mode=rw"
    connection = sqlite3.connect(address, timeout=BUSY_SECONDS, uri=True, isolation_level=None)
    with contextlib.closing(connection):
        with sqlite_errors(path):
            connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchone()
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("COMMIT")
        yield connection


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


def _free_name(path: Path) -> Path:
    """A name for a copy beside a file, which no other file has."""
    plain = f"{path.name}.backup-{datetime.now():%Y%m%d-%H%M%S}"
    number, backup = 1, path.with_name(plain)
    while backup.exists():
        number += 1
        backup = path.with_name(f"{plain}-{number}")
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
