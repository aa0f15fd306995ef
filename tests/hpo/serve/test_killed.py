"""Servers and processes of jobs that are killed: every search ends, once, and equals the same plan at home."""

# Law 2: the same seed gives the same study.
# Law 5: nothing that is finished is lost.

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import hpo
from hpo.serve.tables import jobs
from tests import postgres
from tests.hpo.serve.serving import UNTIL, Serving
from tests.running import Tables

PLAN: dict[str, Any] = {
    "trials": 60, "epochs": 20, "rows": 400, "finalists": 4, "repeats": 3, "rounds": 2,
    "space": {"learning_rate": "1e-3:1e3:log", "units": "8:16:int"},
}  # fmt: skip
SEEDS = (1, 2, 3)
INSTANTS = random.Random(5)  # noqa: S311  # instants are no secret


def at_home(folder: Path, tables: Tables, seeds: tuple[int, ...]) -> dict[str, dict[str, bytes]]:
    """What the same plans give without a service."""
    storage = f"sqlite:///{folder / 'home.db'}"
    for seed in seeds:
        hpo.search("digits", **PLAN, seed=seed, storage=storage, name=f"s{seed}")
    return {f"s{seed}": tables(f"s{seed}", storage) for seed in seeds}


def rows(storage: str) -> list[sa.Row[Any]]:
    engine = sa.create_engine(storage)
    with engine.connect() as connection:
        found = connection.execute(sa.select(jobs)).all()
    engine.dispose()
    return [*found]


def batter(
    serving: Serving, kills: int, rng: random.Random, names: list[str], *, pause: float
) -> Counter[str]:
    """Kill the server or the process of a job again and again while the searches run; returns what was killed."""
    killed: Counter[str] = Counter()
    while sum(killed.values()) < kills:
        time.sleep(rng.uniform(0, pause))
        if all(serving.search(name)["state"] in ("done", "failed") for name in names):
            break
        running = sorted(serving.jobs())
        if running and rng.random() < 0.5:
            os.kill(rng.choice(running), signal.SIGKILL)
            killed["job"] += 1
        else:
            serving.kill()
            serving.start()
            killed["server"] += 1
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


@pytest.fixture
def serving(tmp_path: Path, storage: str) -> Iterator[Serving]:
    with Serving(tmp_path, storage, jobs=2, workers=1) as started:
        yield started


def test_searches_go_on_while_server_and_jobs_are_killed(
    serving: Serving, tmp_path: Path, tables: Tables
) -> None:
    expected = at_home(tmp_path, tables, SEEDS)
    for seed in SEEDS:
        serving.create(name=f"s{seed}", data="digits", plan={**PLAN, "seed": seed})
    names = {f"s{seed}": f"s{seed}" for seed in SEEDS}
    killed = batter(serving, 5, INSTANTS, [*names], pause=1.5)
    assert killed.total() >= 3
    check_all(serving, tables, expected, names)


@pytest.mark.slow
@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_searches_equal_those_at_home_after_a_hundred_kills(
    store: str, tmp_path: Path, tables: Tables, request: pytest.FixtureRequest
) -> None:
    if store == "postgresql" and postgres.binaries() is None:
        pytest.skip("no PostgreSQL server here: apt-get install postgresql")
    fixture = "storage" if store == "sqlite" else "postgres_storage"
    expected = at_home(tmp_path, tables, SEEDS)
    killed = round_ = 0
    names: dict[str, str] = {}
    with Serving(tmp_path, request.getfixturevalue(fixture), jobs=2, workers=1) as serving:
        while killed < 100:
            round_ += 1
            new = {f"r{round_}s{seed}": f"s{seed}" for seed in SEEDS}
            for name, same in new.items():
                seed = int(same[1:])
                serving.create(name=name, data="digits", plan={**PLAN, "seed": seed})
            killed += batter(serving, 100 - killed, INSTANTS, [*new], pause=3.0).total()
            names |= new
        check_all(serving, tables, expected, names)


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


def test_a_graceful_stop_lays_searches_down_and_a_start_goes_on(
    serving: Serving, tmp_path: Path, tables: Tables
) -> None:
    expected = at_home(tmp_path, tables, (1,))
    serving.create(name="s1", data="digits", plan={**PLAN, "seed": 1})
    deadline = time.monotonic() + UNTIL
    while serving.search("s1")["progress"]["done"] == 0:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    serving.stop()
    assert not serving.jobs()
    (row,) = rows(serving.storage)
    assert (row.state, row.deaths) == ("queued", 0)
    serving.start()
    check_all(serving, tables, expected, {"s1": "s1"})
