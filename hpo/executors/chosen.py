"""Where and how many at a time the trials of a plan train. Neither changes a number."""

from __future__ import annotations

from collections.abc import Callable

from hpo.choose.rounds import largest_batch
from hpo.errors import PlanError
from hpo.executors.devices import Devices, check_devices
from hpo.executors.processes import Processes
from hpo.executors.protocol import Executor
from hpo.executors.stacks import Stacks
from hpo.executors.threads import Threads, default_workers
from hpo.plan.place import Place
from hpo.plan.plan import Plan
from hpo.trainables.function import Function
from hpo.trainables.protocol import Trainable
from trainer.worker import AVAILABLE, Worker


def check_place(plan: Plan, place: Place) -> None:
    """Check that the tasks of a plan can train in a place, before anything is written.

    Raises:
        PlanError: they can't; the message says why.
    """
    if plan.trainer is None:
        for name, value in (("executor", place.executor), ("devices", place.devices)):
            if value:
                raise PlanError(f"{name}: networks of hpo's train here, on the processor's cores")
        return
    limits = [name for name in ("trial_timeout", "trial_memory") if getattr(plan, name) is not None]
    if limits and (place.executor == "threads" or not AVAILABLE):
        raise PlanError(f"{limits[0]}: a thread can't be ended; leave out executor threads")
    check_devices(place.devices)


def workers_of(plan: Plan, trainable: Trainable, place: Place) -> int:
    """How many tasks train at once: one for each core or device, but no more than the plan draws ahead."""
    count = place.workers or len(place.devices) or default_workers()
    if plan.trainer is None or trainable.traits.stacked:
        return count
    return min(count, largest_batch(plan, trainable.traits, 1))


def executor_of(
    plan: Plan,
    trainable: Trainable,
    place: Place,
    trained: Callable[[int], None] = lambda _: None,
    *,
    worker: Worker | None = None,
) -> Executor:
    """The executor for a plan. `worker` is a process that exists already, in which a network can train."""
    workers, devices = workers_of(plan, trainable, place), Devices(place.devices)
    if plan.trainer is None:
        return Stacks(trainable, workers, trained, worker)
    if isinstance(trainable, Function) and trainable.travels:
        return Processes(
            trainable, workers, trained, devices,
            ahead=plan.ahead, timeout=plan.trial_timeout, memory=plan.trial_memory,
        )  # fmt: skip
    return Threads(trainable, workers, trained, devices)
