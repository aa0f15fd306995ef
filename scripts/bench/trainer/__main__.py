"""How fast `trainer.train_population` is beside named peers that train exactly the same.

    .venv/bin/python scripts/bench/trainer                        all of it: about half an hour
    .venv/bin/python scripts/bench/trainer digits --peers jax     one task, one peer

digits, book: the two tasks (see tasks.py), by SGD and by Adam, against every peer (see peers.py); each peer's
variants are tried first, on a tenth of the epochs, and the fastest is measured. threads: our time on one thread over
that on all. many: our cost of a trial among 10,000 over that among 100, and our memory. With --same-work ours and the
products score validation rows alone, as the peers do, and no training rows.

Every side has a process of its own (see worker.py), is warmed up, and takes turns with the other, so that a machine
that drifts drifts for both; each pair gives a ratio. Told are medians, and the lowest and highest ratio. A ratio
above 1 is in our favour.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import statistics
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_info

from scripts.bench.figures import Figure, of_pairs, record
from scripts.bench.trainer import tasks
from scripts.bench.trainer.peers import CORES, LIBRARIES, OURS, PEERS, PROMISED, TRIALS, Variant
from scripts.bench.trainer.worker import Result, Worker

SECTIONS = (*tasks.NAMES, "threads", "many")
OPTIMIZERS = ("momentum", "adam")
MNIST = Path(__file__).resolve().parents[3] / "../shared/data/mnist"
MANY = (100, 1_000, 10_000)
TUNING_SHARE, TUNING_RUNS = 10, 3  # of the epochs; of each variant, of which the fastest counts
AGREEMENT = {"digits": 0.03, "book": 0.1}
"""How far accuracies may lie apart: ours and the peers begin with other first weights and take the rows in another
order, and in the book, of 200 steps and 100 validation rows, that luck alone makes 0.05."""

Pairs = list[tuple[float, float]]


def against_peers(order: tasks.Order, chosen: list[str], runs: int) -> None:
    """Ours and each peer on one task."""
    task = tasks.make(order)
    print(
        f"\n{order.name}, {task.optimizer}: {task.trials} trials of {_network(task)}, {_rows(task)}"
    )
    if task.note:
        print(task.note)
    tuning = max(1, task.epochs // TUNING_SHARE)
    with Worker("ours", order) as ours:
        expected = ours.run(OURS)
        print(f"  {'ours':28} {_accuracies(expected)}", flush=True)
        found: list[Figure] = []
        for title in chosen:
            learned = against(title, order, ours, runs, tuning, found)
            assert_agreement(title, expected, learned, AGREEMENT[order.name])
    record("trainer", order.title, found, LIBRARIES)


def against(
    title: str, order: tasks.Order, ours: Worker, runs: int, tuning: int, found: list[Figure]
) -> Result:
    """Ours and one peer; what the peer has learned. The figures are appended to `found`."""
    promised = PROMISED[order.name, order.optimizer]
    what = order.title
    peer = PEERS[title]
    with Worker(peer.module, order) as theirs:
        best = fastest(theirs, peer.variants(order.name), tuning)
        learned = theirs.run(best)  # which warms it up for the whole task, too
        pairs = take_turns(lambda: ours.run(OURS).seconds, lambda: theirs.run(best).seconds, runs)
    print(f"  {title:28} {_told(pairs)}  ({best}) {_accuracies(learned)}", flush=True)
    found.append(of_pairs(what, pairs, title, least=promised.get(title)))
    if peer.compiles:

        def compiling() -> float:
            # The first training of a process, whose library is loaded.
            with Worker(peer.module, order) as fresh:
                return fresh.run(best).seconds

        pairs = take_turns(lambda: ours.run(OURS).seconds, compiling, runs)
        print(f"  {title + ' and its compilation':28} {_told(pairs)}", flush=True)
        first = f"{title}, compiling"
        found.append(of_pairs(what, pairs, first, least=promised.get(first)))
    return learned


def fastest(worker: Worker, variants: list[Variant], epochs: int) -> Variant:
    """The variant that takes the least time; they take turns, too."""
    if len(variants) == 1:
        return variants[0]
    least = dict.fromkeys(variants, math.inf)
    for variant in variants:
        worker.run(variant, epochs)
    for _ in range(TUNING_RUNS):
        for variant in variants:
            least[variant] = min(least[variant], worker.run(variant, epochs).seconds)
    return min(variants, key=least.__getitem__)


def take_turns(ours: Callable[[], float], theirs: Callable[[], float], runs: int) -> Pairs:
    """Seconds of both sides, one after the other."""
    return [(ours(), theirs()) for _ in range(runs)]


def assert_agreement(title: str, ours: Result, theirs: Result, most: float) -> None:
    """Both have learned the same, or their times can't be compared."""
    if not theirs.accuracies.size:
        return  # it only multiplied
    for what, a, b in zip(("best", "median"), _finals(ours), _finals(theirs), strict=True):
        assert abs(a - b) <= most, f"{title}: {what} accuracy {b:.3f}, ours {a:.3f}"


def on_threads(name: str, optimizer: str, runs: int, mnist: str) -> Figure:
    """Ours on all threads and on one."""
    with Worker("ours", tasks.Order(name, optimizer, TRIALS, mnist)) as ours:
        one = Variant(1, TRIALS)
        ours.run(OURS)
        ours.run(one)
        pairs = take_turns(lambda: ours.run(OURS).seconds, lambda: ours.run(one).seconds, runs)
    print(
        f"  {name + ', ' + optimizer:28} {_told(pairs, f'{CORES} threads', '1 thread')}", flush=True
    )
    return of_pairs(f"{name}, {optimizer}: all threads", pairs, "one thread", least=1.75)


