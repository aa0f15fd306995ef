"""What viewers of its events cost a search that runs in the same machine.

Searches with viewers and without take turns. All viewers are one process that reads what comes, counts the trials in
it, and does nothing else.
"""

from __future__ import annotations

import argparse
import multiprocessing
import selectors
import socket
import statistics
import time
from datetime import datetime
from multiprocessing.connection import Connection
from typing import Any

import sqlalchemy as sa

from scripts.bench.figures import Figure, record
from scripts.bench.serve.serving import LIBRARIES, Server, serving
from studies.database import tables

PROMISED = 0.05  # of the time of the search
PLAN: dict[str, Any] = {"source": "digits", "trials": 400, "epochs": 40, "seed": 1}
FIRST: dict[str, Any] = {"source": "digits", "trials": 200, "epochs": 20, "seed": 1}
"""A search that runs while viewers of the next one, which waits, connect."""


def run(options: argparse.Namespace) -> None:
    """Searches with viewers and without, in turns."""
    ratios, shares = [], []
    for pair in range(options.pairs):
        alone, _ = _search(0, pair)
        viewed, share = _search(options.viewers, pair)
        ratios.append(viewed / alone)
        shares.append(share)
        print(
            f"  {alone:.1f} s without viewers, {viewed:.1f} s with {options.viewers}: {viewed / alone:.3f} x; "
            f"the server took {share:.3f} of a core",
            flush=True,
        )
    ratio = statistics.median(ratios)
    missed = "" if ratio <= 1 + PROMISED else ": missed"
    print(
        f"  {ratio:.3f} x ({min(ratios):.3f} … {max(ratios):.3f}), promised {1 + PROMISED:g} x{missed}; "
        f"the server {statistics.median(shares):.3f} of a core"
    )
    what = f"the time of a search with {options.viewers:,} viewers, beside that without"
    low, high = min(ratios), max(ratios)
    figure = Figure(what, ratio, "×", low=low, high=high, most=1 + PROMISED)
    record("serve", "viewers", [figure], LIBRARIES)


def _search(viewers: int, pair: int) -> tuple[float, float]:
    """The seconds that a search takes, and the share of a core that the server takes meanwhile."""
    with serving() as service:
        service.create("first", FIRST, "network")
        service.create("viewed", PLAN | {"seed": pair}, "network")
        fork = multiprocessing.get_context("fork")
        mine, theirs = fork.Pipe()
        process = fork.Process(target=_view, args=(service, viewers, theirs))
        process.start()
        assert mine.recv() == viewers
        service.wait("viewed", "running")
        cpu, began = service.cpu, time.perf_counter()
        service.wait("viewed", "done")
        share = (service.cpu - cpu) / (time.perf_counter() - began)
        counts = mine.recv()
        process.join()
        engine = sa.create_engine(service.storage)
        t = tables.studies
        with engine.connect() as connection:
            created, completed = connection.execute(
                sa.select(t.c.created, t.c.completed).order_by(t.c.study_id.desc()).limit(1)
            ).one()
            trials = connection.execute(
                sa.text(
                    "SELECT count(*) FROM trials NATURAL JOIN studies WHERE study_name = 'viewed'"
                )
            ).scalar_one()
        engine.dispose()
        assert all(count == trials for count in counts), (set(counts), trials)
        assert isinstance(completed, datetime)
        return (completed - created).total_seconds(), share


def _view(service: Server, viewers: int, pipe: Connection) -> None:
    """Read all events of a search, as so many viewers; send how many trials each has seen."""
    request = (
        "GET /api/v1/searches/viewed/events HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: Bearer {service.tokens[0]}\r\nConnection: close\r\n\r\n"
    ).encode()
    selector = selectors.DefaultSelector()
    rests: dict[socket.socket, bytes] = {}
    trials: dict[socket.socket, int] = {}
    for _ in range(viewers):
        viewer = socket.create_connection(("127.0.0.1", service.port))
        viewer.sendall(request)
        rests[viewer], trials[viewer] = viewer.recv(4096), 0
        selector.register(viewer, selectors.EVENT_READ, viewer)
    pipe.send(viewers)
    left, word = viewers, b"event: trial\n"
    while left:
        for key, _ in selector.select():
            viewer = key.data
            some = viewer.recv(1 << 16)
            text = rests[viewer] + some
            trials[viewer] += text.count(word)
            end = text.rfind(word) + len(word) if word in text else 0
            cut = max(end, len(text) - len(word) + 1)  # the word may have been cut in two
            rests[viewer] = text[cut:]
            if not some:
                selector.unregister(viewer)
                viewer.close()
                left -= 1
    pipe.send([*trials.values()])
