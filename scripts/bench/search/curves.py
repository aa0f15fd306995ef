"""Measured learning curves: 1,000 settings of eight numbers, 50 epochs each; settings are looked up at the nearest.

What a search chooses is judged by the rank of its final validation loss, 0 for the best of the 1,000; what it costs is
counted in epochs. Source: TaskSet, from releaunifreiburg/DyHPO (Apache-2.0).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import hpo
from hpo.plan.space import Parameter, at, distribution
from scripts.bench.search import sklearn_halving
from scripts.bench.search.running import recommended, searched

EPOCHS = 50
LOGS = ("learning_rate", "beta1", "beta2", "epsilon", "l1", "l2", "linear_decay", "exponential_decay")  # fmt: skip
FROM_ONE = ("beta1", "beta2")  # searched as 1 - β


class Curves:
    """One task."""

    def __init__(self, path: Path) -> None:
        with np.load(path, allow_pickle=False) as stored:
            settings, self.losses = stored["hp"].astype(float), stored["valid_loss"].astype(float)
        for column, name in enumerate(LOGS):
            if name in FROM_ONE:
                settings[:, column] = 1 - settings[:, column]
        self.name = path.stem
        self._logs = np.log(settings)
        self._low, self._width = self._logs.min(axis=0), np.ptp(self._logs, axis=0)
        ends = np.exp(self._logs.min(axis=0)), np.exp(self._logs.max(axis=0))
        self.space: dict[str, Parameter] = {
            name: hpo.Float(float(low), float(high), log=True)
            for name, low, high in zip(LOGS, *ends, strict=True)
        }
        final = np.where(np.isfinite(self.losses[:, EPOCHS]), self.losses[:, EPOCHS], np.inf)
        self.ranks = np.argsort(np.argsort(final, kind="stable"))

    def nearest(self, params: Mapping[str, Any]) -> int:
        """The measured setting nearest to this one, in the space that is searched."""
        where = (np.log([params[name] for name in LOGS]) - self._low) / self._width
        measured = (self._logs - self._low) / self._width
        return int(((measured - where) ** 2).sum(axis=1).argmin())

    def rank(self, params: Mapping[str, Any]) -> int:
        return int(self.ranks[self.nearest(params)])


class Training:
    """A function that trains, and counts the epochs."""

    def __init__(self, curves: Curves) -> None:
        self.curves, self.epochs = curves, 0

    def __call__(self, params: Mapping[str, Any], *, epochs: int) -> Iterator[dict[str, float]]:
        losses = self.curves.losses[self.curves.nearest(params)]
        for epoch in range(1, epochs + 1):
            self.epochs += 1
            yield {"loss": float(losses[epoch])}


TRIALS = 164  # of ours, in 1,000 epochs

Searcher = Callable[[Curves, Training, int, int], Mapping[str, Any]]
"""(task, what trains, how many epochs it may, seed) -> the chosen setting."""


def ours(task: Curves, train: Training, budget: int, seed: int) -> Mapping[str, Any]:
    """Halving by 3, with as many trials as the budget has room for."""
    trials = budget * TRIALS // 1000
    plan: dict[str, Any] = {"metric": "loss", "direction": "minimize", "epochs": EPOCHS}
    with searched(train, space=task.space, trials=trials, halving=3, seed=seed, **plan) as study:
        return recommended(study)


def random(task: Curves, train: Training, budget: int, seed: int) -> Mapping[str, Any]:
    """Random search at full length."""
    import optuna

    return _optuna(task, train, budget, optuna.samplers.RandomSampler(seed=seed), None)


def optuna_tpe(task: Curves, train: Training, budget: int, seed: int) -> Mapping[str, Any]:
    """Optuna's TPE at full length."""
    import optuna

    return _optuna(task, train, budget, optuna.samplers.TPESampler(seed=seed), None)


def optuna_hyperband(task: Curves, train: Training, budget: int, seed: int) -> Mapping[str, Any]:
    """Optuna's TPE with its Hyperband pruner."""
    import optuna

    pruner = optuna.pruners.HyperbandPruner(1, EPOCHS, reduction_factor=3)
    return _optuna(task, train, budget, optuna.samplers.TPESampler(seed=seed), pruner)


def scikit_learn(task: Curves, train: Training, budget: int, seed: int) -> Mapping[str, Any]:
    """scikit-learn's HalvingRandomSearchCV."""

    def trained(params: Mapping[str, Any], epochs: int) -> float:
        *_, last = train(params, epochs=epochs)
        return -last["loss"] if math.isfinite(last["loss"]) else -1e30

    return sklearn_halving.chosen(trained, task.space, EPOCHS, budget, seed)


def one_epoch(task: Curves, train: Training, budget: int, seed: int) -> Mapping[str, Any]:
    """All random settings for one epoch, then the best of them to the end, with half of the budget each.

    Source: Egele et al. 2023, "The unreasonable effectiveness of early discarding after one epoch in neural network
    hyperparameter optimization".
    """
    rng = np.random.default_rng([seed, 2])
    settings: list[dict[str, Any]] = [
        {name: at(p, float(rng.random())) for name, p in task.space.items()}  # type: ignore[arg-type]  # numbers
        for _ in range(budget // 2)
    ]
    trainings = [train(params, epochs=EPOCHS) for params in settings]
    first = [_comparable(next(training)["loss"]) for training in trainings]
    best = np.argsort(first, kind="stable")[: (budget - train.epochs) // (EPOCHS - 1)]
    final = {}
    for which in best:
        *_, last = trainings[which]
        final[which] = _comparable(last["loss"])
    chosen: Mapping[str, Any] = settings[min(final, key=lambda which: final[which])]
    return chosen


def _comparable(loss: float) -> float:
    return loss if math.isfinite(loss) else math.inf


def _optuna(
    task: Curves, train: Training, budget: int, sampler: Any, pruner: Any
) -> Mapping[str, Any]:
    """As many trials as the budget has room for; the best that was trained to the end."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        direction="minimize", sampler=sampler, pruner=pruner or optuna.pruners.NopPruner()
    )
    distributions = {name: distribution(p) for name, p in task.space.items()}
    while train.epochs < budget:
        trial = study.ask(distributions)
        loss, pruned = math.inf, False
        for epoch, figures in enumerate(train(trial.params, epochs=EPOCHS), start=1):
            loss = figures["loss"] if math.isfinite(figures["loss"]) else math.inf
            trial.report(min(loss, 1e30), epoch)
            pruned = math.isinf(loss) or trial.should_prune() or train.epochs >= budget
            if pruned and epoch < EPOCHS:
                break
        else:
            pruned = False
        if pruned:
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            study.tell(trial, min(loss, 1e30))
    return study.best_params


SEARCHERS: dict[str, Searcher] = {
    "ours, halving by 3": ours,
    "random at full length": random,
    "Optuna TPE": optuna_tpe,
    "Optuna TPE + Hyperband": optuna_hyperband,
    "scikit-learn, halving": scikit_learn,
    "one epoch, then the best": one_epoch,
}


def chosen_rank(searcher: str, path: Path, budget: int, seed: int) -> tuple[int, int]:
    """The rank of what one search chooses, and the epochs it trained."""
    task = Curves(path)
    train = Training(task)
    params = SEARCHERS[searcher](task, train, budget, seed)
    return task.rank(params), train.epochs
