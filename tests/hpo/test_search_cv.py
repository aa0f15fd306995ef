"""hpo.SearchCV scores as scikit-learn's own searches do, confirms on fresh folds, and keeps its study."""

from __future__ import annotations

import doctest
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sklearn
from sklearn.base import clone, is_regressor
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    PredefinedSplit,
    ShuffleSplit,
    TimeSeriesSplit,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

import hpo
import hpo.search_cv
from hpo.errors import NoTrialSucceededError, PlanError
from hpo.trainables.cross_validation import CrossValidation
from hpo.trainables.function import Function
from hpo.trainables.task import Task

X, y = load_iris(return_X_y=True)
X, y = X[::3], y[::3]
C = hpo.Float(1e-2, 1e3, log=True)
SMALL: dict[str, Any] = {"trials": 2, "rounds": 1}
TREE = {"max_depth": hpo.Int(1, 6)}

RANGE = hpo.Float(0.1, 1.0)
AS_SKLEARN = {
    "alpha": Ridge(),
    "C": LogisticRegression(),
    "ridge__alpha": Pipeline([("pca", PCA()), ("ridge", Ridge())]),
    "logisticregression__C": Pipeline(
        [("pca", PCA()), ("logisticregression", LogisticRegression())]
    ),
}
"""What scikit-learn checks its own searches with (sklearn.utils._test_common.instance_generator)."""
FAILED = {"check_supervised_y_2d": "as GridSearchCV does with a regressor"}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # as scikit-learn runs them
@parametrize_with_checks(  # type: ignore[untyped-decorator]
    [
        hpo.SearchCV(estimator, {name: RANGE}, cv=2, error_score="raise", trials=2, rounds=1)
        for name, estimator in AS_SKLEARN.items()
    ],
    expected_failed_checks=lambda search: FAILED if is_regressor(search) else {},
)
def test_sklearns_checks_pass(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)


@pytest.mark.slow
def test_the_example_of_its_docstring() -> None:
    (example,) = doctest.DocTestFinder(recurse=False).find(hpo.search_cv.SearchCV, "SearchCV")
    assert doctest.DocTestRunner().run(example) == (0, 6)


def test_the_recommended_settings_are_first_and_trained_on_all_rows(storage: str) -> None:
    pipeline = make_pipeline(StandardScaler(), SVC())
    space = {"svc__C": C, "svc__kernel": ["rbf", "linear"]}
    search = hpo.SearchCV(pipeline, space, trials=12, rounds=1, cv=3, storage=storage).fit(X, y)
    table, best = search.cv_results_, search.best_index_
    assert table["params"][best] == search.best_params_
    assert table["rank_test_score"][best] == 1
    assert table["param_svc__C"][best] == search.best_params_["svc__C"]
    assert table["confirmed_test_score"][best] == search.best_score_
    assert search.best_score_ == search.study_.read().finalists[0].mean
    assert search.study_.name == "Pipeline"
    assert search.n_splits_ == 3
    assert search.refit_time_ > 0
    again = clone(pipeline).set_params(**search.best_params_).fit(X, y)
    np.testing.assert_array_equal(search.predict(X), again.predict(X))
    assert search.score(X, y) == again.score(X, y)
    assert search.classes_.tolist() == [0, 1, 2]
    assert search.n_features_in_ == 4
    assert not hasattr(search, "predict_proba")  # as in SVC
    copied = pickle.loads(pickle.dumps(search))  # noqa: S301  # ours
    np.testing.assert_array_equal(copied.predict(X), search.predict(X))


@pytest.mark.parametrize(
    ("scoring", "refit"),
    [
        (None, True),
        ("f1_macro", True),
        ({"loss": "neg_log_loss", "right": "accuracy"}, "loss"),
        (lambda model, X, y: {"a": model.score(X, y), "b": 1.0}, "a"),
    ],
)
@pytest.mark.filterwarnings("ignore:The scoring")  # scikit-learn's: it does not take the weights
def test_folds_score_as_a_grid_search_scores_them(scoring: Any, refit: Any) -> None:
    model = GaussianNB()
    options: dict[str, Any] = {
        "cv": PredefinedSplit(np.arange(len(y)) % 2), "scoring": scoring, "refit": refit,
        "return_train_score": True,
    }  # fmt: skip
    weights = np.linspace(0.1, 2, len(y))
    space = {"var_smoothing": hpo.Float(1e-9, 1, log=True)}
    ours = hpo.SearchCV(model, space, **SMALL, **options).fit(X, y, sample_weight=weights)
    points = [{n: [v] for n, v in params.items()} for params in ours.cv_results_["params"]]
    theirs = GridSearchCV(model, points, **options).fit(X, y, sample_weight=weights)
    compared = [name for name in theirs.cv_results_ if "_test_" in name or "_train_" in name]
    assert len(compared) >= 8
    for name in compared:
        if not name.startswith("rank"):  # ours knows more: it has confirmed some
            np.testing.assert_allclose(ours.cv_results_[name], theirs.cv_results_[name])
    theirs.best_estimator_ = ours.best_estimator_
    assert ours.score(X, y) == theirs.score(X, y)


