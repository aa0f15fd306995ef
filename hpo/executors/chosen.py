"""Where and how many at a time the trials of a plan train. Neither changes a number."""

from __future__ import annotations

from collections.abc import Callable

from hpo.choose.rounds import largest_batch
from hpo.executors.processes import Processes
from hpo.executors.protocol import Executor
from hpo.executors.stacks import Stacks
from hpo.executors.threads import Threads, default_workers
from hpo.plan.plan import Plan
from hpo.trainables.function import Function
from hpo.trainables.protocol import Trainable
from trainer.worker import Worker


def workers_of(plan: Plan, trainable: Trainable, workers: int | None) -> int:
    """How many tasks train at once: as many as there are cores, or as the plan draws ahead if that is less."""
    count = workers or default_workers()
    if plan.trainer is None or trainable.traits.stacked:
        return count
    return min(count, largest_batch(plan, trainable.traits, 1))


def executor_of(
    plan: Plan,
    trainable: Trainable,
    workers: int,
    trained: Callable[[int], None] = lambda _: None,
    *,
    worker: Worker | None = None,
) -> Executor:
    """The executor for a plan. `worker` is a process that exists already, in which a network can train."""
    if plan.trainer is None:
        return Stacks(trainable, workers, trained, worker)
    if isinstance(trainable, Function) and trainable.travels:
        return Processes(trainable, workers, trained, plan.ahead)
    return Threads(trainable, workers, trained)
