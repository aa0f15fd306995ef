"""References: the same as scikit-learn's models fitted by hand, on training rows alone, and never for long."""

# Law 2: the same seed gives the same study.
# Law 7: training rows teach.

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss, root_mean_squared_error
from threadpoolctl import threadpool_limits

from trainer import references as module
from trainer.data import TEST, Draw, InMemory, load
from trainer.references import Reference, references

CLASSES, QUANTITIES = "sparse_categorical_cross_entropy", "squared_error"
RNG = np.random.default_rng(0)
pytestmark = pytest.mark.usefixtures("all_trees")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """What is fitted by hand is on one thread, too."""
    with threadpool_limits(1):
        yield


def fitted(draw: Draw, splits: list[Any], metric: str, **known: list[Any]) -> dict[str, Reference]:
    loss = CLASSES if draw.table.task == "classification" else QUANTITIES
    return {r.model: r for r in references(draw, splits, known, metric, loss, 7)}


def of_frame(frame: pd.DataFrame, target: str = "y") -> Draw:
    return InMemory(frame).load("memory:y", target, seed=3, rows=None, dtype="float64")


def mixed(rows: int = 300) -> pd.DataFrame:
    """A number that is often missing, a category with rare values, and a class that depends on both."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=rows)
    kind = rng.choice(["a", "b", "c"], rows).astype(object)
    kind[:40] = [f"rare {k}" for k in range(40)]
    y = np.where((x > 0) ^ (kind == "b"), "yes", "no")
    x[rng.random(rows) < 0.3] = np.nan
    kind[rng.random(rows) < 0.1] = None
    return pd.DataFrame({"x": x, "kind": kind, "y": y})


def test_of_classes_they_score_what_scikit_learn_scores_by_hand() -> None:
    draw = load("breast_cancer", None, seed=0, rows=None, dtype="float64")
    found = fitted(draw, [1, TEST], "log_loss")
    for which in (1, TEST):
        drawn, (train, validation) = draw(which), draw.positions(which)
        X, y = draw.table.rows, draw.table.labels
        linear = LogisticRegression().fit(drawn.train.X, drawn.train.y)
        by_hand = log_loss(drawn.validation.y, linear.predict_proba(drawn.validation.X))
        assert found["linear"].scores[which] == pytest.approx(by_hand)
        trees = HistGradientBoostingClassifier(random_state=7).fit(X[train], y[train])
        by_hand = log_loss(y[validation], trees.predict_proba(X[validation]))
        assert found["boosted"].scores[which] == pytest.approx(by_hand)
        shares = np.bincount(y[train]) / len(train)
        by_hand = log_loss(y[validation], np.tile(shares, (len(validation), 1)))
        assert found["constant"].scores[which] == pytest.approx(by_hand)


def test_of_quantities_they_score_in_the_users_units() -> None:
    draw = load("diabetes", None, seed=0, rows=None, dtype="float64")
    found, drawn, (train, validation) = fitted(draw, [2], "rmse"), draw(2), draw.positions(2)
    X, y = draw.table.rows, draw.table.labels
    linear = Ridge().fit(drawn.train.X, y[train])
    trees = HistGradientBoostingRegressor(random_state=7).fit(X[train], y[train])
    by_hand = {
        "constant": np.full(len(validation), y[train].mean()),
        "linear": linear.predict(drawn.validation.X),
        "boosted": trees.predict(X[validation]),
    }
    for model, predicted in by_hand.items():
        error = root_mean_squared_error(y[validation], predicted)
        assert found[model].scores[2] == pytest.approx(error, rel=0.02), model
    assert [r.estimator for r in found.values()] == ["", "Ridge", "HistGradientBoostingRegressor"]


def test_trees_get_categories_as_categories_and_missing_values_as_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[Any] = []
    fit = HistGradientBoostingClassifier.fit

    def watched(self: Any, X: Any, y: Any) -> Any:
        seen.append((X, self.categorical_features))
        return fit(self, X, y)

    monkeypatch.setattr(HistGradientBoostingClassifier, "fit", watched)
    draw = of_frame(mixed())
    found = fitted(draw, [1], "accuracy")
    ((X, categories),) = seen
    train, _ = draw.positions(1)
    rows = pd.DataFrame(draw.table.rows).iloc[train]
    assert categories == [0]
    assert np.isnan(X[:, 0]).sum() == rows["kind"].isna().sum() > 0
    assert np.isnan(X[:, 1]).sum() == rows["x"].isna().sum() > 0
    assert len(np.unique(X[~np.isnan(X[:, 0]), 0])) == rows["kind"].nunique()
    assert found["boosted"].scores[1] > found["linear"].scores[1]  # which can't learn "unless b"


def test_what_only_other_rows_hold_changes_nothing_that_was_learned() -> None:
    frame = mixed()
    draw = of_frame(frame)
    before = fitted(draw, [1], "accuracy")
    train, validation = draw.positions(1)
    others = np.setdiff1d(np.arange(300), np.concatenate([train, validation]))
    frame["x"] = frame["x"].mask(frame.index.isin(others), 1e9)
    frame["kind"] = frame["kind"].mask(frame.index.isin(others), "never seen")
    assert fitted(of_frame(frame), [1], "accuracy") == before


def test_the_same_seed_gives_the_same_references() -> None:
    one, again = (fitted(of_frame(mixed()), [1, 2], "roc_auc") for _ in range(2))
    assert one == again


def test_what_is_known_is_not_fitted_again() -> None:
    draw = load("iris", None, seed=0, rows=None, dtype="float32")
    first = fitted(draw, [1, 2, TEST], "accuracy")
    known = {model: [*r.scores] for model, r in first.items()}
    assert all({1, 2, TEST} == r.scores.keys() for r in first.values())
    assert references(draw, [1, 2, TEST], known, "accuracy", CLASSES, 7) == []
    more = fitted(draw, [1, 2, 3, TEST], "accuracy", **known)
    assert all({3} == r.scores.keys() for r in more.values())


@pytest.mark.parametrize(
    ("seconds", "alone", "boosted"), [(60.0, 60.0, {1, 2, TEST}), (0.01, 60.0, {TEST}), (0.0, 0.0, set())]
)  # fmt: skip
def test_trees_that_would_take_long_are_fitted_on_fewer_splits_or_on_none(
    monkeypatch: pytest.MonkeyPatch, seconds: float, alone: float, boosted: set[Any]
) -> None:
    monkeypatch.setattr(module, "SECONDS", seconds)
    monkeypatch.setattr(module, "ALONE", alone)
    draw = load("wine", None, seed=0, rows=None, dtype="float32")
    found = fitted(draw, [1, 2, TEST], "accuracy")
    assert found["boosted"].scores.keys() == boosted
    assert ("not fitted: 142 rows of 13 columns in 3 classes" in found["boosted"].note) == (not boosted)  # fmt: skip


def test_of_many_classes_trees_have_fewer_rounds_and_say_so() -> None:
    draw = load("digits", None, seed=0, rows=None, dtype="float32")
    found = fitted(draw, [TEST], "accuracy")["boosted"]
    (train, validation), X, y = draw.positions(TEST), draw.table.rows, draw.table.labels
    assert found.note == "fitted in 26 rounds at a rate of 0.3, which takes less time than 100"
    trees = HistGradientBoostingClassifier(max_iter=26, learning_rate=0.3, random_state=7)
    assert found.scores[TEST] == trees.fit(X[train], y[train]).score(X[validation], y[validation])


def test_what_was_fitted_ahead_is_not_fitted_again_unless_it_was_fitted_otherwise() -> None:
    draw = load("iris", None, seed=0, rows=None, dtype="float32")
    arguments = ("accuracy", CLASSES, 7, None)
    made_up = [
        Reference("linear", "LogisticRegression", {1: 0.5, 3: 0.5}),
        Reference("boosted", "", {1: 0.5, 2: 0.5}, "fitted otherwise"),
    ]
    found = {r.model: r.scores for r in references(draw, [1, 2], {}, *arguments, ahead=made_up)}
    plain = {r.model: r.scores for r in references(draw, [1, 2], {}, *arguments)}
    assert found["linear"] == {1: 0.5, 2: plain["linear"][2]}
    assert found["boosted"] == plain["boosted"]


def test_a_linear_model_of_very_many_numbers_is_fitted_on_some_rows_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "ALONE", 1.0)
    monkeypatch.setattr(module, "ITERATED", 9e-5)
    X = RNG.normal(size=(2000, 5))
    draw = InMemory(X, X[:, 0] > 0).load("memory:y", None, seed=0, rows=None, dtype="float32")
    found = fitted(draw, [1], "accuracy")["linear"]
    assert found.note == "fitted on 1,110 of 1,200 training rows, to take no longer"
    assert found.scores[1] > 0.9


def test_trees_that_cannot_be_fitted_are_left_out_with_the_reason() -> None:
    rows = 20_000  # of so many a part says when to stop, and a class of one row can't be divided
    labels = np.where(np.arange(rows) < 30, np.arange(rows) // 3, 10)
    frame = pd.DataFrame({"x": RNG.normal(size=rows), "y": [f"class {k}" for k in labels]})
    found = fitted(of_frame(frame), [1], "accuracy")
    assert found["boosted"].scores == {}
    assert found["boosted"].note.startswith("not fitted: The least populated class")
    assert found["linear"].scores[1] > 0.99
