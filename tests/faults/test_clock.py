"""A wall clock that jumps: no trial ends before it began, a live holder lives, a dead one is dead, a timeout is one."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import studies
from hpo.plan.space import Float
from studies.database import batches
from studies.database.records import Result
from studies.database.store import create_store
from studies.errors import StoreError
from tests.running import HPO, Tables

# Trains, and sets the clock of its own process to another day in the middle of it.
JUMPING = """
import pathlib

def train(params, *, epochs):
    clock = pathlib.Path("clock")
    if clock.exists():
        clock.write_text(clock.with_name("then").read_text())
        pathlib.Path("jumped").touch()
    for epoch in range(epochs):
        yield {"score": params["x"] + epoch}
"""
HOLDING = """
import threading

def train(params):
    threading.Event().wait(600)
"""
SEARCH = (
    "search", "--trainer", "jump:train", "--space", "x=0:1", "--trials", "16", "--finalists", "0",
    "--epochs", "2", "--rounds", "2", "--name", "s", "--sampler", "sobol", "--timeout", "300",
)  # fmt: skip


def libfaketime() -> str:
    for folder in (
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
        "/usr/lib64",
        "/usr/lib",
    ):
        for found in Path(folder).glob("faketime/libfaketimeMT.so.1"):
            return str(found)
    pytest.skip("libfaketime is not installed (Debian's package faketime)")


@pytest.mark.parametrize("then", ["-3d", pytest.param("+3d", marks=pytest.mark.slow)])
def test_a_clock_that_jumps_changes_times_alone(then: str, tmp_path: Path, tables: Tables) -> None:
    library = libfaketime()
    (tmp_path / "jump.py").write_text(JUMPING)
    left_alone, jumping = (f"sqlite:///{tmp_path}/{name}.db" for name in ("alone", "jumping"))
    subprocess.run(
        [HPO, *SEARCH, "-q", "--storage", left_alone], cwd=tmp_path, check=True, capture_output=True
    )
    (tmp_path / "clock").write_text("+0d")
    (tmp_path / "then").write_text(then)
    faking = {
        "LD_PRELOAD": library,
        "FAKETIME_TIMESTAMP_FILE": str(tmp_path / "clock"),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    done = subprocess.run(
        [HPO, *SEARCH, "--storage", jumping], cwd=tmp_path, env=os.environ | faking,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "jumped").exists()
    assert "Stopped early" not in done.stdout
    assert tables("s", jumping) == tables("s", left_alone)
    frame = studies.load("s", jumping).trials_frame()
    apart = abs((frame["started"].max() - frame["started"].min()).total_seconds())
    assert apart > 2 * 86400  # it did jump
    assert ((frame["finished"] - frame["started"]).dt.total_seconds() >= 0).all()


@pytest.mark.parametrize("jump", [timedelta(days=-3), timedelta(days=3)])
def test_no_trial_ends_before_it_began(
    jump: timedelta, storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = datetime(2026, 3, 29, 12)
    new: dict[str, Any] = {
        "direction": "maximize", "plan": '{"seed": 0}', "metric": "score", "data_hash": "", "provenance": {},
    }  # fmt: skip
    with create_store(storage) as store, store.create_study("s", **new) as writer:
        monkeypatch.setattr(batches, "now", lambda: begun)
        from hpo.plan.space import distribution

        x = Float(0, 1)
        writer.start_batch(0, [{"x": 0.5}], {"x": distribution(x)})
        writer.finish_batch([Result(0, "complete", 0.5, {"score": [0.5]}, "score", begun + jump)])
        (trial,) = store.trials(writer.study_id)
    assert trial.started == begun
    assert trial.finished == max(begun, begun + jump)


@pytest.mark.parametrize("offset", [pytest.param("-3d", marks=pytest.mark.slow), "+3d"])
def test_a_holder_lives_or_is_dead_whatever_the_clock_says(offset: str, tmp_path: Path) -> None:
    faking = {"LD_PRELOAD": libfaketime(), "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    (tmp_path / "jump.py").write_text(HOLDING)

    def state() -> str:
        with contextlib.suppress(StoreError):
            return str(studies.load("s", f"sqlite:///{tmp_path}/hpo.db").summary()["state"])
        return ""

    search = [str(HPO), *SEARCH, "-q"]
    with subprocess.Popen(
        search, cwd=tmp_path, env=os.environ | faking, stderr=subprocess.DEVNULL
    ) as holder:
        try:
            deadline = time.monotonic() + 60
            while state() != "running":
                assert time.monotonic() < deadline
                time.sleep(0.1)
            second = subprocess.run(
                [HPO, "resume", "s", "-q"],
                cwd=tmp_path,
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            holder.kill()
    assert second.returncode == 4
    assert f"held by process {holder.pid} on " in second.stderr
    assert state() == "interrupted"
