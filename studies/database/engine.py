"""A database URL -> an SQLAlchemy engine set up as we use it, or one line that says what is wrong with it."""

from __future__ import annotations

import contextlib
import os
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

from studies import extras
from studies.database.files import UNWRITABLE_PLACE, beside, in_words, nobody_writes, size
from studies.errors import ConnectionLostError, StoreError

BUSY_SECONDS = 30  # how long to wait for another program that is writing to the same SQLite file
CONNECT_SECONDS = 10  # how long to wait for a server that does not answer


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
        StoreError: the URL can't be used, its folder is not there or can't be written to, or the file is none of ours
            or can't be written to.
    """
    path = sqlite_path(url)
    if path is None:
        return
    if not path.parent.is_dir():
        raise StoreError(f"no folder {path.parent} for the database {path.name}: make it first")
    if path.exists():
        if path.is_file() and not os.access(path, os.W_OK):
            raise StoreError(f"{path} is read-only: it can be shown, but not searched in")
        if not os.access(path.parent, os.W_OK):
            raise StoreError(
                f"{path} is in a read-only folder: it can be shown, but not searched in"
            )
        check_file(path)
        return
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


def check_file(path: Path) -> bool:
    """Whether a file that exists is an SQLite database (or empty). True: it has to be read as one that never changes.

    In WAL mode SQLite makes files beside a database even to read it. Where it can't, all is in the one file unless a
    program that writes was killed. Nor should it where that file is read-only: they would be the reader's own, and be
    in the way of who may write.

    Raises:
        StoreError: it is a folder, can't be read, or holds something else.
    """
    if path.is_dir():
        raise StoreError(f"{path} is a folder: give a file in it, sqlite:///{path}/hpo.db")
    if not os.access(path, os.R_OK):
        raise StoreError(f"{path} can't be read: permission denied")
    # SQLite would delete it. (It is looked at first: another program may just be making both.)
    if size(beside(path, "wal")) and not size(path):
        raise StoreError(f"{path} is empty, but {path.name}-wal beside it is not: it was cut off")
    frozen = not os.access(path, os.W_OK) and nobody_writes(path)
    with _as_told(path):
        try:
            _ask(path, "immutable=1" if frozen else "mode=rw")
        except sqlite3.DatabaseError as error:
            if frozen or error.sqlite_errorcode & 0xFF not in UNWRITABLE_PLACE:
                raise
            if size(beside(path, "wal")):
                raise StoreError(
                    f"{path} can't be read where it is: the last changes are in {path.name}-wal, "
                    "which needs a folder with room to write in: copy both there"
                ) from None
            _ask(path, "immutable=1")
            frozen = True
    return frozen


def check_whole(path: Path) -> None:
    """Whether all of an SQLite file can be read, before anything is written to it.

    Raises:
        StoreError: it is damaged.
    """
    with _as_told(path):
        found = _ask(path, "mode=rw", "PRAGMA quick_check(1)")
        if found != "ok":
            damaged = sqlite3.DatabaseError(" ".join(str(found).split()))
            damaged.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise damaged


def _ask(path: Path, how: str, question: str = "PRAGMA schema_version") -> Any:
    # Asked of SQLite, never by opening the file ourselves: to close it would drop the locks that every other
    # connection of this process has on it, and so corrupt it (sqlite.org/howtocorrupt.html, 2.2).
    address = f"file:{quote(str(path))}?{how}"
    connection = sqlite3.connect(address, timeout=BUSY_SECONDS, uri=True)
    with contextlib.closing(connection):
        return connection.execute(question).fetchone()[0]


@contextlib.contextmanager
def _as_told(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{path} {told(error, path)}") from None


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


def make_engine(url: str, *, frozen: bool = False) -> sa.Engine:
    """An engine whose SQLite transactions begin when we say so; `frozen`: of a file that never changes.

    Raises:
        StoreError: the URL can't be used, or its driver is not installed.
    """
    try:
        engine = sa.create_engine(_frozen(url) if frozen else url, **engine_options(url))
    except ModuleNotFoundError as error:
        raise StoreError(
            f"{masked(url)} needs the package {error.name}: {extras.command('postgres')}"
        ) from None
    except sa.exc.NoSuchModuleError:
        raise StoreError(
            f"{masked(url)}: SQLAlchemy has no driver {parse(url).drivername}: leave out its '+' and what follows"
        ) from None
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _set_up_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _frozen(url: str) -> sa.URL:
    address = f"file:{quote(str(sqlite_path(url)))}"
    return sa.URL.create("sqlite", database=address, query={"immutable": "1", "uri": "true"})


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
        path = sqlite_path(url)
        if path is not None:
            raise StoreError(f"{path} {told(error.orig or error, path)}") from None
        kind = ConnectionLostError if _is_lost(error) else StoreError
        raise kind(f"{masked(url)}: {first_line(error.orig or error)}") from None


def _is_lost(error: DBAPIError) -> bool:
    if error.connection_invalidated:
        return True
    # A connection that could not be made has run no statement, and libpq gives no code for it.
    no_code = getattr(error.orig, "sqlstate", "") is None
    return isinstance(error, OperationalError) and error.statement is None and no_code


def told(error: BaseException, path: Path) -> str:
    """What an error of SQLite's means for a file, as the rest of a sentence that begins with its name."""
    return in_words(error, path, BUSY_SECONDS) or f"can't be used: {first_line(error)}"


def first_line(error: BaseException) -> str:
    """The first line of an error's message, for a message of one line."""
    return (str(error).splitlines() or [type(error).__name__])[0]
