"""The models: ours, and what people use for tables, with their defaults or tuned in the same time."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.bench.tables.outer import Outer, Rows
from trainer.data.tables import Task

Settings = dict[str, Any]


def ours(outer: Outer, _: float, **plan: Any) -> NDArray[Any]:
    """What the recommended network answers, trained on all outer training rows."""
    import hpo

    with tempfile.TemporaryDirectory() as folder:
        storage = f"sqlite:///{folder}/s.db"
        task: Task = "classification" if outer.classes else "regression"
        hpo.search(
            outer.X, outer.y, name="s", storage=storage, seed=outer.seed, workers=1, task=task, progress=False, **plan
        )  # fmt: skip
        model = hpo.train("s", storage=storage, every_row=True, X=outer.X, y=outer.y)
        return np.asarray(model.predict(outer.X_test))


def encoded(model: Any, X: Rows, *, scaled: bool) -> Any:
    """A model behind the encoding that it needs: one column a category and scaled numbers, or codes and NaN."""
    from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

    numbers = list(X.select_dtypes("number").columns)
    texts = [name for name in X.columns if name not in numbers]
    if scaled:
        imputer = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
        of_numbers: Any = make_pipeline(imputer, StandardScaler())
        of_texts: Any = OneHotEncoder(
            handle_unknown="ignore", max_categories=50, sparse_output=False
        )
    else:
        of_numbers, of_texts = "passthrough", OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=math.nan,
            encoded_missing_value=math.nan, max_categories=255,
        )  # fmt: skip
        model.set_params(categorical_features=[*range(len(numbers), X.shape[1])])
    if "Regressor" in type(model).__name__ and scaled:
        model = TransformedTargetRegressor(model, transformer=StandardScaler())
    columns = ColumnTransformer([("numbers", of_numbers, numbers), ("texts", of_texts, texts)])
    return make_pipeline(columns, model)


def linear(outer: Outer, _: float) -> NDArray[Any]:
    from sklearn.linear_model import LogisticRegression, Ridge

    model = LogisticRegression(max_iter=1000) if outer.classes else Ridge()
    return np.asarray(
        encoded(model, outer.X, scaled=True).fit(outer.X, outer.y).predict(outer.X_test)
    )


def network(outer: Outer, **settings: Any) -> Any:
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    model = (MLPClassifier if outer.classes else MLPRegressor)(random_state=outer.seed, **settings)
    return encoded(model, outer.X, scaled=True)


def trees(outer: Outer, **settings: Any) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    make = HistGradientBoostingClassifier if outer.classes else HistGradientBoostingRegressor
    return encoded(make(random_state=outer.seed, **settings), outer.X, scaled=False)


def plain(make: Callable[..., Any], outer: Outer, _: float, **settings: Any) -> NDArray[Any]:
    return np.asarray(make(outer, **settings).fit(outer.X, outer.y).predict(outer.X_test))


def tuned(
    make: Callable[..., Any], ask: Callable[[Any], Settings], outer: Outer, seconds: float
) -> NDArray[Any]:
    """The best settings that Optuna's TPE finds on a quarter of the rows, in so many seconds in all."""
    import optuna
    from sklearn.model_selection import train_test_split

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    began, strata = time.monotonic(), outer.y if outer.classes else None
    X, X_held, y, y_held = train_test_split(
        outer.X, outer.y, test_size=0.25, random_state=outer.seed, stratify=strata
    )
    inner = Outer(X, y, X_held, y_held, outer.seed)

    def objective(trial: optuna.Trial) -> float:
        return inner.error(plain(make, inner, 0.0, **ask(trial)))

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=outer.seed))
    longest = 0.0  # a training on all rows has to be within the time, too
    while not study.trials or time.monotonic() - began + 2 * longest < seconds:
        before = time.monotonic()
        study.optimize(objective, n_trials=1, catch=ValueError)
        longest = max(longest, time.monotonic() - before)
    return plain(make, outer, 0.0, **ask(optuna.trial.FixedTrial(study.best_params)))


def of_network(hidden: tuple[int, ...] | None, trial: Any) -> dict[str, Any]:
    units = hidden or (trial.suggest_int("units", 16, 256, log=True),)
    return {
        "learning_rate_init": trial.suggest_float("learning_rate_init", 1e-4, 1e-1, log=True),
        "alpha": trial.suggest_float("alpha", 1e-8, 1e-1, log=True),
        "batch_size": trial.suggest_categorical("batch_size", [32, 64, 128]),
        "hidden_layer_sizes": units,
    }


def of_trees(trial: Any) -> dict[str, Any]:
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.5, log=True),
        "max_iter": trial.suggest_int("max_iter", 30, 500, log=True),
        "max_leaf_nodes": trial.suggest_int("max_leaf_nodes", 4, 64, log=True),
        "min_samples_leaf": trial.suggest_int("min_samples_leaf", 2, 50, log=True),
        "l2_regularization": trial.suggest_float("l2_regularization", 1e-6, 10.0, log=True),
    }


def models(hidden: tuple[int, ...] | None) -> dict[str, Callable[[Outer, float], NDArray[Any]]]:
    fixed: Settings = {} if hidden is None else {"hidden_layer_sizes": hidden}
    return {
        "linear": linear,
        "ours": ours,
        "ours, preset": partial(ours, preset="tabular"),
        "MLP": partial(plain, network, **fixed),
        "MLP, TPE": partial(tuned, network, partial(of_network, hidden)),
        "trees": partial(plain, trees),
        "trees, TPE": partial(tuned, trees, of_trees),
    }
