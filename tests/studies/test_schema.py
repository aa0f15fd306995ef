"""A fresh SQLite file: Optuna's schema to the letter, and whole however many programs make it at once."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import optuna

import studies
from studies.store import create_store

# Many processes that wait for the same moment; forked, so that they have imported everything by then.
FORKED = """
import os, sys, time
from studies import schema
from studies.store import create_store
import optuna
if sys.argv[2] == "prepared":
    schema.statements()
start = time.time() + 0.3
for _ in range(24):
    if os.fork() == 0:
        time.sleep(max(0, start - time.time()))
        create_store(sys.argv[1]).close()
        os._exit(0)
failed = sum(os.wait()[1] != 0 for _ in range(24))
sys.exit(failed)
"""


def structure(file: Path) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(
            "SELECT type, name, tbl_name, sql FROM sqlite_schema"
            " WHERE tbl_name NOT LIKE 'hpo_%' ORDER BY type, name"
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


def test_many_programs_can_make_one_database_at_once(tmp_path: Path) -> None:
    for number, prepared in enumerate(["prepared", "not"] * 3):
        url = f"sqlite:///{tmp_path}/{number}.db"
        done = subprocess.run(
            [sys.executable, "-c", FORKED, url, prepared],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert studies.names(url) == []