def many(optimizer: str, runs: int, mnist: str) -> None:
    """What a trial costs among many, and what memory many take."""
    fewest, *_, most = orders = [tasks.Order("digits", optimizer, k, mnist) for k in MANY]
    with Worker("ours", fewest) as few, Worker("ours", most) as lots:
        few.run(OURS)
        lots.run(OURS, 1)
        pairs = [
            (1000 * small / fewest.trials, 1000 * large / most.trials)
            for small, large in take_turns(
                lambda: few.run(OURS).seconds, lambda: lots.run(OURS).seconds, runs
            )
        ]
    ratios = sorted(large / small for small, large in pairs)
    small, large = (statistics.median(side) for side in zip(*pairs, strict=True))
    print(
        f"  digits, {optimizer}: a trial among {fewest.trials:,} costs {small:.2f} ms, among "
        f"{most.trials:,} {large:.2f} ms: {_ratio(ratios)}",
        flush=True,
    )
    found = [
        of_pairs("a trial among 10,000 beside one among 100", pairs, "among 10,000", "ms", most=1.1)
    ]
    for order in orders:
        with Worker("ours", order) as fresh:
            peak = fresh.run(OURS).peak
            print(f"  {order.trials:>6,} trials: at most {peak:.0f} MB resident")
            found.append(Figure(f"memory with {order.trials:,} trials", peak, "MB"))
    record("trainer", f"many, {optimizer}", found, LIBRARIES)


def _told(pairs: Pairs, our_name: str = "ours", their_name: str = "peer") -> str:
    ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratios = sorted(theirs / ours for ours, theirs in pairs)
    return f"{our_name} {ours:.3f} s, {their_name} {theirs:.3f} s, {_ratio(ratios)}"


def _ratio(ratios: list[float]) -> str:
    return f"{statistics.median(ratios):.2f} × [{ratios[0]:.2f} … {ratios[-1]:.2f}]"


def _finals(result: Result) -> tuple[float, float]:
    """Best and median accuracy after the last epoch; what has diverged has none."""
    finals = np.nan_to_num(result.accuracies[-1])
    return float(finals.max()), float(np.median(finals))


def _accuracies(result: Result) -> str:
    if not result.accuracies.size:
        return ""
    return "accuracy best {:.3f}, median {:.3f}".format(*_finals(result))


def _network(task: tasks.Task) -> str:
    return "-".join(map(str, task.sizes))


def _rows(task: tasks.Task) -> str:
    return f"{len(task.X)} rows in {task.batch_size}s, {task.epochs} epochs, {len(task.X_validation)} to validate"


def _head() -> str:
    versions = []
    for package in ("numpy", "scikit-learn", "torch", "jax"):
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            versions.append(f"no {package}")
    kernels = {blas["architecture"] for blas in threadpool_info() if "architecture" in blas}
    forced = " (by OPENBLAS_CORETYPE)" if os.environ.get("OPENBLAS_CORETYPE") else ""
    return (
        f"{CORES} cores, {platform.machine()}, Python {platform.python_version()}, "
        f"{', '.join(versions)}; OpenBLAS for {', '.join(sorted(kernels))}{forced}"
    )


def _available(named: list[str]) -> list[str]:
    """The peers whose library is there; a word on each other one."""
    missing = [title for title in named if find_spec(PEERS[title].library) is None]
    for title in missing:
        print(f"{title}: {PEERS[title].library} is missing: pip install '.[peers]'")
    return [title for title in named if title not in missing]


def _peer_names(text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in PEERS:
            raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(PEERS)}")
    return names


def main() -> None:
    parser = argparse.ArgumentParser(prog="trainer", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument(
        "--optimizer",
        nargs="+",
        choices=OPTIMIZERS,
        default=OPTIMIZERS,
        help="momentum is of 0 in the book: plain SGD",
    )
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument(
        "--peers", type=_peer_names, default=list(PEERS), help="with commas: " + ", ".join(PEERS)
    )
    parser.add_argument(
        "--same-work",
        action="store_true",
        help="ours and the products score validation rows alone, as the peers do",
    )
    parser.add_argument("--data", default=str(MNIST), help="a folder with MNIST's IDX files")
    arguments = parser.parse_args()
    sections = arguments.sections or SECTIONS
    for section in sections:
        if section not in SECTIONS:
            parser.error(f"{section!r} is none of {', '.join(SECTIONS)}")

    print(_head())
    print(f"medians of {arguments.runs} pairs [lowest … highest ratio]")
    for name in (name for name in tasks.NAMES if name in sections):
        chosen = _available(arguments.peers)
        for optimizer in arguments.optimizer:
            order = tasks.Order(name, optimizer, TRIALS, arguments.data, not arguments.same_work)
            against_peers(order, chosen, arguments.runs)
    for optimizer in arguments.optimizer if "threads" in sections else ():
        print("\nthreads")
        found = [
            on_threads(name, optimizer, arguments.runs, arguments.data) for name in tasks.NAMES
        ]
        record("trainer", f"threads, {optimizer}", found, LIBRARIES)
    for optimizer in arguments.optimizer if "many" in sections else ():
        print("\nmany")
        many(optimizer, arguments.runs, arguments.data)


if __name__ == "__main__":
    main()
