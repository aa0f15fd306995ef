"""`hpo upgrade`: tables of an Optuna of 2022 and of an older hpo become today's, with a copy beside the file."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import optuna
import psycopg
import pytest

import studies
from studies.database import schema, tables
from studies.database import upgrade as upgrading
from tests.faults.conftest import SEARCH
from tests.postgres import rows
from tests.running import HPO, Call, OneLine

OLD = Path(__file__).with_name("optuna_2_10.sql")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A database that Optuna 2.10 made (optuna_2_10.py)."""
    file = tmp_path / "hpo.db"
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.executescript(OLD.read_text())
    return file


def version(file: Path) -> str:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def change(file: Path, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.executescript(statement)


def test_the_version_that_is_known_without_optuna_is_that_of_optuna() -> None:
    assert schema.optuna_versions()[0] == schema.OPTUNA_VERSION
    assert schema.optuna_versions()[-1] == schema.OLDEST


def test_an_older_database_is_left_as_it_is_and_upgrade_is_named(
    old: Path, one_line: OneLine
) -> None:
    content = old.read_bytes()
    for command in ("list", "show old", "export old", "report old -o r", SEARCH, "resume old"):
        said = one_line(command)
        assert "tables have version v2.6.0.a and optuna 5" in said
        assert "writes v3.2.0.a: run hpo upgrade --storage sqlite:///" in said
        assert said.endswith("hpo.db\n")
        assert old.read_bytes() == content


def test_upgrade_brings_it_to_the_newest_tables_and_keeps_a_copy(
    old: Path, called: Call, tmp_path: Path
) -> None:
    done = called("upgrade")
    assert (done.status, done.err) == (0, "")
    (backup,) = tmp_path.glob("hpo.db.backup-*")
    assert done.out == (
        "sqlite:///hpo.db was brought from Optuna's tables v2.6.0.a to v3.2.0.a; "
        f"a copy from before is {backup.name}\n"
    )
    assert (version(old), version(backup)) == ("v3.2.0.a", "v2.6.0.a")
    trials = optuna.load_study(study_name="old", storage=f"sqlite:///{old}").trials
    assert [t.state.name for t in trials] == ["COMPLETE"] * 3 + ["PRUNED"] + ["COMPLETE"] * 2
    frame = studies.load("old", f"sqlite:///{old}").trials_frame()
    assert list(frame["value"].dropna()) == [t.value for t in trials if t.value is not None]
    for command in ("list", "show old", "export old", "report old -o r.html", SEARCH):
        assert called(command).status == 0
    again = called("upgrade")
    assert again.out == "sqlite:///hpo.db has the newest tables: there is nothing to do\n"
    assert list(tmp_path.glob("hpo.db.backup-*")) == [backup]


def test_tables_of_optuna_1_are_brought_along(file: Path, called: Call) -> None:
    file.unlink()
    change(file, OLD.with_name("optuna_1_3.sql").read_text())
    (folder := file.with_name("hpo.db.upgrading")).mkdir()
    (folder / "copy.db").write_text("of an upgrade that was killed")
    done = called("upgrade")
    assert (done.status, done.err) == (0, "")
    assert not folder.exists()
    study = studies.load("old", f"sqlite:///{file}")
    assert study.best is not None
    assert (study.best.value, study.best.params) == (0.75, {"rate": 0.01})
    assert list(study.epochs_frame()["value"]) == [0.5, 0.75]
    assert called("show old").status == 0


def test_what_fails_half_way_leaves_the_file_as_it_was(old: Path, one_line: OneLine) -> None:
    change(old, "UPDATE trial_params SET distribution_json = '{' WHERE param_id = 9")
    content = old.read_bytes()
    assert one_line("upgrade").endswith("; it was left as it is\n")
    assert old.read_bytes() == content
    assert list(old.parent.glob("hpo.db*")) == [old]


@pytest.mark.slow
@pytest.mark.parametrize(
    "appears", ["hpo.db.upgrading", "hpo.db.upgrading/copy.db", "hpo.db.backup-*"]
)
def test_kill_9_leaves_the_old_tables_or_the_new_and_upgrade_can_be_run_again(
    old: Path, appears: str, called: Call
) -> None:
    before = old.read_bytes()
    with subprocess.Popen([HPO, "upgrade"], cwd=old.parent, stdout=subprocess.DEVNULL) as process:
        while not list(old.parent.glob(appears)):
            assert process.poll() is None
            time.sleep(0.0005)
        process.kill()
    assert version(old) in (
        "v2.6.0.a",
        "v3.2.0.a",
    )  # which undoes what the killed process had not committed
    assert old.read_bytes() == before or version(old) == "v3.2.0.a"
    assert called("upgrade").status == 0
    assert version(old) == "v3.2.0.a"
    assert called("show old").status == 0
    assert not old.with_name("hpo.db.upgrading").exists()


def test_a_file_that_another_program_is_writing_to_is_left_as_it_is(
    old: Path, one_line: OneLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upgrading, "BUSY_SECONDS", 0)
    with contextlib.closing(sqlite3.connect(old)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert "is locked by" in one_line("upgrade")
    assert version(old) == "v2.6.0.a"


def test_our_own_older_tables_are_brought_along(file: Path, called: Call, tmp_path: Path) -> None:
    newest = len(tables.MIGRATIONS)
    older = "DROP TRIGGER hpo_forget_study; DROP TRIGGER hpo_forget_trial;"
    change(file, older + "DROP TABLE hpo_plans; DROP TABLE hpo_environments")
    change(file, "DELETE FROM hpo_migrations WHERE number > 2")
    done = called("upgrade")
    assert done.status == 0, done.err
    assert f"was brought from hpo's tables 2 to {newest}; a copy" in done.out
    with contextlib.closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT count(*) FROM hpo_plans").fetchone() == (0,)
    assert len(list(tmp_path.glob("hpo.db.backup-*"))) == 1


@pytest.mark.parametrize(
    ("statement", "remedy"),
    [
        ("UPDATE alembic_version SET version_num = 'v99.0.0.a'", "install a newer optuna"),
        ("INSERT INTO hpo_migrations VALUES (999)", "install a newer hpo"),
    ],
)
def test_a_newer_database_is_refused_by_all(
    statement: str, remedy: str, file: Path, one_line: OneLine
) -> None:
    change(file, statement)
    content = file.read_bytes()
    for command in ("list", "show wine", "export wine", "report wine -o r", SEARCH, "resume wine",
                    "upgrade"):  # fmt: skip
        assert remedy in one_line(command)
        assert file.read_bytes() == content


def test_a_database_that_cannot_be_copied_is_left_as_it_is(
    old: Path, disk: Callable[[str], Path], one_line: OneLine
) -> None:
    folder = disk("120k")
    file = folder / "hpo.db"
    file.write_bytes(old.read_bytes())
    content = file.read_bytes()
    said = one_line(f"upgrade --storage sqlite:///{file}")
    assert said.endswith("database or disk is full; it was left as it is\n")
    assert file.read_bytes() == content
    assert [path.name for path in folder.iterdir()] == ["hpo.db"]


@pytest.mark.slow
def test_a_servers_database_is_upgraded_when_a_backup_is_said_to_be_there(
    postgres_storage: str, called: Call
) -> None:
    dump = Path(__file__).with_name("optuna_2_10_postgres.sql").read_text()
    with psycopg.connect(postgres_storage, autocommit=True) as connection:
        connection.execute(dump.encode())
    refused = called(f"upgrade --storage {postgres_storage}")
    assert refused.status == 1
    assert "make a backup (pg_dump), then run hpo upgrade --yes" in refused.err
    assert "run hpo upgrade --storage" in called(f"list --storage {postgres_storage}").err
    broken = (
        "UPDATE trial_params SET distribution_json = %s || distribution_json WHERE param_id = 9"
    )
    with psycopg.connect(postgres_storage, autocommit=True) as connection:
        connection.execute(broken, ["{"])
        before = rows(postgres_storage)
        assert "was undone" in called(f"upgrade --yes --storage {postgres_storage}").err
        assert rows(postgres_storage) == before
        connection.execute(
            broken.replace("%s || distribution_json", "substr(distribution_json, 2)")
        )
    done = called(f"upgrade --yes --storage {postgres_storage}")
    assert (done.status, done.err) == (0, "")
    assert "brought from Optuna's tables v2.6.0.a to v3.2.0.a; without a backup" in done.out
    states = studies.load("old", postgres_storage).trials_frame()["state"]
    assert list(states) == ["complete"] * 3 + ["pruned"] + ["complete"] * 2
    for command in ("list", "show old", "export old", SEARCH):
        assert called(f"{command} --storage {postgres_storage}").status == 0
    assert "nothing to do" in called(f"upgrade --storage {postgres_storage}").out
