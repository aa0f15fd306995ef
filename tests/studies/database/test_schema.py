"""A fresh SQLite file: Optuna's schema to the letter."""

# Law 6: Optuna's schema is the record.

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import optuna
import pytest

from studies.database import schema
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


def test_the_kept_statements_are_those_by_which_optuna_and_hpo_make_the_tables() -> None:
    schema.statements.cache_clear()
    assert schema.statements() == schema.made()


@pytest.mark.parametrize("found", ["v3.3.0.a_.py", "v10.0.0.a.py", "v3.2.0.b.py"])
def test_a_newer_optuna_makes_its_tables_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: str
) -> None:
    versions = tmp_path / "storages/_rdb/alembic/versions"
    versions.mkdir(parents=True)
    for name in ("v3.0.0.d.py", "v3.2.0.a_.py"):
        (versions / name).touch()
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(schema, "find_spec", lambda _: spec)
    monkeypatch.setattr(schema, "made", lambda: ("CREATE TABLE theirs (x INTEGER)",))
    schema.statements.cache_clear()
    assert schema.statements() != schema.made()
    (versions / found).touch()
    schema.statements.cache_clear()
    assert schema.statements() == schema.made()
    schema.statements.cache_clear()
