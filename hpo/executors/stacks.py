"""Tasks on threads of this process and in worker processes, which start when they are worth it.

Two stacks on two threads of one process contend for Python's lock, and take a fifth longer than in two processes. So
the first stack trains in this process, and others in workers once these are ready (see `trainer.workers.Workers`). The
place changes no bit of the result. If a worker is killed, its stack is trained again in this process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from hpo.executors.threads import Threads
from hpo.trainables.protocol import Trainable
from hpo.trainables.task import Curves, Training
from trainer.worker import Worker
from trainer.workers import Workers


class Stacks(Threads):
    """An executor of `workers` threads, most of which wait for a process. `first` is a worker that already exists."""

    def __init__(
        self,
        trainable: Trainable,
        workers: int,
        trained: Callable[[int], None] = lambda _: None,
        first: Worker | None = None,
    ) -> None:
        super().__init__(trainable, workers, trained)
        self._processes = Workers(workers, first)

    def __enter__(self) -> Self:
        self._stack.enter_context(self._processes)  # closed last, when no thread needs one
        return super().__enter__()

    def curves(self, training: Training) -> Curves:
        """Train in a worker if one is free, else in this process. The network changes nothing that threads share."""
        return self._processes.training(
            training.function, training.shared, *training.arguments, **training.options
        )
