"""Searches that are stopped for real: killed, terminated, interrupted, held by another process. Resumed, they are
the same study, to the last digit, as one left alone."""

# Law 2: the same seed gives the same study.
# Law 4: one process writes.

from __future__ import annotations

import contextlib
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import studies
from hpo import cli
from tests.running import HPO, Call, Tables, wait_until, without_worker

# Some shapes, so that populations differ; some trials that diverge; batches that last long enough to be hit. 90 trials
# in the search, 20 that confirm.
PLAN = (
    "breast_cancer", "--trials", "110", "--finalists", "5", "--repeats", "4",
    "--epochs", "12", "--name", "d",
    "--space", "learning_rate=1e-3:1e3:log", "--space", "units=8:10:int",
)  # fmt: skip
# Instants, as what the database holds when the process is killed.
INSTANTS = {
    "the first round is judged": "SELECT count(verdicts) FROM hpo_rounds",
}
MORE_INSTANTS = {
    "the test rows are opened": "SELECT count(*) FROM hpo_tests",
    "a stage has begun": "SELECT count(*) FROM hpo_confirmations WHERE finished IS NULL",
    "the first trials have begun": "SELECT count(*) FROM trials",
    "the first batch is done": "SELECT count(*) FROM trials WHERE state != 'RUNNING'",
    "the second batch has begun": "SELECT count(*) > 30 FROM trials",
    "the last batch is done": "SELECT sum(state != 'RUNNING') = 90 FROM trials",
    "a stage is done": "SELECT count(finished) FROM hpo_confirmations",
    "the test rows are scored": "SELECT count(value) FROM hpo_tests",
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, tables: Tables) -> dict[str, bytes]:
    """The tables of the study when nobody stops it."""
    storage = f"sqlite:///{tmp_path_factory.mktemp('whole') / 'study.db'}"
    with without_worker():
        assert cli.run(["search", *PLAN, "-q", "--storage", storage]) == 0
    return tables("d", storage)


@pytest.fixture
def searching(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A search that has just been started in the test's folder."""
    with subprocess.Popen(
        [str(HPO), "search", *PLAN], cwd=tmp_path, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        yield process
        process.kill()


def freeze(process: subprocess.Popen[str], folder: Path) -> None:
    """Stop a search for a while at a moment at which others can write to its database."""
    while True:
        process.send_signal(signal.SIGSTOP)
        with contextlib.closing(sqlite3.connect(folder / "hpo.db", timeout=1)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:  # it was stopped in the middle of a transaction
                process.send_signal(signal.SIGCONT)
            else:
                return


def opened(folder: Path) -> list[tuple[object, ...]]:
    """When the test rows were opened, and for which trial."""
    with contextlib.closing(sqlite3.connect(folder / "hpo.db")) as connection:
        return connection.execute("SELECT trial, opened FROM hpo_tests").fetchall()


@pytest.mark.parametrize(
    "instant", [*INSTANTS, *(pytest.param(i, marks=pytest.mark.slow) for i in MORE_INSTANTS)]
)
def test_a_search_that_was_killed_and_resumed_equals_one_left_alone(
    instant: str,
    searching: subprocess.Popen[str],
    call_hpo: Call,
    tmp_path: Path,
    tables: Tables,
    whole: dict[str, bytes],
) -> None:
    wait_until((INSTANTS | MORE_INSTANTS)[instant], f"sqlite:///{tmp_path / 'hpo.db'}")
    searching.kill()
    searching.wait()
    storage = f"sqlite:///{tmp_path / 'hpo.db'}"
    assert studies.load("d", storage).summary()["state"] in ("interrupted", "complete")
    once = opened(tmp_path)
    assert once or not instant.startswith("the test rows are ")
    assert call_hpo("resume d -q").status == 0
    assert tables("d", storage) == whole
    assert once in ([], opened(tmp_path))
    assert studies.load("d", storage).summary()["state"] == "complete"


@pytest.mark.parametrize(
    ("stop", "status"),
    [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)],
)
def test_a_signal_ends_the_search_with_a_line_that_says_how_to_go_on(
    stop: signal.Signals,
    status: int,
    searching: subprocess.Popen[str],
    call_hpo: Call,
    tmp_path: Path,
    tables: Tables,
    whole: dict[str, bytes],
) -> None:
    wait_until("SELECT count(*) > 30 FROM trials", f"sqlite:///{tmp_path / 'hpo.db'}")
    searching.send_signal(stop)
    out, err = searching.communicate(timeout=30)
    assert searching.returncode == status
    assert out == ""
    assert err.splitlines()[-1] == "Stopped. To go on: hpo resume d"
    assert "Traceback" not in err
    assert studies.load("d", f"sqlite:///{tmp_path / 'hpo.db'}").summary()["state"] == "interrupted"
    assert call_hpo("resume d -q").status == 0
    assert tables("d", f"sqlite:///{tmp_path / 'hpo.db'}") == whole


def test_a_study_that_is_held_can_be_read_and_who_was_taken_over_writes_no_more(
    searching: subprocess.Popen[str],
    call_hpo: Call,
    tmp_path: Path,
    tables: Tables,
    whole: dict[str, bytes],
) -> None:
    wait_until("SELECT count(*) FROM trials", f"sqlite:///{tmp_path / 'hpo.db'}")
    freeze(searching, tmp_path)  # it holds the study for as long as this test needs
    second, shown = call_hpo("resume d"), call_hpo("show d")
    assert second.status == 4
    assert second.err.count("\n") == 1
    assert f"study 'd' is held by process {searching.pid} on " in second.err
    assert "--take-over" in second.err
    assert shown.status == 0
    assert shown.out.startswith("d · running · ")
    assert call_hpo("resume d --take-over -q").status == 0
    searching.send_signal(signal.SIGCONT)
    _, err = searching.communicate(timeout=60)
    assert searching.returncode == 4
    assert "study 'd' was taken over by another process; nothing more is written" in err
    assert tables("d", f"sqlite:///{tmp_path / 'hpo.db'}") == whole
