"""Metrics, against their formulas."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import accuracy_score, root_mean_squared_error

from trainer.metrics import ACCURACY, METRICS, RMSE


def test_accuracy_of_each_trial_agrees_with_sklearn() -> None:
    rng = np.random.default_rng(0)
    outputs, labels = rng.standard_normal((4, 50, 3)), rng.integers(0, 3, 50)
    found = ACCURACY.finish(ACCURACY.rows(outputs, labels).mean(axis=1))
    expected = [accuracy_score(labels, trial.argmax(axis=1)) for trial in outputs]
    np.testing.assert_allclose(found, expected, rtol=1e-15)


def test_rmse_of_each_trial_agrees_with_sklearn() -> None:
    rng = np.random.default_rng(0)
    outputs, targets = rng.standard_normal((4, 50, 1)), rng.standard_normal(50)
    found = RMSE.finish(RMSE.rows(outputs, targets).mean(axis=1))
    expected = [root_mean_squared_error(targets, trial[:, 0]) for trial in outputs]
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_scores_have_one_row_a_trial_and_leave_the_outputs_alone() -> None:
    for task, labels in (("classification", np.array([0, 1])), ("regression", np.array([0.5, 1]))):
        outputs = np.arange(6.0).reshape(3, 2, 1)
        assert METRICS[task].rows(outputs, labels).shape == (3, 2)
        np.testing.assert_array_equal(outputs.ravel(), np.arange(6))


def test_metrics_have_the_names_that_curves_carry() -> None:
    assert {task: metric.name for task, metric in METRICS.items()} == {
        "classification": "accuracy",
        "regression": "rmse",
    }
