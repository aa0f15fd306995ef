"""Metrics, trial by trial, against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn import metrics as theirs

from tests.trainer.shared import Array, MakeTargets
from trainer import fields
from trainer.losses import LOSSES
from trainer.metrics import METRICS, class_numbers, row_means

TRIALS, ROWS = 4, 60
SPARSE, CATEGORICAL = "sparse_categorical_cross_entropy", "categorical_cross_entropy"
BINARY, SQUARED = "binary_cross_entropy", "squared_error"
OF_QUANTITIES = [name for name, metric in fields.METRICS.items() if not metric.classes]


def score(metric: str, loss: str, outputs: Array, y: Array, scale: float = 1.0) -> Array:
    """Of all trials, told in two chunks; the outputs must be left alone."""
    before = outputs.copy()
    told = [
        METRICS[metric].rows(LOSSES[loss], outputs[:, part], y[part])
        for part in (slice(0, len(y) // 3), slice(len(y) // 3, None))
    ]
    np.testing.assert_array_equal(outputs, before)
    found = METRICS[metric].finish(LOSSES[loss], np.concatenate(told, axis=1), y, scale)
    assert found.shape == (len(outputs),)
    assert found.dtype == np.float64
    return found


def drawn(count: int, *, step: float | None = None) -> tuple[Array, Array]:
    """Outputs (K, N, C) that have something to do with the labels (N,); ties at multiples of the step."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, max(count, 2), ROWS)
    outputs = rng.standard_normal((TRIALS, ROWS, count))
    if count == 1:
        outputs[..., 0] += labels
    else:
        outputs += np.eye(count)[labels]
    if step is not None:
        outputs = np.round(outputs / step) * step
    return outputs, labels


def as_targets(loss: str, labels: Array, count: int) -> Array:
    """Labels as the loss takes them."""
    if loss == SPARSE:
        return labels
    return np.eye(count)[labels] if loss == CATEGORICAL else labels[:, None].astype(float)


def test_every_metric_is_of_classes_or_of_quantities_and_knows_what_is_better() -> None:
    assert OF_QUANTITIES == ["rmse", "mae", "r2"]
    smaller = {name for name, metric in fields.METRICS.items() if not metric.larger_is_better}
    assert smaller == {"log_loss", "rmse", "mae"}


# --- classes ---


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("loss", [SPARSE, CATEGORICAL])
def test_metrics_of_classes_agree_with_sklearn(loss: str, count: int) -> None:
    outputs, labels = drawn(count)
    y = as_targets(loss, labels, count)
    answers, shares = outputs.argmax(axis=-1), softmax(outputs, axis=-1)
    for metric, expected in {
        "accuracy": [theirs.accuracy_score(labels, answer) for answer in answers],
        "balanced_accuracy": [theirs.balanced_accuracy_score(labels, a) for a in answers],
        "log_loss": [theirs.log_loss(labels, share) for share in shares],
    }.items():
        np.testing.assert_allclose(score(metric, loss, outputs, y), expected, rtol=1e-12)


def test_metrics_of_one_yes_or_no_agree_with_sklearn() -> None:
    outputs, labels = drawn(1)
    y = as_targets(BINARY, labels, 1)
    z = outputs[..., 0]
    for metric, expected in {
        "accuracy": [theirs.accuracy_score(labels, trial > 0) for trial in z],
        "balanced_accuracy": [theirs.balanced_accuracy_score(labels, trial > 0) for trial in z],
        "log_loss": [theirs.log_loss(labels, expit(trial)) for trial in z],
        "roc_auc": [theirs.roc_auc_score(labels, trial) for trial in z],
    }.items():
        np.testing.assert_allclose(score(metric, BINARY, outputs, y), expected, rtol=1e-12)


def test_metrics_of_several_yes_or_no_agree_with_sklearn() -> None:
    rng = np.random.default_rng(1)
    outputs, y = rng.standard_normal((TRIALS, ROWS, 3)), rng.integers(0, 2, (ROWS, 3)).astype(float)
    accuracies = [theirs.accuracy_score(y, trial > 0) for trial in outputs]
    np.testing.assert_allclose(score("accuracy", BINARY, outputs, y), accuracies, rtol=1e-12)
    sums = [  # over the questions, as a row's log likelihood is
        sum(theirs.log_loss(y[:, c], expit(trial[:, c])) for c in range(3)) for trial in outputs
    ]
    np.testing.assert_allclose(score("log_loss", BINARY, outputs, y), sums, rtol=1e-12)
    areas = [theirs.roc_auc_score(y, trial, average="macro") for trial in outputs]
    np.testing.assert_allclose(score("roc_auc", BINARY, outputs, y), areas, rtol=1e-12)


@pytest.mark.parametrize("step", [None, 0.5, 2.0], ids=["no ties", "some ties", "many ties"])
@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("loss", [SPARSE, CATEGORICAL])
def test_roc_auc_is_sklearns_one_against_the_rest_with_ties_by_half(
    loss: str, count: int, step: float | None
) -> None:
    outputs, labels = drawn(count, step=step)
    if count == 2:
        expected = [theirs.roc_auc_score(labels, t[:, 1] - t[:, 0]) for t in outputs]
    else:
        shares = softmax(outputs, axis=-1)
        expected = [theirs.roc_auc_score(labels, s, multi_class="ovr") for s in shares]
    found = score("roc_auc", loss, outputs, as_targets(loss, labels, count))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("count", [2, 3])
