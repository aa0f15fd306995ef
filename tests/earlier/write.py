"""Writes the fixture studies and what is to be expected of them.

    .venv/bin/python -m tests.earlier.write

The code of version 0.1.0, before its modules moved, wrote all that is there. It is what later code is compared with,
so this is not to be run again with later code, except for adding new studies to `fixtures.py`: whatever is there
already is left as it is. A PostgreSQL server has to be installed for the dump.
"""

from __future__ import annotations

import gzip
import json
import platform
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import optuna
import psycopg
import sqlalchemy as sa

from tests.earlier import environment, fixtures
from tests.earlier.fixtures import Commands, Fixture
from tests.earlier.inputs.objectives import bowl
from tests.postgres import Server, binaries, server

Counting = Callable[[str], int]
TRIES = 100


def main() -> None:
    """Write what is not there yet."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    for folder in (fixtures.STORED, fixtures.EXPECTED):
        folder.mkdir(exist_ok=True)
    if not environment.RECORDED.exists():
        environment.RECORDED.write_text(json.dumps(environment.environment(), indent=2) + "\n")
    if found := environment.differences():
        raise SystemExit(f"the studies that are there were written elsewhere: {'; '.join(found)}")
    with tempfile.TemporaryDirectory() as made:
        work = Path(made)
        commands = Commands(work)
        for fixture in fixtures.FIXTURES.values():
            write_complete(fixture, commands, work)
            for name, query in fixture.instants.items():
                write_killed(fixture, name, query, commands, work)
        if not fixtures.DUMP.exists():
            with server() as postgres:
                write_dump(postgres, commands, work)
        commands.close()


def write_complete(fixture: Fixture, commands: Commands, work: Path) -> None:
    """A study that nobody stopped."""
    if fixtures.stored(fixture.name).exists():
        return
    folder = fresh(work, fixture.name)
    url = begin(fixture, folder, f"sqlite:///{folder / 'hpo.db'}")
    if fixture.first == ("optuna",):
        store(fixtures.AS_OPTUNA_MADE_IT, folder, commands)
    succeed(command(fixture, url), folder)
    store(fixture.name, folder, commands)


def write_killed(fixture: Fixture, name: str, query: str, commands: Commands, work: Path) -> None:
    """The same study, killed; resumed, it has to be the complete one."""
    if fixtures.stored(name).exists():
        return
    for attempt in range(TRIES):
        folder = fresh(work, f"{name}-{attempt}")
        url = begin(fixture, folder, f"sqlite:///{folder / 'hpo.db'}")
        if killed(command(fixture, url), folder, query.format(fixture.name), in_file(folder)):
            break
    else:
        raise SystemExit(f"{name}: never killed at its instant")
    store(name, folder, commands)
    again = fresh(work, f"{name}-resumed")
    url = fixtures.unpack(name, again)
    succeed([*fixtures.resuming(name), "--storage", url], again)
    compare(name, fixture, commands.content(fixture.name, url, again))
    print(f"{name}: {attempt + 1} kills")


def write_dump(postgres: Server, commands: Commands, work: Path) -> None:
    """Some of the studies, complete and killed, in one database of a server."""
    folder = fresh(work, "server")
    with postgres.database() as url, psycopg.connect(url, autocommit=True) as asking:

        def count(query: str) -> int:
            row = asking.execute(query.encode()).fetchone()
            return int(row[0]) if row else 0

        for name, copy in fixtures.ON_SERVER.items():
            fixture = fixtures.FIXTURES[name]
            begin(fixture, folder, url)
            succeed(command(fixture, url), folder)
            query = fixture.instants[copy].format(copy)
            for _ in range(TRIES):
                begin(fixture, folder, url, copy)
                if killed(command(fixture, url, copy), folder, query, count):
                    break
                succeed(["delete", copy, "--yes", "--storage", url], folder)
            else:
                raise SystemExit(f"{copy}: never killed at its instant")
        anonymize(url, folder)
        for name in fixtures.ON_SERVER:
            compare(name, fixtures.FIXTURES[name], commands.content(name, url, folder))
        found = binaries()
        assert found is not None
        dumped = subprocess.run(
            [
                found / "pg_dump", "--inserts", "--rows-per-insert=100", "--no-owner", "--no-privileges", url
            ],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        foreign = ("--", "SET ", "SELECT pg_catalog.set_config(", "\\")
        lines = [s for s in dumped.splitlines() if s and not s.startswith(foreign)]
        pack(fixtures.DUMP, "".join(f"{line}\n" for line in lines).encode())
        for name, copy in fixtures.ON_SERVER.items():
            succeed([*fixtures.resuming(copy, copy), "--storage", url], folder)
            compare(copy, fixtures.FIXTURES[name], commands.content(copy, url, folder))


def fresh(work: Path, name: str) -> Path:
    """A folder with all that searches need."""
    folder = work / name
    shutil.copytree(fixtures.INPUTS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def command(fixture: Fixture, url: str, called: str | None = None) -> list[str]:
    """The command that ends with the complete study, called otherwise if a name is given."""
    return _called(list(fixture.arguments), fixture, called, url)


def _called(words: list[str], fixture: Fixture, called: str | None, url: str) -> list[str]:
    place = 1 if words[0] == "resume" else words.index("--name") + 1
    words[place] = called or fixture.name
    return [*words, "-q", "--storage", url]


def begin(fixture: Fixture, folder: Path, url: str, called: str | None = None) -> str:
    """Do what comes before the command; the URL."""
    if fixture.first == ("optuna",):
        by_optuna(url, called or fixture.name)
    elif fixture.first:
        succeed(_called(list(fixture.first), fixture, called, url), folder)
    return url


def by_optuna(url: str, name: str) -> None:
    """A study of Optuna's own: complete trials, some that were pruned and one that failed."""

    def objective(trial: optuna.Trial) -> float:
        x, y = trial.suggest_float("x", -10, 10), trial.suggest_int("y", 1, 40, log=True)
        value = bowl({"x": x, "y": y}, seed=trial.number)
        trial.report(value / 2, 1)
        if trial.number in (4, 9):
            raise optuna.TrialPruned
        if trial.number == 6:
            raise ZeroDivisionError
        trial.set_user_attr("by", "hand")
        return value

    storage = optuna.storages.RDBStorage(url)
    sampler = optuna.samplers.RandomSampler(seed=0)
    study = optuna.create_study(
        study_name=name, storage=storage, direction="maximize", sampler=sampler
    )
    study.optimize(objective, n_trials=14, catch=(ZeroDivisionError,))
    storage.remove_session()
    storage.engine.dispose()


