"""Tasks of a user's function in processes, of which each trains one task at a time.

So what a function does to global random generators, to the working folder, to handlers of signals and to its process
touches no other trial and not the search. A process that dies is replaced, and its task begins again: the same bits.
If a task has seen the end of several processes, its trials fail.

The threads of `Threads` wait for the processes. They hold BLAS to one thread each, as threads do; OpenMP, which PyTorch
computes with, gets as many threads as there are cores for each trial that the plan draws ahead. That does not depend on
the number of workers, since it may change how sums are rounded.
"""

from __future__ import annotations

import codecs
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from hpo.executors.clock import Clock
from hpo.executors.devices import Devices
from hpo.executors.threads import Threads, default_workers
from hpo.trainables.protocol import Trainable
from hpo.trainables.task import Curves, Training, TrialError
from trainer.other_process import OtherProcess, WorkerDiedError, replayed
from trainer.worker import Worker

MODULE = "hpo.trainables.travelling"  # what a process imports before its first task
ATTEMPTS = 3  # processes that a task may see the end of
SHOWING = threading.Lock()  # a stream may lose what two threads write at once


class Processes(Threads):
    """An executor of `workers` processes, which begin when tasks need them.

    `ahead` is that of `hpo.plan.plan.Plan`. A task that trains for more than `timeout` seconds fails, and so does one
    that needs more than `memory` bytes.
    """

    def __init__(
        self,
        trainable: Trainable,
        workers: int,
        trained: Callable[[int], None] = lambda _: None,
        devices: Devices | None = None,
        *,
        ahead: int = 1,
        timeout: float | None = None,
        memory: int | None = None,
    ) -> None:
        super().__init__(trainable, workers, trained, devices)
        self._timeout, self._memory = timeout, memory
        self._lock = threading.Lock()
        self._processes: dict[OtherProcess, int] = {}  # and how many tasks each has
        threads = openmp_threads(ahead)
        self._environment = {} if threads is None else {"OMP_NUM_THREADS": str(threads)}

    def __exit__(self, *_: object) -> None:
        self._stopping.set()  # whoever waits for a place with the lock stops waiting
        with self._lock:
            processes = list(self._processes)
        for process in processes:
            process.close()  # a step may take minutes
        super().__exit__()

    def curves(self, training: Training) -> Curves:
        """Train in a process."""
        masks: list[Any] = []
        ended = ""
        for _ in range(ATTEMPTS):
            clock = Clock(self._timeout)
            try:
                with self._place() as process:
                    steps = process.steps(
                        training.function, training.shared, *training.arguments, **training.options
                    )
                    yield from replayed(clock.timed(steps, process.close), masks)
                return
            except WorkerDiedError as error:
                if self._stopping.is_set():
                    return
                if clock.is_over:
                    line = f"it trained for longer than the trial_timeout of {self._timeout:g} s"
                    raise TrialError(line, line) from None
                ended = str(error)
        line = f"its process died {ATTEMPTS} times: {ended}"
        raise TrialError(line, line)

    @contextmanager
    def _place(self) -> Iterator[OtherProcess]:
        """A process for one task, from its first step to its last: an idle one, a new one, or that with the fewest."""
        with self._lock:
            if self._stopping.is_set():
                raise WorkerDiedError("no process begins after the end")
            process = min(
                self._processes, key=lambda p: (not p.idle(), self._processes[p]), default=None
            )
            if process is None or (
                self._processes[process] and len(self._processes) < self._workers
            ):
                process = self._begun()
                self._processes[process] = 0
            self._processes[process] += 1
        try:
            yield process
        finally:
            with self._lock:
                if not process.alive():
                    self._processes.pop(process, None)  # its tasks notice one after another
                elif process in self._processes:
                    self._processes[process] -= 1

    def _begun(self) -> OtherProcess:
        """A new process."""
        return Worker(MODULE, printed=shown(), environment=self._environment, memory=self._memory)


def openmp_threads(ahead: int) -> int | None:
    """How many threads OpenMP gets in each process; None: the environment says how many."""
    return None if "OMP_NUM_THREADS" in os.environ else max(1, default_workers() // ahead)


def shown() -> Callable[[bytes], None]:
    """Passes on what a process prints, as if the thread that waits for it had printed it."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def show(printed: bytes) -> None:
        with SHOWING, suppress(OSError, ValueError, AttributeError):
            sys.stderr.write(decoder.decode(printed))
            sys.stderr.flush()

    return show
