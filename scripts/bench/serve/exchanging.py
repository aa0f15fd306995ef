"""Asks and tells a second, beside Optuna's gRPC storage proxy.

What is compared: a client asks for one trial and tells its value, again and again. Settings are drawn at random on
both sides, there are two parameters, and each value is stored when the answer comes. The peer's clients draw settings
themselves and send several calls for each ask; ours send one, and the service draws. So these are whole exchanges,
and not single messages.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from typing import Any

from scripts.bench.beside_optuna import proxied
from scripts.bench.figures import Figure, record
from scripts.bench.serve.clients import Client, Exchange, Ours, Theirs, exchange
from scripts.bench.serve.serving import LIBRARIES, serving
from tests.postgres import Server, server

FASTER, LATEST = 5.0, 0.25  # what is promised: times the peer's, seconds at 64 clients
PLAN: dict[str, Any] = {
    "space": {"x": {"low": 0, "high": 1}, "y": {"low": 1e-3, "high": 1, "log": True}},
    "trials": 1_000_000, "rounds": 1, "finalists": 0, "sampler": "random", "ahead": 256,
    "metric": "value", "direction": "minimize", "epochs": 1,
}  # fmt: skip


def run(options: argparse.Namespace) -> None:
    """Measure every number of clients on every database."""
    with ExitStack() as stack:
        postgres = (
            stack.enter_context(server(fsync=True)) if "postgresql" in options.storage else None
        )
        for storage in options.storage:
            print(f"  {storage}", flush=True)
            found = []
            for clients in options.clients:
                ours = _ours(storage, postgres, clients, options.seconds)
                _told(f"ours, {clients} clients", ours)
                what = f"{storage}, {clients} clients"
                latest = 1e3 * LATEST if clients == 64 else None
                found.append(Figure(f"{what}, p99 of a call", 1e3 * ours.p99, "ms", most=latest))
                if clients == 64:
                    missed = "" if ours.p99 <= LATEST else ": missed"
                    print(f"      promised a p99 of {1e3 * LATEST:.0f} ms{missed}")
                if find_spec("grpc") is None:
                    print("    Optuna's gRPC proxy: skipped; pip install -e '.[peers-serve]'")
                    continue
                theirs = _theirs(storage, postgres, clients, options.seconds)
                _told(f"Optuna's proxy, {clients} clients", theirs)
                if theirs.trials:
                    ratio = ours.rate / theirs.rate
                    missed = "" if ratio >= FASTER else ": missed"
                    print(f"      {ratio:.1f} x, promised {FASTER:g} x{missed}", flush=True)
                    rates = ours.rate, "a second", "gRPC proxy", theirs.rate
                    found.append(Figure(f"{what}, trials", *rates, ratio, least=FASTER))
            record("serve", f"exchange, {storage}", found, LIBRARIES)


def _told(who: str, result: Exchange) -> None:
    line = f"    {who:30} {result.rate:7.0f} a second, p99 {1e3 * result.p99:6.1f} ms"
    if result.calls:
        line += f", median {1e3 * statistics.median(result.calls):.1f} ms"
    if result.errors:
        line += f"; {len(result.errors)} failed: {result.errors[0]}"
    print(line, flush=True)


@contextmanager
def database(storage: str, postgres: Server | None) -> Iterator[str]:
    """The URL of an empty database."""
    if postgres is not None and storage == "postgresql":
        with postgres.database() as url:
            yield url
    else:
        with tempfile.TemporaryDirectory(prefix="hpo-bench-") as folder:
            yield f"sqlite:///{folder}/studies.db"


def _ours(storage: str, postgres: Server | None, clients: int, seconds: float) -> Exchange:
    with database(storage, postgres) as url, serving(url) as service:
        service.create("s", PLAN, "remote")

        def make(number: int) -> Client:
            return Ours(service.port, service.tokens[0], "s", f"client-{number}")

        return exchange(make, clients, seconds)


def _theirs(storage: str, postgres: Server | None, clients: int, seconds: float) -> Exchange:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with database(storage, postgres) as url:
        optuna.create_study(study_name="s", storage=url)
        with proxied(url) as port:
            make: Callable[[int], Client] = lambda _: Theirs(port, "s")  # noqa: E731
            return exchange(make, clients, seconds)
