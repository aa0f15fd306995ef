"""Rustuna (Optuna's team, in Rust) drawing by TPE and recording trials of five parameters: whole processes, in seconds.

.venv/bin/python -m scripts.bench.beside_rustuna 1000     on SQLite about 12 seconds; 10000 take about 3 minutes
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time

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


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("trials", type=int)
    trials = parser.parse_args().trials
    with tempfile.TemporaryDirectory() as folder:
        for name, file in (("in memory", ""), ("on SQLite", f"{folder}/peer.db")):
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", PEER, str(trials), file], check=True)
            each = (time.perf_counter() - began) / trials * 1e3
            print(f"Rustuna {name}, {trials:,} trials: {each:.2f} ms a trial", flush=True)


if __name__ == "__main__":
    main()
