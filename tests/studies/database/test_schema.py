"""A fresh SQLite file: Optuna's schema to the letter."""

# Law 6: Optuna's schema is the record.

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import optuna

from studies.database.store import create_store


def structure(file: Path) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(
            "SELECT type, name, tbl_name, sql FROM sqlite_schema"
            " WHERE tbl_name NOT LIKE 'hpo_%' AND name NOT LIKE 'hpo_%' ORDER BY type, name"
        ).fetchall()


def test_the_schema_is_what_optuna_makes(tmp_path: Path) -> None:
    theirs = optuna.storages.RDBStorage(f"sqlite:///{tmp_path}/theirs.db")
    theirs.remove_session()
    theirs.engine.dispose()
    create_store(f"sqlite:///{tmp_path}/ours.db").close()
    assert structure(tmp_path / "ours.db") == structure(tmp_path / "theirs.db")
    for table in ("version_info", "alembic_version"):
        rows = []
        for file in ("ours.db", "theirs.db"):
            with closing(sqlite3.connect(tmp_path / file)) as connection:
                rows.append(connection.execute(f"SELECT * FROM {table}").fetchall())  # noqa: S608
        assert rows[0] == rows[1]