def succeed(arguments: list[str], folder: Path) -> None:
    """Run a command to its end."""
    done = fixtures.run(arguments, folder)
    if done.returncode:
        raise SystemExit(f"{arguments}: status {done.returncode}: {done.stderr.decode()}")


def in_file(folder: Path) -> Counting:
    """Asks the database of a folder; 0 while it has no tables."""

    def count(query: str) -> int:
        database = sqlite3.connect(f"file:{folder / 'hpo.db'}?mode=ro", uri=True)
        with closing(database) as connection:
            return int(connection.execute(query).fetchone()[0])

    return count


def killed(arguments: list[str], folder: Path, query: str, count: Counting) -> bool:
    """Begin a search and kill it when the query gives something other than 0; whether it still does afterwards."""
    not_yet = (sqlite3.OperationalError, psycopg.errors.UndefinedTable)
    process = subprocess.Popen(
        [sys.executable, "-m", "hpo", *arguments],
        cwd=folder,
        env=environment.pinned(),
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(*not_yet):
            if count(query):
                break
    process.kill()
    process.wait()
    try:
        return bool(count(query))
    except not_yet:
        return False


def anonymize(url: str, folder: Path) -> None:
    """Take out of a database on which machine, where and by which process it was written."""
    replaced = {
        str(folder): "/searches",
        str(Path(sys.prefix).parent): "/hpo",
        f"{platform.system()} {platform.release()}": platform.system(),
    }
    engine, metadata = sa.create_engine(url), sa.MetaData()
    metadata.reflect(engine)
    with engine.begin() as connection:
        for table in metadata.tables.values():
            for column in table.columns:
                if not isinstance(column.type, sa.String) or isinstance(column.type, sa.Enum):
                    continue
                for old, new in replaced.items():
                    written = sa.func.replace(column, old, new)
                    connection.execute(
                        sa.update(table).where(column.contains(old)).values({column: written})
                    )
        if (leases := metadata.tables.get("hpo_leases")) is not None:
            long_ago = sa.text("'2000-01-01 00:00:00.000000'")
            connection.execute(
                sa.update(leases).values(
                    host="elsewhere",
                    process=1,
                    process_started=None,
                    since=long_ago,
                    heartbeat=long_ago,
                )
            )
    engine.dispose()


def store(name: str, folder: Path, commands: Commands) -> None:
    """Store the study of a folder as a file, and what the code says of it."""
    file = folder / "hpo.db"
    shutil.copy(file, folder / "before.db")
    for end in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            shutil.copy(folder / f"hpo.db{end}", folder / f"before.db{end}")
    copy = folder / "before.db"
    anonymize(f"sqlite:///{copy}", folder)
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("VACUUM")
    content = copy.read_bytes()
    for trace in (str(folder), sys.prefix, f"{Path.home()}/"):
        if trace.encode() in content:
            raise SystemExit(f"{name}: {trace} is still in it")
    pack(fixtures.stored(name), content)
    fixtures.expect(name, commands.content(name_in(name), f"sqlite:///{copy}", folder))


def name_in(name: str) -> str:
    """What the study in a file is called."""
    known = {copy: fixture.name for copy, fixture in fixtures.copies().items()}
    return known.get(name, name)


def pack(file: Path, content: bytes) -> None:
    """Compress, without a time, so that the same content is the same file."""
    file.write_bytes(gzip.compress(content, 9, mtime=0))
    print(f"{file.name}: {file.stat().st_size / 1000:.0f} kB")


def compare(name: str, fixture: Fixture, content: fixtures.Content) -> None:
    """Whether a study is the complete one but for times and its name.

    Raises:
        SystemExit: it is not.
    """
    complete = fixtures.timeless(fixtures.expected(fixture.name), fixture.name)
    for part, text in fixtures.timeless(content, fixture.name).items():
        if text != complete[part]:
            raise SystemExit(
                f"{name}: {part} differs from that of the complete study:\n{text.decode()}"
            )


if __name__ == "__main__":
    main()
