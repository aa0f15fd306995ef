"""The section of the measured tables: the regrets of all searchers, family by family, and what ours are beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from scripts.bench.figures import Figure, record
from scripts.bench.search import kept
from scripts.bench.search.peers import OURS, SEARCHERS, chosen_regret
from scripts.bench.search.running import Floats, Interval, as_they_come, each, mean_and_error, ratio
from scripts.bench.search.tables import FAMILIES

Paths = Sequence[Path]
LIBRARIES = ("optuna", "scipy", "torch", "smac")
# What is promised, by the number of trainings: at most this share of TPE's regret, and of the best peer's.
TPE = {("HPOBench", 64): 0.65, ("HPOlib", 64): 0.25}
BEST = {("HPOBench", 64): 0.85, ("HPOlib", 64): 0.9} | {
    (family, trials): share for family, share in (("HPOBench", 0.8), ("HPOlib", 0.9)) for trials in (128, 256)
}  # fmt: skip


def of_tables(data: Path, trials: int, seeds: int, *, slow_peers: bool) -> None:
    """Print what all searchers choose with so many trainings; slow peers search anew only if `slow_peers`."""
    for family, folder in FAMILIES.items():
        paths = sorted((data / folder).glob("*.npz"))
        names = ", ".join(path.stem for path in paths) or f"skipped: no tables in {data / folder}"
        print(f"\n{family}, {trials} trainings, {seeds} searches a table: {names}")
        if paths:
            found = _of_family(family, paths, trials, seeds, slow_peers)
            record("search", f"tables, {family}, {trials} trainings", found, LIBRARIES)


def _of_family(
    family: str, paths: Paths, trials: int, seeds: int, slow_peers: bool
) -> list[Figure]:
    regrets: dict[str, Floats] = {}
    which: dict[str, list[int]] = {}
    for name, searcher in SEARCHERS.items():
        if searcher.slow:
            which[name], regrets[name] = _kept(name, paths, trials, seeds, slow_peers)
        else:
            jobs = [(name, path, trials, seed) for path in paths for seed in range(seeds)]
            found = np.array(each(chosen_regret, jobs)).reshape(len(paths), seeds)
            which[name], regrets[name] = list(range(seeds)), found
        if len(which[name]) < 2:  # too few for an error
            del which[name], regrets[name]
            continue
        found = regrets[name]
        by_table = ", ".join(f"{mean:.3f}" for mean in found.mean(axis=1))
        count = len(which[name])
        of_all = "" if count == seeds else f"; {count} of {seeds} searches a table"
        print(f"  {name:24} regret {mean_and_error(found)}  ({by_table}){of_all}", flush=True)

    figures = []

    def beside(peer: str, most: float | None = None) -> Interval:
        """The ratio over the searches that both have."""
        own = regrets[OURS][:, which[peer]]
        found, means = (
            ratio(own, regrets[peer]),
            (float(own.mean()), "", peer, float(regrets[peer].mean())),
        )
        what = f"{family}, {trials} trainings, {len(which[peer])} searches a table: regret"
        figures.append(Figure(what, *means, *found, most=most))
        return found

    peers = [name for name in regrets if name != OURS]
    best = min(peers, key=lambda name: regrets[name].mean())
    for name in peers:
        print(
            f"  ours / {name:24} {beside(name, TPE.get((family, trials)) if name == 'Optuna TPE' else None):.3f}"
        )
    print(
        f"  ours / the best peer, {best}: {beside(best, BEST.get((family, trials))):.3f}",
        flush=True,
    )
    return figures


def _kept(
    name: str, paths: Paths, trials: int, seeds: int, slow_peers: bool
) -> tuple[list[int], Floats]:
    """The seeds whose searches of all tables are kept, and their regrets (tables, seeds)."""
    searcher = SEARCHERS[name]
    wanted = [(seed, path) for seed in range(seeds) for path in paths]  # whole seeds first
    known = kept.read()
    missing = [
        (name, path, trials, seed)
        for seed, path in wanted
        if kept.Key(name, path.stem, trials, seed) not in known
    ]
    if missing and slow_peers and not searcher.missing:

        def results() -> Iterator[tuple[kept.Key, float]]:
            for (_, path, _, seed), regret in as_they_come(chosen_regret, missing):
                yield kept.Key(name, path.stem, trials, seed), regret

        kept.write(results(), kept.versions(searcher))
        known = kept.read()
    elif missing:
        why = "--slow-peers runs them"
        if searcher.missing:
            why = f"and {searcher.needs} is not installed: pip install -e '.[peers-search]'"
        print(f"  {name:24} skipped: {len(missing)} searches are not in {kept.FILE.name}, {why}")
    whole = [
        seed
        for seed in range(seeds)
        if all(kept.Key(name, path.stem, trials, seed) in known for path in paths)
    ]
    found = [[known[kept.Key(name, path.stem, trials, seed)] for seed in whole] for path in paths]
    return whole, np.array(found, float)
