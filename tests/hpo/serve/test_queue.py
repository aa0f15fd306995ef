"""Whose turn it is, and that each job is run by one process, whatever dies."""

# Law 5: nothing that is finished is lost.

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from hpo.serve.database import ServiceDatabase
from hpo.serve.jobs import queue
from hpo.serve.jobs.queue import MOST_DEATHS, Waiting, next_job
from hpo.serve.tables import jobs
from studies.database.lease import EXPIRY_SECONDS, database_time

DAY = datetime(2024, 2, 29)
OWNERS = st.sampled_from("abc")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[ServiceDatabase]:
    """The service's tables, empty, in each kind of database."""
    fixture = "storage" if request.param == "sqlite" else "postgres_storage"
    opened = ServiceDatabase(request.getfixturevalue(fixture))
    yield opened
    opened.close()


def put(database: ServiceDatabase, owner: str = "ana", **values: Any) -> int:
    """A job in the queue, some of whose columns are changed."""
    with database.writing() as connection:
        job_id = queue.put(connection, "search", f"of {owner}", owner, "{}")
        if values:
            connection.execute(sa.update(jobs).where(jobs.c.job_id == job_id).values(values))
    return job_id


def claim(database: ServiceDatabase, slots: int = 100) -> sa.Row[Any] | None:
    with database.writing() as connection:
        return queue.claim(connection, slots)


def job(database: ServiceDatabase, job_id: int) -> sa.Row[Any]:
    with database.reading() as connection:
        return connection.execute(sa.select(jobs).where(jobs.c.job_id == job_id)).one()


