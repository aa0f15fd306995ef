"""The schema of a fresh SQLite file: made in memory by Optuna and by us, then written in one transaction.

Whoever opens the file sees no table or all of them, however many programs make it at once and wherever one of them is
killed. It is quicker, too: Optuna makes its schema in a dozen transactions.
"""

from __future__ import annotations

import functools
import sqlite3

import sqlalchemy as sa

from studies import tables


@functools.cache
def schema() -> tuple[str, ...]:
    """The statements that make Optuna's tables and ours, with the rows that say their versions."""
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


def write_schema(connection: sa.Connection) -> None:
    """Make the tables, in the caller's transaction, unless another program has just made them."""
    if not sa.inspect(connection).get_table_names():
        for statement in schema():
            connection.exec_driver_sql(statement)
