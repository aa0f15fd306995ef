"""Who counts as alive: a process of this host by its number and start, another host's by the database's clock."""

# Law 4: one process writes.

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from studies.database import lease, processes
from studies.database.lease import EXPIRY_SECONDS, HEARTBEAT_SECONDS
from studies.database.store import Store, create_store, open_store
from studies.database.tables import leases
from studies.errors import LeaseError
from tests.studies.stores import NEW

HAS_PROC = Path("/proc/self/stat").exists()


@pytest.fixture
def store(storage: str) -> Iterator[Store]:
    """A store with study "s", which nobody holds."""
    with create_store(storage) as opened:
        with opened.create_study("s", **NEW):
            pass
        yield opened


def put(store: Store, *, age: float = 0, **columns: Any) -> None:
    """A lease as another program left it, whose last heartbeat is so many seconds old by the database's clock."""
    study_id = store.study("s").study_id
    with store.writing() as connection:
        now = lease.database_time(connection)
        connection.execute(sa.delete(leases))
        row = {
            "study_id": study_id,
            "holder": "f" * 32,
            "host": "elsewhere",
            "process": 4711,
            "process_started": 1.0,
            "since": datetime(2024, 2, 29, 12, 0),
            "heartbeat": now - timedelta(seconds=age),
        }
        connection.execute(sa.insert(leases).values(row | columns))


def test_a_lease_expires_only_after_several_missed_beats() -> None:
    assert EXPIRY_SECONDS >= 3 * HEARTBEAT_SECONDS


@pytest.mark.parametrize("age", [-3600, 0, EXPIRY_SECONDS - 30])
def test_another_hosts_lease_holds_while_its_heart_beats(age: float, store: Store) -> None:
    put(store, age=age)
    assert store.study("s").state == "running"
    says = "held by process 4711 on elsewhere since 2024-02-29 12:00:00 UTC"
    with pytest.raises(LeaseError, match=says):
        store.hold("s")


def test_another_hosts_lease_ends_when_its_heart_has_not_beaten_for_long(store: Store) -> None:
    put(store, age=EXPIRY_SECONDS + 1)
    assert store.study("s").state == "interrupted"
    with store.hold("s"):
        assert store.study("s").state == "running"


def test_a_process_number_of_another_host_says_nothing_of_ours(store: Store) -> None:
    put(store, process=os.getpid(), age=EXPIRY_SECONDS + 1)
    assert store.study("s").holder is None
    put(store, process=2**22 + 1)  # beyond Linux's largest
    assert store.study("s").holder is not None


def test_on_this_host_a_living_process_holds_however_old_its_heartbeat(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "elsewhere")
    put(store, process=os.getppid(), process_started=None, age=10 * EXPIRY_SECONDS)
    with pytest.raises(LeaseError, match=f"process {os.getppid()} on elsewhere"):
        store.hold("s")


@pytest.mark.skipif(not HAS_PROC, reason="only /proc tells when a process started")
def test_a_process_number_that_was_used_again_is_not_the_holder(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "elsewhere")
    started = processes.start_of(os.getppid())
    assert started is not None
    put(store, process=os.getppid(), process_started=started)
    assert store.study("s").holder is not None
    put(store, process=os.getppid(), process_started=started - 1)
    assert store.study("s").holder is None
    # Process 1 is there wherever /proc is, and is seldom ours.
    put(store, process=1, process_started=-7.0)
    assert store.study("s").holder is None


def test_a_process_that_is_gone_holds_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "elsewhere")
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    put(store, process=process.pid, process_started=None)
    assert store.study("s").holder is None


@pytest.mark.skipif(not HAS_PROC, reason="only /proc tells a zombie from a living process")
def test_a_zombie_holds_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "elsewhere")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        started = processes.start_of(process.pid)
        assert started is not None
        put(store, process=process.pid, process_started=started)
        assert store.study("s").holder is not None
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        os.kill(process.pid, 0)  # its number is still taken
        assert store.study("s").holder is None


def test_renewing_sets_the_heartbeat_by_the_databases_clock(store: Store) -> None:
    with store.hold("s") as writer:
        with store.writing() as connection:
            connection.execute(sa.update(leases).values(heartbeat=datetime(2000, 1, 1)))
        before = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
        writer.complete()
        holder = store.study("s").holder
    assert holder is not None
    assert holder.heartbeat >= before
    assert holder.since <= holder.heartbeat


def test_a_new_holder_has_a_new_token(store: Store) -> None:
    tokens = set()
    for _ in range(3):
        with store.hold("s"), store.reading() as connection:
            tokens.add(connection.execute(sa.select(leases.c.holder)).scalar_one())
    assert len(tokens) == 3


def test_taking_over_gives_the_study_to_the_one_who_asks(store: Store) -> None:
    put(store)
    with store.hold("s", take_over=True):
        holder = store.study("s").holder
        assert holder is not None
        assert holder.process == os.getpid()


def test_of_many_that_ask_for_it_at_once_one_gets_a_lease_that_nobody_holds(store: Store) -> None:
    start = threading.Barrier(8)

    def ask(_: int) -> str:
        with open_store(store.url) as own:
            own.study("s")
            start.wait(60)
            try:
                own.hold("s")
            except LeaseError:
                return "refused"
        return "held"

    for age in (None, EXPIRY_SECONDS + 1):
        if age is None:
            with store.writing() as connection:
                connection.execute(sa.delete(leases))
        else:
            put(store, age=age)
        with ThreadPoolExecutor(8) as pool:
            assert sorted(pool.map(ask, range(8))) == ["held"] + ["refused"] * 7
