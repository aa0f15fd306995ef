"""What holds of every store: each test here runs on an SQLite file and on a PostgreSQL server.

What tests of a database start from: one with the study "s", held by its writer, and another connection that reads.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import optuna
import pytest

from studies import Study
from studies.database.store import Store, create_store, open_store
from studies.database.writer import Writer
from tests.conftest import small_study
from tests.optunas import optunas
from tests.postgres import Server
from tests.studies.stores import NEW


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    """What keeps the studies. Where no server is installed, a test that needs one is skipped."""
    if request.param == "postgresql":
        request.getfixturevalue("postgres")
    return str(request.param)


@pytest.fixture
def storage(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database that is empty or not there yet; one with tables for a test that takes a `store`, too."""
    if kind == "sqlite":
        return f"sqlite:///{tmp_path / 'study.db'}"
    with_tables = "store" in request.fixturenames
    return str(request.getfixturevalue("copied_storage" if with_tables else "postgres_storage"))


@pytest.fixture(scope="session")
def template(postgres: Server) -> Iterator[str]:
    """The name of a database on the server with all tables and no study: copying it is quicker than making them."""
    with postgres.database() as url:
        create_store(url).close()
        yield url.rpartition("/")[2]


@pytest.fixture
def copied_storage(postgres: Server, template: str) -> Iterator[str]:
    """The URL of a copy of it."""
    with postgres.database(copied_from=template) as url:
        yield url


@pytest.fixture(scope="session")
def lasting(
    kind: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], str]]:
    """Make databases of this kind that last as long as the tests: their URLs, empty or not there yet."""
    with ExitStack() as until:

        def made() -> str:
            if kind == "sqlite":
                return f"sqlite:///{tmp_path_factory.mktemp('stored') / 'study.db'}"
            return str(until.enter_context(request.getfixturevalue("postgres").database()))

        yield made


@pytest.fixture(scope="session")
def study(lasting: Callable[[], str]) -> Study:
    """The small study that the tests of reading use, too. Not to be written to."""
    return small_study(lasting())


@pytest.fixture
def copied(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[Study], Study]]:
    """Copy the database of a study, to write to the copy."""
    with ExitStack() as until:

        def copy(study: Study) -> Study:
            if not study.storage.startswith("sqlite"):
                source = study.storage.rpartition("/")[2]
                server = request.getfixturevalue("postgres")
                return Study(study.name, until.enter_context(server.database(copied_from=source)))
            file = tmp_path / "copy.db"
            with (
                closing(sqlite3.connect(study.storage.removeprefix("sqlite:///"))) as original,
                closing(sqlite3.connect(file)) as target,
            ):
                original.backup(target)
            return Study(study.name, f"sqlite:///{file}")

        yield copy


@pytest.fixture
def copy(study: Study, copied: Callable[[Study], Study]) -> Study:
    """A copy of the stored study, to be written to."""
    return copied(study)


@pytest.fixture
def new() -> dict[str, Any]:
    """What a new study is made of, but for its name."""
    return NEW


@pytest.fixture
def store(storage: str) -> Iterator[Store]:
    with create_store(storage) as opened:
        yield opened


@pytest.fixture
def writer(store: Store, new: dict[str, Any]) -> Iterator[Writer]:
    with store.create_study("s", **new) as opened:
        yield opened


@pytest.fixture
def reader(storage: str, store: Store) -> Iterator[Store]:
    """Another connection to the same database, which sees what is committed."""
    assert store.url == storage
    with open_store(storage) as opened:
        yield opened


@pytest.fixture
def theirs(study: Study) -> Iterator[optuna.Study]:
    """The study as plain Optuna loads it."""
    with optunas(study.storage, study.name) as loaded:
        yield loaded
