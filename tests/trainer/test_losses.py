"""Losses, their gradients and what is right: against scipy, and where floating point is thin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, softmax

from tests.trainer.shared import Array, LossesOf, MakeTargets
from trainer.losses import LOSSES

FLOATS = ["float32", "float64"]
OF_CLASSES = [name for name, loss in LOSSES.items() if loss.correct]


def values(loss: str, outputs: Array, y: Array) -> Array:
    return LOSSES[loss].values(outputs.copy(), y)


def gradient(loss: str, outputs: Array, y: Array, smoothing: Array | None = None) -> Array:
    slope = outputs.copy()
    LOSSES[loss].gradient(slope, y, smoothing)
    return slope


def gradient_by_formula(loss: str, outputs: Array, y: Array, smoothing: float) -> Array:
    count = outputs.shape[-1]
    if loss == "squared_error":
        return outputs - y
    if loss == "binary_cross_entropy":
        return np.asarray(expit(outputs) - (1 - smoothing) * y - smoothing / 2)
    shares = np.eye(count)[y] if y.ndim == 1 else y
    return np.asarray(softmax(outputs, axis=-1) - (1 - smoothing) * shares - smoothing / count)


@settings(max_examples=200, deadline=None)
@given(
    loss=st.sampled_from(list(LOSSES)),
    trials=st.integers(1, 5),
    rows=st.integers(1, 20),
    count=st.integers(1, 8),
    spread=st.sampled_from([1e-3, 1.0, 30.0, 1e4]),
    seed=st.integers(0, 999),
)
def test_values_and_gradients_agree_with_the_formulas(
    loss: str,
    trials: int,
    rows: int,
    count: int,
    spread: float,
    seed: int,
    losses_of: LossesOf,
    make_targets: MakeTargets,
) -> None:
    rng = np.random.default_rng(seed)
    outputs = rng.standard_normal((trials, rows, count)) * spread
    y = make_targets(loss, count, rows, rng)
    smoothing = rng.random((trials, 1, 1))
    found = values(loss, outputs, y)
    assert found.shape == (trials, rows)
    np.testing.assert_allclose(
        found, losses_of(loss, outputs, y), rtol=1e-12, atol=1e-12 * (1 + spread)
    )
    for given_smoothing, of_trial in ((None, np.zeros(trials)), (smoothing, smoothing.ravel())):
        slope = gradient(loss, outputs, y, given_smoothing)
        for trial in range(trials):
            expected = gradient_by_formula(loss, outputs[trial], y, of_trial[trial])
            np.testing.assert_allclose(slope[trial], expected, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("loss", LOSSES)
def test_losses_keep_the_dtype_and_leave_the_targets_alone(
    loss: str, dtype: str, make_targets: MakeTargets
) -> None:
    rng = np.random.default_rng(0)
    outputs = rng.standard_normal((2, 6, 3)).astype(dtype)
    y = make_targets(loss, 3, 6, rng)
    if y.ndim == 2:
        y = y.astype(dtype)
    before = y.copy()
    assert values(loss, outputs, y).dtype == dtype
    assert gradient(loss, outputs, y, np.full((2, 1, 1), 0.1, dtype)).dtype == dtype
    np.testing.assert_array_equal(y, before)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("loss", ["sparse_categorical_cross_entropy", "categorical_cross_entropy"])
def test_softmax_losses_are_stable_for_outputs_of_ten_thousand(loss: str, dtype: str) -> None:
    outputs = np.array(
        [[[1e4, -1e4, 0], [1e4, -1e4, 0], [1e4, 1e4, 1e4], [-1e4, -1e4, -1e4]]], dtype
    )
    labels = np.array([0, 1, 2, 0])
    y = labels if loss.startswith("sparse") else np.eye(3, dtype=dtype)[labels]
    np.testing.assert_allclose(values(loss, outputs, y), [[0, 2e4, np.log(3), np.log(3)]], 1e-6)
    third = 1 / 3
    expected = np.array(
        [[[0, 0, 0], [1, -1, 0], [third, third, third - 1], [third - 1, third, third]]]
    )
    np.testing.assert_allclose(gradient(loss, outputs, y), expected, atol=1e-7)


@pytest.mark.parametrize("dtype", FLOATS)
def test_binary_cross_entropy_is_stable_for_outputs_of_ten_thousand(dtype: str) -> None:
    outputs = np.array([[[1e4], [1e4], [-1e4], [-1e4], [0]]], dtype)
    y = np.array([[1], [0], [1], [0], [1]], dtype)
    loss = "binary_cross_entropy"
    np.testing.assert_allclose(values(loss, outputs, y), [[0, 1e4, 1e4, 0, np.log(2)]], rtol=1e-6)
    np.testing.assert_allclose(gradient(loss, outputs, y)[..., 0], [[0, 1, -1, 0, -0.5]], atol=1e-7)


@settings(max_examples=100, deadline=None)
@given(
    rows=st.integers(1, 20),
    classes=st.integers(2, 8),
    spread=st.sampled_from([1.0, 1e2, 1e4]),
    smoothing=st.sampled_from([None, 0.0, 0.3, 1.0]),
    seed=st.integers(0, 999),
)
def test_softmax_gradient_sums_to_nothing_in_float32(
    rows: int, classes: int, spread: float, smoothing: float | None, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    outputs = rng.uniform(-spread, spread, (3, rows, classes)).astype(np.float32)
    labels = rng.integers(0, classes, rows)
    moved = None if smoothing is None else np.full((3, 1, 1), smoothing, np.float32)
    loss = values("sparse_categorical_cross_entropy", outputs, labels)
    assert np.isfinite(loss).all()
    assert (loss >= 0).all()
    slope = gradient("sparse_categorical_cross_entropy", outputs, labels, moved)
    np.testing.assert_allclose(slope.sum(axis=-1), 0, atol=classes * 2e-7)


def test_squared_error_is_half_the_square_and_its_slope() -> None:
    outputs = np.array([[[1.0], [2.0]], [[0.0], [-3.0]]])
    y = np.array([[0.5], [4.0]])
    np.testing.assert_array_equal(values("squared_error", outputs, y), [[0.125, 2], [0.125, 24.5]])
    np.testing.assert_array_equal(
        gradient("squared_error", outputs, y)[..., 0], [[0.5, -2.0], [-0.5, -7.0]]
    )


@pytest.mark.parametrize("loss", OF_CLASSES)
def test_smoothing_of_nothing_beside_some_changes_nobody(
    loss: str, make_targets: MakeTargets
) -> None:
    rng = np.random.default_rng(0)
    outputs, y = rng.standard_normal((2, 20, 3)), make_targets(loss, 3, 20, rng)
    beside = gradient(loss, outputs, y, np.array([0.0, 0.4])[:, None, None])
    np.testing.assert_array_equal(beside[0], gradient(loss, outputs, y)[0])
    assert (beside[1] != gradient(loss, outputs, y)[1]).all()


# --- what is right ---


def right(loss: str, outputs: Array, y: Array) -> list[list[bool]]:
    correct = LOSSES[loss].correct
    assert correct is not None
    before = outputs.copy()
    found = correct(outputs, y)
    np.testing.assert_array_equal(outputs, before)
    return found.astype(bool).tolist()  # type: ignore[no-any-return]


@pytest.mark.parametrize("hot", [False, True])
def test_of_tied_classes_the_first_is_the_answer(hot: bool) -> None:
    outputs = np.array([[[1.0, 1, 0], [0, 2, 2], [3, 3, 3]], [[0, 1, 2], [0, 2, 1], [5, 4, 4]]])
    for labels, expected in (
        ([0, 1, 0], [[True, True, True], [False, True, True]]),
        ([1, 2, 2], [[False, False, False], [False, False, False]]),
        ([2, 1, 1], [[False, True, False], [True, True, False]]),
    ):
        y = np.eye(3)[labels] if hot else np.array(labels)
        loss = "categorical_cross_entropy" if hot else "sparse_categorical_cross_entropy"
        assert right(loss, outputs, y) == expected


def test_a_neighbour_that_is_no_number_does_not_break_the_ties_of_others() -> None:
    # As many largest outputs as rows: two of each of the first trial's, none of the second's.
    outputs = np.array([[[0.0, 0.0]] * 3, [[np.nan, np.nan]] * 3])
    labels = np.array([0, 1, 1])
    for loss, y in (
        ("sparse_categorical_cross_entropy", labels),
        ("categorical_cross_entropy", np.eye(2)[labels]),
    ):
        among, alone = right(loss, outputs, y)[0], right(loss, outputs[:1], y)[0]
        assert among == alone == [True, False, False]


def test_a_row_of_several_questions_is_right_if_all_answers_are() -> None:
    outputs = np.array([[[1.0, -1.0], [1.0, 1.0], [-2.0, -0.1], [0.0, 0.1]]])
    y = np.array([[1, 0], [1, 0], [0, 0], [0, 1]])
    assert right("binary_cross_entropy", outputs, y) == [[True, False, True, True]]
    assert right("binary_cross_entropy", outputs[..., :1], y[:, :1]) == [[True] * 4]
    assert right("binary_cross_entropy", outputs[..., 1:], y[:, 1:]) == [[True, False, True, True]]


def test_quantities_are_not_right_or_wrong() -> None:
    assert LOSSES["squared_error"].correct is None
    assert [name for name, loss in LOSSES.items() if loss.questions] == ["binary_cross_entropy"]
    assert sorted(OF_CLASSES) == sorted(LOSSES.keys() - {"squared_error"})
