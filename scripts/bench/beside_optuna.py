"""Many workers on one study: ours, and as many of Optuna's.

    .venv/bin/python -m scripts.bench.beside_optuna              about five minutes
    .venv/bin/python -m scripts.bench.beside_optuna lengths

lengths: how busy 8 workers are with trials that take from 1 to 4 s, by how far ahead settings are drawn, as a share of
what workers that never wait would do; beside Optuna's TPE with 8 threads on the same file system.
shared: trials of 20 ms on 8 workers and one PostgreSQL server, beside 8 processes of Optuna's on that server, and 8
that ask its gRPC proxy. Settings are drawn at random, so this is what asking, telling and recording cost.

A server is started for it, as for the tests. Optuna's proxy needs pip install grpcio protobuf.
"""

from __future__ import annotations

import multiprocessing
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import Any

import optuna
from optuna.storages import GrpcStorageProxy, RDBStorage

import hpo
from scripts.bench.figures import Figure, record
from scripts.bench.sections import run

SPACE = {"x": hpo.Float(0, 1), "y": hpo.Float(1e-3, 1, log=True)}
WORKERS = 8
TRIALS, SHORTEST, LONGEST = 128, 1.0, 4.0
SHORT, COUNT = 0.02, 1600
PROMISED = 0.95  # of Optuna's throughput
LIBRARIES = ("optuna", "sqlalchemy", "grpcio")


def lasting(params: Any) -> float:
    """A trial whose length does not follow from how good it is."""
    time.sleep(SHORTEST + (LONGEST - SHORTEST) * (1e4 * params["x"] % 1))
    return float((params["x"] - 0.3) ** 2 + params["y"])


def short(params: Any) -> float:
    time.sleep(SHORT)
    return float(params["x"])


def suggested(trial: optuna.Trial) -> dict[str, float]:
    return {
        "x": trial.suggest_float("x", 0, 1),
        "y": trial.suggest_float("y", 1e-3, 1, log=True),
    }


def of_lengths() -> None:
    slept: list[float] = []
    figures = []

    def timed(trial: optuna.Trial) -> float:
        began = time.perf_counter()
        value = lasting(suggested(trial))
        slept.append(time.perf_counter() - began)
        return value

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        study = optuna.create_study(
            storage=f"sqlite:///{folder}/optuna.db", sampler=optuna.samplers.TPESampler(seed=0)
        )
        began = time.perf_counter()
        study.optimize(timed, TRIALS, n_jobs=WORKERS)
        theirs = sum(slept) / WORKERS / (time.perf_counter() - began)
        print(f"  Optuna, {WORKERS} threads  {theirs:.2f} busy", flush=True)
        for ahead in (WORKERS, 2 * WORKERS):
            began = time.perf_counter()
            found = hpo.search(
                lasting, space=SPACE, direction="minimize", trials=TRIALS, ahead=ahead, workers=WORKERS,
                executor="threads", finalists=0, progress=False, storage=f"sqlite:///{folder}/{ahead}.db",
            )  # fmt: skip
            taken = time.perf_counter() - began
            frame = found.trials_frame()
            busy = (frame["finished"] - frame["started"]).dt.total_seconds()
            lengths = SHORTEST + (LONGEST - SHORTEST) * (1e4 * frame["x"] % 1)
            assert (busy > lengths - 0.01).all()
            ours = lengths.sum() / WORKERS / taken
            print(
                f"  ours, ahead {ahead:2}    {ours:.2f} busy, {ours / theirs:.2f} x Optuna; promised {PROMISED}",
                flush=True,
            )
            what = f"share of the time that {WORKERS} workers are busy, trials of 1 to 4 s, {ahead} ahead"
            peer = f"TPE, {WORKERS} threads"
            figures.append(Figure(what, ours, "", peer, theirs, ours / theirs, least=PROMISED))
    record("beside_optuna", "lengths", figures, LIBRARIES)


def worker(storage: Callable[[], Any], count: int) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.load_study(
        study_name="s", storage=storage(), sampler=optuna.samplers.RandomSampler()
    )
    study.optimize(lambda trial: short(suggested(trial)), count)


def optunas(storage: Callable[[], Any]) -> float:
    """The seconds that as many of Optuna's processes take."""
    optuna.create_study(study_name="s", storage=storage())
    fork = multiprocessing.get_context("fork")
    processes = [
        fork.Process(target=worker, args=(storage, COUNT // WORKERS)) for _ in range(WORKERS)
    ]
    began = time.perf_counter()
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    return time.perf_counter() - began


def free_port() -> int:
    """A port of this machine that nobody uses."""
    with socket.create_server(("127.0.0.1", 0)) as asked:
        return int(asked.getsockname()[1])


@contextmanager
def proxied(url: str) -> Iterator[int]:
    """The port of Optuna's gRPC proxy before a database."""
    port = free_port()
    proxy = multiprocessing.get_context("spawn").Process(target=serve, args=(url, port))
    proxy.start()
    try:
        while True:  # without gRPC, which must not have begun in a process that forks
            with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
                break
            if proxy.exitcode is not None:
                raise RuntimeError("Optuna's proxy ended at once")
            time.sleep(0.05)
        yield port
    finally:
        proxy.terminate()
        proxy.join()


def serve(url: str, port: int) -> None:
    from optuna.storages import get_storage, run_grpc_proxy_server

    run_grpc_proxy_server(get_storage(url), host="127.0.0.1", port=port)  # which keeps a cache


def of_shared() -> None:
    from tests.postgres import server

    def told(who: str, seconds: float) -> None:
        print(f"  {who:30} {COUNT / seconds:4.0f} trials a second", flush=True)

    with server(fsync=True) as postgres:
        with postgres.database() as url:
            began = time.perf_counter()
            hpo.search(
                short, space=SPACE, trials=COUNT, ahead=WORKERS, workers=WORKERS, sampler="random", finalists=0,
                rounds=1, progress=False, storage=url,
            )  # fmt: skip
            ours = time.perf_counter() - began
        told(f"ours, {WORKERS} workers", ours)
        with postgres.database() as url:
            direct = optunas(lambda: RDBStorage(url))
        told(f"Optuna, {WORKERS} processes", direct)
        print(f"  ours / Optuna {direct / ours:.1f} x", flush=True)
        rates = {f"{WORKERS} processes": direct}
        if find_spec("grpc") is None:
            print("  Optuna's gRPC proxy: skipped; pip install grpcio protobuf")
        else:
            with postgres.database() as url, proxied(url) as port:
                proxy = optunas(lambda: GrpcStorageProxy(host="127.0.0.1", port=port))
            told(f"Optuna, {WORKERS} by its gRPC proxy", proxy)
            print(f"  ours / its gRPC proxy {proxy / ours:.1f} x", flush=True)
            rates["its gRPC proxy"] = proxy
    what, unit = f"trials of 20 ms on {WORKERS} workers and PostgreSQL", "a second"
    found = [
        Figure(what, COUNT / ours, unit, f"Optuna, {name}", COUNT / theirs, theirs / ours)
        for name, theirs in rates.items()
    ]
    record("beside_optuna", "shared", found, LIBRARIES)
    told("workers that never wait", COUNT * SHORT / WORKERS)


SECTIONS = {"lengths": of_lengths, "shared": of_shared}


if __name__ == "__main__":
    run(__doc__, SECTIONS)