def test_roc_auc_of_questions_is_of_questions_even_if_each_row_has_one_yes(count: int) -> None:
    # The same rows as one-hot targets would be: it is the loss that says that the outputs are questions of their own.
    outputs, labels = drawn(count)
    y = np.eye(count)[labels]
    expected = [theirs.roc_auc_score(y, trial, average="macro") for trial in outputs]
    np.testing.assert_allclose(score("roc_auc", BINARY, outputs, y), expected, rtol=1e-12)


def test_roc_auc_of_shares_is_of_the_largest_share_even_if_their_sum_is_not_quite_one() -> None:
    outputs, labels = drawn(3)
    shares = 0.7 * np.eye(3)[labels] + 0.1
    assert (shares.sum(axis=1) != 1).any()  # but for rounding it is
    expected = score("roc_auc", SPARSE, outputs, labels)
    np.testing.assert_array_equal(score("roc_auc", CATEGORICAL, outputs, shares), expected)


@pytest.mark.parametrize(("loss", "count"), [(SPARSE, 2), (SPARSE, 3), (BINARY, 1)])
def test_roc_auc_is_not_known_where_a_class_or_its_rest_has_no_rows(loss: str, count: int) -> None:
    outputs, _ = drawn(count)
    for label in (0, 1):
        y = as_targets(loss, np.full(ROWS, label), count)
        assert np.isnan(score("roc_auc", loss, outputs, y)).all()


def test_balanced_accuracy_is_over_the_classes_that_occur() -> None:
    outputs = np.array([[[3.0, 0, 0], [3, 0, 0], [0, 0, 3], [0, 3, 0]]])
    labels = np.array([0, 0, 0, 1])  # two of three of class 0 are right, and the one of class 1
    found = score("balanced_accuracy", SPARSE, outputs, labels)
    assert found.tolist() == [pytest.approx((2 / 3 + 1) / 2)]


def test_of_tied_classes_the_first_counts_as_argmax_has_it() -> None:
    outputs, labels = drawn(3, step=2.0)
    expected = [theirs.accuracy_score(labels, trial.argmax(axis=-1)) for trial in outputs]
    tied = (outputs == outputs.max(axis=-1, keepdims=True)).sum(axis=-1) > 1
    assert tied.any(axis=1).all()
    np.testing.assert_allclose(score("accuracy", SPARSE, outputs, labels), expected, rtol=1e-12)


def test_metrics_of_classes_refuse_quantities() -> None:
    for metric in ("accuracy", "balanced_accuracy"):
        with pytest.raises(TypeError, match="classes"):
            METRICS[metric].rows(LOSSES[SQUARED], np.zeros((1, 2, 1)), np.zeros((2, 1)))


# --- quantities ---


@pytest.mark.parametrize("scale", [1.0, 7.3])
@pytest.mark.parametrize("count", [1, 3])
def test_metrics_of_quantities_agree_with_sklearn_in_the_users_units(
    count: int, scale: float
) -> None:
    rng = np.random.default_rng(0)
    y = rng.standard_normal((ROWS, count)) * np.arange(1, count + 1)
    outputs = y + rng.standard_normal((TRIALS, ROWS, count)) / 2
    users, answers = scale * y + 5, scale * outputs + 5
    for metric, function in {
        "rmse": theirs.root_mean_squared_error,
        "mae": theirs.mean_absolute_error,
        "r2": theirs.r2_score,
    }.items():
        expected = [function(users, answer) for answer in answers]
        found = score(metric, SQUARED, outputs, y, scale)
        np.testing.assert_allclose(found, expected, rtol=1e-10)


@pytest.mark.parametrize("count", [1, 2])
def test_r2_of_rows_that_are_all_the_same_is_all_or_nothing(count: int) -> None:
    y = np.full((ROWS, count), 2.0)
    outputs = np.stack([y, y + 1, y])
    outputs[2, 0, 0] = 1.75  # one output of two is hit, or none of one
    expected = [theirs.r2_score(y, trial) for trial in outputs]
    assert expected == [1, 0, (count - 1) / count]
    np.testing.assert_array_equal(score("r2", SQUARED, outputs, y), expected)


# --- of all ---


@pytest.mark.parametrize("metric", METRICS)
def test_figures_of_float32_are_near_those_of_float64(
    metric: str, make_targets: MakeTargets
) -> None:
    rng = np.random.default_rng(0)
    loss = SPARSE if fields.METRICS[metric].classes else SQUARED
    outputs, y = rng.standard_normal((TRIALS, ROWS, 3)), make_targets(loss, 3, ROWS, rng)
    single = outputs.astype(np.float32), y.astype(np.float32) if loss == SQUARED else y
    np.testing.assert_allclose(score(metric, loss, *single), score(metric, loss, outputs, y), 1e-5)


def test_means_are_weighted_and_add_up_in_float64() -> None:
    values = np.array([[1, 2, 3], [0, 0, 10]], np.float32)
    np.testing.assert_array_equal(row_means(values), [2, 10 / 3])
    np.testing.assert_array_equal(row_means(values, np.array([1, 0, 3])), [2.5, 7.5])
    many = np.full((1, 10**5), 0.1, np.float32)
    assert row_means(many)[0] == pytest.approx(float(np.float32(0.1)), rel=1e-12)


def test_a_rows_class_is_the_same_in_all_the_ways_to_tell_it() -> None:
    labels = np.array([1, 0, 1])
    for y in (labels, labels.astype(float), labels[:, None], np.eye(2)[labels]):
        np.testing.assert_array_equal(class_numbers(y), labels)
