"""Making and opening databases of either kind, and the studies in them: what is wrong is said in one line."""

# Law 6: Optuna's schema is the record.

from __future__ import annotations

from collections.abc import Callable

import optuna
import pytest
import sqlalchemy as sa

import studies
from studies.database import tables
from studies.database.engine import make_engine, masked
from studies.database.store import Store, check_name, create_store, open_store
from studies.errors import NoSuchStudyError, StoreError, StudyExistsError
from tests.postgres import rows
from tests.studies.stores import NEW, add


def change(storage: str, statement: str) -> None:
    engine = make_engine(storage)
    with engine.begin() as connection:
        connection.execute(sa.text(statement))
    engine.dispose()


def test_a_fresh_database_has_optunas_schema_and_ours(storage: str) -> None:
    with create_store(storage) as store, store.reading() as connection:
        for table in tables.metadata.tables.values():
            assert tables.present(connection, table)
    opened = optuna.storages.RDBStorage(storage)
    assert opened.get_current_version() == opened.get_head_version()
    assert opened.get_all_studies() == []
    opened.remove_session()
    opened.engine.dispose()


def test_a_database_of_plain_optuna_or_an_older_one_may_lack_tables_of_ours(storage: str) -> None:
    database = optuna.storages.RDBStorage(storage)
    database.remove_session()
    database.engine.dispose()
    with open_store(storage) as store:
        with store.reading() as connection:
            assert not any(tables.present(connection, t) for t in tables.metadata.tables.values())
        assert (store.confirmations(1), store.opening(1), store.rounds(1)) == ([], None, [])
    add(storage, "a")
    change(storage, "DROP TABLE hpo_stops")
    with open_store(storage) as store, store.reading() as connection:
        lacking = [t for t in tables.metadata.tables.values() if not tables.present(connection, t)]
        assert lacking == [tables.stops]
        assert store.study("a").stopped is None


def test_tables_that_an_older_version_lacked_are_made_and_the_others_left(storage: str) -> None:
    add(storage, "a")
    for statement in (
        "DROP TABLE hpo_confirmations",
        "DROP TABLE hpo_tests",
        "DROP TABLE hpo_stops",
        "DELETE FROM hpo_migrations WHERE number > 1",
    ):
        change(storage, statement)
    with create_store(storage) as store, store.reading() as connection:
        assert all(tables.present(connection, t) for t in tables.metadata.tables.values())
        assert store.study("a").plan == {"seed": 7}


def test_a_newer_version_of_our_tables_is_refused(storage: str) -> None:
    add(storage, "a")
    change(storage, "INSERT INTO hpo_migrations VALUES (999)")
    with pytest.raises(StoreError, match="install a newer hpo"):
        create_store(storage)


@pytest.mark.parametrize(
    ("version", "remedy"),
    [("v99.0.0.a", "install a newer optuna"), ("v3.0.0.a", "run hpo upgrade")],
)
def test_another_version_of_optunas_tables_is_refused(
    version: str, remedy: str, storage: str
) -> None:
    add(storage, "a")
    change(storage, f"UPDATE alembic_version SET version_num = '{version}'")  # noqa: S608
    with pytest.raises(StoreError, match=rf": its .* version {version} .*: {remedy}") as raised:
        create_store(storage)
    assert str(raised.value).startswith(masked(storage))


def test_a_database_that_lacks_a_table_is_told_in_one_line(storage: str) -> None:
    add(storage, "a")
    change(storage, "DROP TABLE trial_params")
    with pytest.raises(StoreError, match="lacks a table of Optuna's") as raised:
        studies.names(storage)
    assert "\n" not in str(raised.value)


def test_a_name_that_exists_points_to_resume_and_nothing_is_written(storage: str) -> None:
    add(storage, "taken")
    with create_store(storage) as store:
        with pytest.raises(StudyExistsError, match=r"'taken' exists already .* hpo resume taken"):
            store.create_study("taken", **NEW | {"metric": "other"})
        assert store.study("taken").metric == "accuracy"
        assert store.names() == ["taken"]


def test_a_study_of_plain_optuna_counts_as_a_name_that_exists(storage: str) -> None:
    create_store(storage).close()
    database = optuna.storages.RDBStorage(storage)
    optuna.create_study(study_name="theirs", storage=database)
    database.remove_session()
    database.engine.dispose()
    with create_store(storage) as store:
        with pytest.raises(StudyExistsError, match="'theirs' exists already"):
            store.create_study("theirs", **NEW)
        with pytest.raises(StoreError, match="made by Optuna alone"):
            store.hold("theirs")


def test_an_unknown_study_names_what_there_is(storage: str) -> None:
    create_store(storage).close()
    with pytest.raises(NoSuchStudyError, match=r"no study 'frist' in .*: it has none"):
        studies.load("frist", storage)
    add(storage, "first", "zebra")
    with pytest.raises(NoSuchStudyError, match="did you mean 'first'"):
        studies.load("frist", storage)
    with pytest.raises(NoSuchStudyError, match="it has first, zebra"):
        studies.load("quux", storage)


def test_names_are_told_oldest_first(storage: str) -> None:
    add(storage, "b", "a", "ü ☃", "c")
    assert studies.names(storage) == ["b", "a", "ü ☃", "c"]


def test_studies_in_one_file_do_not_see_each_other(storage: str) -> None:
    distributions = {"x": optuna.distributions.FloatDistribution(0, 1)}
    with (
        create_store(storage) as store,
        store.create_study("a", **NEW) as a,
        store.create_study("b", **NEW) as b,
    ):
        for size, writer in enumerate((a, b), start=2):
            writer.start_round(0, size, {"x": {"low": 0.0, "high": 1.0, "log": False}})
            numbers = writer.start_batch(0, [{"x": size / 4}] * 2, distributions)
            assert numbers == [0, 1]
        assert b.start_batch(0, [{"x": 1.0}], distributions) == [2]
    frames = {name: studies.load(name, storage).trials_frame() for name in "ab"}
    assert frames["a"]["x"].to_list() == [0.5, 0.5]
    assert frames["b"]["x"].to_list() == [0.75, 0.75, 1.0]
    rounds = {name: studies.load(name, storage).rounds_frame() for name in "ab"}
    assert [rounds[name]["trials"].to_list() for name in "ab"] == [[2], [3]]


def test_a_study_is_stored_with_what_it_was_made_of(storage: str) -> None:
    provenance = {"versions": {"numpy": "2"}, "platform": "x"}
    with create_store(storage) as store:
        with store.create_study("a", **NEW | {"direction": "minimize", "provenance": provenance}):
            assert store.study("a").state == "running"
        record = store.study("a")
    assert (record.direction, record.metric) == ("minimize", "accuracy")
    assert (record.plan, record.data_hash) == ({"seed": 7}, "0" * 64)
    assert record.provenance == provenance
    assert (record.state, record.holder) == ("interrupted", None)


def test_the_longest_name_can_be_stored(storage: str) -> None:
    check_name("x" * 512)
    add(storage, "x" * 512)
    assert studies.names(storage) == ["x" * 512]


@pytest.mark.parametrize("to", [open_store, create_store])
def test_the_database_of_something_else_is_refused_and_left_as_it_is(
    to: Callable[[str], Store], storage: str
) -> None:
    change(storage, "CREATE TABLE songs (title TEXT)")
    change(storage, "INSERT INTO songs VALUES ('a')")
    with pytest.raises(StoreError, match="the database of something else"):
        to(storage)
    assert rows(storage) == {"songs": [{"title": "a"}]}
