"""Optuna's tables and ours beside them: made in a new database, checked in an existing one.

A new SQLite file gets all tables in one transaction, copied from a database that Optuna and we made in memory. So
whoever opens the file sees none or all of them, however many programs make it at once and wherever one of them is
killed. It is also faster, because Optuna makes its tables in a dozen transactions. The statements that copy them are
kept in `new_file.sql`, since Optuna takes half a second to make them. They are used as long as the installed Optuna has
the version of tables that they were made by. `python -m studies.database.schema` writes them anew.
"""

from __future__ import annotations

import contextlib
import functools
import shlex
import sqlite3
from collections.abc import Iterator
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from studies.database import tables
from studies.database.engine import engine_options, masked
from studies.errors import StoreError

if TYPE_CHECKING:
    from optuna.storages import RDBStorage

LOCK = 0x68706F  # "hpo", as the number of an advisory lock, which every program chooses itself
OPTUNA_VERSION, OPTUNA_NUMBER = "v3.2.0.a", 12
"""The version of Optuna 5's tables. A database that has it is checked without importing Optuna."""

OLDEST = "v0.9.0.a"


KEPT = Path(__file__).with_name("new_file.sql")
BETWEEN = "\n\n"  # the kept statements
# It stands in them for the version of the installed Optuna, which its tables hold.
INSTALLED = ":optuna"


@functools.cache
def statements() -> tuple[str, ...]:
    """The SQL that makes all tables in SQLite, with the rows that hold their versions."""
    if not _optuna_has_kept_version():
        return made()
    text = KEPT.read_text("utf-8").rstrip("\n").replace(INSTALLED, version("optuna"))
    return tuple(text.split(BETWEEN))


def _optuna_has_kept_version() -> bool:
    """Whether the newest migration of the installed Optuna is the one that leads to the tables as they are kept."""
    spec = find_spec("optuna")  # which does not import it
    for folder in (spec and spec.submodule_search_locations) or ():
        migrations = Path(folder, "storages", "_rdb", "alembic", "versions").glob("v*.py")
        numbers = [_numbers(file.stem) for file in migrations]
        return max(numbers, default=None) == _numbers(OPTUNA_VERSION)
    return False


def _numbers(name: str) -> list[tuple[int, str]]:
    """v3.10.0.b as what can be compared: Optuna's files have the names of the versions, some with `_` after them."""
    parts = name.strip("v_").split(".")
    return [(int(part), "") if part.isdecimal() else (0, part) for part in parts]


def made() -> tuple[str, ...]:
    """The same SQL, as Optuna and we make the tables in memory."""
    import optuna

    connection = sqlite3.connect(":memory:", check_same_thread=False)
    options = {"creator": lambda: connection, "poolclass": sa.pool.StaticPool}
    storage = optuna.storages.RDBStorage("sqlite://", engine_kwargs=options)
    storage.remove_session()
    with storage.engine.begin() as ours:
        tables.migrate(ours, "")
    script = tuple(connection.iterdump())
    storage.engine.dispose()  # closes the connection
    return script[1:-1]  # without its BEGIN and COMMIT


def write(connection: sa.Connection) -> None:
    """Make all tables in the caller's transaction, on SQLite, unless another program has just made them."""
    if not sa.inspect(connection).get_table_names():
        for statement in statements():
            connection.exec_driver_sql(statement)


def check(engine: sa.Engine, url: str) -> None:
    """Check the versions of Optuna's tables and of ours. Only reads.

    Raises:
        StoreError: Optuna's are of another version than the installed Optuna's, or ours are newer than this program.
    """
    with engine.connect() as connection:
        tables.check_known(connection, masked(url))
    stored = optuna_version(engine)
    if stored in (OPTUNA_VERSION, None):
        return
    known, *older = optuna_versions()
    if stored != known:
        import optuna

        remedy = f"run {upgrade_command(url)}" if stored in older else "install a newer optuna"
        raise StoreError(
            f"{masked(url)}: its Optuna tables have version {stored} and optuna {optuna.__version__} "
            f"writes {known}: {remedy}"
        )


def optuna_version(engine: sa.Engine) -> str | None:
    """The version of a database's Optuna tables; None while Optuna is still making them."""
    with engine.connect() as connection:
        if sa.inspect(connection).has_table("alembic_version"):
            version = connection.execute(
                sa.text("SELECT version_num FROM alembic_version")
            ).scalar()
            if version is not None:
                return str(version)
        # Before Optuna 1 there was only this number.
        number = connection.execute(sa.text("SELECT schema_version FROM version_info")).scalar()
    return OLDEST if number is not None and number < OPTUNA_NUMBER else None


def optuna_versions() -> list[str]:
    """All versions that the installed Optuna knows, the newest first."""
    with optuna_storage("sqlite://") as storage:  # in memory: the user's is not touched
        return storage.get_all_versions()


def upgrade_command(url: str) -> str:
    """The command that brings the tables to the newest version."""
    return f"hpo upgrade --storage {shlex.quote(masked(url))}"


def make_rest(engine: sa.Engine, url: str) -> None:
    """Let Optuna make the tables that are missing, then bring ours to the newest version.

    On a server, one program at a time does so, and the others wait for it.
    """
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
            if not tables.present(connection, tables.migrations_done):  # ours are made last
                _let_optuna_make(url)
            tables.migrate(connection, masked(url))
        return
    _let_optuna_make(url)
    with engine.begin() as connection:
        tables.migrate(connection, masked(url))


def _let_optuna_make(url: str) -> None:
    with optuna_storage(url):
        pass


def upgrade(url: str) -> None:
    """Let Optuna bring its tables to the newest version, and bring ours there, if there are some.

    Optuna's migrations are one transaction on PostgreSQL, and many on SQLite. Ours are one more.
    """
    # Optuna makes tables that are missing as today's are, and its migrations would then find them made already.
    with optuna_storage(url, make=False) as storage:
        storage.upgrade()
    with optuna_storage(url) as storage, storage.engine.begin() as connection:
        if tables.present(connection, tables.migrations_done):
            tables.migrate(connection, masked(url))


@contextlib.contextmanager
def optuna_storage(url: str, *, make: bool = True) -> Iterator[RDBStorage]:
    """Optuna's own storage of a database, closed at the end. It may `make` the tables that are missing."""
    import optuna

    storage = optuna.storages.RDBStorage(
        url,
        engine_kwargs=engine_options(url),
        skip_compatibility_check=True,
        skip_table_creation=not make,
    )
    try:
        yield storage
    finally:
        storage.remove_session()
        storage.engine.dispose()


if __name__ == "__main__":
    written = BETWEEN.join(made()).replace(f"'{version('optuna')}'", f"'{INSTALLED}'")
    KEPT.write_text(written + "\n", encoding="utf-8")
