"""A study that is deleted, by us or by Optuna, leaves nothing behind, and takes nothing of another along."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
import sqlalchemy as sa

import hpo
import studies
from studies.database import tables as own
from studies.database.columns import curves
from studies.database.store import create_store, open_store
from studies.errors import LeaseError, NoSuchStudyError

Exported = Callable[[str, str], dict[str, bytes]]
PLAN: dict[str, Any] = {"trials": 6, "epochs": 2, "finalists": 2, "repeats": 1}


def counts(storage: str) -> dict[str, int]:
    """How many rows each table of Optuna's and of ours has, but for those that say versions."""
    with open_store(storage) as store, store.reading() as connection:
        names = set(sa.inspect(connection).get_table_names())
        names -= {"alembic_version", "version_info", "hpo_migrations"}
        count = sa.select(sa.func.count())
        return {n: connection.execute(count.select_from(sa.table(n))).scalar_one() for n in names}


def by_optuna(name: str, storage: str) -> None:
    database = optuna.storages.RDBStorage(storage)
    optuna.delete_study(study_name=name, storage=database)
    database.remove_session()
    database.engine.dispose()


def by_us(name: str, storage: str) -> None:
    with open_store(storage) as store:
        assert store.delete_study(name) == 4


def test_nothing_is_left_of_it_and_all_of_the_others(storage: str, tables: Exported) -> None:
    for name in ("a", "b"):
        hpo.search("wine", storage=storage, name=name, seed=ord(name), **PLAN)
    whole = tables("b", storage)
    by_us("a", storage)
    assert studies.names(storage) == ["b"]
    assert tables("b", storage) == whole
    by_us("b", storage)
    assert set(counts(storage).values()) == {0}
    with open_store(storage) as store, pytest.raises(NoSuchStudyError):
        store.delete_study("b")


@pytest.mark.parametrize("delete", [by_optuna, by_us])
def test_a_new_study_of_the_name_is_a_new_study(
    delete: Callable[[str, str], None], storage: str, tables: Exported, tmp_path: Path
) -> None:
    hpo.search("wine", storage=storage, name="a", **PLAN)
    delete("a", storage)
    hpo.search("wine", storage=storage, name="a", seed=5, **PLAN)
    alone = f"sqlite:///{tmp_path / 'alone.db'}"
    hpo.search("wine", storage=alone, name="a", seed=5, **PLAN)
    assert tables("a", storage) == tables("a", alone)


def test_a_study_of_optunas_does_not_inherit_from_one_that_optuna_deleted(storage: str) -> None:
    hpo.search("wine", storage=storage, name="a", **PLAN)
    by_optuna("a", storage)
    database = optuna.storages.RDBStorage(storage)
    study = optuna.create_study(study_name="a", storage=database)
    study.add_trial(optuna.trial.create_trial(value=0.5))
    database.remove_session()
    database.engine.dispose()
    found = studies.load("a", storage)
    assert found.read().plan == {}
    assert found.epochs_frame().empty


def test_a_study_that_is_held_is_not_deleted(storage: str) -> None:
    hpo.search("wine", storage=storage, name="a", **PLAN)
    with create_store(storage) as store, store.hold("a"):
        before = counts(storage)
        with pytest.raises(LeaseError, match=r"study 'a' is held by process .*; stop it first"):
            store.delete_study("a")
        assert counts(storage) == before


def test_what_was_left_by_an_older_version_goes_when_the_database_is_next_opened(
    storage: str,
) -> None:
    hpo.search("wine", storage=storage, name="a", **PLAN)
    hpo.search("wine", storage=storage, name="b", **PLAN)
    with create_store(storage) as store, store.writing() as connection:
        connection.execute(sa.delete(own.migrations_done).where(own.migrations_done.c.number >= 4))
        if connection.dialect.name == "sqlite":
            for trigger in ("hpo_forget_study", "hpo_forget_trial"):
                connection.exec_driver_sql(f"DROP TRIGGER {trigger}")
    by_optuna("a", storage)
    assert counts(storage)["hpo_studies"] == 2
    create_store(storage).close()
    left = counts(storage)
    assert left["hpo_studies"] == 1
    with open_store(storage) as store:
        assert left["hpo_curves"] == sum(
            len(c.trials) for c in curves(store, store.study("b").study_id)
        )
