"""Several roles of a PostgreSQL server: they share studies as their page says, or learn which grant is missing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from studies.database import roles
from studies.database.store import create_store, open_store
from studies.errors import StoreError
from tests.markdown import blocks
from tests.postgres import Server
from tests.studies.stores import NEW, add

PAGE = (Path(__file__).parents[3] / "docs" / "how_to" / "postgres.md").read_text(encoding="utf-8")


def run(sql: str, connection: psycopg.Connection) -> None:
    for statement in re.sub("--.*", "", sql).split(";")[:-1]:
        connection.execute(statement.encode())


@pytest.fixture
def shared(postgres: Server) -> Iterator[dict[str, str]]:
    """The URL of each role in the SQL of the page."""
    (sql,) = blocks(PAGE, "sql")
    with postgres.connect() as connection:
        run(sql, connection)
        roles = re.findall(r"ROLE (\w+) LOGIN PASSWORD '(.*?)'", sql)
        yield {r: f"postgresql://{r}:{p}@127.0.0.1:{postgres.port}/hpo" for r, p in roles}
        run("DROP DATABASE hpo WITH (FORCE); DROP ROLE anna, ben, searchers;", connection)


def test_the_roles_of_the_page_share_their_studies(shared: dict[str, str]) -> None:
    add(shared["anna"], "a")
    add(shared["ben"], "b")
    for url in shared.values():
        with open_store(url) as store:
            assert store.names() == ["a", "b"]
    with create_store(shared["ben"]) as store:
        with store.hold("a"):
            pass
        store.delete_study("a")
        assert store.names() == ["b"]


@pytest.fixture
def stranger(postgres: Server, postgres_storage: str) -> Iterator[tuple[str, psycopg.Connection]]:
    """The URL of a role without any grant in a database with a study, and a connection of its owner's."""
    add(postgres_storage, "a")
    database = postgres_storage.rpartition("/")[2]
    with postgres.connect(database) as owner:
        owner.execute("CREATE ROLE \"Carl-2\" LOGIN PASSWORD 'c'")
        yield f"postgresql://Carl-2:c@127.0.0.1:{postgres.port}/{database}", owner
        run('DROP OWNED BY "Carl-2"; DROP ROLE "Carl-2";', owner)


def test_a_role_without_a_grant_is_told_which_it_lacks(
    stranger: tuple[str, psycopg.Connection],
) -> None:
    url, owner = stranger

    def write() -> None:
        with create_store(url) as store, store.create_study("b", **NEW):
            pass

    def granted(work: object) -> str:
        """What the message tells the owner to run, which is then run."""
        with pytest.raises(StoreError) as refused:
            work()  # type: ignore[operator]  # both are functions
        sql = str(refused.value).partition(": its owner can grant it: ")[2]
        run(f"{sql};", owner)
        return sql

    def read() -> None:
        open_store(url).close()

    name = url.rpartition("/")[2]
    run(f"REVOKE CONNECT ON DATABASE {name} FROM public;", owner)
    run("REVOKE USAGE ON SCHEMA public FROM public;", owner)
    assert granted(read) == f'GRANT CONNECT ON DATABASE {name} TO "Carl-2"'
    assert granted(read) == 'GRANT USAGE ON SCHEMA public TO "Carl-2"'
    assert granted(read).startswith("GRANT SELECT ON ALL TABLES")
    read()
    assert "ON ALL SEQUENCES" in granted(write)
    write()


@pytest.mark.parametrize(
    "lacking", ["UPDATE ON hpo_leases", "USAGE ON SEQUENCE trials_trial_id_seq"]
)
def test_a_role_that_lacks_one_of_the_rights_is_refused_before_anything_is_written(
    stranger: tuple[str, psycopg.Connection], lacking: str
) -> None:
    url, owner = stranger
    run(roles.WRITE.format(role='"Carl-2"') + ";", owner)
    create_store(url).close()

    run(f'REVOKE {lacking} FROM "Carl-2";', owner)

    with pytest.raises(StoreError, match=lacking.split()[-1]):
        create_store(url)
