"""All benchmarks and how they are run; scripts/bench/all runs them one after another.

    scripts/bench/all                    all of them: about 20 hours, most of it tables and search
    scripts/bench/all crash executors    some of them

A benchmark that fails is reported at the end, and the others run all the same.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import NamedTuple


class Benchmark(NamedTuple):
    """A module in scripts/bench, what its heading on the page is, and the arguments of its runs."""

    title: str
    runs: Sequence[Sequence[str]] = ((),)


BENCHMARKS = {
    "end_to_end": Benchmark("A whole search against Optuna around scikit-learn"),
    "start_up": Benchmark("Starting, and what is installed"),
    "trainer": Benchmark("The trainer against JAX, PyTorch, scikit-learn and its own products"),
    "record": Benchmark("Recording, drawing and reading", ((), ("--postgres",))),
    "beside_rustuna": Benchmark("Functions beside Rustuna, drawn and recorded"),
    "executors": Benchmark("Executors"),
    "beside_optuna": Benchmark("Many workers on one study, beside Optuna's"),
    "serve": Benchmark("The service beside Optuna's gRPC proxy"),
    "read_tables": Benchmark("Reading a table"),
    "crash": Benchmark("What a crash leaves", ((), ("--postgres",))),
    "search": Benchmark("What a search chooses"),
    "tables": Benchmark("Networks beside other models on tables"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("benchmarks", nargs="*", choices=[*BENCHMARKS, []], help="which; all")
    failed = []
    for name in parser.parse_args().benchmarks or BENCHMARKS:
        for arguments in BENCHMARKS[name].runs:
            words = ["-m", f"scripts.bench.{name}", *arguments]
            print("\n$ python " + " ".join(words), flush=True)
            began = time.monotonic()
            if subprocess.run([sys.executable, *words], check=False).returncode:
                failed.append(" ".join(words))
            print(f"({(time.monotonic() - began) / 60:.0f} minutes)", flush=True)
    if failed:
        sys.exit("failed: " + "; ".join(failed))


if __name__ == "__main__":
    main()
