"""Sentences of the report that hold only for some studies: there where they are true, and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

from studies.analysis.importance import UNTOLD
from studies.database.records import Finalist
from tests.studies.pages.rendered import SPACE, Page, rendered

pytestmark = pytest.mark.usefixtures("undrawn")

LEFT = "those that looked worse did not go on"
EQUAL = "Means are compared on equal stages"
BETWEEN = "a mean need not lie between its marks"


def of(*values: list[float]) -> str:
    """The text of a page whose first trials were trained again, with these values."""
    means = [sum(v) / len(v) for v in values]
    finalists = [
        Finalist(k, [*v], m, None, False)
        for k, (v, m) in enumerate(zip(values, means, strict=True))
    ]
    return Page(rendered([0.9, 0.8, 0.7], finalists=finalists)).text


@pytest.mark.parametrize(
    ("values", "stated", "absent"),
    [
        ([[0.9, 0.8]], ["Trained 2 more times on fresh seeds and splits, they have a mean validation accuracy of"],
         [LEFT, EQUAL, BETWEEN, "in stages."]),
        ([[0.9]], ["trained again 1 time, each time on a fresh seed and split.", "they have a validation accuracy"],
         [LEFT, EQUAL, "mean validation"]),
        ([[0.9], [0.8]], ["Settings were trained again in stages.", "tells the first from all others"], [LEFT, EQUAL]),
        ([[0.9, 0.9], [0.8]], [LEFT, EQUAL, BETWEEN], []),
    ],
)  # fmt: skip
def test_stages_are_told_where_there_were_any(
    values: list[list[float]], stated: list[str], absent: list[str]
) -> None:
    text = of(*values)
    for words in stated:
        assert words in text
    for words in absent:
        assert words not in text


OWN = {"trainer": "m:f", "space": SPACE, "trials": 9, "epochs": 10}


@pytest.mark.parametrize(
    ("fields", "decided", "more"),
    [
        ({}, "Together with the data, the plan decides", "To search as many trials again"),
        ({"plan": OWN}, "Together with what the function returns, the plan", "To search as many trials again"),
        ({"stopped": "the time was over"}, "", "To go on with more trials"),
        ({"state": "interrupted"}, "Together with the data, the plan decides", "To resume this search"),
    ],
)  # fmt: skip
def test_what_decided_the_numbers_is_told_where_it_is_all(
    fields: dict[str, Any], decided: str, more: str
) -> None:
    text = Page(rendered([0.9, 0.8], **fields)).text
    assert decided in text
    assert decided or "decides" not in text
    assert more in text


def test_what_marks_failed_trials_is_told() -> None:
    failed = Page(rendered([0.5, 0.6], trial_state="failed")).text
    assert "Where triangles stand together, trainings fail;" in failed
    assert (
        "Where crosses or triangles stand together, trainings diverge or fail;"
        in Page(rendered([0.5, None])).text
    )
    assert "stand together, trainings" not in Page(rendered([0.5, 0.6])).text


def test_importance_that_cannot_be_told_is_said_so() -> None:
    assert UNTOLD in Page(rendered([0.5] * 12)).text
    assert (
        UNTOLD not in Page(rendered([0.5], {"rate": 0.1}, space={"rate": {"choices": [0.1]}})).text
    )
