"""A process of its own for each side, so that the thread pools of two libraries never share one.

The process makes the task once. For each request over the pipe it trains once, and answers with the seconds, the
accuracies and its peak memory. Between requests it sleeps in `recv`.

The pools of OpenMP, OpenBLAS and XLA go on spinning after a product (OpenBLAS longest, a tenth of a second), so each
request waits for those of the other side to fall asleep. (OMP_WAIT_POLICY=passive would spare the wait, but it
doubles the time of PyTorch on two threads.)
"""

from __future__ import annotations

import multiprocessing
import re
import time
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from numpy.typing import NDArray

from scripts.bench.trainer import tasks
from scripts.bench.trainer.peers import Variant

PAUSE = 0.2  # seconds
STATUS = Path("/proc/self/status")  # Linux's word on a process


class Result(NamedTuple):
    """What one training gave."""

    seconds: float
    accuracies: NDArray[Any]  # (E, K)
    peak: float  # MB resident, at most, since the process began; NaN where there is no /proc


class Worker:
    """A process that trains one task by one module, again and again. Use it in a `with`."""

    def __init__(self, module: str, order: tasks.Order) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, module, order), daemon=True)
        self._process.start()
        theirs.close()
        self._module = module

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.close()
        self._process.join()

    def run(self, variant: Variant, epochs: int | None = None) -> Result:
        """Train once, for so many epochs or for those of the task."""
        time.sleep(PAUSE)
        self._pipe.send((variant, epochs))
        try:
            result: Result = self._pipe.recv()
        except EOFError:
            raise SystemExit(f"{self._module} stopped: see above") from None
        return result


def _serve(pipe: Connection, module: str, order: tasks.Order) -> None:
    train: Callable[[tasks.Task, Variant], NDArray[Any]]
    train = import_module(f"scripts.bench.trainer.{module}").train
    task = tasks.make(order)
    while True:
        try:
            variant, epochs = pipe.recv()
        except EOFError:  # the benchmark has no more questions
            return
        part = task if epochs is None else replace(task, epochs=epochs)
        begun = time.perf_counter()
        accuracies = train(part, variant)
        pipe.send(Result(time.perf_counter() - begun, accuracies, _peak()))


def _peak() -> float:
    found = re.search(r"VmHWM:\s+(\d+) kB", STATUS.read_text()) if STATUS.exists() else None
    return int(found[1]) / 1000 if found else float("nan")
