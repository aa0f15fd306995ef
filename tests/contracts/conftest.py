"""What holds of every store: each test here runs on an SQLite file and on a PostgreSQL server.

What tests of a database start from: one with the study "s", held by its writer, and another connection that reads.
"""

from __future__ import annotations

from collections.abc import Iterator
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
def study(
    kind: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Study]:
    """The small study that the tests of reading use, too. Not to be written to."""
    if kind == "sqlite":
        yield small_study(f"sqlite:///{tmp_path_factory.mktemp('stored') / 'study.db'}")
    else:
        with request.getfixturevalue("postgres").database() as url:
            yield small_study(url)


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
