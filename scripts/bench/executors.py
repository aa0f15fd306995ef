"""What each executor costs, and how busy it keeps its workers.

    .venv/bin/python -m scripts.bench.executors              about ten minutes
    .venv/bin/python -m scripts.bench.executors tasks busy

tasks: milliseconds a task that does nothing, one after another on one worker.
busy: tasks of a second on two workers, beside twice what one could do.
sleeping: whole searches whose trials sleep for 0.1 s on 16 workers, beside the ideal, and beside Optuna's optimize with
16 threads on the same file system. A limit is a search that costs nothing but its trials.
reporting: trials that report ten times a second for ten seconds, on 16 workers.
many: 64 sleeping tasks at once on a Dask cluster.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import optuna

import hpo
from hpo.executors.cluster import Cluster
from hpo.executors.processes import Processes
from hpo.executors.protocol import Ended, Executor
from hpo.executors.threads import Threads
from hpo.trainables.function import Function
from hpo.trainables.task import Task
from scripts.bench.figures import Figure, record
from scripts.bench.sections import run

EXECUTORS: dict[str, Callable[..., Executor]] = {
    "threads": Threads,
    "processes": Processes,
    "dask": Cluster,
}
LIBRARIES = ("distributed", "optuna", "sqlalchemy")
PROMISED = {"threads": 2.0, "processes": 2.0, "dask": 5.0}  # ms a task
SPACE = {"x": hpo.Float(0, 1)}
WORKERS, TRIALS, SECONDS = 16, 2000, 0.1
LONG, REPORTS = 32, 100


def nothing(params: Any) -> float:
    return float(params["x"])


def second(params: Any) -> float:
    time.sleep(1)
    return float(params["x"])


def short(params: Any) -> float:
    time.sleep(SECONDS)
    return float(params["x"])


def reporting(params: Any, *, epochs: int) -> Iterator[float]:
    for epoch in range(epochs):
        time.sleep(0.1)
        yield params["x"] * epoch


def tasks(count: int, first: int = 0) -> list[Task]:
    return [Task((first + k,), ({"x": k / count},), 1, 0) for k in range(count)]


def ended(executor: Executor, each: Sequence[Task], *, together: bool) -> float:
    """Seconds until all tasks have ended, one after another or as many at once as there are workers."""
    began = time.perf_counter()
    waiting, left = list(each), len(each)
    if together:
        for task in waiting:
            executor.start(task)
    else:
        executor.start(waiting.pop(0))
    while left:
        for event in executor.events(1.0):
            if isinstance(event, Ended):
                left -= 1
                if waiting and not together:
                    executor.start(waiting.pop(0))
    return time.perf_counter() - began


def of_tasks() -> None:
    found = []
    for name, make in EXECUTORS.items():
        with make(
            Function(nothing, None, "maximize", travels=True, far=name == "dask"), 1
        ) as place:
            ended(place, tasks(20), together=False)  # the process begins
            each = 1e3 * ended(place, tasks(500, 20), together=False) / 500
        print(f"  {name:10} {each:.2f} ms a task; promised at most {PROMISED[name]:g}", flush=True)
        what = f"{name}: a task that does nothing, one after another"
        found.append(Figure(what, each, "ms", most=PROMISED[name]))
    record("executors", "tasks", found, LIBRARIES)


def of_busy() -> None:
    found = []
    for name, make in EXECUTORS.items():
        with make(Function(second, None, "maximize", travels=True, far=name == "dask"), 2) as place:
            ended(place, tasks(2), together=True)
            busy = 20 / ended(place, tasks(20, 2), together=True)
        print(f"  {name:10} {busy / 2:.3f} x two workers; promised 0.95", flush=True)
        what = f"{name}: tasks of 1 s on two workers, beside twice what one could do"
        found.append(Figure(what, busy / 2, "×", least=0.95))
    record("executors", "busy", found, LIBRARIES)


def of_sleeping() -> None:
    ends = {}
    ideal = TRIALS * SECONDS / WORKERS
    plan: dict[str, Any] = {"space": SPACE, "sampler": "random", "finalists": 0, "rounds": 1}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("threads", "processes", "dask"):
            began = time.perf_counter()
            hpo.search(
                short, trials=TRIALS, ahead=WORKERS, workers=WORKERS, executor=name, progress=False,
                storage=f"sqlite:///{Path(folder, name)}.db", **plan,
            )  # fmt: skip
            taken = time.perf_counter() - began
            print(f"  {name:10} {taken / ideal:.2f} x the ideal of {ideal:.0f} s", flush=True)
            ends[name] = taken / ideal
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        study = optuna.create_study(
            storage=f"sqlite:///{Path(folder, 'optuna')}.db",
            sampler=optuna.samplers.RandomSampler(),
        )
        began = time.perf_counter()
        study.optimize(
            lambda trial: short({"x": trial.suggest_float("x", 0, 1)}), TRIALS // 10, n_jobs=WORKERS
        )
        taken = 10 * (time.perf_counter() - began)
        print(f"  Optuna     {taken / ideal:.2f} x the ideal (a tenth as many trials)", flush=True)
    what = f"{TRIALS:,} trials of {SECONDS} s on {WORKERS} workers, × the ideal"
    found = [
        Figure(f"{name}: {what}", own, "×", "Optuna, threads", taken / ideal, most=1.06)
        for name, own in ends.items()
    ]
    record("executors", "sleeping", found, LIBRARIES)


def of_reporting() -> None:
    ideal = LONG * REPORTS * 0.1 / WORKERS
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        hpo.search(
            reporting, space=SPACE, trials=LONG, epochs=REPORTS, ahead=WORKERS, workers=WORKERS, metric="value",
            sampler="random", finalists=0, rounds=1, progress=False, storage=f"sqlite:///{Path(folder, 's')}.db",
        )  # fmt: skip
        taken = time.perf_counter() - began
    print(
        f"  processes  {taken / ideal:.2f} x the ideal of {ideal:.0f} s; promised 1.1", flush=True
    )
    what = f"processes: {LONG} trials of 10 s that report 10 times a second, {WORKERS} workers, × the ideal"
    record("executors", "reporting", [Figure(what, taken / ideal, "×", most=1.1)], LIBRARIES)


def of_many(count: int = 64) -> None:
    function = Function(second, None, "maximize", far=True)
    with Cluster(function, count) as place:
        ended(place, tasks(count), together=True)  # the processes begin
        rate = 10 * count / ended(place, tasks(10 * count, count), together=True)
    print(f"  {rate / count:.3f} x {count} workers; promised 0.9", flush=True)
    what = f"dask: {count} sleeping tasks at once, × {count} workers"
    record("executors", "many", [Figure(what, rate / count, "×", least=0.9)], LIBRARIES)


SECTIONS = {
    "tasks": of_tasks,
    "busy": of_busy,
    "sleeping": of_sleeping,
    "reporting": of_reporting,
    "many": of_many,
}


if __name__ == "__main__":
    run(__doc__, SECTIONS)
