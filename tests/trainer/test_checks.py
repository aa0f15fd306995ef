"""What can't be trained on or with is told in one line that names the argument, the place and the rule."""

# Law 9: errors and misunderstandings are said.

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.trainer.shared import Array
from trainer import train_population

ROWS, OTHERS, INPUTS = 12, 8, 3
RNG = np.random.default_rng(0)
X, X_VALIDATION = RNG.standard_normal((ROWS, INPUTS)), RNG.standard_normal((OTHERS, INPUTS))
Y, Y_VALIDATION = np.arange(ROWS) % 3, np.arange(OTHERS) % 3
HOT, HOT_VALIDATION = np.eye(3, dtype=int)[Y], np.eye(3, dtype=int)[Y_VALIDATION]
CATEGORICAL, BINARY = "categorical_cross_entropy", "binary_cross_entropy"


def put(array: Array, place: tuple[int, ...], value: float) -> Array:
    changed = array.astype(float)
    changed[place] = value
    return changed


def given(**changed: Any) -> dict[str, Any]:
    return {
        "X": X,
        "y": Y,
        "X_validation": X_VALIDATION,
        "y_validation": Y_VALIDATION,
        "settings": [{}, {}],
        "epochs": 1,
        **changed,
    }


def said_of(**changed: Any) -> str:
    with pytest.raises(ValueError, match=r"\A.+\Z") as error:  # one line
        train_population(**given(**changed))
    return str(error.value)


def test_what_these_tests_change_can_be_trained_on() -> None:
    assert np.isfinite(train_population(**given())["validation_loss"]).all()


FEATURES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "NaN": ({"X": put(X, (4, 2), np.nan)}, ["X[4, 2]", "nan", "finite"]),
    "infinite": ({"X": put(X, (0, 1), -np.inf)}, ["X[0, 1]", "-inf", "finite"]),
    "too large for float32": ({"X": put(X, (3, 0), 1e300)}, ["X[3, 0]"]),
    "NaN to validate": (
        {"X_validation": put(X_VALIDATION, (7, 0), np.nan)},
        ["X_validation[7, 0]", "nan"],
    ),
    "one dimension": ({"X": X[:, 0]}, ["X", "(12,)", "rows and columns"]),
    "three dimensions": ({"X": X[None]}, ["X", "(1, 12, 3)"]),
    "no rows": ({"X": X[:0], "y": Y[:0]}, ["X", "(0, 3)", "nothing"]),
    "no columns": ({"X": X[:, :0]}, ["X", "(12, 0)", "nothing"]),
    "no rows to validate": (
        {"X_validation": X_VALIDATION[:0], "y_validation": Y_VALIDATION[:0]},
        ["X_validation", "(0, 3)", "nothing"],
    ),
    "other columns to validate": (
        {"X_validation": X_VALIDATION[:, :2]},
        ["X has 3 columns", "X_validation has 2"],
    ),
    "text": ({"X": np.full((ROWS, INPUTS), "many")}, ["X", "no number", "many"]),
    "ragged": ({"X": [[1, 2, 3], [4, 5]]}, ["X "]),
    "nothing": ({"X": None}, ["X", "()"]),
}

