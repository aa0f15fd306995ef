"""The command line as the tests run it: where it is, what it gave, and when a running search has come so far."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError, ProgrammingError

import trainer.worker


class Done(NamedTuple):
    """What a command gave."""

    status: int
    out: str
    err: str


HPO = Path(sys.executable).with_name("hpo")
Run = Callable[..., subprocess.CompletedProcess[str]]  # the fixture run_hpo
Call = Callable[[str], Done]  # call_hpo and called
OneLine = Callable[..., str]  # one_line
Tables = Callable[[str, str], dict[str, bytes]]  # tables


@contextmanager
def without_worker() -> Iterator[None]:
    """Commands in this process begin no worker, which would read a network's data while they import what they need.

    It takes a second to start.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer.worker, "AVAILABLE", False)
        yield


def wait_until(query: str, storage: str) -> None:
    """Wait until a query on a study's database, which another process writes, gives something other than 0."""
    file = storage.removeprefix("sqlite:///")
    if file != storage:  # reading must not make the file
        storage = f"sqlite:///file:{file}?mode=ro&uri=true"
    engine = sa.create_engine(storage, poolclass=sa.NullPool)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            with engine.connect() as connection:
                if connection.execute(sa.text(query)).scalar():
                    return
        except (OperationalError, ProgrammingError):  # no file yet, or no tables in it
            pass
        time.sleep(0.002)
    pytest.fail(f"never seen: {query}")
