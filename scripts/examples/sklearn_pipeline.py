"""A scikit-learn pipeline, cross-validated: hpo.SearchCV, and the same search with Optuna beside it.

Both train 40 times on five folds. hpo counts those that confirm among them. Optuna's best value is the best of 40
values on the same folds, so some of it is luck; hpo's is a mean over fresh folds as well. Rows that neither has seen
say what either is worth.
"""

import optuna
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import StratifiedKFold, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import hpo

TRIALS = 40


def main() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    X, X_unseen, y, y_unseen = train_test_split(X, y, test_size=0.5, random_state=0)
    pipeline = make_pipeline(StandardScaler(), SVC())

    space = {
        "svc__C": hpo.Float(1e-3, 1e3, log=True),
        "svc__gamma": hpo.Float(1e-5, 1, log=True),
    }
    search = hpo.SearchCV(pipeline, space, cv=5, trials=TRIALS, n_jobs=2).fit(X, y)
    print("hpo    ", search.best_params_)
    print(
        f"        {search.best_score_:.4f}, on unseen rows {search.score(X_unseen, y_unseen):.4f}"
    )

    def objective(trial: optuna.Trial) -> float:
        pipeline.set_params(
            svc__C=trial.suggest_float("svc__C", 1e-3, 1e3, log=True),
            svc__gamma=trial.suggest_float("svc__gamma", 1e-5, 1, log=True),
        )
        folds = StratifiedKFold(5, shuffle=True, random_state=0)
        return float(cross_val_score(pipeline, X, y, cv=folds).mean())

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))
    study.optimize(objective, TRIALS)
    best = pipeline.set_params(**study.best_params).fit(X, y)
    print("Optuna ", study.best_params)
    print(f"        {study.best_value:.4f}, on unseen rows {best.score(X_unseen, y_unseen):.4f}")


if __name__ == "__main__":  # processes import this file
    main()