LABELS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "too few": ({"y": Y[:5]}, ["y", "5 labels", "12 rows"]),
    "too few to validate": ({"y_validation": Y[:5]}, ["y_validation", "5 labels", "8 rows"]),
    "three dimensions": ({"y": Y[:, None, None]}, ["y", "(12, 1, 1)"]),
    "no dimensions": ({"y": 3}, ["y", "()"]),
    "one class": ({"y": Y * 0, "y_validation": Y_VALIDATION * 0}, ["y", "one class", "0"]),
    "unseen": ({"y_validation": Y_VALIDATION + 1}, ["y_validation[2]", "3", "class"]),
    "unseen text": (
        {"y": np.array(["a", "b", "c"])[Y], "y_validation": np.array(["a", "z"] * 4)},
        ["y_validation[1]", "'z'"],
    ),
    "text and numbers": (
        {"y": np.array(["a", "b", "c"])[Y]},
        ["y_validation[0]", "0", "class"],
    ),
    "missing": ({"y": np.array(["a", None, "b"] * 4, object)}, ["y"]),
    "missing number": ({"y": np.array(["a", np.nan, "b"] * 4, object)}, ["y"]),
    "missing quantity": (
        {"y": np.array([1.0, None, 2.0] * 4, object), "loss": "squared_error"},
        ["y[1]"],
    ),
    "NaN": ({"y": put(Y, (7,), np.nan)}, ["y[7]", "nan"]),
    "infinite to validate": (
        {"y": Y.astype(float), "y_validation": put(Y_VALIDATION, (1,), np.inf)},
        ["y_validation[1]", "inf"],
    ),
    "too large for float32": (
        {"y": put(Y, (2,), 1e300), "y_validation": Y_VALIDATION.astype(float)},
        ["y[2]"],
    ),
    "columns of whole numbers": (
        {"y": HOT, "y_validation": HOT_VALIDATION},
        ["y", "(12, 3)", "loss", CATEGORICAL, BINARY],
    ),
    "columns in training only": (
        {"y": HOT, "loss": CATEGORICAL},
        ["y", "(12, 3)", "y_validation", "(8,)"],
    ),
    "other columns to validate": (
        {"y": HOT, "y_validation": HOT_VALIDATION[:, :2], "loss": BINARY},
        ["y", "(12, 3)", "y_validation", "(8, 2)"],
    ),
    "columns for labels": (
        {"y": HOT, "y_validation": HOT_VALIDATION, "loss": "sparse_categorical_cross_entropy"},
        ["y", "(12, 3)", "one label a row"],
    ),
    "beyond one": (
        {"y": HOT * 2, "y_validation": HOT_VALIDATION, "loss": BINARY},
        ["y[0]", "[2.0, 0.0, 0.0]", "0 to 1"],
    ),
    "below nothing to validate": (
        {"y": HOT, "y_validation": put(HOT_VALIDATION, (5, 1), -1), "loss": CATEGORICAL},
        ["y_validation[5]", "0 to 1"],
    ),
    "no shares": (
        {"y": put(HOT, (3, 1), 1), "y_validation": HOT_VALIDATION, "loss": CATEGORICAL},
        ["y[3]", "sums to 2", "sum to 1"],
    ),
    "text for quantities": (
        {"y": np.array(["a", "b", "c"])[Y], "loss": "squared_error"},
        ["y", "no number", "squared_error"],
    ),
}

WEIGHTS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "too few": ({"sample_weight": np.ones(5)}, ["sample_weight", "(5,)", "(12,)"]),
    "a column": ({"sample_weight": np.ones((12, 1))}, ["sample_weight", "(12, 1)", "(12,)"]),
    "negative": ({"sample_weight": put(np.ones(12), (3,), -1)}, ["sample_weight", "at least 0"]),
    "all zero": ({"sample_weight": np.zeros(12)}, ["sample_weight", "above 0"]),
    "NaN": ({"sample_weight": put(np.ones(12), (3,), np.nan)}, ["sample_weight[3]", "nan"]),
    "text": ({"sample_weight": ["heavy"] * 12}, ["sample_weight", "heavy"]),
    "unknown class": ({"class_weight": {7: 1.0}}, ["class_weight", "7"]),
    "negative class": ({"class_weight": {1: -1.0}}, ["class_weight", "1", "-1.0", "at least 0"]),
    "NaN class": ({"class_weight": {1: np.nan}}, ["class_weight", "nan", "at least 0"]),
    "infinite class": ({"class_weight": {1: np.inf}}, ["class_weight", "inf"]),
    "text class": ({"class_weight": {1: "much"}}, ["class_weight", "'much'"]),
    "no class counts": ({"class_weight": {0: 0, 1: 0, 2: 0}}, ["class_weight"]),
    "no classes": (
        {"y": HOT, "y_validation": HOT_VALIDATION, "loss": BINARY, "class_weight": {0: 1}},
        ["class_weight", BINARY],
    ),
}

