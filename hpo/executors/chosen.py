"""Where and how many at a time the trials of a plan train. Neither changes a number."""

from __future__ import annotations

from collections.abc import Callable

from hpo.choose.rounds import most_training
from hpo.errors import PlanError
from hpo.executors.cluster import Cluster, check_cluster
from hpo.executors.devices import Devices, check_devices
from hpo.executors.processes import Processes, openmp_threads
from hpo.executors.protocol import Executor
from hpo.executors.stacks import Stacks
from hpo.executors.threads import Threads, default_workers
from hpo.plan.place import Place
from hpo.plan.plan import Plan
from hpo.trainables.function import Function
from hpo.trainables.protocol import Trainable
from trainer.worker import AVAILABLE, Worker


def check_place(plan: Plan, place: Place) -> None:
    """Check that the tasks of a plan can train in a place, before its data are read.

    Raises:
        PlanError: they can't; the message says why.
    """
    if plan.source is not None:
        for name, value in (("executor", place.executor), ("devices", place.devices)):
            if value:
                raise PlanError(
                    f"{name}: hpo's own network always trains on this machine's cores; leave {name} out"
                )
        return
    if plan.program is not None:
        if place.executor is not None:
            raise PlanError(
                "executor: a program of yours always runs on this machine; leave executor out"
            )
        if "device" in plan.program.asks_for and not place.devices:
            raise PlanError("program: {device} is one of the devices: give some, such as cuda:0")
    limits = [name for name in ("trial_timeout", "trial_memory") if getattr(plan, name) is not None]
    if place.executor == "processes" and not AVAILABLE:
        raise PlanError("executor: only Linux and macOS train in processes; leave executor out")
    if limits and not AVAILABLE:
        raise PlanError(
            f"{limits[0]}: only Linux and macOS end a training early; leave {limits[0]} out"
        )
    if limits and place.executor == "threads":
        raise PlanError(f"{limits[0]}: a thread can't be ended; leave out executor threads")
    if place.devices and place.on_dask:
        raise PlanError(
            "devices: on Dask, CUDA_VISIBLE_DEVICES says for each worker which it has; leave devices out"
        )
    check_devices(place.devices)


def check_trainable(trainable: Trainable, place: Place) -> list[str]:
    """Check that what trains fits its place, before anything is written.

    Returns how the workers of a cluster differ from this process, in a sentence for each; none for another executor.

    Raises:
        PlanError: it has no use for devices or a folder, the folder can't be made, the workers can't load the function,
            or there is no scheduler.
    """
    for option, asked, value in (
        ("devices", "device", place.devices),
        ("folder", "folder", place.folder),
    ):
        if value and asked not in trainable.asks_for:
            raise PlanError(f"{option}: what trains does not ask for a {asked}, so leave it out")
    if place.folder is not None:
        try:
            place.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PlanError(f"folder: {place.folder}: {error.strerror}") from None
    if place.address is None or not isinstance(trainable, Function) or trainable.sent is None:
        return []
    return check_cluster(place.address, trainable.sent.load)


def workers_of(plan: Plan, trainable: Trainable, place: Place) -> int:
    """How many tasks train at once: one for each core or device, but no more than the plan lets train."""
    count = place.workers or len(place.devices) or default_workers()
    if plan.source is not None or trainable.traits.stacked:
        return count
    most = most_training(plan, trainable.traits)
    return most if place.workers is None and place.address else min(count, most)


def executor_of(
    plan: Plan,
    trainable: Trainable,
    place: Place,
    trained: Callable[[int], None] = lambda _: None,
    *,
    noticed: Callable[[str], None] = lambda _: None,
    worker: Worker | None = None,
) -> Executor:
    """The executor for a plan, which notices when a cluster has no worker.

    `worker` is a process that exists already, in which a network can train.
    """
    workers, devices = workers_of(plan, trainable, place), Devices(place.devices)
    if plan.source is not None:
        return Stacks(trainable, workers, trained, worker)
    if place.on_dask:
        return Cluster(
            trainable, workers, trained, address=place.address, noticed=noticed,
            ahead=plan.ahead, timeout=plan.trial_timeout, memory=plan.trial_memory,
        )  # fmt: skip
    if isinstance(trainable, Function) and trainable.travels:
        threads, cores = openmp_threads(plan.ahead), default_workers()
        if threads is not None and threads < cores:
            noticed(
                f"PyTorch and OpenMP have {threads} of {cores} threads in each trial; "
                "OMP_NUM_THREADS gives them more"
            )
        return Processes(
            trainable, workers, trained, devices,
            ahead=plan.ahead, timeout=plan.trial_timeout, memory=plan.trial_memory,
        )  # fmt: skip
    return Threads(trainable, workers, trained, devices)
