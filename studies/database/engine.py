"""Database URLs: what is wrong with one, in one line, and the SQLAlchemy engine that we use for it."""

from __future__ import annotations

import contextlib
import os
import re
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
from studies.database import roles
from studies.database.files import (
    UNWRITABLE_PLACE,
    beside,
    meaning,
    nobody_writes,
    of_optunas_journal,
    size,
)
from studies.errors import ConnectionLostError, StoreError
from studies.words import nearest

BUSY_SECONDS = 30  # how long to wait for another program that is writing to the same SQLite file
CONNECT_SECONDS = 10  # how long to wait for a server that does not answer


def is_served(url: str) -> bool:
    """Whether a URL is that of a service (`hpo serve`), which only `studies.database.served` reads."""
    return url.lower().startswith(("http://", "https://"))


def masked(url: str) -> str:
    """A database URL as it may be shown, with *** for a password before the host or in the query."""
    if is_served(url):
        before, slashes, rest = url.partition("://")
        return f"{before}{slashes}{re.sub('^[^/]*@', '***@', rest)}"
    parsed = parse(url)
    secret = {key: "***" for key in parsed.query if "pass" in key.lower()}
    shown = parsed.update_query_dict(secret).render_as_string(hide_password=True)
    return shown.replace("%2A%2A%2A", "***")


def now() -> datetime:
    """The present time as databases store it: in UTC, without a time zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def check_creatable(url: str) -> None:
    """Check that a database can be written to, or made where there is none. Nothing is written.

    Raises:
        StoreError: the URL can't be used, its folder does not exist or can't be written to, or its file can't be
            written to or holds something else.
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
    # Permissions, read-only file systems and root all differ, so it is tried.
    try:
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise StoreError(
            f"can't write to the folder {path.parent}: {error.strerror}; give another --storage"
        ) from None


SERVER = "postgresql://USER:PASSWORD@HOST/DATABASE"


def parse(url: str) -> sa.URL:
    """A URL in its parts.

    Raises:
        StoreError: it is not a URL, or not one of SQLite or PostgreSQL; the message never has a password.
    """
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):  # a port that is not a number
        raise StoreError(_meant(url)) from None
    if is_served(url):
        raise StoreError(
            f"{masked(url)} is a service, whose studies can only be read from here: begin, resume and delete searches "
            "on its pages, by hpo.Client, or let hpo worker train them; or give a database as --storage"
        )
    backend = parsed.get_backend_name()
    if backend not in ("sqlite", "postgresql"):
        near = nearest(backend, ("sqlite", "postgresql"), f"give sqlite:///FILE or {SERVER}")
        raise StoreError(f"a {backend} database can't be used: {near}")
    if backend == "postgresql" and "@" in f"{parsed.host}{parsed.database}":
        raise StoreError(ENCODE)
    if backend == "sqlite":
        for option in filter(None, url.partition("?")[2].split("&")):
            if not option.startswith("timeout="):
                raise StoreError(
                    f"{url}: what follows '?' is options, and {option!r} is none that hpo knows: "
                    "in a file's name, write %3F for ?"
                )
    return parsed


ENCODE = (
    "the database URL can't be read: percent-encode a password with @, / or other signs (%40 for @, %2F for /), as in "
    f"{SERVER}"
)


def _meant(url: str) -> str:
    """What is wrong with a text that is no URL, and what would be right."""
    scheme, colon, rest = url.partition(":")
    if scheme.lower().startswith("postgres"):
        return ENCODE
    if (
        "://" in url or "@" in url
    ):  # it may hold a password anywhere, so only a plain path is repeated
        return f"the database URL can't be read: write sqlite:///FILE or {SERVER}"
    path: str = url
    if scheme.lower() == "sqlite" and colon:
        path = ("/" if rest.startswith("/") else "") + rest.lstrip("/\\")
    elif colon and scheme.isalnum() and len(scheme) > 1:  # one letter is a drive of Windows
        return f"{url!r} is not a database URL: write sqlite:///FILE or {SERVER}"
    file = Path(path).expanduser()
    if file.is_file() and (foreign := of_optunas_journal(file)):
        return f"{path} {foreign}"
    if path and file.is_dir():
        return f"{path} is a folder: write sqlite:///{file / 'hpo.db'}"
    return f"{url!r} is not a database URL: write sqlite:///{file if path else 'FILE'}"


def sqlite_path(url: str) -> Path | None:
    """The file of an SQLite URL; None for a server."""
    parsed = parse(url)
    if parsed.get_backend_name() != "sqlite":
        return None
    if parsed.host:
        path = "/".join(filter(None, (parsed.host, parsed.database)))
        raise StoreError(f"{url} has two slashes, and a file needs three: write sqlite:///{path}")
    if parsed.database in (None, "", ":memory:"):
        raise StoreError(
            f"{url} would forget the study when the program ends: write sqlite:///FILE"
        )
    if str(parsed.database).startswith("~"):
        file = Path(str(parsed.database)).expanduser()
        raise StoreError(f"{url}: only a shell knows ~: write sqlite:///{file}")
    return Path(str(parsed.database)).absolute()


