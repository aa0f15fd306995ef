"""What recording, drawing and reading cost, beside Optuna's own storage on the same file system or server.

    .venv/bin/python -m scripts.bench.record --folder .      SQLite: about 6 minutes
    .venv/bin/python -m scripts.bench.record --postgres      recording on a server of its own, with fsync

Trials have 50 epochs of 4 metrics. Ours are written by `studies.database.writer` in batches of 50, as a search does;
Optuna's are asked, reported to 50 times and told. Reading is of 100,000 trials of 10 epochs, each in a process of its
own.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

import hpo
from hpo.choose.suggest import suggest
from hpo.choose.types import Observation
from hpo.plan.space import Parameter, distribution
from scripts.bench.figures import Figure, record
from studies.database.records import Result
from studies.database.store import create_store

HPO = Path(sys.executable).with_name("hpo")
SPACE: dict[str, Parameter] = {
    "learning_rate": hpo.Float(1e-5, 1.0, log=True),
    "weight_decay": hpo.Float(1e-8, 1e-1, log=True),
    "units": hpo.Int(4, 64, log=True),
    "activation": hpo.Categorical(("relu", "tanh")),
}
DISTRIBUTIONS = {name: distribution(p) for name, p in SPACE.items()}
METRICS = ("validation_accuracy", "validation_loss", "train_accuracy", "train_loss")
BATCH, EPOCHS, TURNS = 50, 50, 3
LIBRARIES = ("optuna", "sqlalchemy", "pandas")
MANY, FEW_EPOCHS = 100_000, 10


def record_ours(url: str, trials: int, epochs: int) -> list[float]:
    """Milliseconds a trial, of each batch."""
    rng = np.random.default_rng(0)
    taken = []
    plan = json.dumps({"seed": 0, "trials": trials, "epochs": epochs, "halving": None})
    with (
        create_store(url) as store,
        store.create_study(
            "s",
            direction="maximize",
            plan=plan,
            metric="accuracy",
            data_hash="",
            provenance={},
        ) as writer,
    ):
        writer.start_round(0, trials, {})
        for _ in range(trials // BATCH):
            settings = suggest(SPACE, [], BATCH, int(rng.integers(2**31)), sampler="random")
            curves = rng.random((BATCH, len(METRICS), epochs)).tolist()
            began = time.perf_counter()
            numbers = writer.start_batch(0, settings, DISTRIBUTIONS)
            now = datetime.now(UTC).replace(tzinfo=None)
            writer.finish_batch(
                [
                    Result(
                        n, "complete", c[0][-1], dict(zip(METRICS, c, strict=True)), METRICS[0], now
                    )
                    for n, c in zip(numbers, curves, strict=True)
                ]
            )
            taken.append((time.perf_counter() - began) / BATCH * 1e3)
        writer.complete()
    return taken


def record_optunas(url: str, trials: int) -> list[float]:
    """Milliseconds of each trial."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.RandomSampler(seed=0)  # it is the record that is measured
    study = optuna.create_study(study_name="theirs", storage=url, sampler=sampler)
    values = np.random.default_rng(0).random((trials, EPOCHS))
    taken = []
    for row in values:
        began = time.perf_counter()
        trial = study.ask(DISTRIBUTIONS)
        for step, value in enumerate(row.tolist(), start=1):
            trial.report(value, step)
        study.tell(trial, row[-1])
        taken.append((time.perf_counter() - began) * 1e3)
    return taken


def recording(pairs: Sequence[tuple[str, str]], promised: float) -> None:
    """Turns of ours and of Optuna's, each in a database of its own; the first batch and trial are not counted."""
    mine: list[float] = []
    peer: list[float] = []
    for ours, theirs in pairs:
        mine += record_ours(ours, 1000, EPOCHS)[1:]
        peer += record_optunas(theirs, 12)[1:]
    one, other = statistics.median(mine), statistics.median(peer)
    print(
        f"recording a trial of {EPOCHS} epochs: ours {one:.2f} ms, Optuna {other:.0f} ms: "
        f"{other / one:.0f} × (promised {promised:g})",
        flush=True,
    )
    database = "SQLite" if pairs[0][0].startswith("sqlite") else "PostgreSQL"
    what = f"{database}: recording a trial of {EPOCHS} epochs"
    found = [Figure(what, one, "ms", "Optuna", other, other / one, least=promised)]
    if database == "SQLite":
        found.append(Figure(what, one, "ms", most=0.4))
    record("record", f"recording, {database}", found, LIBRARIES)


