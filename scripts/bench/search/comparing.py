"""The section of the measured tables: the regrets of all searchers, family by family, and what ours are beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from scripts.bench.search import kept
from scripts.bench.search.peers import OURS, SEARCHERS, chosen_regret
from scripts.bench.search.running import Floats, as_they_come, each, mean_and_error, ratio
from scripts.bench.search.tables import FAMILIES

Paths = Sequence[Path]


def of_tables(data: Path, trials: int, seeds: int, *, slow_peers: bool) -> None:
    """Print what all searchers choose with so many trainings; slow peers search anew only if `slow_peers`."""
    for family, folder in FAMILIES.items():
        paths = sorted((data / folder).glob("*.npz"))
        names = ", ".join(path.stem for path in paths) or f"skipped: no tables in {data / folder}"
        print(f"\n{family}, {trials} trainings, {seeds} searches a table: {names}")
        if paths:
            _of_family(paths, trials, seeds, slow_peers)


def _of_family(paths: Paths, trials: int, seeds: int, slow_peers: bool) -> None:
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

    def beside(peer: str) -> str:
        """The ratio over the searches that both have."""
        return ratio(regrets[OURS][:, which[peer]], regrets[peer])

    peers = [name for name in regrets if name != OURS]
    best = min(peers, key=lambda name: regrets[name].mean())
    for name in peers:
        print(f"  ours / {name:24} {beside(name)}")
    print(f"  ours / the best peer, {best}: {beside(best)}", flush=True)


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