def absolute(url: str) -> str:
    """The URL of the same database whatever folder the program goes to. One that can't be used stays as it is."""
    try:
        path = sqlite_path(url)
    except StoreError:
        return url  # whoever opens it says what is wrong
    if path is None:
        return url
    return parse(url).set(database=str(path)).render_as_string(hide_password=False)


def check_file(path: Path) -> bool:
    """Check that an existing file is an SQLite database or empty; returns whether to open it as one that never changes.

    In WAL mode SQLite makes files beside a database even to read it. Where it can't make them, everything is in the one
    file, unless a writing program was killed. Where the database is read-only, it must not make them: they would belong
    to the reader, and be in the way of programs that may write.

    Raises:
        StoreError: it is a folder, can't be read, or is no SQLite database.
    """
    if path.is_dir():
        raise StoreError(f"{path} is a folder: give a file in it, sqlite:///{path}/hpo.db")
    if not os.access(path, os.R_OK):
        raise StoreError(f"{path} can't be read: permission denied")
    # SQLite would delete the -wal file. Its size is read first, since another program may just be making both.
    if size(beside(path, "wal")) and not size(path):
        raise StoreError(f"{path} is empty, but {path.name}-wal beside it is not: it was cut off")
    frozen = not os.access(path, os.W_OK) and nobody_writes(path)
    with sqlite_errors(path):
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
    """Check that all of an SQLite file can be read, before anything is written to it.

    Raises:
        StoreError: it is damaged.
    """
    with sqlite_errors(path):
        result = _ask(path, "mode=rw", "PRAGMA quick_check(1)")
        if result != "ok":
            damaged = sqlite3.DatabaseError(" ".join(str(result).split()))
            damaged.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise damaged


def _ask(path: Path, mode: str, query: str = "PRAGMA schema_version") -> Any:
    # We never open the file ourselves: closing it would drop the locks of all other connections of this process, and
    # so could corrupt the database (sqlite.org/howtocorrupt.html, 2.2).
    address = f"file:{quote(str(path))}?{mode}"
    connection = sqlite3.connect(address, timeout=BUSY_SECONDS, uri=True)
    with contextlib.closing(connection):
        return connection.execute(query).fetchone()[0]


@contextlib.contextmanager
def sqlite_errors(path: Path) -> Iterator[None]:
    """Raise what SQLite says of a file as a StoreError: one line that names the file."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{path} {meaning(error, path, BUSY_SECONDS)}") from None


def engine_options(url: str) -> dict[str, Any]:
    """The options of SQLAlchemy's create_engine for this kind of database, for our own engine and for Optuna's."""
    if parse(url).get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": BUSY_SECONDS}}
    options: dict[str, Any] = {"pool_pre_ping": True}
    if "connect_timeout" not in parse(url).query:
        options["connect_args"] = {"connect_timeout": CONNECT_SECONDS}
    return options


def make_engine(url: str, *, frozen: bool = False) -> sa.Engine:
    """An engine for a URL, or for a file that is `frozen`: that never changes.

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


def read_only(path: Path) -> str:
    """The URL of an SQLite file that nobody writes to by it, for Optuna."""
    return f"sqlite:///file:{quote(str(path))}?mode=ro&uri=true"


def _set_up_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # transactions begin in _begin_sqlite, not by the driver
    # In WAL mode this is safe even if the program crashes; see sqlite.org/wal.html.
    connection.execute("PRAGMA synchronous = NORMAL").close()


def _begin_sqlite(connection: sa.Connection) -> None:
    # Transactions that write use BEGIN IMMEDIATE, which takes the write lock at once. A transaction that reads first
    # and then finds the file locked could not wait for it, but would fail.
    begin = connection.get_execution_options().get("hpo_begin", "BEGIN")
    if begin:
        connection.exec_driver_sql(begin)


def use_wal(engine: sa.Engine) -> None:
    """Set WAL mode, in which readers and the writer don't wait for each other. The file keeps the setting."""
    patience = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            with engine.connect().execution_options(hpo_begin="") as connection:
                connection.exec_driver_sql("PRAGMA journal_mode = WAL")
            return
        except OperationalError as error:
            # SQLite's own time limit does not hold for this statement.
            code = getattr(error.orig, "sqlite_errorcode", 0)
            if code & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > patience:
                raise
        time.sleep(0.01)


@contextlib.contextmanager
def database_errors(url: str) -> Iterator[None]:
    """Raise what goes wrong in the database as a StoreError: one line that names the database."""
    try:
        yield
    except IntegrityError:
        raise
    except DBAPIError as error:
        path = sqlite_path(url)
        if path is not None:
            raise StoreError(f"{path} {meaning(error.orig or error, path, BUSY_SECONDS)}") from None
        kind = ConnectionLostError if _is_lost(error) else StoreError
        reason = roles.reason(error, parse(url))
        if "authentication failed" in reason or re.search(r"://[^@]*:[^@]*[/?#][^@]*@", url):
            reason += "; in the URL, signs of a password such as / are percent-encoded (%2F)"
        raise kind(f"{masked(url)}: {reason}") from None


def _is_lost(error: DBAPIError) -> bool:
    if error.connection_invalidated:
        return True
    # If no connection could be made, no statement was run, and libpq gives no error code.
    no_code = getattr(error.orig, "sqlstate", "") is None
    return isinstance(error, OperationalError) and error.statement is None and no_code
