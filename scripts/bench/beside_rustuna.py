"""Functions of five parameters beside Rustuna (Optuna's team, in Rust): draws and records, as whole processes.

    .venv/bin/python -m scripts.bench.beside_rustuna              about five minutes
    .venv/bin/python -m scripts.bench.beside_rustuna 1000         some of its sizes

Rustuna draws by its TPE and records on SQLite, one trial after another. Ours is `hpo.search` on one process, with a
function that takes a population, so that trials are drawn and recorded by batches; a function that takes one setting
at a time is drawn for two at a time, which chooses better and costs far more. Beside that, what both take without a
database: Rustuna's TPE in memory, and our draws alone, 50 at a time. Imports are counted on both sides. Needs pip
install rustuna.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from scripts.bench.figures import Figure, record
from scripts.bench.processes import Taken, taken
from scripts.bench.sections import run

PEER = """
import sys
import rustuna
storage = rustuna.storages.SQLite3Storage(sys.argv[2]) if sys.argv[2] else None
study = rustuna.create_study(storage=storage, sampler=rustuna.samplers.TPESampler(seed=0))
study.optimize(
    lambda trial: sum(trial.suggest_float(name, -1, 1) ** 2 for name in "abcde"),
    n_trials=int(sys.argv[1]),
)
assert len(study.trials) == int(sys.argv[1])
"""
OURS = """
import sys
import numpy as np
import hpo

@hpo.population
def squares(settings):
    yield {"loss": np.array([sum(x**2 for x in setting.values()) for setting in settings])}

study = hpo.search(
    squares, space={name: hpo.Float(-1, 1) for name in "abcde"}, metric="loss", direction="minimize", epochs=1,
    trials=int(sys.argv[1]), finalists=0, workers=1, executor="threads", progress=False,
    storage="sqlite:///" + sys.argv[2],
)
assert study.summary()["trials"]["complete"] == int(sys.argv[1])
"""
DRAWS = """
import sys
import hpo
from hpo.choose.suggest import suggest
from hpo.choose.types import Observation
space, history = {name: hpo.Float(-1, 1) for name in "abcde"}, []
while len(history) < int(sys.argv[1]):
    batch = len(history) // 50
    settings = suggest(space, history, 50, batch, sampler="model", direction="minimize")
    history += [Observation(setting, sum(x**2 for x in setting.values()), batch) for setting in settings]
"""
PROMISED = {1_000: 3.0, 10_000: 9.0}
LIBRARIES = ("rustuna", "optuna", "sqlalchemy", "scipy")


def each(program: str, trials: int, file: str) -> Taken:
    """Milliseconds for each trial of a program."""
    seconds = taken([sys.executable, "-c", program, str(trials), file])
    return Taken(*(one / trials * 1e3 for one in seconds))


def beside(trials: int) -> None:
    """Both sides, one after the other, on SQLite and without a database."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        pairs = {
            "on SQLite": (OURS, f"{Path(folder, 'ours.db')}", f"{Path(folder, 'peer.db')}"),
            "drawing alone": (DRAWS, "", ""),
        }
        for name, (program, mine, file) in pairs.items():
            ours, theirs = each(program, trials, mine), each(PEER, trials, file)
            promised = PROMISED[trials] if file else None
            told = "" if promised is None else f" (promised {promised:g})"
            for of, one, other in zip(("clock", "cores"), ours, theirs, strict=True):
                print(
                    f"  {name}, {trials:,} trials, {of}: ours {one:.2f} ms a trial, Rustuna {other:.2f} ms: "
                    f"{other / one:.1f} ×{told}",
                    flush=True,
                )
            what = f"{trials:,} trials of five parameters, {name}, a trial"
            peer = "Rustuna" if file else "Rustuna's TPE in memory"
            ratio = theirs.clock / ours.clock
            found.append(Figure(what, ours.clock, "ms", peer, theirs.clock, ratio, least=promised))
            of_cores = theirs.cores / ours.cores
            what = f"{what}, seconds of all cores"
            found.append(Figure(what, ours.cores, "ms", peer, theirs.cores, of_cores))
    record("beside_rustuna", f"{trials:,} trials", found, LIBRARIES)


SECTIONS = {str(trials): lambda trials=trials: beside(trials) for trials in PROMISED}


if __name__ == "__main__":
    run(__doc__, SECTIONS)
