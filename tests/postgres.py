"""A PostgreSQL server of the tests' own, on loopback, from the binaries that Debian's package installs."""

from __future__ import annotations

import itertools
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import psycopg
import pytest
import sqlalchemy as sa

USER, PASSWORD = "searcher", "canary-Xk3vQ9"  # of a server that lives as long as the tests
REQUIRED = "HPO_TEST_POSTGRES"
"""Set to "required", the tests that need a server fail where there is none; otherwise they are skipped."""

SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
log_connections = on
"""
HURRIED = """
fsync = off
full_page_writes = off
autovacuum = off
min_wal_size = 32MB
max_wal_size = 128MB
"""
IN_MEMORY = Path("/dev/shm")  # noqa: S108  # the folder in it has a name of its own
"""Where a hurried server keeps its files: each database has 300, which a disk takes a quarter of a second to make."""
ENOUGH = 3 * 2**30  # bytes that have to be free there

Stop = Literal["fast", "immediate"]  # immediate: as if it had crashed


def binaries() -> Path | None:
    """The folder with the newest server that is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=_version)
    if found:
        return found[-1].parent
    on_path = shutil.which("postgres")
    return Path(on_path).resolve().parent if on_path else None


def _version(server: Path) -> int:
    number = server.parts[-3]
    return int(number) if number.isdecimal() else 0


class Server:
    """A server and its databases. Whoever connects needs the password; text is sorted as English sorts it.

    It ends with the tests, also where these are killed.
    """

    def __init__(self, folder: Path, *, fsync: bool) -> None:
        found = binaries()
        assert found is not None
        self._binaries, self._folder = found, folder
        # A server refuses to run as root.
        self._as: dict[str, Any] = {"user": "postgres", "extra_groups": []} if _is_root() else {}
        self._numbers = itertools.count(1)
        data, password, log = folder / "data", folder / "password", folder / "log"
        password.write_text(PASSWORD)
        log.touch()
        if self._as:
            shutil.chown(folder, "postgres")
            shutil.chown(password, "postgres")
            shutil.chown(log, "postgres")
        self._call(
            "initdb", "-D", data, "-U", USER, "--pwfile", password, "--auth", "scram-sha-256",
            "-E", "UTF8", "--locale", "C", "--locale-provider", "icu", "--icu-locale", "en",
            *(() if fsync else ("--no-sync",)),
        )  # fmt: skip
        self.port = _free_port()
        with (data / "postgresql.conf").open("a") as file:
            file.write(f"{SETTINGS}port = {self.port}\n{'' if fsync else HURRIED}")
        self.start()
        # Reads until the tests have ended, in whatever way.
        self._guard = subprocess.Popen(
            [
                "sh",
                "-c",
                'read -r _; "$0" stop -s -m immediate -D "$1/data"; rm -rf "$1"',
                found / "pg_ctl",
                folder,
            ],
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            **self._as,
        )

    def close(self) -> None:
        """Stop it for good."""
        self._guard.communicate()

    def _call(self, command: str, *arguments: object) -> None:
        with (self._folder / "calls").open("a") as calls:  # a pipe would stay open in the server
            done = subprocess.run(
                [self._binaries / command, *map(str, arguments)],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=calls,
                stderr=subprocess.STDOUT,
                timeout=120,
                check=False,
                **self._as,
            )
        if done.returncode:
            said = "".join((self._folder / n).read_text() for n in ("calls", "log"))
            raise RuntimeError(f"{command}: {said[-2000:]}")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._call("pg_ctl", "start", "-w", "-D", self._folder / "data", "-l", self._folder / "log")

    def stop(self, how: Stop = "fast") -> None:
        """Stop it; it can be started again."""
        self._call("pg_ctl", "stop", "-m", how, "-D", self._folder / "data")

    def restart(self, how: Stop = "immediate") -> None:
        """Stop and start it: whoever is connected is cut off."""
        self.stop(how)
        self.start()

    def url(self, database: str) -> str:
        """The address of a database, with the password."""
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """A connection without transactions."""
        return psycopg.connect(self.url(database), autocommit=True)

    @contextmanager
    def database(self, copied_from: str = "template1") -> Iterator[str]:
        """The address of a database, empty or with what that one has, which is dropped at the end."""
        name = f"test_{next(self._numbers)}"
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {copied_from}")
        yield self.url(name)
        with self.connect() as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def server(*, fsync: bool = False) -> Iterator[Server]:
    """A server that ends with the block, or a skipped test where none is installed.

    Without `fsync` it is quicker, and loses data where the whole machine loses its power.
    """
    if binaries() is None:
        told = pytest.fail if os.environ.get(REQUIRED) == "required" else pytest.skip
        told("no PostgreSQL server here: apt-get install postgresql")
    # Not below pytest's own temporary folder, which other users, such as postgres, can't enter.
    with tempfile.TemporaryDirectory(
        prefix="hpo-postgres-", ignore_cleanup_errors=True, dir=None if fsync else _quick_folder()
    ) as folder:
        made = Server(Path(folder), fsync=fsync)
        try:
            yield made
        finally:
            made.close()


def rows(url: str) -> dict[str, list[dict[str, Any]]]:
    """All that any table of a database holds."""
    engine = sa.create_engine(url)
    everything = sa.MetaData()
    everything.reflect(engine)
    with engine.connect() as connection:
        found = {
            name: [dict(row) for row in connection.execute(sa.select(table)).mappings()]
            for name, table in everything.tables.items()
        }
    engine.dispose()
    return found


def _quick_folder() -> Path | None:
    """A folder in memory; None where there is none, or too little room."""
    if os.access(IN_MEMORY, os.W_OK) and shutil.disk_usage(IN_MEMORY).free > ENOUGH:
        return IN_MEMORY
    return None


def _is_root() -> bool:
    return os.geteuid() == 0


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as asked:
        return int(asked.getsockname()[1])
