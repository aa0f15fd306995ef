"""The devices of `--devices`, shared out among tasks."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec

from hpo.errors import PlanError
from trainer.other_process import WorkerDiedError
from trainer.worker import AVAILABLE, Worker

DEVICE = re.compile(r"[a-z]+(:\d+)?")


class Devices:
    """Devices by their names, such as cuda:1. A task that begins gets the one that has the fewest tasks, and of these
    the one that has been without the longest.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._tasks = dict.fromkeys(names, 0)
        self._lock = threading.Lock()

    @contextmanager
    def lent(self) -> Iterator[str | None]:
        """A device for one task; None if there are none."""
        if not self._tasks:
            yield None
            return
        with self._lock:
            device = min(self._tasks, key=self._tasks.__getitem__)
            self._tasks[device] = self._tasks.pop(device) + 1  # it comes last now
        try:
            yield device
        finally:
            with self._lock:
                self._tasks[device] -= 1


def check_devices(names: Sequence[str]) -> None:
    """Check that PyTorch, if it is installed, can compute on each device. It is asked in a process of its own.

    Raises:
        PlanError: one is no device's name, or does not exist here.
    """
    for name in names:
        if not DEVICE.fullmatch(name):
            raise PlanError(
                f"devices: {name!r} is not the name of a device, such as cuda:0, mps or cpu"
            )
    if set(names) <= {"cpu"} or not AVAILABLE or find_spec("torch") is None:
        return
    with Worker("hpo.executors.devices") as worker:
        for name in names:
            try:
                worker.call(compute_on, name)
            except (RuntimeError, AssertionError, NotImplementedError, WorkerDiedError) as error:
                line = str(error).strip().splitlines()[0]
                raise PlanError(f"devices: PyTorch can't compute on {name!r}: {line}") from None


def compute_on(device: str) -> None:
    """Put a number on a device."""
    import torch

    torch.ones(1, device=device)