def drawing() -> None:
    """Milliseconds a trial to draw a batch of 50, as for a population, or one, as for a function of a user's."""
    rng = np.random.default_rng(0)
    found = []
    for count, promised in ((100, 1.5), (300, 1.5), (1000, None), (20_000, None)):
        history = [
            Observation(settings, float(rng.standard_normal()), k // BATCH)
            for k, settings in enumerate(suggest(SPACE, [], count, 0, sampler="random"))
        ]
        for sampler, size in (("model", BATCH), ("model", 1), ("tpe", BATCH), ("sobol", BATCH)):
            times = []
            for seed in range(2 if sampler == "tpe" else 7):
                began = time.perf_counter()
                suggest(SPACE, history, size, seed, sampler=sampler)
                times.append((time.perf_counter() - began) / size * 1e3)
            most = 30.0 if size == 1 else promised
            told = f" (promised {most:g})" if most and promised and sampler == "model" else ""
            print(
                f"drawing {size} by {sampler} after {count:,} trials: "
                f"{statistics.median(times):.2f} ms a trial{told}",
                flush=True,
            )
            what = f"drawing {size} by {sampler} after {count:,} trials, a trial"
            limit = most if told else None
            found.append(Figure(what, statistics.median(times), "ms", most=limit))
    record("record", "drawing", found, LIBRARIES)


READ = """
import json, resource, sys, time
import studies
began = time.perf_counter()
import pandas
study = studies.load("s", sys.argv[2])
if sys.argv[1] == "optuna":
    import optuna
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    frame = optuna.load_study(study_name="s", storage=sys.argv[2]).trials_dataframe()
else:
    frame = getattr(study, sys.argv[1])()
taken = time.perf_counter() - began
print(json.dumps([taken, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, len(frame)]))
"""


def read(what: str, url: str) -> tuple[float, float, int]:
    """Seconds, bytes resident at the most, and rows."""
    done = subprocess.run(
        [sys.executable, "-c", READ, what, url], check=True, capture_output=True, text=True
    )
    seconds, memory, rows = json.loads(done.stdout)
    return seconds, memory, rows


def command(*arguments: str) -> float:
    """Seconds of a whole command."""
    began = time.perf_counter()
    subprocess.run([HPO, *arguments], check=True, capture_output=True)
    return time.perf_counter() - began


def many(folder: Path) -> None:
    """100,000 trials in one study: growth, size, frames, hpo show and hpo list."""
    file = folder / "many.db"
    url = f"sqlite:///{file}"
    taken = record_ours(url, MANY, FEW_EPOCHS)
    part = 1000 // BATCH
    first, last = statistics.median(taken[1 : 1 + part]), statistics.median(taken[-part:])
    print(
        f"recording trials of {FEW_EPOCHS} epochs: the first 1,000 {first:.3f} ms each, the last of {MANY:,} "
        f"{last:.3f} ms: {last / first:.2f} × (promised at most 1.3); {file.stat().st_size / MANY:,.0f} bytes a trial"
    )
    size = file.stat().st_size / MANY
    found = [
        Figure(
            "the last 1,000 of 100,000 trials beside the first, a trial",
            last / first,
            "×",
            most=1.3,
        ),
        Figure("the file, a trial", size, "bytes"),
    ]
    for what, promised in (("trials_frame", None), ("epochs_frame", 2.5)):
        seconds, memory, rows = best(lambda what=what: read(what, url))  # type: ignore[misc]
        told = f" (promised {promised:g} s)" if promised else ""
        print(
            f"{what}: {rows:,} rows in {seconds:.2f} s{told}, {memory / 2**20:,.0f} MiB", flush=True
        )
        found.append(Figure(f"{what}, {rows:,} rows, memory", memory / 2**20, "MiB", most=1024))
        if what == "trials_frame":
            ours = seconds
        else:
            found.append(Figure(f"{what}, {rows:,} rows", seconds, "s", most=promised))
    theirs, memory, _ = read("optuna", url)
    print(
        f"Optuna's trials_dataframe: {theirs:.1f} s, {memory / 2**20:,.0f} MiB: {theirs / ours:.0f} × (promised 25)",
        flush=True,
    )
    what = f"trials_frame of {MANY:,} trials"
    found.append(Figure(what, ours, "s", "trials_dataframe", theirs, theirs / ours, least=25))
    for arguments in (("show", "s"), ("list",)):
        seconds = min(command(*arguments, "--storage", url) for _ in range(3))
        print(f"hpo {arguments[0]}: {seconds:.2f} s (promised 1.5)", flush=True)
        found.append(Figure(f"hpo {arguments[0]} of it", seconds, "s", most=1.5))
    record("record", "many", found, LIBRARIES)


def best(call: Callable[[], Any]) -> Any:
    """The quickest of three."""
    return min((call() for _ in range(3)), key=lambda found: found[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, help="where the files are; else a temporary one")
    parser.add_argument("--postgres", action="store_true", help="on a server, which is started")
    given = parser.parse_args()
    if given.postgres:
        from tests.postgres import server

        with server(fsync=True) as made, ExitStack() as stack:
            urls = [stack.enter_context(made.database()) for _ in range(2 * TURNS)]
            recording(list(zip(urls[::2], urls[1::2], strict=True)), promised=50)
        return
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        files = [f"sqlite:///{folder}/{{}}-{turn}.db" for turn in range(TURNS)]
        recording([(f.format("ours"), f.format("theirs")) for f in files], promised=100)
        drawing()
        many(Path(folder))


if __name__ == "__main__":
    main()
