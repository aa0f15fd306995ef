"""Who holds a study: one process, as long as it lives; it is given back at the end, and after a kill -9."""

# Law 4: one process writes.

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from typing import Any

import pytest

from studies.database import lease
from studies.database.store import Store
from studies.database.writer import Writer
from studies.errors import LeaseError
from tests.studies.stores import SETTING, SPACE, holders

HOLD = """
import sys
from studies.database.store import create_store
with create_store(sys.argv[1]) as store, store.hold("s") as writer:
    print("held", flush=True)
    sys.stdin.read()
"""


def hold_elsewhere(storage: str) -> subprocess.Popen[str]:
    """Another process of this host that holds study "s" until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, storage],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    with process:
        process.kill()


def test_a_second_holder_is_refused_and_told_who_holds_it(store: Store, writer: Writer) -> None:
    me = rf"process {os.getpid()} on {socket.gethostname()} since 20\d\d-\d\d-\d\d .* --take-over"
    with pytest.raises(LeaseError, match=me):
        store.hold("s")
    writer.start_batch(0, [SETTING], SPACE)  # the first one still holds it


def test_a_lease_is_given_back_at_the_end_even_after_an_error(
    store: Store, new: dict[str, Any]
) -> None:
    with suppress(KeyboardInterrupt), store.create_study("s", **new):
        assert holders(store) == 1
        raise KeyboardInterrupt
    assert holders(store) == 0
    with store.hold("s"):
        assert store.study("s").state == "running"
    assert store.study("s").state == "interrupted"


def test_a_study_held_by_a_living_process_is_refused_until_it_ends(
    storage: str, store: Store, new: dict[str, Any]
) -> None:
    with store.create_study("s", **new):
        pass
    process = hold_elsewhere(storage)
    try:
        with pytest.raises(LeaseError, match=f"held by process {process.pid} on "):
            store.hold("s")
        assert store.study("s").state == "running"
        process.communicate("")  # it gives the lease back
        assert process.returncode == 0
        assert holders(store) == 0
    finally:
        end(process)


def test_the_lease_of_a_process_that_was_killed_is_free_at_once(
    storage: str, store: Store, new: dict[str, Any]
) -> None:
    with store.create_study("s", **new):
        pass
    process = hold_elsewhere(storage)
    process.send_signal(signal.SIGKILL)
    # It is a zombie now: ended, but its parent (this process) has not asked yet.
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert holders(store) == 1
    assert store.study("s").state == "interrupted"
    end(process)  # and now it is gone
    assert store.study("s").state == "interrupted"
    with store.hold("s") as writer:
        writer.start_batch(0, [SETTING], SPACE)
    assert holders(store) == 0


def test_the_heart_beats_while_a_writer_is_open(
    store: Store, monkeypatch: pytest.MonkeyPatch, new: dict[str, Any]
) -> None:
    monkeypatch.setattr(lease, "HEARTBEAT_SECONDS", 0.01)
    beaten, thrice = 0, threading.Event()
    beat = lease.beat

    def counted(*arguments: Any) -> bool:
        nonlocal beaten
        beaten += beat(*arguments)
        if beaten == 3:
            thrice.set()
        return True

    monkeypatch.setattr(lease, "beat", counted)
    with store.create_study("s", **new):
        assert thrice.wait(timeout=60)
    assert not [thread for thread in threading.enumerate() if thread.name == "lease"]
