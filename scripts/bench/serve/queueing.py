"""A hundred searches of ten owners, queued one owner after the other, and the order in which they end.

What fairness says: one owner after the other has a turn, and each of them has its own searches in the order in which
they came.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import sqlalchemy as sa

from hpo.serve.tables import jobs
from scripts.bench.figures import Figure, record
from scripts.bench.serve.serving import LIBRARIES, serving

OWNERS, SEARCHES = 10, 10  # of each
PLAN: dict[str, Any] = {"source": "iris", "trials": 4, "rounds": 1, "epochs": 1, "finalists": 0}
LONG: dict[str, Any] = {"source": "digits", "trials": 10_000, "epochs": 100}


def run(_: argparse.Namespace) -> None:
    """Let them queue, and see who ended when."""
    began = time.perf_counter()
    with serving(owners=OWNERS + 1) as service:
        service.create("long", LONG, "network", OWNERS)  # while it runs, the others come
        for owner in range(OWNERS):
            for number in range(SEARCHES):
                service.create(f"{owner}-{number}", PLAN, "network", owner)
        queued = time.perf_counter() - began
        service.call("POST", "/searches/long/cancel", owner=OWNERS)
        engine = sa.create_engine(service.storage)
        query = sa.select(jobs.c.search).where(jobs.c.state == "done").order_by(jobs.c.ended)
        while True:
            with engine.connect() as connection:
                order = [*connection.execute(query).scalars()]
            if len(order) == OWNERS * SEARCHES:
                break
            time.sleep(0.5)
        engine.dispose()
    fair = [f"{owner}-{number}" for number in range(SEARCHES) for owner in range(OWNERS)]
    places = sum(one != other for one, other in zip(order, fair, strict=True))
    missed = "" if places == 0 else ": missed"
    print(
        f"  {len(order)} searches of {OWNERS} owners: {places} ended at another place than fairness says{missed}; "
        f"queued in {queued:.0f} s, done after {time.perf_counter() - began:.0f} s"
    )
    what = f"{len(order)} searches of {OWNERS} owners: those that ended at another place than fairness says"
    record("serve", "fairness", [Figure(what, places, most=0)], LIBRARIES)
