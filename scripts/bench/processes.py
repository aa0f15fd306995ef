"""Whole processes, and what they take: by the clock, and of all cores, which other jobs on the machine disturb less."""

from __future__ import annotations

import resource
import subprocess
import time
from collections.abc import Sequence
from typing import NamedTuple


class Taken(NamedTuple):
    """Seconds that a process took: by the clock, and of all cores."""

    clock: float
    cores: float


def taken(words: Sequence[str]) -> Taken:
    """Run a command to its end."""
    before, began = _used(), time.perf_counter()
    subprocess.run(words, check=True, capture_output=True)
    return Taken(time.perf_counter() - began, _used() - before)


def _used() -> float:
    """Seconds that processes begun here, and those that they began, have used of all cores."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime
