"""Trainings here and in workers, for the tests that compare them."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from trainer import Workers
from trainer.fit import fit
from trainer.recipe import Recipe, Rows
from trainer.worker import Worker

Array = NDArray[Any]
Training = Generator[dict[str, Array], NDArray[np.bool_] | None, None]
MakeRows = Callable[..., tuple[Rows, Rows]]

RECIPE = Recipe(3, hidden=(8,), batch_size=16)
SETTINGS: list[dict[str, float | str]] = [
    {"learning_rate": 0.05},
    {"learning_rate": 1e30},
    {"init": "xavier", "patience": 2, "learning_rate": 0.0},
    {"dropout": 0.5},
]
STAY = {1: np.array([True, False, True, True]), 3: np.array([True, True, True, False])}
WAIT = 30.0  # seconds


def until(true: Callable[[], bool]) -> None:
    """Wait for it."""
    end = time.monotonic() + WAIT
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def gone(pid: int) -> bool:
    """Whether a process has ended, with all its threads: the first of them may be a zombie before the others end."""
    process = Path(f"/proc/{pid}")
    try:
        os.kill(pid, 0)
        if not Path("/proc").exists():  # of Linux
            return False
        state = (process / "stat").read_text().rpartition(")")[2].split()[0]
        return state == "Z" and len(list((process / "task").iterdir())) == 1
    except (ProcessLookupError, FileNotFoundError):
        return True


def run_quietly(script: str) -> str:
    """What a program prints, which ends well and warns of nothing."""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=WAIT,
        check=False,
    )
    assert run.stderr == ""
    assert run.returncode == 0
    return run.stdout


def begin(
    place: Worker | Workers | None,
    rows: tuple[Rows, Rows],
    *,
    recipe: Recipe = RECIPE,
    epochs: int = 6,
    seed: int = 0,
) -> Training:
    """A training here (None), or wherever it is placed."""
    if place is None:
        return fit(recipe, SETTINGS, *rows, epochs=epochs, seed=seed)
    shared = {"train": rows[0], "validation": rows[1]}
    return place.training(fit, shared, recipe, SETTINGS, epochs=epochs, seed=seed)


def curves(
    place: Worker | Workers | None,
    rows: tuple[Rows, Rows],
    *,
    stay: Mapping[int, NDArray[np.bool_]] = STAY,
    after: Mapping[int, Callable[[], None]] | None = None,
    **options: Any,
) -> list[tuple[str, bytes]]:
    """All that a training yields, to the bit; `after` an epoch something may happen."""
    yielded: list[tuple[str, bytes]] = []
    with threadpool_limits(1, user_api="blas"):
        training = begin(place, rows, **options)
        epoch, reply = 0, None
        while True:
            try:
                figures = training.send(reply)
            except StopIteration:
                return yielded
            yielded += [(name, values.tobytes()) for name, values in figures.items()]
            if after and epoch in after:
                after[epoch]()
            reply = stay.get(epoch)
            epoch += 1
