"""How good the settings are that a search chooses, beside those that named peers choose at the same cost.

    .venv/bin/python scripts/bench/search                  all of it: about two hours
    .venv/bin/python scripts/bench/search tables --seeds 20

tables, curves: measured landscapes (see the modules), from the folder that HPO_SHARED_DATA names, else ../shared/data.
real: training on real rows. confidence: whether what is said of means and ranges is true, on made-up landscapes.
What confirms is counted in the cost. Means have standard errors, ratios a 95 % interval by the bootstrap.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scripts.bench.search import confidence, curves, tables, tasks
from scripts.bench.search.running import each, mean_and_error, ratio

DATA = Path(
    os.environ.get("HPO_SHARED_DATA", Path(__file__).resolve().parents[3] / "../shared/data")
)
TRIALS = (64, 128)
FULL_TRAININGS = 20


def of_tables(seeds: int) -> None:
    paths = sorted((DATA / "tables").glob("*.npz"))
    for trials in TRIALS:
        print(f"\n{trials} trainings, {seeds} searches a table: {', '.join(p.stem for p in paths)}")
        regrets = {}
        for name in tables.SEARCHERS:
            jobs = [(name, path, trials, seed) for path in paths for seed in range(seeds)]
            found = np.array(each(tables.chosen_regret, jobs)).reshape(len(paths), seeds)
            regrets[name] = found
            by_table = ", ".join(f"{mean:.3f}" for mean in found.mean(axis=1))
            print(f"  {name:24} regret {mean_and_error(found)}  ({by_table})", flush=True)
        for name, theirs in regrets.items():
            if name != "ours":
                print(f"  ours / {name:24} {ratio(regrets['ours'], theirs)}")


def of_curves(seeds: int) -> None:
    paths = sorted((DATA / "curves").glob("*.npz"))
    budget = FULL_TRAININGS * curves.EPOCHS
    print(f"\n{budget} epochs, {seeds} searches a task, {len(paths)} tasks")
    ranks = {}
    for name in curves.SEARCHERS:
        jobs = [(name, path, budget, seed) for path in paths for seed in range(seeds)]
        found = np.array(each(curves.chosen_rank, jobs), float).reshape(len(paths), seeds, 2)
        assert found[..., 1].max() <= budget, (name, found[..., 1].max())
        ranks[name] = found[..., 0]
        by_task = ", ".join(f"{mean:.1f}" for mean in found[..., 0].mean(axis=1))
        epochs = f"{found[..., 1].mean():.0f} epochs, at most {found[..., 1].max():.0f}"
        print(
            f"  {name:24} rank {mean_and_error(found[..., 0])}  ({by_task}); {epochs}", flush=True
        )
    ours, *others = ranks
    for name in others:
        print(f"  ours / {name:24} {ratio(ranks[ours], ranks[name])}")


def of_confidence(seeds: int) -> None:
    """Twice as many searches: shares of few tell little."""
    for trials in confidence.TRIALS:
        print(f"\n{trials} trainings, {2 * seeds} searches a landscape")
        for name, landscape in confidence.LANDSCAPES.items():
            jobs = [(landscape, trials, seed) for seed in range(2 * seeds)]
            found = each(confidence.search, jobs)
            told = [f.covered for f in found if f.covered is not None]
            covered = (
                f"{np.mean(told):.1%} of {len(told)} intervals hold" if told else "no interval"
            )
            kept = np.mean([f.nothing_kept for f in found])
            extended = np.mean([f.extended for f in found])
            bias = np.mean([f.bias for f in found])
            print(
                f"  {name:28} {covered}, bias {bias:+.4f}; nothing kept {kept:.1%}; extended {extended:.1%}",
                flush=True,
            )


def of_real(seeds: int) -> None:
    """A fifth as many searches: these train for real."""
    count = max(2, seeds // 5)
    plans = tasks.plans(str(DATA))
    book = plans.pop("the book's")
    print(
        f"\n{tasks.TRIALS} trainings, {count} searches a task; accuracies on fresh seeds and splits"
    )
    ours, *others = tasks.SEARCHERS
    gains: dict[str, list[NDArray[np.float64]]] = {other: [] for other in others}
    for name, plan in plans.items():
        found = np.array(each(tasks.compare, [(plan, seed) for seed in range(count)]))
        print(f"  {name:20} {ours} {found[:, 0].mean():.4f}", flush=True)
        for other, theirs in zip(others, found.T[1:], strict=True):
            gains[other].append(found[:, 0] - theirs)
            print(
                f"  {'':20} {other} {theirs.mean():.4f}: {_gain(gains[other][-1])}",
                flush=True,
            )
    for other, each_task in gains.items():
        print(f"  {'in the mean':20} {other}: {_gain(np.mean(each_task, axis=0))}")
    found = np.array(each(tasks.compare_extended, [(book, seed) for seed in range(count)]))
    print(
        f"  the book's ranges    extended in {found[:, 2].mean():.0%}: {found[:, 0].mean():.4f}, "
        f"inside {found[:, 1].mean():.4f}: {_gain(found[:, 0] - found[:, 1])}"
    )


def _gain(gains: NDArray[np.float64]) -> str:
    """The mean difference of pairs, with its 95 % interval by the bootstrap."""
    from scipy import stats

    found = stats.bootstrap((gains,), np.mean, rng=np.random.default_rng(0)).confidence_interval
    return f"{gains.mean():+.4f} ({found.low:+.4f} … {found.high:+.4f})"


SECTIONS = {"tables": of_tables, "curves": of_curves, "confidence": of_confidence, "real": of_real}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sections", nargs="*", choices=[*SECTIONS, []], help="which; all of them")
    parser.add_argument("--seeds", type=int, default=100, help="searches of each landscape")
    given = parser.parse_args()
    for name in given.sections or SECTIONS:
        SECTIONS[name](given.seeds)


if __name__ == "__main__":
    main()
