"""Several processes ask one study for settings and tell it what came out, through the process that has opened it.

The processes may run on other machines, and may come late. Python's own manager carries the calls: give it an address
that they reach, and a key that only they know. The study is the one that a single loop would make. What a process that
is lost was training is asked for again when the study is opened the next time.
"""

import multiprocessing
import secrets
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from multiprocessing.managers import BaseManager
from typing import Any

import hpo

PROCESSES = 3


class Owner(BaseManager):
    """Carries the calls to the process that has opened the study."""


Owner.register("search")


def measured(params: Mapping[str, Any], seed: int) -> float:
    time.sleep(0.01 * (seed % 3))  # some take longer
    return float((params["x"] - 0.3) ** 2 + params["y"])


def ask_and_tell(address: tuple[str, int], key: bytes) -> None:
    owner = Owner(address, key)
    owner.connect()
    search = owner.search()  # type: ignore[attr-defined]  # it was registered
    while True:
        try:
            task = search.ask()
        except hpo.NothingToAskError:  # the next settings depend on what others train
            time.sleep(0.05)
            continue
        if task is None:
            return
        search.tell(task, measured(task.params, task.seed))


def main(storage: str) -> None:
    space = {"x": hpo.Float(0, 1), "y": hpo.Float(1e-3, 1, log=True)}
    key = secrets.token_bytes(32)
    with hpo.open(
        "shared", storage=storage, space=space, trials=40, ahead=PROCESSES, metric="loss", direction="minimize",
    ) as search:  # fmt: skip
        Owner.register("search", callable=lambda: search, exposed=("ask", "tell"))
        server = Owner(("127.0.0.1", 0), key).get_server()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        processes = [
            multiprocessing.Process(target=ask_and_tell, args=(server.address, key))
            for _ in range(PROCESSES)
        ]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
    best = search.study.recommended
    assert best is not None
    print(best.params, f"mean {best.mean:.4f}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{folder}/hpo.db")
