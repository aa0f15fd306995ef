"""What is told of usual models on the same rows: nothing that their intervals don't carry."""

from __future__ import annotations

from typing import Any

import pytest

from studies.analysis.references import sentences
from studies.database.records import Confirmation, Finalist, Opening, StudyRecord, Trial
from studies.database.references import Reference
from studies.words import number
from tests.studies.columns_of import summary_of

VALUES = {1: 0.95, 2: 0.96, 3: 0.97, 4: 0.5}  # the recommended settings did not train in stage 4
LINEAR = Reference("linear", "LogisticRegression", {1: 0.9, 2: 0.91, 3: 0.92}, None, 7)


def boosted(low: float | None = None, high: float = 0.0, **fields: Any) -> Reference:
    ends = None if low is None else (low, high)
    middle = None if low is None else (low + high) / 2
    filled: dict[str, Any] = {
        "values": VALUES,
        "trial": 7,
        "gain": middle,
        "gain_ci95": ends,
    } | fields
    return Reference("boosted", "HistGradientBoostingClassifier", **filled)


def told(*references: Reference, metric: str = "accuracy", **fields: Any) -> list[str]:
    record = StudyRecord(
        1, "s", fields.pop("direction", "maximize"), "complete", {"source": "t.csv"}, metric,
        None, {}, None, None,
    )  # fmt: skip
    fields = {"finalists": [Finalist(7, [0.9], 0.9, None, False)]} | fields
    trials = [Trial(n, "complete", 0.9, {}, {}, None, None) for n in range(9)]
    confirmed = [Confirmation(stage, 7, 0.9) for stage in (1, 2, 3)]
    return sentences(
        summary_of(record, trials, references=list(references), confirmations=confirmed, **fields)
    )


@pytest.mark.parametrize(
    ("low", "high", "claim"),
    [
        (0.01, 0.03, ", 2.0 ± 1.0 points better."),
        (-0.03, -0.01, ", 2.0 ± 1.0 points worse."),
        (-0.01, 0.03, ", 1.0 ± 2.0 points better, if at all."),
        (0.0, 0.02, ", 1.0 ± 1.0 points better, if at all."),
    ],
)
def test_the_network_is_better_or_worse_only_beyond_the_interval(
    low: float, high: float, claim: str
) -> None:
    (line,) = told(boosted(low, high))
    assert line.startswith("On the 3 fresh splits alone boosted trees")
    assert line.endswith(claim)
    assert f" 0.96, the network {0.96 + (low + high) / 2:.2f}, " in line


def test_the_model_that_comes_nearest_is_compared_and_the_others_are_listed() -> None:
    linear = Reference("linear", "LogisticRegression", LINEAR.values, None, 7, 0.05, (0.04, 0.06))
    lines = told(linear, boosted(-0.01, 0.03))
    assert "boosted trees" in lines[0]
    assert lines[1] == "A linear model: 0.91."


def test_without_an_interval_nothing_is_claimed() -> None:
    (line,) = told(boosted(values={1: 0.5}, gain=0.3, gain_ci95=None))
    assert "On the fresh split alone " in line
    assert "too few to tell" in line
    assert "if at all" not in line


def test_on_the_test_rows_alone_both_scores_are_told_and_no_more() -> None:
    from datetime import datetime

    opening = Opening(3, datetime(2026, 1, 1), 0.975)  # UTC, as it is stored
    (line,) = told(boosted(values={}, test=0.961), opening=opening)
    assert "0.961 on the test rows" in line
    assert line.endswith(f"the network {number(0.975)}.")


def test_a_network_that_learned_nothing_is_said_to_be_no_better_than_a_constant() -> None:
    constant = Reference("constant", "", {1: 0.5, 2: 0.5, 3: 0.5}, None, 7, 0.0, (-0.01, 0.01))
    learned = Reference("constant", "", {1: 0.5, 2: 0.5, 3: 0.5}, None, 7, 0.4, (0.3, 0.5))
    line = "The network is no better than a constant."
    assert line in told(constant, boosted(-0.5, -0.4))
    assert line not in told(learned, boosted(-0.5, -0.4))


def test_an_error_is_lower_not_in_points() -> None:
    (line,) = told(boosted(1.0, 3.0, values={1: 50.0}), metric="rmse", direction="minimize")
    assert "boosted trees score 50" in line
    assert line.endswith(", 2.0 ± 1.0 lower rmse.")


def test_what_was_not_fitted_is_said() -> None:
    note = "not fitted: 48,000 rows of 784 columns would take too long"
    lines = told(LINEAR, boosted(values={}, note=note))
    assert lines[-1] == f"Boosted trees were {note}."


def test_a_study_without_them_tells_nothing() -> None:
    assert told() == []


def test_of_settings_that_are_no_longer_recommended_nothing_is_told() -> None:
    others = [Finalist(8, [0.9], 0.9, None, False), Finalist(7, [0.9], 0.9, None, True)]
    assert told(boosted(0.01, 0.03), finalists=others) == []


def test_a_record_is_the_same_after_it_was_stored() -> None:
    reference = boosted(-0.5, -0.4, test=0.9, note="n")
    assert Reference.of(reference.as_mapping()) == reference
    assert Reference.of(LINEAR.as_mapping()) == LINEAR
