"""Two optimizers with numbers of their own, of which a trial has only those that apply; and the same search in Optuna.

In Optuna, what applies is an `if` in the objective, which no other trial sees. In hpo the space says it, so its model,
its verdicts and its figures know that momentum is no part of Adam.
"""

import warnings
from collections.abc import Iterator
from typing import Any

import optuna
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import hpo

TRIALS, EPOCHS = 40, 5
X, X_VALID, Y, Y_VALID = train_test_split(*load_digits(return_X_y=True), random_state=0)

SPACE = {
    "solver": hpo.Categorical(("sgd", "adam")),
    "learning_rate_init": hpo.Float(1e-4, 1, log=True),
    "momentum": hpo.Float(0.0, 0.99, when={"solver": "sgd"}),
    "beta_1": hpo.Float(0.5, 0.99, when={"solver": "adam"}),
}


def train(params: dict[str, Any], epochs: int, seed: int) -> Iterator[dict[str, float]]:
    network = MLPClassifier(random_state=seed, **params)  # with what applies and nothing else
    with warnings.catch_warnings(action="ignore"):  # some learning rates are too large
        for _ in range(epochs):
            network.partial_fit(X / 16, Y, classes=range(10))
            yield {"accuracy": float(network.score(X_VALID / 16, Y_VALID))}


def objective(trial: optuna.Trial) -> float:
    params: dict[str, Any] = {
        "solver": trial.suggest_categorical("solver", ["sgd", "adam"]),
        "learning_rate_init": trial.suggest_float("learning_rate_init", 1e-4, 1, log=True),
    }
    if params["solver"] == "sgd":
        params["momentum"] = trial.suggest_float("momentum", 0.0, 0.99)
    else:
        params["beta_1"] = trial.suggest_float("beta_1", 0.5, 0.99)
    *_, last = train(params, EPOCHS, seed=0)
    return last["accuracy"]


if __name__ == "__main__":  # processes import this file
    study = hpo.search(train, space=SPACE, metric="accuracy", trials=TRIALS, epochs=EPOCHS)
    best = study.recommended
    assert best is not None
    print(f"hpo    {best.params} {best.mean:.4f}, the mean of {len(best.values)} fresh trainings")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    optunas = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))
    optunas.optimize(objective, TRIALS)
    print(f"Optuna {optunas.best_params} {optunas.best_value:.4f}, the best of {TRIALS}")