class OtherSVC(SVC):  # type: ignore[misc]
    """An estimator of the same parameters."""


def validation(cv: Any, groups: Any = None) -> CrossValidation:
    search = hpo.SearchCV(SVC(), {"C": C}, cv=cv)
    return search._validation(X, y, {}, {"groups": groups}, "score")


@pytest.mark.parametrize("cv", [3, None, ShuffleSplit(3, random_state=0), KFold(3, shuffle=True)])
def test_shuffled_folds_follow_from_the_seed(cv: Any) -> None:
    tests = [[test.tolist() for _, test in validation(cv).splits(seed)] for seed in (1, 1, 2)]
    assert tests[0] == tests[1] != tests[2]


@pytest.mark.parametrize(
    "cv", [TimeSeriesSplit(3), KFold(3), [([0, 1, 30, 45], [2]), ([2, 3, 31, 46], [5])]]
)
def test_other_folds_never_change(cv: Any) -> None:
    tests = [[test for _, test in validation(cv).splits(seed)] for seed in (1, 2)]
    np.testing.assert_equal(tests[0], tests[1])


@pytest.mark.parametrize(("cv", "fresh"), [(4, True), (PredefinedSplit(np.arange(50) % 4), False)])
def test_it_confirms_on_fresh_folds_where_there_are_any(cv: Any, fresh: bool, storage: str) -> None:
    search = hpo.SearchCV(SVC(), {"C": C}, trials=14, rounds=1, cv=cv, storage=storage).fit(X, y)
    values = [value for f in search.study_.summary()["finalists"] for value in f["values"]]
    if fresh:
        assert len(values) > 3
        assert len(set(values)) > 1
    else:
        assert 0 < len(values) <= 3
        assert set(values) <= set(search.study_.trials_frame()["value"])


def test_groups_stay_together_and_metadata_are_routed() -> None:
    groups, weights = np.arange(len(y)) % 5, np.ones(len(y))
    for train, test in validation(GroupKFold(3), groups).splits(0):
        assert not {*groups[train]} & {*groups[test]}
    search = hpo.SearchCV(LogisticRegression(), {"C": C}, **SMALL, cv=GroupKFold(3))
    plain = search.fit(X, y, groups=groups).cv_results_
    with sklearn.config_context(enable_metadata_routing=True):
        model = LogisticRegression().set_fit_request(sample_weight=True)
        search.set_params(estimator=model.set_score_request(sample_weight=True))
        routed = search.fit(X, y, groups=groups, sample_weight=weights).cv_results_
    np.testing.assert_array_equal(plain["mean_test_score"], routed["mean_test_score"])
    with pytest.raises(ValueError, match="groups"):
        search.fit(X, y)


def test_halving_stops_settings_after_the_first_fold() -> None:
    search = hpo.SearchCV(SVC(), {"C": C}, trials=30, halving=3).fit(X, y)
    table = search.cv_results_
    left = np.isnan(table["split1_test_score"])
    assert left.sum() >= 15
    assert not np.isnan(table["split0_test_score"]).any()
    assert table["rank_test_score"][~left].max() < table["rank_test_score"][left].min()
    np.testing.assert_array_equal(table["mean_test_score"][left], table["split0_test_score"][left])


def test_settings_that_fail() -> None:
    space = {"C": hpo.Float(-1, 1)}  # at and below 0 it raises an error
    options: dict[str, Any] = {"trials": 4, "rounds": 1, "cv": 2, "plan": {"finalists": 0}}
    table = hpo.SearchCV(SVC(), space, **options).fit(X, y).cv_results_
    failed = table["param_C"].data <= 0
    assert 0 < failed.sum() < len(failed)
    np.testing.assert_array_equal(np.isnan(table["mean_test_score"]), failed)
    assert table["rank_test_score"][~failed].max() < table["rank_test_score"][failed].min()
    table = hpo.SearchCV(SVC(), space, error_score=-1, **options).fit(X, y).cv_results_
    np.testing.assert_array_equal(table["split1_test_score"] == -1, failed)
    with pytest.raises(ValueError, match="'C' parameter of SVC"):
        hpo.SearchCV(SVC(), space, error_score="raise", **options).fit(X, y)
    with pytest.raises(NoTrialSucceededError, match=r"failed with .*'C' parameter of SVC"):
        hpo.SearchCV(SVC(), {"C": hpo.Float(-2, -1)}, **options).fit(X, y)


