"""Gradient boosting by a plain function that returns its scores; Optuna searches over the same function beside it.

The booster is scikit-learn's; LightGBM's and XGBoost's are called the same way. Each stops adding trees by itself, when
they no longer help. (Halving by trees would mislead: after few trees a large learning rate looks best.) The seed splits
the rows, so the best settings are confirmed on fresh splits. Optuna's best loss is the best of many on one split.
"""

import sys
import tempfile
from typing import Any

import optuna
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import train_test_split

import hpo

X, y = load_breast_cancer(return_X_y=True)
SPACE = {
    "learning_rate": hpo.Float(0.01, 1, log=True),
    "max_leaf_nodes": hpo.Int(2, 32, log=True),
    "l2_regularization": hpo.Float(1e-3, 10, log=True),
}


def train(params: dict[str, Any], *, seed: int) -> dict[str, float]:
    rows, held_out, labels, truth = train_test_split(X, y, test_size=0.5, random_state=seed)
    model = HistGradientBoostingClassifier(**params, early_stopping=True, random_state=seed)
    probabilities = model.fit(rows, labels).predict_proba(held_out)
    return {
        "loss": float(log_loss(truth, probabilities)),
        "accuracy": float(accuracy_score(truth, probabilities.argmax(axis=1))),
        "trees": float(model.n_iter_),
    }


def objective(trial: optuna.Trial) -> float:
    trial.suggest_float("learning_rate", 0.01, 1, log=True)
    trial.suggest_int("max_leaf_nodes", 2, 32, log=True)
    trial.suggest_float("l2_regularization", 1e-3, 10, log=True)
    return train(trial.params, seed=0)["loss"]


if __name__ == "__main__":  # processes import this file
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    with tempfile.TemporaryDirectory() as folder:
        ours = hpo.search(
            train, space=SPACE, metric="loss", direction="minimize", trials=trials,
            storage=f"sqlite:///{folder}/hpo.db",
        ).recommended  # fmt: skip
    print("hpo    ", ours and (ours.params, ours.mean, ours.ci95))
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
    study.optimize(objective, trials)
    print("Optuna ", study.best_params, study.best_value)
