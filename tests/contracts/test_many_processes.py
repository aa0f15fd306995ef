"""Many processes at one database: all make it, all search in it, and readers see each batch whole or not at all."""

# Law 4: one process writes.

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import studies
from tests.running import HPO, Tables

# 32 processes for each fresh database, that wait for the same moment; forked, so that they have imported everything by
# then and, most of them, made in memory what they will write.
FORKED = """
import json, os, sys, time, traceback
from studies.database import schema
from studies.database.engine import make_engine
from studies.database.store import create_store

make_engine("postgresql://").dispose()
schema.statements()
new = {"direction": "maximize", "plan": "{}", "metric": "m", "data_hash": "", "provenance": {}}

def make(url, name, start):
    time.sleep(max(0, start - time.time()))
    with create_store(url) as store, store.create_study(name, **new):
        pass

failed = 0
for url in sys.argv[1:]:
    start = time.time() + 0.3
    for number in range(32):
        if os.fork() == 0:
            try:
                if number % 8 == 0:
                    schema.statements.cache_clear()  # it takes its time before it comes to the database
                make(url, str(number), start)
                os._exit(0)
            except BaseException:
                traceback.print_exc()
                sys.stderr.flush()
                os._exit(1)
    failed += sum(os.wait()[1] != 0 for _ in range(32))
sys.exit(min(failed, 255))
"""

# Prints, of every moment that it sees: for each batch, by when it was started, the number of its trials, how many of
# these run, and how many curves they have (our reading alone).
WATCH = """
import json, sys
import optuna
from studies.errors import StoreError
from studies.database.columns import curves
from studies.database.store import open_store

url = sys.argv[1]

def batch(found, started):
    return found.setdefault(str(started), {"trials": 0, "running": 0, "curves": 0})

def ours(found):
    with open_store(url) as store, store.reading():
        record = store.study("d")
        trials, by_metric = store.trials(record.study_id), curves(store, record.study_id)
    for t in trials:
        seen = batch(found, t.started)
        seen["trials"] += 1
        seen["running"] += t.state == "running"
        seen["curves"] += sum(t.number in c.trials for c in by_metric)
    return record.state

def theirs(found):
    for t in optuna.load_study(study_name="d", storage=database).trials:
        seen = batch(found, t.datetime_start)
        seen["trials"] += 1
        seen["running"] += t.state.name == "RUNNING"

while True:
    try:
        ours({})
        break
    except StoreError:
        pass
database = optuna.storages.RDBStorage(url)
state = ""
while state != "complete":
    for name, look in (("ours", ours), ("theirs", theirs)):
        found = {}
        state = look(found) or state
        print(json.dumps([name, found]), flush=True)
"""


SLOW = """
import time

def train(params, *, epochs, seed):
    for epoch in range(epochs):
        time.sleep(0.01)
        yield {"accuracy": params["x"] * (epoch + 1)}
"""


@pytest.fixture
def fresh(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., list[str]]:
    """So many URLs of databases that are empty or not there yet."""

    numbers = itertools.count()

    def made(count: int, until: ExitStack) -> list[str]:
        if kind == "sqlite":
            return [f"sqlite:///{tmp_path / f'{next(numbers)}.db'}" for _ in range(count)]
        server = request.getfixturevalue("postgres")
        return [until.enter_context(server.database()) for _ in range(count)]

    return made


@pytest.mark.parametrize("times", [1, pytest.param(100, marks=pytest.mark.slow)])
def test_32_processes_make_one_database_at_once(
    times: int, fresh: Callable[..., list[str]]
) -> None:
    for count in [10] * (times // 10) or [times]:
        with ExitStack() as until:
            urls = fresh(count, until)
            done = subprocess.run(
                [sys.executable, "-c", FORKED, *urls], capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
            for url in urls:
                assert sorted(map(int, studies.names(url))) == list(range(32))


def search(storage: str, *arguments: object, folder: Path | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(HPO), "search", *map(str, arguments), "-q", "--storage", storage],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_four_processes_search_in_one_database_as_if_each_had_its_own(
    storage: str, tables: Tables, tmp_path: Path
) -> None:
    plans = [("wine", "--trials", 16, "--epochs", 2, "--seed", seed) for seed in range(4)]
    running = [search(storage, *plan) for plan in plans]  # none has a name: each takes a free one
    said = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0] * 4, said
    names = studies.names(storage)
    assert sorted(names) == ["wine", "wine-2", "wine-3", "wine-4"]
    by_seed = {studies.load(name, storage).summary()["seed"]: name for name in names}
    assert sorted(by_seed) == [0, 1, 2, 3]
    alone = f"sqlite:///{tmp_path / 'alone.db'}"
    for seed, name in sorted(by_seed.items()):
        done = search(alone, *plans[seed], "--name", name)
        assert done.communicate(timeout=120)[1] == ""
        assert tables(name, storage) == tables(name, alone)


@pytest.mark.parametrize(
    "kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)], indirect=True
)
def test_readers_see_every_trial_whole_or_not_at_all_and_hold_up_nobody(
    storage: str, tmp_path: Path
) -> None:
    (tmp_path / "slow.py").write_text(SLOW)  # most moments see a batch in flight
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", WATCH, storage],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as reader:
        plan = ("--trainer", "slow:train", "--space", "x=0:1", "--trials", 40, "--epochs", 10)
        searching = search(storage, *plan, "--finalists", 0, "--name", "d", folder=tmp_path)
        _, error = searching.communicate(timeout=120)
        assert searching.returncode == 0, error
        out, error = reader.communicate(timeout=120)
        assert (reader.returncode, error) == (0, "")
    seen: list[tuple[str, dict[str, dict[str, int]]]] = [json.loads(s) for s in out.splitlines()]
    whole: dict[str, Any] = [found for name, found in seen if name == "ours"][-1]
    assert sum(batch["trials"] for batch in whole.values()) == 40
    assert len(whole) >= 3
    in_flight = {"ours": 0, "theirs": 0}
    for name, found in seen:
        for started, batch in found.items():
            assert batch["trials"] == whole[started]["trials"]
            if name == "ours":  # a trial is seen to run, or to have ended with its whole curve
                ended = batch["trials"] - batch["running"]
                each = whole[started]["curves"] // whole[started]["trials"]
                assert batch["curves"] == ended * each
            in_flight[name] += batch["running"] > 0
    assert min(in_flight.values()) > 0, in_flight