def dead() -> dict[str, Any]:
    """The columns of a job whose process has died on this host."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return {
        "state": "running",
        "host": socket.gethostname(),
        "process": process.pid,
        "started": DAY,
    }


def test_the_owner_with_the_fewest_running_jobs_comes_first() -> None:
    waiting = [Waiting(1, "a"), Waiting(2, "b"), Waiting(3, "c")]
    assert next_job(waiting, {"a": 2, "b": 1, "c": 1}, {"b": DAY, "c": DAY}) == 2


def test_of_equals_the_one_who_has_waited_longest_comes_first() -> None:
    waiting = [Waiting(1, "a"), Waiting(2, "b"), Waiting(3, "new")]
    started = {"a": DAY, "b": DAY - timedelta(1)}
    assert next_job(waiting, {}, started) == 3
    assert next_job(waiting[:2], {}, started) == 2


def test_of_one_owner_the_oldest_job_comes_first_and_of_none_none() -> None:
    assert next_job([Waiting(7, "a"), Waiting(3, "a")], {}, {}) == 3
    assert next_job([], {"a": 1}, {}) is None


def test_what_was_interrupted_goes_on_before_all_others() -> None:
    waiting = [Waiting(1, "a"), Waiting(2, "b", interrupted=True)]
    assert next_job(waiting, {"b": 5}, {"b": DAY}) == 2


@given(st.lists(OWNERS, min_size=1, max_size=30))
def test_nobody_starts_two_jobs_while_another_waits_and_starts_none(owners: list[str]) -> None:
    waiting = {number: Waiting(number, owner) for number, owner in enumerate(owners)}
    started: dict[str, datetime] = {}
    order: list[str] = []
    while (chosen := next_job(waiting.values(), {}, started)) is not None:
        owner = waiting[chosen].owner
        if owner in order:
            since = order[len(order) - 1 - order[::-1].index(owner) :]
            assert {job.owner for job in waiting.values()} <= {*since}
        del waiting[chosen]
        started[owner] = DAY + timedelta(seconds=len(order))
        order.append(owner)
    assert Counter(order) == Counter(owners)


def test_ten_owners_with_ten_jobs_each_take_turns() -> None:
    waiting = [Waiting(10 * owner + k, str(owner)) for owner in range(10) for k in range(10)]
    started: dict[str, datetime] = {}
    order: list[int] = []
    while waiting:
        chosen = next_job(waiting, {}, started)
        one = next(j for j in waiting if j.job_id == chosen)
        waiting.remove(one)
        started[one.owner] = DAY + timedelta(seconds=len(order))
        order.append(one.job_id)
    assert order == [10 * owner + k for k in range(10) for owner in range(10)]


def test_a_hundred_jobs_that_ten_owners_queue_at_once_start_in_turns(
    database: ServiceDatabase,
) -> None:
    mine = {owner: [put(database, owner) for _ in range(10)] for owner in "abcdefghij"}
    running: list[sa.Row[Any]] = []
    order: list[int] = []
    while (row := claim(database, 3)) is not None:
        order.append(row.job_id)
        running.append(row)
        if len(running) == 3:
            with database.writing() as connection:
                queue.end(connection, running.pop(0), "done")
    assert order == [mine[owner][k] for k in range(10) for owner in "abcdefghij"]


def test_each_job_is_claimed_once_however_many_look_at_once(database: ServiceDatabase) -> None:
    wanted = {put(database, owner) for owner in "abc" for _ in range(4)}
    claimed: list[int] = []

    def look() -> None:
        while (row := claim(database)) is not None:
            claimed.append(row.job_id)

    threads = [threading.Thread(target=look) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == sorted(wanted)


def test_a_host_runs_no_more_jobs_than_it_has_slots(database: ServiceDatabase) -> None:
    first, second = put(database), put(database)
    row = claim(database, 1)
    assert row is not None
    assert row.job_id == first
    assert claim(database, 1) is None
    with database.writing() as connection:
        assert queue.end(connection, row, "done") == "done"
    row = claim(database, 1)
    assert row is not None
    assert row.job_id == second


def test_a_job_whose_process_has_died_goes_on_first(database: ServiceDatabase) -> None:
    put(database, "new")
    orphan = put(database, "old", **dead())
    with database.reading() as connection:
        assert queue.load(connection) == queue.Load(2, frozenset())
    row = claim(database, 1)
    assert row is not None
    assert (row.job_id, row.process, row.deaths) == (orphan, os.getpid(), 1)


def test_a_job_that_keeps_dying_without_progress_fails(database: ServiceDatabase) -> None:
    job_id = put(database, **dead())
    for deaths in range(1, MOST_DEATHS + 1):
        row = claim(database)
        assert row is not None
        assert row.deaths == deaths
        with database.writing() as connection:
            connection.execute(sa.update(jobs).values(dead()))
    assert claim(database) is None
    ended = job(database, job_id)
    assert ended.state == "failed"
    assert str(MOST_DEATHS + 1) in ended.reason


@pytest.mark.parametrize(("wanted", "state"), [("pause", "paused"), ("cancel", "cancelled")])
def test_a_job_that_dies_while_it_is_to_end_has_ended(
    wanted: str, state: str, database: ServiceDatabase
) -> None:
    job_id = put(database, wanted=wanted, **dead())
    assert claim(database) is None
    assert job(database, job_id).state == state


def test_on_another_host_a_job_is_alive_while_its_heart_beats(database: ServiceDatabase) -> None:
    job_id = put(database, **dead())
    for age, lives in ((0, True), (EXPIRY_SECONDS + 1, False)):
        with database.writing() as connection:
            beaten = database_time(connection) - timedelta(seconds=age)
            connection.execute(sa.update(jobs).values(host="elsewhere", heartbeat=beaten))
        row = claim(database)
        assert (row is None) == lives
    assert job(database, job_id).process == os.getpid()


def test_who_has_lost_a_job_writes_nothing_more(database: ServiceDatabase) -> None:
    put(database)
    row = claim(database)
    assert row is not None
    with database.writing() as connection:
        connection.execute(sa.update(jobs).values(process=1))
        assert queue.wanted(connection, row) is None
        assert queue.end(connection, row, "failed", "no") is None
    assert job(database, row.job_id).state == "running"


@pytest.mark.parametrize(
    ("wanted", "how", "state"),
    [
        ("run", "stopped", "queued"),
        ("pause", "stopped", "paused"),
        ("cancel", "stopped", "cancelled"),
        ("pause", "done", "done"),
        ("cancel", "failed", "failed"),
    ],
)
def test_what_is_wanted_when_a_job_stops_decides_its_state(
    wanted: str, how: queue.Ending, state: str, database: ServiceDatabase
) -> None:
    put(database)
    row = claim(database)
    with database.writing() as connection:
        connection.execute(sa.update(jobs).values(wanted=wanted))
        assert row is not None
        assert queue.end(connection, row, how) == state
    assert job(database, row.job_id).process is None


def test_an_interrupted_job_goes_on_before_one_that_was_paused(database: ServiceDatabase) -> None:
    paused, interrupted = put(database, "a"), put(database, "b")
    for job_id, wanted in ((paused, "pause"), (interrupted, "run")):
        row = claim(database)
        assert row is not None
        assert row.job_id == job_id
        with database.writing() as connection:
            of_job = sa.update(jobs).where(jobs.c.job_id == job_id)
            connection.execute(of_job.values(wanted=wanted))
            queue.end(connection, row, "stopped")
    with database.writing() as connection:
        assert queue.act(connection, job(database, paused), "resume")
    row = claim(database)
    assert row is not None
    assert row.job_id == interrupted


def test_jobs_are_counted_by_the_state_that_users_see(database: ServiceDatabase) -> None:
    for values in ({}, dead(), dead() | {"wanted": "pause"}, {"state": "done"}, {"state": "done"}):
        put(database, **values)
    with database.reading() as connection:
        counted = queue.counts(connection)
    of_searches = {"queued": 1, "running": 1, "pausing": 1, "done": 2}
    assert counted == {("search", state): count for state, count in of_searches.items()}
