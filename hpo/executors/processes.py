"""Tasks on threads of this process and in worker processes beside it, which are begun where they are worth it.

Two stacks on two threads of one process wait for each other at Python's lock, and take a fifth longer than in two
processes. So the first stack trains in this process and one beside it in a worker, another Python, as soon as one is
ready (`trainer.workers.Workers` says when). Where a stack trains changes no bit of it, and if its worker is killed it
is trained again here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from hpo.executors.threads import Threads
from hpo.trainables.protocol import Trainable
from hpo.trainables.task import Curves, Training
from trainer.worker import Worker
from trainer.workers import Workers


class Processes(Threads):
    """An executor of `workers` threads, most of which wait for a process. `first`: a worker that exists already."""

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
        self._stack.enter_context(self._processes)  # left last, when no thread needs one any more
        return super().__enter__()

    def curves(self, training: Training) -> Curves:
        """Train in a worker, if one is free, else in this process."""
        return self._processes.training(
            training.function, training.shared, *training.arguments, **training.options
        )
