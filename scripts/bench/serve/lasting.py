"""How long the service takes to begin, and whether its memory stays what it is under load."""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import time
from contextlib import suppress
from multiprocessing.sharedctypes import Synchronized
from typing import Any

from scripts.bench.figures import Figure, record
from scripts.bench.serve.clients import Ours
from scripts.bench.serve.exchanging import PLAN as LARGE
from scripts.bench.serve.serving import LIBRARIES, Server, serving

SOONEST = 2.0  # seconds to the first answer, promised
CLIENTS, TRIALS = 16, 2_000
GROWTH = 1.1  # at most: memory at the end over that after a fifth of the time
PLAN: dict[str, Any] = {**LARGE, "trials": TRIALS}


def start(_: argparse.Namespace) -> None:
    """Seconds until the first answer."""
    times: list[float] = []
    while len(times) < 5:
        with serving() as service:
            times.append(service.started)
    middle = statistics.median(times)
    missed = "" if middle <= SOONEST else ": missed"
    print(
        f"  first answer after {middle:.2f} s ({min(times):.2f} … {max(times):.2f}), promised {SOONEST:g} s{missed}"
    )
    what, low, high = "the first answer, from the start of hpo serve", min(times), max(times)
    figure = Figure(what, middle, "s", low=low, high=high, most=SOONEST)
    record("serve", "start", [figure], LIBRARIES)


def soak(options: argparse.Namespace) -> None:
    """Clients ask and tell for long, in one search after another."""
    with serving() as service:
        fork = multiprocessing.get_context("fork")
        count = fork.Value("L", 0)
        until = time.monotonic() + options.soak_seconds
        processes = [
            fork.Process(target=_work, args=(service, number, until, count))
            for number in range(CLIENTS)
        ]
        for process in processes:
            process.start()
        memory: list[int] = []
        while time.monotonic() < until:
            time.sleep(options.soak_seconds / 100)
            memory.append(service.memory)
        for process in processes:
            process.join()
            assert process.exitcode == 0
        fifth = len(memory) // 5
        early, late = (
            statistics.median(some) for some in (memory[fifth : 2 * fifth], memory[-fifth:])
        )
        missed = "" if late <= GROWTH * early else ": missed"
        print(
            f"  {count.value:,} asks and tells in {options.soak_seconds:.0f} s by {CLIENTS} clients: "
            f"{early / 2**20:.0f} MiB after a fifth of the time, {late / 2**20:.0f} MiB at the end: "
            f"{late / early:.2f} x, promised {GROWTH:g} x{missed}"
        )
        what = f"memory at the end of {options.soak_seconds:.0f} s of load, beside that after a fifth of it"
        record("serve", "soak", [Figure(what, late / early, "×", most=GROWTH)], LIBRARIES)
        print("  " + " ".join(f"{m >> 20}" for m in memory[:: max(1, len(memory) // 20)]))


def _work(service: Server, number: int, until: float, count: Synchronized[int]) -> None:
    search = 0
    while time.monotonic() < until:
        name = f"s{search}"
        with suppress(RuntimeError):  # another client has made it
            service.create(name, PLAN, "remote")
        client = Ours(service.port, service.tokens[0], name, f"client-{number}")
        while time.monotonic() < until:
            try:
                task = client.ask()
            except IndexError:  # it is done
                break
            client.tell(task, number / 100)
            with count.get_lock():
                count.value += 1
        search += 1
