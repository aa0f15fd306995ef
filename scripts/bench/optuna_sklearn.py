"""The peer: what a user writes today with Optuna and scikit-learn for the search that `hpo search digits` makes.

Optuna's TPE and RDBStorage on SQLite around scikit-learn's MLPClassifier: the same data, split, network, ranges and
epochs, a report after every epoch. As a program: optuna_sklearn.py TRIALS FILE.db
"""

from __future__ import annotations

import sys
import warnings

import numpy as np
import optuna
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler


def search(trials: int, file: str, epochs: int = 10) -> optuna.Study:
    """Search the learning rate and weight decay of 64-50-10 on digits, as a study in an SQLite file."""
    X, y = load_digits(return_X_y=True)
    X, _, y, _ = train_test_split(X, y, test_size=0.2, stratify=y, random_state=0)
    X, X_validation, y, y_validation = train_test_split(
        X, y, test_size=0.25, stratify=y, random_state=0
    )
    scaler = StandardScaler().fit(X)
    X, X_validation = (scaler.transform(part).astype(np.float32) for part in (X, X_validation))
    classes = np.unique(y)

    def objective(trial: optuna.Trial) -> float:
        network = MLPClassifier(
            hidden_layer_sizes=(50,),
            solver="sgd",
            momentum=0.9,
            nesterovs_momentum=False,
            batch_size=32,
            learning_rate_init=trial.suggest_float("learning_rate", 1e-5, 1, log=True),
            alpha=trial.suggest_float("weight_decay", 1e-8, 1e-1, log=True),
            random_state=0,
        )
        accuracy = 0.0
        for epoch in range(epochs):
            network.partial_fit(X, y, classes=classes)
            accuracy = network.score(X_validation, y_validation)
            trial.report(accuracy, epoch)
        return accuracy

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", RuntimeWarning)  # a learning rate of 1 overflows here and there
    study = optuna.create_study(
        direction="maximize",
        storage=f"sqlite:///{file}",
        sampler=optuna.samplers.TPESampler(seed=0),
    )
    study.optimize(objective, n_trials=trials, catch=ValueError)  # scikit-learn's word for diverged
    return study


if __name__ == "__main__":
    print(search(int(sys.argv[1]), sys.argv[2]).best_value)
