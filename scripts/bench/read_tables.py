"""How fast a large table is read, and in how much memory, beside plain pandas.read_csv: a minute in all.

    .venv/bin/python -m scripts.bench.read_tables [--rows 500000]      on Linux, 2 minutes

It makes a table of 30 columns of numbers and 10 of text in a temporary folder and reads it as .csv, .csv.gz and
.parquet, each in a process of its own. Peak memory is what the process needs beyond what it has before it reads, as a
multiple of the table's own size in memory. Reading in pieces keeps none of them, so its peak is that of a piece. Plain
pandas.read_csv, which knows the separator and checks nothing, is the limit.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scripts.bench.figures import Figure, record

NUMBERS, TEXTS = 30, 10
HOW = ("pandas.read_csv", "whole", "pieces")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--read", nargs=2, metavar=("HOW", "FILE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.read:
        print(json.dumps(measured(arguments.read[0], Path(arguments.read[1]))))
        return
    with tempfile.TemporaryDirectory() as folder:
        files, size = write(Path(folder), arguments.rows), 0.0
        print(f"{arguments.rows:,} rows × {NUMBERS + TEXTS} columns")
        print(f"{'file':<16}{'how':<18}{'seconds':>8}{'peak MB':>9}{'× table':>9}")
        found: list[Figure] = []
        for file in files:
            plain: dict[str, float] = {}
            for how in HOW:
                if how == "pandas.read_csv" and file.suffix == ".parquet":
                    continue
                command = [
                    sys.executable,
                    "-m",
                    "scripts.bench.read_tables",
                    "--read",
                    how,
                    str(file),
                ]
                done = json.loads(subprocess.check_output(command, text=True))
                size = done["size"] or size
                times = done["peak"] / size
                print(
                    f"{file.name:<16}{how:<18}{done['seconds']:>8.1f}{done['peak'] / 1e6:>9.0f}{times:>9.2f}"
                )
                if how == "pandas.read_csv":
                    plain = done
                    continue
                what, peer = f"{file.name[2:]}, {how}", "pandas.read_csv" if plain else ""
                theirs = plain["peak"] / size if plain else None
                found += [
                    Figure(what, done["seconds"], "s", peer, plain.get("seconds")),
                    Figure(f"{what}, peak", times, "× the table", peer, theirs),
                ]
        record("read_tables", f"{arguments.rows:,} rows", found, ("pandas", "pyarrow"))


def write(folder: Path, rows: int) -> list[Path]:
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(0)
    columns: dict[str, Any] = {}
    for k in range(NUMBERS):
        fractions = rng.normal(size=rows).round(1 + k % 5)
        columns[f"x{k}"] = rng.integers(0, 10**4, rows) if k % 3 == 0 else fractions
        if k % 5 == 0:
            columns[f"x{k}"] = np.where(rng.random(rows) < 0.05, np.nan, fractions)
    words = np.array([f"category {k}" for k in range(40)])
    for k in range(TEXTS):
        columns[f"t{k}"] = words[rng.integers(0, 40, rows)]
    frame = pd.DataFrame(columns)
    files = [folder / name for name in ("t.csv", "t.csv.gz", "t.parquet")]
    frame.to_csv(files[0], index=False)
    frame.to_csv(files[1], index=False, compression={"method": "gzip", "compresslevel": 1})
    frame.to_parquet(files[2])
    return files


def measured(how: str, path: Path) -> dict[str, float]:
    """Seconds, the size of the table in bytes (0 if it is not kept), and the peak in bytes beyond the beginning."""
    import pandas as pd

    from trainer.data import pieces
    from trainer.data.files import contents

    small = path.with_name("small.csv")
    small.write_text("a,b\n1,x\n2,y\n")
    contents(small)  # what is imported on the way is not the table's
    [*pieces(small)]
    whole: dict[str, Callable[[Path], pd.DataFrame]] = {
        "pandas.read_csv": lambda file: pd.read_csv(file, low_memory=False),
        "whole": lambda file: contents(file).frame,
    }
    with Peak() as peak:
        start = time.perf_counter()
        if how == "pieces":
            count = sum(len(piece) for piece in pieces(path))
            seconds, size = time.perf_counter() - start, 0
            assert count > 0
        else:
            frame = whole[how](path)
            seconds = time.perf_counter() - start
    if how != "pieces":
        size = int(frame.memory_usage(deep=True).sum())
    return {"seconds": seconds, "size": size, "peak": peak.bytes}


class Peak:
    """The most resident memory of this process while it is open, beyond what it had before."""

    def __enter__(self) -> Peak:
        self.bytes = 0
        self._before = resident()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.005):
            self.bytes = max(self.bytes, resident() - self._before)


def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


if __name__ == "__main__":
    main()
