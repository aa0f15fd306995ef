"""A search that is killed at random instants, again and again, and resumed, equals one left alone.

    .venv/bin/python -m scripts.bench.crash --kills 100             SQLite: about 8 minutes
    .venv/bin/python -m scripts.bench.crash --kills 100 --postgres  on a server that it starts

`kill -9` comes after a random share of the time that the study takes alone: while it imports, draws, trains, writes,
confirms, or scores the test rows. Each resumed study is compared with the whole one, every table of `hpo export` byte
by byte but for times; no trial is left running.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import studies
import studies.errors
from scripts.bench.figures import Figure, record
from studies.analysis.export import to_csv

HPO = Path(sys.executable).with_name("hpo")
PLAN = (
    "digits", "--trials", "110", "--epochs", "25", "--rows", "400", "--name", "d", "-q",
    "--space", "learning_rate=1e-3:1e3:log", "--space", "units=8:16:int",
)  # fmt: skip


def tables(url: str) -> dict[str, bytes]:
    """What is exported, times left out, and what the test rows said."""
    study = studies.load("d", url)
    test = study.summary()["test"]
    return {
        "trials": to_csv(study.trials_frame().drop(columns=["started", "finished"])),
        "epochs": to_csv(study.epochs_frame()),
        "rounds": to_csv(study.rounds_frame()),
        "finalists": to_csv(study.finalists_frame()),
        "test": repr((test["metric"], test["value"])).encode(),
    }


def phase(url: str) -> str:
    """What the study was at when it was killed."""
    try:
        rows = studies.load("d", url).read()
    except studies.errors.StoreError:
        return "before the first round"
    if rows.opening is not None:
        return "the test rows" if rows.record.state != "complete" else "the end"
    if any(c.finished is None for c in rows.confirmations):
        return "training to confirm"
    if rows.confirmations:
        return "between stages"
    return "training a batch" if rows.trials.get("running") else "between batches"


def search(url: str, seconds: float | None) -> bool:
    """Begin the study, or go on with it; killed after so many seconds. Whether it ended by itself."""
    begun = True
    try:
        begun = "d" in studies.names(url)
    except studies.errors.StoreError:
        begun = False
    command = ["resume", "d", "-q"] if begun else ["search", *PLAN]
    process = subprocess.Popen(
        [str(HPO), *command, "--storage", url], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        _, error = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return False
    if process.returncode:
        raise SystemExit(f"status {process.returncode}: {error.decode()}")
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--postgres", action="store_true", help="on a server, which is started")
    parser.add_argument("--seed", type=int, default=0, help="of the instants")
    given = parser.parse_args()
    rng = random.Random(given.seed)  # noqa: S311  # instants are no secret
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = None
        if given.postgres:
            from tests import postgres

            server = stack.enter_context(postgres.server())

        def fresh(number: int) -> str:
            if server is not None:
                return stack.enter_context(server.database())
            return f"sqlite:///{folder}/{number}.db"

        whole = fresh(0)
        began = time.monotonic()
        search(whole, None)
        alone = time.monotonic() - began
        expected = tables(whole)
        print(f"left alone: {alone:.1f} s", flush=True)
        seen: Counter[str] = Counter()
        kills = number = 0
        while kills < given.kills:
            number += 1
            url = fresh(number)
            # Some are killed once, some again and again until they end by themselves.
            while not search(url, rng.uniform(0.2, 1.0) * alone if kills < given.kills else None):
                kills += 1
                seen[phase(url)] += 1
            found = tables(url)
            if found != expected:
                differing = [name for name in expected if found[name] != expected[name]]
                raise SystemExit(f"study {number} differs in {', '.join(differing)}: {url}")
            left = studies.load("d", url).read()
            assert not left.trials.get("running"), "a trial is running for ever"
        print(f"killed {kills} times, {number} studies: all equal the one left alone")
        for what, count in seen.most_common():
            print(f"  {count:3} while at: {what}")
        database = "PostgreSQL" if given.postgres else "SQLite"
        what = f"{database}: of {number} studies killed {kills} times, those that differ from the one left alone"
        record("crash", database, [Figure(what, 0, most=0)], ("sqlalchemy",))


if __name__ == "__main__":
    main()
