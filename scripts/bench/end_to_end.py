"""How much faster a whole search is than Optuna's TPE + RDBStorage around scikit-learn, side by side.

    .venv/bin/python -m scripts.bench.end_to_end            about 5 minutes; the last lines are the ratios

Two ways of asking. In one process: everything imported and each side run once, then sampling, training and recording
into a fresh SQLite file. Whole process: from the shell's prompt back to it, imports and all. The two sides take
turns, so that a machine that drifts drifts for both; each pair gives a ratio, and the median of them is told.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from scripts.bench.figures import of_pairs, record

HERE = Path(__file__).parent
HPO = Path(sys.executable).with_name("hpo")
PROMISED = {("process", 100): 10.0, ("whole", 100): 9.0, ("whole", 300): 10.0}


def in_one_process(trials: int, folder: Path, run: int) -> tuple[float, float]:
    """Seconds of ours and of the peer's, everything imported."""
    import hpo
    from scripts.bench import optuna_sklearn

    ours = f"sqlite:///{folder}/ours-{run}.db"
    return (
        seconds(lambda: hpo.search("digits", trials=trials, storage=ours, progress=False)),
        seconds(lambda: optuna_sklearn.search(trials, str(folder / f"peer-{run}.db"))),
    )


def whole_process(trials: int, folder: Path, run: int) -> tuple[float, float]:
    """Seconds of ours and of the peer's as commands."""
    ours = [
        HPO,
        "search",
        "digits",
        "--trials",
        trials,
        "--storage",
        f"sqlite:///{folder}/o{run}.db",
    ]
    peer = [sys.executable, HERE / "optuna_sklearn.py", trials, folder / f"p{run}.db"]
    return seconds(lambda: command(ours)), seconds(lambda: command(peer))


def command(words: list[object]) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([str(word) for word in words], check=True, capture_output=True, env=environment)


def seconds(action: Callable[[], object]) -> float:
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    versions = ", ".join(f"{p} {version(p)}" for p in ("numpy", "optuna", "scikit-learn"))
    print(
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, {versions}"
    )
    print(f"digits, 10 epochs, medians of {repeats} pairs [lowest … highest ratio]")
    measures = {"process": in_one_process, "whole": whole_process}
    for (kind, trials), promised in PROMISED.items():
        with tempfile.TemporaryDirectory() as folder:
            measures[kind](
                10, Path(folder), -1
            )  # the first run pays for cold files and lazy imports
            pairs = [measures[kind](trials, Path(folder), run) for run in range(repeats)]
        ratios = sorted(peer / ours for ours, peer in pairs)
        ours, peer = (statistics.median(side) for side in zip(*pairs, strict=True))
        print(
            f"{'in one process' if kind == 'process' else 'whole process':14} {trials} trials: "
            f"ours {ours:.2f} s, peer {peer:.1f} s, {statistics.median(ratios):.1f} × "
            f"[{ratios[0]:.1f} … {ratios[-1]:.1f}], promised {promised:.0f} ×"
        )
        name = f"{'in one process' if kind == 'process' else 'whole process'}, {trials} trials"
        figure = of_pairs(name, pairs, "Optuna around scikit-learn", least=promised)
        record("end_to_end", name, [figure], ("optuna", "scikit-learn", "sqlalchemy"))


if __name__ == "__main__":
    main()
