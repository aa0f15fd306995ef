"""What is measured on held-out rows: against scikit-learn, and against what is known to be there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import confusion_matrix, precision_score, recall_score

from hpo.card.classes import BIN, class_facts
from hpo.card.quantities import QUANTILES, quantity_facts

NAMES = ("ant", "bee", "cow", "never")


def answers(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Classes, of which the last never occurs, probabilities, and which row each answer is of: some twice."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=rows)
    scores = rng.normal(size=(rows, 4)) + 2 * np.eye(4)[labels]
    scores[:, 3] = -30
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    again = np.arange(rows) % (2 * rows // 3)
    return labels[again], probabilities, again


def test_confusion_recall_and_precision_are_scikit_learns() -> None:
    labels, probabilities, positions = answers(300)
    named = probabilities.argmax(axis=1)
    facts = class_facts(labels, probabilities, positions, NAMES)
    assert (facts.confusion == confusion_matrix(labels, named, labels=range(4))).all()
    recall = recall_score(labels, named, labels=range(3), average=None)
    precision = precision_score(labels, named, labels=range(3), average=None)
    assert [one.recall for one in facts.classes[:3]] == pytest.approx(list(recall))
    assert [one.precision for one in facts.classes[:3]] == pytest.approx(list(precision))
    never = facts.classes[3]
    assert (never.rows, never.recall, never.precision, never.mistaken_for) == (0, None, None, None)
    assert (facts.answers, facts.rows) == (300, 200)
    assert [one.rows for one in facts.classes[:3]] == list(np.bincount(labels[:200]))
    name, share = facts.classes[0].mistaken_for or ("", 0)
    assert share == facts.confusion[0, NAMES.index(name)] / facts.confusion[0].sum()


def test_the_calibration_curve_is_scikit_learns_and_its_error_is_the_mean_over_answers() -> None:
    labels, probabilities, positions = answers(400)
    right, first = probabilities.argmax(axis=1) == labels, probabilities.max(axis=1)
    one = class_facts(labels, probabilities, positions, NAMES).calibration
    shares, means = calibration_curve(right, first, n_bins=len(one.bins), strategy="quantile")
    assert [b.right for b in one.bins] == pytest.approx(list(shares))
    assert [b.probability for b in one.bins] == pytest.approx(list(means))
    assert sum(b.answers for b in one.bins) == 400
    assert len(one.bins) == 266 // BIN
    by_hand = sum(b.answers * abs(b.right - b.probability) for b in one.bins) / 400
    assert one.error == pytest.approx(by_hand)


def test_chance_explains_the_error_of_calibrated_probabilities_and_not_of_others() -> None:
    off = {True: 0, False: 0}
    for seed in range(20):
        rng = np.random.default_rng(seed)
        first = rng.uniform(0.5, 1, 300)
        for calibrated in (True, False):
            chance = first if calibrated else first - 0.2
            labels = (rng.random(300) > chance).astype(int)
            both = np.stack([first, 1 - first], axis=1)
            off[calibrated] += class_facts(labels, both, np.arange(300), "ab").calibration.is_off
    assert off[True] <= 2
    assert off[False] == 20


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from([0.4, 0.6, 1.0])), min_size=1, max_size=60
    )
)
def test_however_alike_the_answers_are_each_is_in_one_bin(rows: list[tuple[int, float]]) -> None:
    labels = np.array([label for label, _ in rows])
    first = np.array([p for _, p in rows])
    probabilities = np.stack([first, (1 - first) / 2, (1 - first) / 2], axis=1)
    facts = class_facts(labels, probabilities, np.arange(len(rows)), "abc")
    assert sum(b.answers for b in facts.calibration.bins) == len(rows) == facts.confusion.sum()
    assert 0 <= facts.calibration.error <= 1


def test_what_remains_is_told_by_ranges_of_estimates() -> None:
    rng = np.random.default_rng(0)
    estimates = rng.uniform(0, 10, 1000)
    labels = estimates + rng.normal(size=1000) * np.where(estimates > 8, 5, 0.5)
    facts = quantity_facts(labels, estimates, np.arange(1000))
    assert len(facts.ranges) == 5
    assert sum(one.answers for one in facts.ranges) == facts.rows == 1000
    last = estimates >= facts.ranges[-1].low
    expected = np.quantile((labels - estimates)[last], QUANTILES)
    assert facts.ranges[-1].quantiles == pytest.approx(tuple(expected))
    assert facts.mean == pytest.approx((labels - estimates).mean())
    assert facts.error == pytest.approx(np.abs(labels - estimates).mean())
    # One width for all rows holds 95 % of them, but not of those that scatter most.
    assert facts.inside == pytest.approx(0.95, abs=0.02)
    assert facts.ranges[-1].inside < 0.85
    assert facts.ranges[0].inside == 1


def test_rows_at_an_end_of_the_quantity_are_counted_once() -> None:
    labels = np.array([5.0, 5, 1, 2, 5, 5, 1, 2])
    facts = quantity_facts(labels, labels * 0.9, np.array([0, 1, 2, 3] * 2))
    assert (facts.least, facts.most, facts.rows) == (1, 5, 4)
    assert (facts.at_least, facts.at_most) == (0.25, 0.5)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_few_answers_are_enough(count: int) -> None:
    facts = quantity_facts(np.arange(count) + 1.0, np.zeros(count), np.arange(count))
    assert facts.rows == count
    assert 0 <= facts.inside <= 1
