"""Studies that earlier code wrote to a PostgreSQL server are read, and gone on with, as those in files."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.earlier import fixtures
from tests.earlier.conftest import Same, check_whole, trials_of
from tests.earlier.fixtures import FIXTURES, ON_SERVER, Commands
from tests.postgres import Server


@pytest.fixture(scope="module")
def loaded(postgres: Server) -> Iterator[str]:
    """The URL of a database with all that the server had. Each test goes on with a study of its own."""
    with postgres.database() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(gzip.decompress(fixtures.DUMP.read_bytes()))
        yield url


@pytest.mark.slow
@pytest.mark.parametrize("name", ON_SERVER)
def test_a_study_is_read_and_gone_on_with_as_the_one_in_a_file(
    name: str, loaded: str, commands: Commands, same: Same, folder: Path
) -> None:
    fixture, copy = FIXTURES[name], ON_SERVER[name]
    complete = fixtures.timeless(commands.content(name, loaded, folder))
    assert complete["trials"].count(b"\n") == len(trials_of(name, loaded)) + 1
    same(complete, fixtures.timeless(fixtures.expected(name)))

    url = fixtures.unpack(copy, folder)
    assert fixtures.run([*fixtures.resuming(copy), "--storage", url], folder).returncode == 0
    expected = commands.content(name, url, folder)
    before = commands.content(copy, loaded, folder)
    done = fixtures.run([*fixtures.resuming(copy, copy), "--storage", loaded], folder)
    assert done.returncode == 0, done.stderr.decode()
    after = commands.content(copy, loaded, folder)
    check_whole(copy, loaded, fixture.trials, before, after)
    same(fixtures.timeless(after, name), fixtures.timeless(expected))
