"""The trials of a study that cross-validates, fold by fold, as `cv_results_` of scikit-learn's searches has them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from typing import Any

import numpy as np

from studies.database.columns import curves
from studies.database.records import Trial
from studies.database.store import open_store

Folds = dict[str, dict[int, list[float]]]
"""The values of each metric in the folds of each trial, by its number."""


def recorded(name: str, storage: str) -> tuple[list[Trial], Folds]:
    """The trials of a study and their folds."""
    with open_store(storage) as store, store.reading():
        study_id = store.study(name).study_id
        folds = {c.metric: c.by_trial() for c in curves(store, study_id)}
        return store.trials(study_id), folds


def cv_results(
    trials: list[Trial],
    by_metric: Folds,
    n_splits: int,
    optimized: str,
    compared: Mapping[int, float],
) -> dict[str, Any]:
    """The table of scikit-learn's, each column an array (N,) of N trials; without times.

    `optimized` is the name of a score. `compared` are the means by which finalists were compared, best first: they come
    first by `rank_test_NAME`, then the other trials that are complete.
    """
    results: dict[str, Any] = {"params": [trial.params for trial in trials]}
    for name in dict.fromkeys(name for trial in trials for name in trial.params):
        column = [trial.params.get(name) for trial in trials]
        numeric = all(type(value) in (int, float) for value in column)
        results[f"param_{name}"] = np.ma.MaskedArray(
            np.array(column, None if numeric else object),
            [name not in trial.params for trial in trials],
        )
    scores = {
        metric: folds for metric, folds in by_metric.items() if not metric.startswith("mean_")
    }
    for metric, folds in scores.items():
        table = np.ma.MaskedArray(np.empty((len(trials), n_splits)), mask=True)
        for number, values in folds.items():
            table[number, : len(values)] = np.ma.masked_invalid(values)
        results |= {f"split{n}_{metric}": table[:, n].filled(np.nan) for n in range(n_splits)}
        means = results[f"mean_{metric}"] = table.mean(axis=1).filled(np.nan)
        results[f"std_{metric}"] = table.std(axis=1).filled(np.nan)
        if metric.startswith("test_"):
            first = list(compared) if metric == f"test_{optimized}" else []
            results[f"rank_{metric}"] = _ranks(trials, means, first)
    results[f"confirmed_test_{optimized}"] = np.array(
        [compared.get(trial.number, np.nan) for trial in trials]
    )
    return results


def _ranks(trials: list[Trial], means: Any, first: list[int]) -> Any:
    """From 1: `first`, in this order, then complete trials, then others, each by their means; equals share a rank."""
    keys = [
        (
            first.index(trial.number) if trial.number in first else len(first),
            trial.state != "complete",
            np.inf if np.isnan(mean) else -mean,
        )
        for trial, mean in zip(trials, means, strict=True)
    ]
    ordered = sorted(keys)
    return np.array([1 + bisect_left(ordered, key) for key in keys], np.int32)
