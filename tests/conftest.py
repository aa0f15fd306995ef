"""What many tests start from: an empty database, a stored study and its tables, the command line as a user runs it."""

from __future__ import annotations

import gc
import json
import math
import os
import shlex
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
import sqlalchemy as sa

import hpo
import studies
from hpo import cli
from hpo.trainables import of_plan
from studies import Study
from studies.analysis.export import to_csv
from studies.pages import report
from studies.pages.pictures import Drawing, Picture
from tests import browser as chromium
from tests import postgres as postgresql
from tests.browser import Browser
from tests.running import HPO, Call, Done, Run, Tables, without_worker
from trainer import references, workers

TREES = references.TREES


def pytest_configure() -> None:
    """Let what the tests start hear Ctrl-C: a shell's background jobs ignore it, and so would all that they start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[Any]:
    """Let garbage be looked for seldom, and never among the thousands of tests and the modules that are there by then.

    It is among what lasts anyway, and would take a tenth of the time of many tests.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 10, 10)
        gc.enable()


@pytest.fixture(scope="session", autouse=True)
def hurried() -> Iterator[None]:
    """Optuna's transactions in an SQLite file wait for no disk: no test takes the power away, and a fifth is waiting.

    So it is on the PostgreSQL server of the tests, too. Our own connections set what they need themselves.
    """

    def hurry(connection: Any, _: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous = OFF").close()

    sa.event.listen(sa.Engine, "connect", hurry)
    yield
    sa.event.remove(sa.Engine, "connect", hurry)


@pytest.fixture(scope="session", autouse=True)
def on_threads() -> Iterator[None]:
    """What tests train trains in this process, unless a test says otherwise.

    Functions can count their calls here. Stacks of networks would begin processes only where the machine is busy.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(of_plan, "DEFAULT", "threads")
        patch.setattr(workers, "BEGIN_AFTER", math.inf)
        yield


@pytest.fixture(scope="session", autouse=True)
def few_trees() -> Iterator[None]:
    """The boosted trees that a search of a network is compared with are few: a hundred take longer than the search."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(references, "TREES", 3)
        yield


@pytest.fixture
def all_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are as many as users have, and as other processes have."""
    monkeypatch.setattr(references, "TREES", TREES)


@pytest.fixture
def storage(tmp_path: Path) -> str:
    """The URL of a database that is not there yet."""
    return f"sqlite:///{tmp_path / 'study.db'}"


@pytest.fixture(scope="session")
def postgres() -> Iterator[postgresql.Server]:
    """A PostgreSQL server; where none is installed, the test is skipped."""
    with postgresql.server() as server:
        yield server


@pytest.fixture
def postgres_storage(postgres: postgresql.Server) -> Iterator[str]:
    """The URL of an empty database on that server."""
    with postgres.database() as url:
        yield url


@pytest.fixture(scope="module")
def running_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A headless Chromium: it takes seconds to start."""
    opened = Browser(chromium.find(), tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


@pytest.fixture
def browser(running_browser: Browser) -> Browser:
    """A headless Chromium that has heard nothing yet."""
    running_browser.forget()
    return running_browser


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A small study that is done: two numbers and a choice, some trials diverged. Not to be written to.

    45 trials of the search, 15 a round, and 30 trainings that confirm.
    """
    return small_study(f"sqlite:///{tmp_path_factory.mktemp('stored') / 'study.db'}")


def small_study(url: str) -> Study:
    """Search for the study that the fixture `study` has."""
    space = {
        "learning_rate": hpo.Float(1e-3, 1e3, log=True),
        "units": hpo.Int(4, 32, log=True),
        "activation": hpo.Categorical(("relu", "tanh")),
    }
    return hpo.search(
        "diabetes", trials=75, finalists=10, repeats=3, epochs=4, rounds=3, space=space, seed=3,
        storage=url, name="small",
    )  # fmt: skip


@pytest.fixture
def run_hpo(tmp_path: Path) -> Run:
    """Run `hpo ARGUMENTS` in an empty folder, as a user would; warnings anywhere are errors."""

    def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        inherited = {k: v for k, v in os.environ.items() if k != "HPO_STORAGE"}
        return subprocess.run(
            [str(HPO), *map(str, arguments)],
            cwd=tmp_path,
            env=inherited | {"PYTHONWARNINGS": "error", "COLUMNS": "80"} | environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture
def call_hpo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Call:
    """Run a command in this process, in an empty folder: a process of its own takes a second to start."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HPO_STORAGE", raising=False)

    def run(line: str) -> Done:
        capfd.readouterr()
        with without_worker():
            status = cli.run(shlex.split(line))
        return Done(status, *capfd.readouterr())

    return run


@pytest.fixture(scope="session")
def tables() -> Tables:
    """The tables of a stored study and what its test rows said, to the last digit, without times."""

    def exported(name: str, storage: str) -> dict[str, bytes]:
        study = studies.load(name, storage)
        test = study.summary()["test"] or {"opened_at": None}
        trials = study.trials_frame().drop(columns=["started", "finished"])
        return {
            "trials": to_csv(trials),
            "epochs": to_csv(study.epochs_frame()),
            "rounds": to_csv(study.rounds_frame()),
            "finalists": to_csv(study.finalists_frame()),
            "test": json.dumps(test | {"opened_at": None}).encode(),
        }

    return exported


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports have empty figures: drawing takes most of a report's time, and some tests read its words alone."""

    def empty(picture: Picture) -> Drawing:
        return Drawing("", 1.0, 1.0, picture.shows, picture.reading)

    monkeypatch.setattr(report, "drawing", empty)


@pytest.fixture
def quiet_optuna() -> Iterator[None]:
    """Optuna announces studies and trials; not here."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(level)
