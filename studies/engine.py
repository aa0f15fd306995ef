"""A database URL -> an SQLAlchemy engine set up as we use it, or one line that says what is wrong with it."""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

BUSY_SECONDS = 30  # how long to wait for another program that is writing to the same SQLite file
CONNECT_SECONDS = 10  # how long to wait for a server that does not answer


class StoreError(Exception):
    """A database that can't be used as asked; the message names it and what would be right, in one line."""


class ConnectionLostError(StoreError):
    """The connection to a server broke, or could not be made: it may be there again in a moment."""


def masked(url: str) -> str:
    """A database URL as it may be shown: without its password, be it before the host or in the query."""
    parsed = parse(url)
    secret = {key: "***" for key in parsed.query if "pass" in key.lower()}
    shown = parsed.update_query_dict(secret).render_as_string(hide_password=True)
    return shown.replace("%2A%2A%2A", "***")


def now() -> datetime:
    """The present as the database stores it: naive UTC."""
    return datetime.now(UTC).replace(tzinfo=None)


def check_creatable(url: str) -> None:
    """Say what is wrong with a place for a database before anything is written there.

    Raises:
        StoreError: the URL can't be used, its folder is not there or can't be written to, or the file is none of ours.
    """
    path = sqlite_path(url)
    if path is None:
        return
    if path.exists():
        check_file(path)
        return
    if not path.parent.is_dir():
        raise StoreError(f"no folder {path.parent} for the database {path.name}: make it first")
    # Only trying tells: permissions, read-only file systems and root all differ.
    try:
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise StoreError(
            f"can't write to the folder {path.parent}: {error.strerror}; give another --storage"
        ) from None


def parse(url: str) -> sa.URL:
    """The parts of a URL.

    Raises:
        StoreError: it is not a URL, or not one of SQLite or PostgreSQL.
    """
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):  # the latter of a port that is no number
        # An address that can't be taken apart may hold a password anywhere; only a plain path is repeated.
        raise StoreError(
            "the database URL can't be read: write sqlite:///FILE"
            if "://" in url or "@" in url
            else f"{url!r} is not a database URL: write sqlite:///{url}"
        ) from None
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise StoreError(
            f"a {parsed.get_backend_name()} database can't be used: give sqlite:///FILE or postgresql://…"
        )
    return parsed


def sqlite_path(url: str) -> Path | None:
    """The file of an SQLite URL; None for a server."""
    parsed = parse(url)
    if parsed.get_backend_name() != "sqlite":
        return None
    if parsed.database in (None, "", ":memory:"):
        raise StoreError(
            f"{url} would forget the study when the program ends: write sqlite:///FILE"
        )
    return Path(str(parsed.database)).absolute()


def check_file(path: Path) -> None:
    """Whether a file that exists is an SQLite database (or empty).

    Raises:
        StoreError: it is a folder, can't be read, or holds something else.
    """
    if path.is_dir():
        raise StoreError(f"{path} is a folder: give a file in it, sqlite:///{path}/hpo.db")
    # Asked of SQLite, never by opening the file ourselves: to close it would drop the locks that every other
    # connection of this process has on it, and so corrupt it (sqlite.org/howtocorrupt.html, 2.2).
    try:
        address = f"file:{quote(str(path))}?mode=rw"
        with contextlib.closing(
            sqlite3.connect(address, timeout=BUSY_SECONDS, uri=True)
        ) as connection:
            connection.execute("PRAGMA schema_version").fetchone()
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
            raise StoreError(f"{path} is not an SQLite database; it was left as it is") from None
        raise StoreError(f"{path} can't be used: {first_line(error)}") from None


def engine_options(url: str) -> dict[str, Any]:
    """What SQLAlchemy's create_engine is given for this kind of database, by us and through Optuna."""
    if parse(url).get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": BUSY_SECONDS}}
    # A server that does not even refuse is not waited for longer than one that does; an address may say otherwise.
    given = "connect_timeout" in parse(url).query
    return {
        "pool_pre_ping": True,
        "connect_args": {} if given else {"connect_timeout": CONNECT_SECONDS},
    }


def make_engine(url: str) -> sa.Engine:
    """An engine whose SQLite transactions begin when we say so.

    Raises:
        StoreError: the URL can't be used, or its driver is not installed.
    """
    try:
        engine = sa.create_engine(url, **engine_options(url))
    except ModuleNotFoundError as error:
        raise StoreError(
            f"{masked(url)} needs the package {error.name}: pip install 'hpo[postgres]'"
        ) from None
    except sa.exc.NoSuchModuleError:
        raise StoreError(
            f"{masked(url)}: SQLAlchemy has no driver {parse(url).drivername}: leave out its '+' and what follows"
        ) from None
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _set_up_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _: object) -> None:
    # The driver is not to begin transactions by itself: see _begin_sqlite.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(
        "PRAGMA synchronous = NORMAL"
    )  # safe from a crash in WAL mode; see sqlite.org/wal.html
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    # BEGIN IMMEDIATE takes the write lock at once: a transaction that reads first and then finds the file
    # locked could not wait, only fail.
    begin = connection.get_execution_options().get("hpo_begin", "BEGIN")
    if begin:
        connection.exec_driver_sql(begin)


def use_wal(engine: sa.Engine) -> None:
    """Readers and the writer do not wait for each other from now on; the file remembers it."""
    patience = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            with engine.connect().execution_options(hpo_begin="") as connection:
                connection.exec_driver_sql("PRAGMA journal_mode = WAL")
            return
        except OperationalError as error:
            # SQLite does not wait for this as it waits for a transaction.
            code = getattr(error.orig, "sqlite_errorcode", 0)
            if code & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > patience:
                raise
        time.sleep(0.01)


@contextlib.contextmanager
def database_errors(url: str) -> Iterator[None]:
    """What goes wrong in the database, in one line that names it."""
    try:
        yield
    except IntegrityError:
        raise
    except DBAPIError as error:
        kind = ConnectionLostError if _is_lost(error) else StoreError
        raise kind(f"{masked(url)}: {first_line(error.orig or error)}") from None


def _is_lost(error: DBAPIError) -> bool:
    if error.connection_invalidated:
        return True
    # A connection that could not be made has run no statement, and libpq gives no code for it. sqlite3's errors have
    # no such attribute.
    no_code = getattr(error.orig, "sqlstate", "") is None
    return isinstance(error, OperationalError) and error.statement is None and no_code


def first_line(error: BaseException) -> str:
    """The first line of an error's message, for a message of one line."""
    return (str(error).splitlines() or [type(error).__name__])[0]
