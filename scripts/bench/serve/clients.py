"""Clients in processes of their own that ask and tell without a pause, and how long each call took them.

Ours speaks plain HTTP as any program could, over one connection. The peer's is Optuna with its gRPC storage proxy,
and draws settings itself, at random; ours gets them drawn by the service, at random too.
"""

from __future__ import annotations

import http.client
import json
import multiprocessing
import os
import socket
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Protocol

READY_SECONDS = 120


class Client(Protocol):
    """Asks for settings, and tells a value of them."""

    def ask(self) -> Any:
        """A task."""

    def tell(self, task: Any, value: float) -> None:
        """Its value."""


class Ours:
    """A client of the service."""

    def __init__(self, port: int, token: str, search: str, name: str) -> None:
        self._path, self._name = f"/api/v1/searches/{search}/tasks", name
        self._headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._connection.connect()
        self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _post(self, path: str, **body: Any) -> Any:
        text = json.dumps({"client": self._name, **body})
        self._connection.request("POST", path, text, self._headers)
        answer = self._connection.getresponse()
        told = json.loads(answer.read())
        if answer.status == 503:  # it says when to come again
            time.sleep(float(answer.headers["Retry-After"]))
            return self._post(path, **body)
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {told}")
        return told

    def ask(self) -> Any:
        return self._post(self._path, count=1, wait=20)["tasks"][0]

    def tell(self, task: Any, value: float) -> None:
        self._post(f"{self._path}/{task['task']}/result", value=value)


class Theirs:
    """Optuna through its gRPC storage proxy."""

    def __init__(self, port: int, study: str) -> None:
        import optuna
        from optuna.storages import GrpcStorageProxy

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._space: dict[str, optuna.distributions.BaseDistribution] = {
            "x": optuna.distributions.FloatDistribution(0, 1),
            "y": optuna.distributions.FloatDistribution(1e-3, 1, log=True),
        }
        self._study = optuna.load_study(
            study_name=study,
            storage=GrpcStorageProxy(host="127.0.0.1", port=port),
            sampler=optuna.samplers.RandomSampler(),
        )

    def ask(self) -> Any:
        return self._study.ask(self._space)

    def tell(self, task: Any, value: float) -> None:
        self._study.tell(task, value)


@dataclass
class Exchange:
    """What some clients got done together."""

    trials: int
    seconds: float
    calls: list[float]  # seconds of each ask and of each tell
    errors: list[str]

    @property
    def rate(self) -> float:
        """Asks and tells a second: a trial is one of each."""
        return self.trials / self.seconds

    @property
    def p99(self) -> float:
        """The seconds that one call in a hundred takes longer than."""
        if len(self.calls) < 2:
            return float("nan")
        return statistics.quantiles(self.calls, n=100, method="inclusive")[98]


def _work(make: Callable[[int], Client], number: int, seconds: float, pipe: Connection) -> None:
    calls: list[float] = []
    trials, error, spent = 0, "", 0.0
    try:
        client = make(number)
        client.tell(client.ask(), 0.5)  # what happens only once is not measured
        pipe.send("ready")
        pipe.recv()
        clock = time.perf_counter
        began = clock()
        while (now := clock()) < began + seconds:
            task = client.ask()
            asked = clock()
            client.tell(task, number / 100)
            calls += [asked - now, clock() - asked]
            trials += 1
        spent = clock() - began
    except Exception as raised:
        error = f"{type(raised).__name__}: {str(raised).splitlines()[0] if str(raised) else ''}"
    pipe.send((trials, calls, error, spent))
    os._exit(0)  # gRPC would wait for its threads


def exchange(make: Callable[[int], Client], clients: int, seconds: float) -> Exchange:
    """Let so many clients ask and tell for some seconds, all beginning at the same time."""
    fork = multiprocessing.get_context("fork")
    pipes, processes = [], []
    for number in range(clients):
        mine, theirs = fork.Pipe()
        process = fork.Process(target=_work, args=(make, number, seconds, theirs))
        process.start()
        theirs.close()
        pipes.append(mine)
        processes.append(process)
    first = [pipe.recv() if pipe.poll(READY_SECONDS) else None for pipe in pipes]
    for pipe, word in zip(pipes, first, strict=True):
        if word == "ready":
            pipe.send("go")
    results = [
        pipe.recv() if word == "ready" else (word or (0, [], "it was never ready", 0.0))
        for pipe, word in zip(pipes, first, strict=True)
    ]
    for process in processes:
        process.join(5)
        process.kill()
    return Exchange(
        sum(trials for trials, *_ in results),
        max(spent for *_, spent in results) or seconds,
        [call for _, calls, *_ in results for call in calls],
        [error for *_, error, _ in results if error],
    )
