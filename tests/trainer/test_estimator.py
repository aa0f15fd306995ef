"""The estimators, by scikit-learn's own checks and conventions, and as users meet them."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris, make_multilabel_classification
from sklearn.exceptions import DataConversionWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from tests.trainer.shared import Array
from trainer import MLPClassifier, MLPRegressor


@parametrize_with_checks([MLPClassifier(), MLPRegressor()])  # type: ignore[untyped-decorator]
def test_sklearns_checks_pass_with_the_defaults(
    estimator: Any, check: Callable[[Any], None]
) -> None:
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(  # type: ignore[untyped-decorator]
    [
        MLPClassifier(optimizer="momentum", learning_rate=0.05, dropout=0.1, dtype="float64"),
        MLPRegressor(optimizer="nesterov", learning_rate=0.005, hidden_layer_sizes=(30, 20)),
        MLPRegressor(activation="gelu", init="xavier", weight_decay=1e-3, batch_size=8),
    ]
)
def test_sklearns_checks_pass_with_other_settings(
    estimator: Any, check: Callable[[Any], None]
) -> None:
    check(estimator)


@pytest.fixture(scope="module")
def iris() -> tuple[Array, Array]:
    X, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])
    return StandardScaler().fit_transform(X), names[y]


def test_the_attributes_of_the_contract(iris: tuple[Array, Array]) -> None:
    X, y = iris
    model = MLPClassifier(hidden_layer_sizes=(7, 5), epochs=4, random_state=0).fit(X, y)
    assert [coef.shape for coef in model.coefs_] == [(4, 7), (7, 5), (5, 3)]
    assert [intercept.shape for intercept in model.intercepts_] == [(7,), (5,), (3,)]
    assert len(model.loss_curve_) == 4
    assert model.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    assert not hasattr(model, "validation_loss_curve_")


@pytest.mark.parametrize(("batch_size", "steps"), [(1, 149), (32, 5), (149, 1), (1000, 1)])
def test_epochs_iterations_and_rows_are_what_the_words_mean(
    iris: tuple[Array, Array], batch_size: int, steps: int
) -> None:
    model = MLPClassifier(epochs=3, batch_size=batch_size, random_state=0).fit(*iris)
    assert model.n_epochs_ == 3
    assert model.n_iter_ == 3 * steps
    assert model.n_rows_ == 3 * 149  # of the 150 irises two are the same


def test_predictions_are_the_formula_of_the_coefs(iris: tuple[Array, Array]) -> None:
    X, y = iris
    model = MLPClassifier(random_state=0).fit(X, y)
    hidden = np.maximum(X @ model.coefs_[0] + model.intercepts_[0], 0)
    outputs = hidden @ model.coefs_[1] + model.intercepts_[1]
    np.testing.assert_allclose(model.decision_function(X), outputs, rtol=1e-12)
    assert (model.predict(X) == model.classes_[outputs.argmax(axis=1)]).all()
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), model.predict_proba(X))


def test_coefs_of_a_regressor_are_in_the_users_units() -> None:
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    model = make_pipeline(StandardScaler(), MLPRegressor(random_state=0)).fit(X, y)
    assert model.score(X, y) > 0.4
    network = model[-1]
    rows = model[0].transform(X)
    hidden = np.maximum(rows @ network.coefs_[0] + network.intercepts_[0], 0)
    quantities = (hidden @ network.coefs_[1] + network.intercepts_[1])[:, 0]
    np.testing.assert_allclose(model.predict(X), quantities, rtol=1e-10)


def test_several_quantities_at_once() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 5))
    Y = X @ rng.standard_normal((5, 3)) * [1, 100, 1e-3] + [0, 50, 7]
    model = MLPRegressor(random_state=0, epochs=60, learning_rate=0.01).fit(X, Y)
    assert model.predict(X).shape == (200, 3)
    assert model.score(X, Y) > 0.95


def test_several_questions_at_once() -> None:
    X, Y = make_multilabel_classification(n_classes=4, random_state=0)
    model = MLPClassifier(random_state=0, epochs=150, learning_rate=0.01).fit(X, Y)
    probabilities = model.predict_proba(X)
    assert probabilities.shape == Y.shape
    assert ((probabilities > 0.5) == model.predict(X)).all()
    assert model.score(X, Y) > 0.8


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_no_epochs_leave_the_first_weights(kind: Any, iris: tuple[Array, Array]) -> None:
    X, y = iris
    labels = y if kind is MLPClassifier else X[:, 0]
    model = kind(epochs=0, random_state=3).fit(X, labels)
    again = kind(epochs=5, learning_rate=0.0, random_state=3).fit(X, labels)
    assert model.loss_curve_ == []
    assert len(set(again.loss_curve_)) == 1
    for one, other in zip(model.coefs_, again.coefs_, strict=True):
        np.testing.assert_array_equal(one, other)
    assert model.predict(X).shape == (len(X),)


@pytest.mark.parametrize(
    "options", [{}, {"optimizer": "momentum", "dropout": 0.2}, {"batch_norm": True}]
)
def test_partial_fit_once_an_epoch_is_fit(
    iris: tuple[Array, Array], options: dict[str, Any]
) -> None:
    X, y = iris
    whole = MLPClassifier(epochs=4, random_state=0, **options).fit(X, y)
    parts = MLPClassifier(epochs=4, random_state=0, **options)
    for step in range(4):
        if step == 2:
            parts = pickle.loads(pickle.dumps(parts))  # noqa: S301  # our own
        parts.partial_fit(X, y, classes=whole.classes_)
    np.testing.assert_array_equal(parts.predict_proba(X), whole.predict_proba(X))
    assert parts.loss_curve_ == whole.loss_curve_
    assert (parts.n_epochs_, parts.n_iter_) == (whole.n_epochs_, whole.n_iter_)


def test_partial_fit_refuses_a_class_that_was_not_named(iris: tuple[Array, Array]) -> None:
    X, y = iris
    model = MLPClassifier().partial_fit(X[:100], y[:100], classes=["setosa", "versicolor"])
    with pytest.raises(ValueError, match=r"y\[0\] is 'virginica', a class that the first call"):
        model.partial_fit(X[100:], y[100:])


def test_early_stopping_takes_the_best_epochs_parameters(iris: tuple[Array, Array]) -> None:
    X, y = iris
    options: dict[str, Any] = {"learning_rate": 0.05, "random_state": 0}
    model = MLPClassifier(epochs=300, patience=4, **options)
    model.fit(X[::2], y[::2], X_validation=X[1::2], y_validation=y[1::2])
    curve = model.validation_loss_curve_
    best = int(np.argmin(curve))
    assert len(curve) == best + 1 + 4 < 300
    assert model.n_epochs_ == best + 1
    same = MLPClassifier(epochs=best + 1, **options).fit(X[::2], y[::2])
    np.testing.assert_array_equal(model.predict_proba(X), same.predict_proba(X))
    assert model.score(X[1::2], y[1::2]) == model.validation_score_curve_[best]


def test_partial_fit_learns_with_patience_too(iris: tuple[Array, Array]) -> None:
    X, y = iris
    patient = MLPClassifier(random_state=0, patience=3).partial_fit(X, y, classes=np.unique(y))
    plain = MLPClassifier(random_state=0).partial_fit(X, y, classes=np.unique(y))
    assert patient.n_epochs_ == 1
    np.testing.assert_array_equal(patient.predict_proba(X), plain.predict_proba(X))


def test_the_validation_curve_of_a_regressor_is_its_score() -> None:
    X, y = load_diabetes(return_X_y=True)
    model = MLPRegressor(random_state=0, epochs=3)
    with pytest.warns(DataConversionWarning):  # a column where a vector is meant, here as in y
        model.fit(X[:300], y[:300], X_validation=X[300:], y_validation=y[300:, None])
    told = model.validation_score_curve_
    assert len(told) == 3
    assert told[-1] == pytest.approx(model.score(X[300:], y[300:]), abs=1e-6)


def test_validation_rows_change_nothing_but_the_curves(iris: tuple[Array, Array]) -> None:
    X, y = iris
    alone = MLPClassifier(random_state=0).fit(X[::2], y[::2])
    watched = MLPClassifier(random_state=0)
    watched.fit(X[::2], y[::2], X_validation=X[1::2], y_validation=y[1::2])
    np.testing.assert_array_equal(alone.predict_proba(X), watched.predict_proba(X))
    assert len(watched.validation_loss_curve_) == len(watched.validation_score_curve_) == 20


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 1000),
    batch_size=st.sampled_from([1, 7, 32]),
    dropout=st.sampled_from([0.0, 0.3]),
    kind=st.sampled_from([MLPClassifier, MLPRegressor]),
)
def test_weights_are_repeated_rows_in_any_order_to_the_last_bit(
    seed: int, batch_size: int, dropout: float, kind: Any
) -> None:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((25, 3))
    y = rng.integers(0, 3, 25).astype(float)
    weights = rng.integers(0, 4, 25)
    y[:3], weights[:3] = [0, 1, 2], 1
    options = {"epochs": 3, "batch_size": batch_size, "dropout": dropout, "random_state": 0}
    weighted = kind(**options).fit(X, y, sample_weight=weights)
    order = rng.permutation(weights.sum())
    repeated = kind(**options).fit(X.repeat(weights, axis=0)[order], y.repeat(weights)[order])
    np.testing.assert_array_equal(weighted.coefs_[0], repeated.coefs_[0])
    np.testing.assert_array_equal(weighted.predict(X), repeated.predict(X))
    assert weighted.loss_curve_ == repeated.loss_curve_


def test_a_grid_search_over_a_pipeline_with_a_frame() -> None:
    X, y = load_iris(return_X_y=True, as_frame=True)
    pipeline = make_pipeline(StandardScaler(), MLPClassifier(random_state=0))
    pipeline.set_output(transform="pandas")
    grid = {"mlpclassifier__learning_rate": [1e-6, 1e-2], "mlpclassifier__epochs": [2, 20]}
    search = GridSearchCV(pipeline, grid, cv=3).fit(X, y)
    assert search.best_params_ == {
        "mlpclassifier__learning_rate": 1e-2,
        "mlpclassifier__epochs": 20,
    }
    assert search.best_estimator_[-1].feature_names_in_.tolist() == X.columns.tolist()


def test_another_seed_is_another_network_and_none_is_a_fresh_one(iris: tuple[Array, Array]) -> None:
    X, y = iris

    def first(random_state: Any) -> Array:
        coefs: Array = MLPClassifier(epochs=0, random_state=random_state).fit(X, y).coefs_[0]
        return coefs

    np.testing.assert_array_equal(first(1), first(1))
    assert (first(1) != first(2)).all()
    assert (first(None) != first(None)).all()
    np.testing.assert_array_equal(first(np.random.RandomState(5)), first(np.random.RandomState(5)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer": "sdg"}, "optimizer = 'sdg' is not one of sgd, momentum"),
        ({"activation": "rely"}, "activation = 'rely' is not one of relu"),
        ({"dropout": 1.0}, "dropout = 1.0 is not a number of at least 0 and below 1"),
        ({"learning_rate": -1}, "learning_rate = -1 is not a number of at least 0"),
        (
            {"hidden_layer_sizes": (5, 0)},
            "hidden = .5, 0. is not a list of whole numbers of at least 1",
        ),
        ({"epochs": -1}, "epochs -1 is not a whole number of at least 0"),
        ({"batch_size": 0}, "batch_size = 0 is not a whole number of at least 1"),
        ({"dtype": "float16"}, "dtype = 'float16' is not one of float32, float64"),
        ({"init": "normal:-1"}, "init = 'normal:-1' is not one of he, xavier"),
        ({"patience": 3}, "patience needs X_validation and y_validation"),
        ({"optimizer": "sgd", "learning_rate": 1e9}, "the training diverged in epoch 1: lower"),
    ],
)
def test_a_wrong_parameter_is_told_in_one_line(
    iris: tuple[Array, Array], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        MLPClassifier(**options).fit(*iris)
    assert "\n" not in str(caught.value)


def test_a_search_can_clone_what_it_has_fitted(iris: tuple[Array, Array]) -> None:
    model = MLPClassifier(hidden_layer_sizes=[8], random_state=0).fit(*iris)
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    assert not hasattr(copy, "coefs_")
