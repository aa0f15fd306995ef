"""Your own loop: ask for settings, train them however you like, and tell what came out; Optuna's loop beside it.

The loop may run anywhere: on a cluster, by hand, beside an instrument in a laboratory. hpo says with which seed to
train, so that it can ask for good settings again, with another one. A loop that has stopped goes on by its name.
"""

import sys
import tempfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import optuna

import hpo

TRIALS = 40


def measured(params: Mapping[str, Any], seed: int) -> float:
    """The yield of a reaction, with some noise; the best is 1, at 80 degrees after 30 minutes."""
    luck = np.random.default_rng([seed, int(1000 * params["temperature"])]).normal(0, 0.02)
    away = ((params["temperature"] - 80) / 30) ** 2 + np.log(params["minutes"] / 30) ** 2
    return float(np.exp(-away) + luck)


def main(storage: str) -> None:
    space = {"temperature": hpo.Float(20, 120), "minutes": hpo.Float(1, 300, log=True)}
    with hpo.open(
        "reaction",
        storage=storage,
        space=space,
        trials=TRIALS,
        metric="yield",
        direction="maximize",
    ) as search:
        for _ in range(15):
            if task := search.ask():
                search.tell(task, measured(task.params, task.seed))
    with hpo.open("reaction", storage=storage) as search:  # the next day
        while task := search.ask():
            search.tell(task, measured(task.params, task.seed))
    ours = search.study.recommended
    assert ours is not None
    print("hpo    ", ours.params, f"mean {ours.mean:.3f}, 95 % {ours.ci95}")

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))
    for number in range(TRIALS):
        trial = study.ask()
        trial.suggest_float("temperature", 20, 120)
        trial.suggest_float("minutes", 1, 300, log=True)
        study.tell(trial, measured(trial.params, seed=number))
    print("Optuna ", study.best_params, f"best {study.best_value:.3f}, luck included")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{folder}/hpo.db")
