"""Servers and processes of jobs that are killed: every search ends, once, and equals the same plan at home."""

# Law 2: the same seed gives the same study.
# Law 5: nothing that is finished is lost.

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import hpo
from hpo.serve.tables import jobs
from tests import postgres
from tests.hpo.serve.serving import UNTIL, Serving
from tests.running import Tables

DATA = "digits"
LONG: dict[str, Any] = {
    "trials": 60, "epochs": 20, "rows": 400, "finalists": 4, "repeats": 3, "rounds": 2,
    "space": {"learning_rate": "1e-3:1e3:log", "units": "8:16:int"},
}  # fmt: skip
SHORT = {**LONG, "trials": 40, "finalists": 2, "repeats": 2}
INSTANTS = random.Random(5)  # noqa: S311  # instants are no secret


def at_home(
    folder: Path, tables: Tables, data: str, plan: dict[str, Any], *seeds: int
) -> dict[str, dict[str, bytes]]:
    """What the same plans give without a service."""
    storage = f"sqlite:///{folder / 'home.db'}"
    for seed in seeds:
        hpo.search(data, **plan, seed=seed, storage=storage, name=f"s{seed}")
    return {f"s{seed}": tables(f"s{seed}", storage) for seed in seeds}


def rows(storage: str) -> list[sa.Row[Any]]:
    engine = sa.create_engine(storage)
    with engine.connect() as connection:
        found = connection.execute(sa.select(jobs)).all()
    engine.dispose()
    return [*found]


def kill_job(serving: Serving) -> bool:
    """Kill the process of a job, if there is one."""
    running = sorted(serving.jobs())
    if running:
        os.kill(INSTANTS.choice(running), signal.SIGKILL)
    return bool(running)


def batter(serving: Serving, most: int, names: list[str]) -> int:
    """Kill the server or the process of a job again and again while the searches run; returns how often."""
    killed = 0
    while killed < most:
        time.sleep(INSTANTS.uniform(0, 3.0))
        if all(serving.search(name)["state"] in ("done", "failed") for name in names):
            break
        if INSTANTS.random() < 0.5 or not kill_job(serving):
            serving.kill()
            serving.start()
        killed += 1
    return killed


def check_all(
    serving: Serving, tables: Tables, expected: dict[str, dict[str, bytes]], names: dict[str, str]
) -> None:
    for name, at_home_as in names.items():
        ended = serving.wait_for(name, "done", "failed")
        assert ended["state"] == "done", ended["reason"]
        assert tables(name, serving.storage) == expected[at_home_as], name
    found = rows(serving.storage)
    assert sorted(row.search for row in found) == sorted(names)
    assert all(row.state == "done" for row in found)


def test_searches_go_on_while_server_and_jobs_are_killed_paused_and_stopped(
    tmp_path: Path, storage: str, tables: Tables
) -> None:
    expected = at_home(tmp_path, tables, "breast_cancer", SHORT, 1)
    with Serving(tmp_path, storage, jobs=2, workers=1) as serving:
        serving.create(name="s1", data="breast_cancer", plan={**SHORT, "seed": 1})
        for kill_server in (True, False):
            time.sleep(INSTANTS.uniform(0, 1.0))
            if kill_server:
                serving.kill()
                serving.start()
            else:
                kill_job(serving)
        if serving.client.post("/searches/s1/pause").status_code == 200:
            serving.wait_for("s1", "paused", "done")
            serving.client.post("/searches/s1/resume")
        serving.stop()
        serving.start()
        check_all(serving, tables, expected, {"s1": "s1"})


@pytest.mark.slow
@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_searches_equal_those_at_home_after_a_hundred_kills(
    store: str, tmp_path: Path, tables: Tables, request: pytest.FixtureRequest
) -> None:
    if store == "postgresql" and postgres.binaries() is None:
        pytest.skip("no PostgreSQL server here: apt-get install postgresql")
    fixture = "storage" if store == "sqlite" else "postgres_storage"
    seeds = (1, 2, 3)
    expected = at_home(tmp_path, tables, DATA, LONG, *seeds)
    killed = round_ = 0
    names: dict[str, str] = {}
    with Serving(tmp_path, request.getfixturevalue(fixture), jobs=2, workers=1) as serving:
        while killed < 100:
            round_ += 1
            new = {f"r{round_}s{seed}": f"s{seed}" for seed in seeds}
            for seed, name in zip(seeds, new, strict=True):
                serving.create(name=name, data=DATA, plan={**LONG, "seed": seed})
            killed += batter(serving, 100 - killed, [*new])
            names |= new
        check_all(serving, tables, expected, names)


@pytest.mark.slow
def test_a_second_server_on_the_same_database_starts_nothing_twice(
    tmp_path: Path, storage: str
) -> None:
    with Serving(tmp_path, storage, jobs=1, workers=1) as first:
        second = Serving(tmp_path, storage, jobs=1, workers=1)
        with second:
            names = [first.create(data="iris", plan={"trials": 8, "seed": k}) for k in range(3)]
            seen: set[int] = set()
            deadline = time.monotonic() + UNTIL
            while any(first.search(name)["state"] != "done" for name in names):
                running = [row for row in rows(storage) if row.state == "running"]
                assert len(running) <= 1
                seen |= {row.process for row in running}
                assert time.monotonic() < deadline
            assert len(seen) == len(names)
        assert all(row.deaths == 0 for row in rows(storage))


@pytest.mark.slow
def test_a_graceful_stop_lays_a_search_down_in_the_queue_and_a_start_goes_on(
    tmp_path: Path, storage: str, tables: Tables
) -> None:
    expected = at_home(tmp_path, tables, DATA, LONG, 1)
    with Serving(tmp_path, storage, jobs=2, workers=1) as serving:
        serving.create(name="s1", data=DATA, plan={**LONG, "seed": 1})
        deadline = time.monotonic() + UNTIL
        while serving.search("s1")["progress"]["done"] == 0:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        serving.stop()
        assert not serving.jobs()
        (row,) = rows(storage)
        assert (row.state, row.deaths) == ("queued", 0)
        serving.start()
        check_all(serving, tables, expected, {"s1": "s1"})
