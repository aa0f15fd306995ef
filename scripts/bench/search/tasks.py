"""Real training: learning rate and weight decay of a network of ours, in wide ranges.

Ours and Optuna's TPE train the same networks as often, those that confirm included; scikit-learn's halving as many
epochs. What each chooses is trained 20 times more, on seeds and splits that none has seen, and its mean accuracy there
is what counts.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import hpo
from hpo.choose.types import Direction
from hpo.plan.plan import make_plan
from hpo.plan.space import Parameter, Settings
from hpo.trainables.network import MLP, mlp
from hpo.trainables.session import Session
from hpo.trainables.task import Outcome, Task
from scripts.bench.search import peers, sklearn_halving
from scripts.bench.search.running import recommended, searched

TRIALS = 100
FRESH = range(100_001, 100_021)  # splits and seeds that no search has
FURTHER = range(200_001, 200_051)  # those that judge an interval
WIDE = {
    "learning_rate": hpo.Float(1e-6, 10.0, log=True),
    "weight_decay": hpo.Float(1e-8, 1.0, log=True),
}
BOOK = {
    "learning_rate": hpo.Float(1e-6, 1e-2, log=True),
    "weight_decay": hpo.Float(1e-8, 1e-4, log=True),
}
"""The ranges of *Deep Learning from Scratch* 6.5.2: the best of its trials is at the upper end."""


def plans(data: str) -> dict[str, dict[str, Any]]:
    """The tasks, with their files in the folder `data`."""
    mnist = {"source": f"mnist:{data}/mnist", "rows": 500}
    return {
        "digits": {"source": "digits"},
        "MNIST, 500 rows": mnist | {"epochs": 20},
        "penguins": {"source": f"{data}/tabular/penguins.csv", "target": "species"},
        "adult, 3,000 rows": {
            "source": f"{data}/tabular/adult.csv",
            "target": "income-per-year",
            "rows": 3000,
        },
        "the book's": mnist
        | {"hidden": (100,) * 6, "optimizer": "sgd", "batch_size": 100, "epochs": 50},
    }


def ours(plan: Mapping[str, Any], seed: int) -> dict[str, Any]:
    rest = {name: value for name, value in plan.items() if name != "source"}
    with searched(plan["source"], **rest, seed=seed) as study:
        return recommended(study)


class Training:
    """The network of a task, as peers train it: each further time, the same settings have a fresh seed and split."""

    direction: Direction = "maximize"

    def __init__(self, plan: Mapping[str, Any], seed: int) -> None:
        self.space: Mapping[str, Parameter] = plan["space"]
        self._trainable, self._seed = mlp(make_plan({**plan, "seed": seed})), seed
        self._times: Counter[str] = Counter()

    def __call__(self, params: Mapping[str, Any]) -> float:
        stage = self._times[repr(params)]
        self._times[repr(params)] += 1
        epochs = self._trainable.plan.epochs
        (outcome,) = trained(self._trainable, [dict(params)], self._seed + stage, stage, epochs)
        return math.nan if outcome.value is None else outcome.value


def optuna_tpe(plan: Mapping[str, Any], seed: int) -> Mapping[str, Any]:
    return peers.tpe(Training(plan, seed), plan["trials"], seed)


def tpe_again(plan: Mapping[str, Any], seed: int) -> Mapping[str, Any]:
    return peers.tpe_again(Training(plan, seed), plan["trials"], seed)


def scikit_learn(plan: Mapping[str, Any], seed: int) -> dict[str, Any]:
    trainable = mlp(make_plan({**plan, "seed": seed}))
    longest = trainable.plan.epochs

    def train(params: Mapping[str, Any], epochs: int) -> float:
        (outcome,) = trained(trainable, [dict(params)], seed, 0, epochs)
        return -1.0 if outcome.value is None else outcome.value

    return sklearn_halving.chosen(train, plan["space"], longest, plan["trials"] * longest, seed)


def trained(
    trainable: MLP, settings: Sequence[Settings], seed: int, which: int, epochs: int
) -> list[Outcome]:
    from threadpoolctl import threadpool_limits

    outcomes: dict[int, Outcome] = {}
    with threadpool_limits(1):
        for part in trainable.populations(settings):
            task = Task(tuple(part), tuple(settings[k] for k in part), epochs, seed, which)
            session = Session(task, trainable.training(task).here(), trainable.score)
            session.advance(epochs)
            outcomes |= zip(part, session.outcomes(), strict=True)
    return [outcomes[k] for k in range(len(settings))]


SEARCHERS: dict[str, Callable[[Mapping[str, Any], int], Mapping[str, Any]]] = {
    "ours": ours,
    "Optuna TPE": optuna_tpe,
    "TPE, its best 5 again": tpe_again,
    "scikit-learn": scikit_learn,
}


def compare(plan: Mapping[str, Any], seed: int) -> list[float]:
    """Mean accuracies on fresh seeds and splits of what one search of each chooses."""
    given = {**plan, "space": WIDE, "trials": TRIALS}
    chosen = [dict(search(given, seed)) for search in SEARCHERS.values()]
    means: list[float] = fresh(given, chosen, seed).mean(axis=0).tolist()
    return means


def compare_extended(plan: Mapping[str, Any], seed: int) -> tuple[float, float, bool]:
    """Mean accuracies with the book's ranges, extended and not; and whether they were."""
    given = {**plan, "space": BOOK, "trials": TRIALS}
    chosen = [ours(given, seed), ours({**given, "extend": False}, seed)]
    free, shut = fresh(given, chosen, seed).mean(axis=0).tolist()
    return free, shut, chosen[0]["learning_rate"] > BOOK["learning_rate"].high


def covered(plan: Mapping[str, Any], seed: int) -> bool | None:
    """Whether the interval of the recommended settings holds the mean of 50 further trainings; None: it has none."""
    given = {**plan, "space": WIDE, "trials": TRIALS}
    rest = {name: value for name, value in given.items() if name != "source"}
    with searched(given["source"], **rest, seed=seed) as study:
        told = study.summary()["recommended"]
    if told["ci95"] is None:
        return None
    low, high = told["ci95"]
    return bool(low <= fresh(given, [told["params"]], seed, FURTHER).mean() <= high)


def fresh(
    plan: Mapping[str, Any], chosen: Sequence[Settings], seed: int, on: Sequence[int] = FRESH
) -> NDArray[np.float64]:
    """The accuracies of settings on fresh seeds and splits (repeats, settings); one that diverges has 0."""
    trainable = mlp(make_plan({**plan, "seed": seed}))
    epochs = trainable.plan.epochs
    return np.array(
        [
            [outcome.value or 0.0 for outcome in trained(trainable, chosen, which, which, epochs)]
            for which in on
        ]
    )
