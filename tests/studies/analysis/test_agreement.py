"""Whether short training predicts long training: which epochs are compared, and how well the orders agree."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from studies import Study
from studies.analysis.agreement import (
    Agreement,
    compared_epochs,
    compared_scores,
    rank_agreement,
    sentence,
)
from studies.database.records import TrialState
from tests.studies.columns_of import epochs_of
from tests.studies.figures import made


def after(*orders: Sequence[float | None]) -> dict[int, dict[int, float]]:
    """The scores of trials after the first, second, … epoch; None if they did not get there."""
    return {
        epoch: {k: value for k, value in enumerate(order) if value is not None}
        for epoch, order in enumerate(orders, start=1)
    }


def rounded(found: Sequence[Agreement]) -> list[tuple[int, int, int, float]]:
    return [(a.epoch, a.later, a.trials, round(a.correlation, 12)) for a in found]


def test_the_order_after_some_epochs_is_compared_with_that_after_the_next() -> None:
    found = rank_agreement(after([1, 2, 3, 4], [10, 20, 30, 99], [4, 3, 2, 1]))
    assert rounded(found) == [(1, 2, 4, 1.0), (2, 3, 4, -1.0)]
    found = rank_agreement({1: dict(enumerate([1, 2, 3, 4])), 7: dict(enumerate([2, 1, 4, 3]))})
    assert rounded(found) == [(1, 7, 4, 0.6)]


def test_only_trials_that_got_to_the_later_one_are_compared() -> None:
    scores = after([1, 2, 3, 4, 9, None, 0], [1, 2, 3, 4])
    assert rounded(rank_agreement(scores)) == [(1, 2, 4, 1.0)]


@pytest.mark.parametrize(
    "scores",
    [
        after([1, 2, 3], [1, 2, 3]),  # too few
        after([1, 1, 1, 1], [1, 2, 3, 4]),  # no order
        after([1, 2, 3, 4], [1, 1, 1, 1]),
        after([1, 2, 3, 4]),  # nothing to compare with
        after([1, 2, 3, 4], []),  # nobody got there
        {},
    ],
    ids=["few", "all_equal", "all_equal_later", "one_epoch", "beyond", "nothing"],
)
def test_without_an_order_nothing_is_compared(scores: dict[int, dict[int, float]]) -> None:
    assert rank_agreement(scores) == []


@pytest.mark.parametrize(
    ("lengths", "epochs"),
    [
        ({("pruned", 1): 12, ("pruned", 3): 5, ("complete", 9): 3}, [1, 3, 9]),  # halving's rungs
        ({("pruned", 1): 12, ("pruned", 4): 1, ("complete", 9): 3}, [1, 9]),  # one left by itself
        ({("pruned", k): 9 for k in range(1, 9)} | {("complete", 9): 3}, [1, 3, 9]),  # no rungs
        ({("complete", 10): 20}, [1, 3, 10]),
        ({("complete", 27): 20}, [1, 3, 9, 27]),
        ({("complete", 2): 20}, [1, 2]),
        ({("complete", 1): 20}, [1]),
        ({("failed", 0): 20}, []),
        ({}, []),
    ],
)
def test_trials_are_compared_where_they_left_or_else_after_thirds(
    lengths: dict[tuple[TrialState, int], int], epochs: list[int]
) -> None:
    assert compared_epochs(lengths) == epochs


def test_frames_give_the_finite_scores_after_the_compared_epochs() -> None:
    trials = made([0.5] * 5)[0]
    trials.loc[:3, "state"] = "pruned"
    curves = [(n, "validation_accuracy", [n / 10]) for n in range(4)]
    epochs = epochs_of([*curves, (4, "validation_accuracy", [np.nan, 0.5, 0.6])])
    scores = compared_scores(trials, epochs, "accuracy")
    assert scores == {1: {0: 0.0, 1: 0.1, 2: 0.2, 3: 0.3}, 3: {4: 0.6}}
    assert compared_scores(trials, epochs, "rmse") == {}
    assert (
        compared_scores(trials, pd.DataFrame(columns=["trial", "epoch", "accuracy"]), "accuracy")
        == {}
    )


def test_a_stored_study_compares_its_score(study: Study) -> None:
    epochs = study.epochs_frame().pivot_table(
        index="trial", columns="epoch", values="validation_rmse"
    )
    whole = epochs.dropna()
    ((first, last, trials, correlation),) = study.rank_agreement([1, 4])
    assert (first, last, trials) == (1, 4, len(whole))
    assert correlation == pytest.approx(whole[1].rank().corr(whole[4].rank()))


def test_a_stored_study_and_its_frames_compare_the_same_epochs(study: Study) -> None:
    scores = compared_scores(study.trials_frame(), study.epochs_frame(), "rmse")
    assert study.rank_agreement() == rank_agreement(scores)


@pytest.mark.parametrize(
    ("correlations", "words"),
    [
        ((0.52,), "Scores after 1 epoch rank trials roughly as scores after 3 do (0.52)."),
        ((0.52, 0.79), "roughly as scores after 3 do (0.52), and those after 3 rank trials much as those after 9"),
        ((0.8, 0.79), "rank trials much as scores after 3 do (0.80), and those after 3 as those after 9 (0.79)."),
        ((0.6, 0.7), "rank trials roughly as scores after 3 do (0.60), and those after 3 as those after 9 (0.70)."),
        ((0.1,), "Scores after 1 epoch say little about the order after 3 (0.10)."),
        ((0.1, 0.9), "after 3 (0.10), and those after 3 rank trials much as those after 9 do (0.90)."),
        ((0.9, -0.2), "do (0.90), and those after 3 say little about the order after 9 (-0.20)."),
        ((0.2, 0.1), "after 3 (0.20), and those after 3 little about that after 9 (0.10)."),
        ((-0.8,), "Scores after 1 epoch rank trials almost in the opposite order to scores after 3 (-0.80)."),
    ],
)  # fmt: skip
def test_the_sentence_is_true_of_the_correlations(
    correlations: Sequence[float], words: str
) -> None:
    pairs = [(1, 3), (3, 9)]
    agreements = [Agreement(*pair, 60, c) for pair, c in zip(pairs, correlations, strict=False)]
    assert words in sentence(agreements)


@pytest.mark.parametrize(
    ("trials", "correlation", "kind"),
    [
        (4, 1.0, "few"), (7, -1.0, "few"), (8, 1.0, "alike"), (8, 0.1, "unclear"), (20, 0.3, "unclear"),
        (8, 0.6, "unclear"),
        (60, 0.1, "unlike"), (12, -0.63, "opposite"), (8, -0.6, "unlike"),
    ],
)  # fmt: skip
def test_of_few_trials_little_is_told(trials: int, correlation: float, kind: str) -> None:
    agreement = Agreement(3, 9, trials, correlation)
    assert agreement.kind == kind
    assert agreement.misleads == (kind in ("unlike", "opposite"))
    words = {"few": f"only {trials} trials reached", "unclear": "may or may not"}.get(kind, " ")
    assert words in sentence([agreement])