def test_a_study_of_that_name_goes_on_where_it_stopped(storage: str) -> None:
    def search(**options: Any) -> Any:
        kept: dict[str, Any] = {"storage": storage, "name": "mine", "rounds": 1}
        return hpo.SearchCV(
            **{"estimator": SVC(), "space": {"C": C}, **kept, "trials": 4, **options}
        )

    first = search().fit(X, y)
    stored = first.study_.trials_frame()
    assert search().fit(X, y).study_.trials_frame().equals(stored)
    more = search(trials=8).fit(X, y).cv_results_
    assert len(more["params"]) > len(stored)
    for other in (
        {"X": X[:-1], "y": y[:-1]},
        {"cv": KFold(5)},
        {"scoring": "f1_macro"},
        {"estimator": OtherSVC()},
    ):
        rows = other.pop("X", X), other.pop("y", y)
        with pytest.raises(PlanError, match="not those study 'mine' was begun with"):
            search(trials=8, **other).fit(*rows)
    with pytest.raises(PlanError, match=r"hpo\.SearchCV"):
        hpo.resume("mine", trials=20, storage=storage)


def test_the_number_of_workers_changes_nothing() -> None:
    model = DecisionTreeClassifier(max_features=2, random_state=0)
    one, two = (
        hpo.SearchCV(model, TREE, trials=14, rounds=1, cv=2, n_jobs=n).fit(X, y) for n in (1, 2)
    )
    assert one.best_params_ == two.best_params_
    np.testing.assert_equal(one.cv_results_, two.cv_results_)


def test_the_data_are_not_in_each_task() -> None:
    function = Function(validation(3), "mean_test_score", "maximize", travels=True)
    training = function.training(Task((0,), ({"C": 1.0},), 3, 0))
    assert len(pickle.dumps((training.arguments, training.options))) < 1000
    assert len(pickle.dumps(training.shared)) > X.nbytes


@pytest.mark.slow
def test_processes_make_the_same_table_and_raise_the_same_errors() -> None:
    model = DecisionTreeClassifier(max_features=2)
    tables = [
        hpo.SearchCV(model, TREE, trials=14, rounds=1, n_jobs=n, executor="processes")
        .fit(X, y)
        .cv_results_
        for n in (1, 2)
    ]
    np.testing.assert_equal(tables[0], tables[1])
    with pytest.raises(ValueError, match="'C' parameter of SVC"):
        hpo.SearchCV(
            SVC(), {"C": hpo.Float(-2, -1)}, error_score="raise", executor="processes", **SMALL
        ).fit(X, y)


def test_rows_without_labels_and_names_of_features() -> None:
    frame = load_iris(as_frame=True).data
    search = hpo.SearchCV(KMeans(n_init=1, random_state=0), {"n_clusters": (2, 5)}, **SMALL, cv=2)
    search.fit(frame)
    assert search.feature_names_in_.tolist() == frame.columns.tolist()
    assert search.transform(frame).shape == (150, search.best_params_["n_clusters"])
    assert not hasattr(clone(search).set_params(refit=False), "predict")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"space": {"c": C}}, "SVC has no parameter 'c': did you mean 'C'"),
        ({"name": "mine"}, "name 'mine': .* storage"),
        ({"plan": {"trials": 3}}, "plan: trials "),
        ({"scoring": ["accuracy", "f1_macro"]}, "refit: True is none of the scores accuracy"),
        ({"refit": max}, "refit: a function"),
        ({"error_score": "no"}, "error_score: 'no'"),
        ({"cv": []}, r"cv: \[\] makes no split"),
        ({"trials": 0}, "trials: 0"),
        ({"halving": 1}, "halving: 1"),
        ({"halving": 3, "cv": 2}, "halving: 3 folds or more"),
        ({"executor": "procesess"}, "executor: 'procesess' .* processes"),
    ],
)
def test_what_is_wrong_is_told_before_anything_trains(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(PlanError, match=message):
        hpo.SearchCV(**{"estimator": SVC(), "space": {"C": C}, **options}).fit(X, y)