CHOICES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "activation": ({"activation": "rely"}, ["activation", "'rely'", "relu", "gelu"]),
    "optimizer": ({"optimizer": "adamm"}, ["optimizer", "'adamm'", "adamw"]),
    "loss": ({"loss": "hinge"}, ["loss", "'hinge'", BINARY]),
    "loss of text": (
        {"y": np.array(["a", "b", "c"])[Y], "loss": "hinge"},
        ["loss", "'hinge'", BINARY],
    ),
    "metric": ({"metric": "f1"}, ["metric", "'f1'", "roc_auc"]),
    "metric of quantities": ({"metric": "rmse"}, ["metric", "'rmse'", "classes"]),
    "schedule": ({"schedule": "linear"}, ["schedule", "'linear'", "cosine"]),
    "init": ({"init": "hee"}, ["init", "'hee'", "he", "normal:STD"]),
    "dtype": ({"dtype": "float16"}, ["dtype", "'float16'", "float32", "float64"]),
    "no dtype": ({"dtype": "floaty"}, ["dtype", "'floaty'", "float32", "float64"]),
    "batch_size": ({"batch_size": 0}, ["batch_size", "0", "whole number"]),
    "half a batch_size": ({"batch_size": 2.5}, ["batch_size", "2.5", "whole number"]),
    "hidden": ({"hidden": (4, 0)}, ["hidden", "0", "whole number"]),
    "epochs": ({"epochs": -1}, ["epochs", "-1", "whole number", "at least 0"]),
    "half an epoch": ({"epochs": 2.5}, ["epochs", "2.5", "whole number"]),
    "seed": ({"seed": -1}, ["seed", "-1", "whole number", "at least 0"]),
    "half a seed": ({"seed": 0.5}, ["seed", "0.5", "whole number"]),
    "threads": ({"threads": 0}, ["threads", "0", "whole number", "at least 1"]),
    "half a thread": ({"threads": 1.5}, ["threads", "1.5", "whole number"]),
}

SETTINGS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "none": ({"settings": []}, ["settings", "empty"]),
    "no such number": ({"settings": [{}, {"lr": 1}]}, ["settings[1]", "'lr'", "learning_rate"]),
    "negative": (
        {"settings": [{}, {}, {"learning_rate": -0.5}]},
        ["settings[2]", "learning_rate", "-0.5", "at least 0"],
    ),
    "all dropped": ({"settings": [{"dropout": 1}]}, ["settings[0]", "dropout", "1", "below 1"]),
    "init": ({"settings": [{}, {"init": "hee"}]}, ["settings[1]", "init", "'hee'"]),
    "one mapping": ({"settings": {"learning_rate": 0.1}}, ["settings"]),
    "a number": ({"settings": [{}, 0.1]}, ["settings[1]", "0.1"]),
}


GROUPS = {
    "features": FEATURES,
    "labels": LABELS,
    "weights": WEIGHTS,
    "choices": CHOICES,
    "settings": SETTINGS,
}
CASES = {f"{g}: {name}": case for g, group in GROUPS.items() for name, case in group.items()}


@pytest.mark.parametrize(("changed", "words"), CASES.values(), ids=CASES)
def test_it_is_told_what_is_wrong_and_where(changed: dict[str, Any], words: list[str]) -> None:
    said = said_of(**changed)
    assert all(word in said for word in words), said


def test_a_float64_may_be_larger_than_a_float32() -> None:
    options: dict[str, Any] = {"X": put(X, (3, 0), 1e100), "dtype": "float64"}
    curves = train_population(**given(**options, settings=[{"learning_rate": 0.0}]))
    assert np.isfinite(curves["validation_loss"]).all()
