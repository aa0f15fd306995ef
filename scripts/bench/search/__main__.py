"""How good the settings are that a search chooses, beside those that named peers choose at the same cost.

    .venv/bin/python scripts/bench/search                  all of it: about five hours
    .venv/bin/python scripts/bench/search tables --seeds 20 --trials 32 64
    .venv/bin/python scripts/bench/search tables --slow-peers    and what peers.jsonl lacks
    .venv/bin/python scripts/bench/search landscapes --seeds 20

tables, curves: measured landscapes (see the modules), from the folder that HPO_SHARED_DATA names, else ../shared/data.
real: training on real rows. intervals: whether those of means on real tables hold the truth.
confidence: whether what is said of means and ranges is true, on made-up landscapes.
landscapes: made-up functions, one difficulty each (an hour and a half).
splits: what settings should be scored by on real tables with few rows: one split, several or folds, after which epoch.
What confirms is counted in the cost. Means have standard errors, ratios and differences a 95 % interval by the
bootstrap.

Optuna's Gaussian process and SMAC3 need pip install -e '.[peers-search]'. A search of theirs takes up to a minute, so
what they found is kept in peers.jsonl.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scripts.bench.figures import Figure, record
from scripts.bench.search import comparing, confidence, curves, landscapes, splits, tasks
from scripts.bench.search.running import difference, each, mean_and_error, ratio

DATA = Path(
    os.environ.get("HPO_SHARED_DATA", Path(__file__).resolve().parents[3] / "../shared/data")
)
TRIALS = (64, 128)
FULL_TRAININGS = 20
EXTENDED_SOON = 0.95  # of the searches whose best lies outside of a range, as promised
LIBRARIES = ("optuna", "scikit-learn", "scipy")


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
    promised = {"random at full length": 0.25}
    kept = []
    for name in others:
        beside = ratio(ranks[ours], ranks[name])
        print(f"  ours / {name:24} {beside:.3f}")
        what = f"{budget} epochs, {seeds} searches a task: rank of the chosen setting"
        means = ranks[ours].mean(), "", name, ranks[name].mean()
        kept.append(Figure(what, *means, *beside, most=promised.get(name)))
    record("search", "curves", kept, LIBRARIES)


def of_confidence(seeds: int) -> None:
    """Twice as many searches: shares of few tell little."""
    kept_figures = []
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
            what = f"{name}, {trials} trainings, {len(found)} searches:"
            if told:
                share = float(np.mean(told))
                kept_figures.append(
                    Figure(f"{what} intervals that hold the truth", share, least=0.9)
                )
            figure = Figure(f"{what} kept where a parameter does nothing", float(kept), least=0.9)
            kept_figures.append(figure)
            outside = "outside" in name
            figure = Figure(
                f"{what} extended", float(extended),
                least=0.8 if outside else None, most=None if outside else 0.05,
            )  # fmt: skip
            kept_figures.append(figure)
            print(
                f"  {name:28} {covered}, bias {bias:+.4f}; nothing kept {kept:.1%}; extended {extended:.1%}",
                flush=True,
            )
    record("search", "confidence", kept_figures, LIBRARIES)


def of_landscapes(seeds: int) -> None:
    print(f"\n{landscapes.TRIALS} trainings, {seeds} searches a landscape; mean regrets")
    gaps = []
    for name, landscape in landscapes.LANDSCAPES.items():
        found = each(landscapes.search, [(name, seed) for seed in range(seeds)])
        ours, theirs = (np.array([f[k] for f in found]) for k in (0, 1))
        gap = difference(ours - theirs, "percentile")
        print(
            f"  {name:50} ours {ours.mean():.4f}, TPE {theirs.mean():.4f}: {gap:+.4f}", flush=True
        )
        what = f"{name}, {seeds} searches: regret beside TPE's, the difference"
        gaps.append(Figure(what, gap.mean, low=gap.low, high=gap.high))
        gaps.append(Figure(f"{what}: the lowest that it may be", gap.low, most=0))
        for parameter in landscape.space:
            actions = [action for f in found for action in f.verdicts[parameter]]
            shares = ", ".join(
                f"{action} {actions.count(action) / len(actions):.0%}"
                for action in ("kept", "narrowed", "extended")
            )
            print(f"  {'':50} {parameter}: {shares}")
        if landscape.outside:
            soon = np.mean([f.extended_soon for f in found])
            print(f"  {'':50} extended within {landscapes.SOON} rounds: {soon:.0%}", flush=True)
            what = f"{name}, {seeds} searches: extended within {landscapes.SOON} rounds"
            gaps.append(Figure(what, float(soon), least=EXTENDED_SOON))
    record("search", "landscapes", gaps, LIBRARIES)


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
                f"  {'':20} {other} {theirs.mean():.4f}: {difference(gains[other][-1]):+.4f}",
                flush=True,
            )
    kept = []
    for other, each_task in gains.items():
        gain = difference(np.mean(each_task, axis=0))
        print(f"  {'in the mean':20} {other}: {gain:+.4f}")
        what = f"accuracy gained over {other}, mean of {len(each_task)} tasks, {count} searches of each"
        kept.append(Figure(what, gain.mean, low=gain.low, high=gain.high))
    found = np.array(each(tasks.compare_extended, [(book, seed) for seed in range(count)]))
    gain = difference(found[:, 0] - found[:, 1])
    print(
        f"  the book's ranges    extended in {found[:, 2].mean():.0%}: {found[:, 0].mean():.4f}, "
        f"inside {found[:, 1].mean():.4f}: {gain:+.4f}"
    )
    what = f"accuracy gained where the book's ranges may be extended, {count} searches"
    kept.append(Figure(what, gain.mean, low=gain.low, high=gain.high, least=0.03))
    record("search", "real", kept, LIBRARIES)


def of_intervals(seeds: int) -> None:
    """A fifth as many searches: these train for real."""
    count, kept = max(2, seeds // 5), []
    print(
        f"\n{tasks.TRIALS} trainings, {count} searches a task; 50 further trainings of each choice"
    )
    with tempfile.TemporaryDirectory() as folder:
        for name, plan in splits.plans(DATA, Path(folder)).items():
            found = each(tasks.covered, [(plan, seed) for seed in range(count)])
            told = [one for one in found if one is not None]
            share = float(np.mean(told)) if told else float("nan")
            print(f"  {name:20} {share:.1%} of {len(told)} intervals hold", flush=True)
            what = f"{name}, {count} searches: intervals that hold the mean of 50 further trainings"
            kept.append(Figure(what, share, least=0.9))
    record("search", "intervals", kept, LIBRARIES)


def of_splits(seeds: int) -> None:
    kept = []
    with tempfile.TemporaryDirectory() as folder:
        for name, plan in splits.plans(DATA, Path(folder)).items():
            table = splits.measured(plan)
            print(f"\n{name}, {splits.TRAININGS} trainings, {seeds} searches", flush=True)
            regrets = {}
            for searcher in splits.SEARCHERS:
                found = np.array(
                    each(splits.chosen, [(table, searcher, seed) for seed in range(seeds)])
                )
                regrets[searcher] = found[:, 0]
                what = f"{name}, {seeds} searches: regret of {searcher}"
                kept.append(Figure(what, float(found[:, 0].mean())))
                error = found[:, 0].std(ddof=1) / np.sqrt(seeds)
                print(
                    f"  {searcher:28} regret {found[:, 0].mean():.4f} ± {error:.4f}; "
                    f"worse than the defaults {found[:, 1].mean():.0%}",
                    flush=True,
                )
            ours, *others = regrets
            for other in others:
                print(
                    f"  {ours} - {other:28} {difference(regrets[ours] - regrets[other]):+.4f}",
                    flush=True,
                )
    record("search", "splits", kept, LIBRARIES)


OTHERS = {
    "curves": of_curves,
    "confidence": of_confidence,
    "landscapes": of_landscapes,
    "real": of_real,
    "intervals": of_intervals,
    "splits": of_splits,
}
SECTIONS = ("tables", *OTHERS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sections", nargs="*", choices=[*SECTIONS, []], help="which; all of them")
    parser.add_argument("--seeds", type=int, default=100, help="searches of each landscape")
    parser.add_argument(
        "--trials", type=int, nargs="+", default=TRIALS, help="trainings of a search of a table"
    )
    parser.add_argument(
        "--slow-peers", action="store_true", help="run the searches that peers.jsonl lacks"
    )
    given = parser.parse_args()
    if given.seeds < 2:
        parser.error("--seeds: one search has no error; give 2 or more")
    for name in given.sections or SECTIONS:
        if name == "tables":
            for trials in given.trials:
                comparing.of_tables(DATA, trials, given.seeds, slow_peers=given.slow_peers)
        else:
            OTHERS[name](given.seeds)


if __name__ == "__main__":
    main()
