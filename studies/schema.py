"""Optuna's tables and ours beside them: made in a database that has none, checked in one that has.

A fresh SQLite file gets them in one transaction, from a schema that Optuna and we make in memory: whoever opens the
file sees no table or all of them, however many programs make it at once and wherever one of them is killed. It is
quicker, too: Optuna makes its schema in a dozen transactions.
"""

from __future__ import annotations

import functools
import sqlite3

import sqlalchemy as sa

from studies import tables
from studies.engine import StoreError, engine_options, masked

LOCK = 0x68706F  # "hpo": the number of an advisory lock is for each program to choose


@functools.cache
def statements() -> tuple[str, ...]:
    """What makes the tables in SQLite, with the rows that say their versions."""
    import optuna

    connection = sqlite3.connect(":memory:", check_same_thread=False)
    options = {"creator": lambda: connection, "poolclass": sa.pool.StaticPool}
    storage = optuna.storages.RDBStorage("sqlite://", engine_kwargs=options)
    storage.remove_session()
    with storage.engine.begin() as ours:
        tables.migrate(ours)
    script = tuple(connection.iterdump())
    storage.engine.dispose()  # closes the connection
    return script[1:-1]  # without its BEGIN and COMMIT


def write(connection: sa.Connection) -> None:
    """Make the tables, in the caller's transaction on SQLite, unless another program has just made them."""
    if not sa.inspect(connection).get_table_names():
        for statement in statements():
            connection.exec_driver_sql(statement)


def make_or_check(engine: sa.Engine, url: str) -> None:
    """Let Optuna make what it lacks and compare versions; then bring our own tables to the newest version.

    On a server one program at a time makes tables; the others wait for it.

    Raises:
        StoreError: Optuna's tables are of another version than the installed Optuna's, or ours are newer than this
            program.
    """
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection:
            _wait_for_others(connection)
            if not sa.inspect(connection).has_table(tables.migrations_done.name):  # ours come last
                _let_optuna_make_or_check(url)
                tables.migrate(connection)
    _let_optuna_make_or_check(url)
    try:
        with engine.begin() as connection:
            _wait_for_others(connection)
            tables.migrate(connection)
    except tables.NewerTablesError as error:
        raise StoreError(f"{masked(url)}: {error}") from None


def _wait_for_others(connection: sa.Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))


def _let_optuna_make_or_check(url: str) -> None:
    import optuna

    storage = optuna.storages.RDBStorage(
        url, engine_kwargs=engine_options(url), skip_compatibility_check=True
    )
    try:
        stored, known = storage.get_current_version(), storage.get_head_version()
        older = stored != known and stored in storage.get_all_versions()
    finally:
        storage.remove_session()
        storage.engine.dispose()
    if stored != known:
        upgrade = f"run optuna storage upgrade --storage {masked(url)}"
        raise StoreError(
            f"{masked(url)}: its Optuna tables have version {stored} and optuna {optuna.__version__} "
            f"writes {known}: {upgrade if older else 'install a newer optuna'}"
        )
