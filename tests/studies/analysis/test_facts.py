"""What is told of the data and of the best value: each sentence where it holds, and not where it would be false."""

from __future__ import annotations

from typing import Any

import pytest

from studies import Study
from studies.analysis.facts import about_data, data_in_short, worth_of_best
from studies.analysis.summary import Summary
from studies.database.records import Finalist, StudyRecord, Trial
from tests.studies.columns_of import summary_of

DATA: dict[str, Any] = {
    "rows": 342, "columns": 6, "classes": {"a": 300, "b": 40, "c": 2},
    "splits": {"training": 205, "validation": 68, "test": 69}, "guess": 0.4412, "notes": ["t.csv: 2 rows are left out"],
}  # fmt: skip


def of(
    *values: float, again: dict[int, float | None] | None = None, own: bool = False, **fields: Any
) -> Summary:
    plan: dict[str, Any] = {"trainer": "m:f"} if own else {"source": "t.csv"}
    record = StudyRecord(
        1, "s", fields.pop("direction", "maximize"), "complete", plan, fields.pop("metric", "accuracy"),
        None, {}, None, None, **fields,
    )  # fmt: skip
    trials = [Trial(n, "complete", v, {"x": 1.0}, {}, None, None) for n, v in enumerate(values)]
    finalists = [Finalist(n, [mean], mean, None, False) for n, mean in (again or {}).items()]
    return summary_of(record, trials, finalists=finalists)


def worth(*values: float, **fields: Any) -> str:
    return worth_of_best(of(*values, **fields), values)


@pytest.mark.parametrize(
    ("mean", "direction", "words"),
    [
        (0.85, "maximize", "scored 0.8500, which is worse: the best of many is partly lucky."),
        (
            0.95,
            "maximize",
            "scored 0.9500, which is better: the value in the search was no lucky one.",
        ),
        (0.90, "maximize", "scored 0.9000, which is the same."),
        (0.90 + 1e-16, "maximize", "which is the same."),
        (0.15, "minimize", "which is worse: the best of many is partly lucky."),
        (0.05, "minimize", "which is better: the value in the search was no lucky one."),
        (None, "maximize", "When its settings were trained again, a training failed."),
    ],
)
def test_luck_is_told_only_where_training_again_was_worse(
    mean: float | None, direction: str, words: str
) -> None:
    told = worth(0.1, 0.9, again={1 if direction == "maximize" else 0: mean}, direction=direction)
    assert told.startswith("The best of 2 values on validation rows in the search was 0.")
    assert told.endswith(words)


def test_what_was_not_trained_again_may_be_luck() -> None:
    assert worth(0.1, 0.9, again={0: 0.5}).endswith(
        "may be luck. Expect somewhat worse on new data."
    )
    assert worth(0.1, 0.9, own=True).endswith("part of what made it the best may be luck.")


def test_of_equal_values_none_is_the_best_and_one_value_is_none_of_many() -> None:
    assert worth(*[3.5e-12] * 3, own=True) == "All 3 values in the search are 3.5e-12."
    assert worth(0.5) == "One value on validation rows says little about new data."
    assert worth(0.5, own=True) == worth() == ""


def test_the_data_are_told() -> None:
    assert about_data(of(0.5, data=DATA)) == [
        "342 rows of 6 columns, in 3 classes: a (88 %), b (12 %), c (below 1 %).",
        "205 rows train, 68 validate, 69 test.",
        "To guess the commonest class each time scores accuracy 0.4412.",
        "t.csv: 2 rows are left out.",
    ]
    short, note = data_in_short(of(0.5, data=DATA))
    assert short.startswith("342 rows of 6 columns, 3 classes; 205 rows train, ")
    assert note == "Note: t.csv: 2 rows are left out"
    many = DATA | {"classes": {str(k): 17 for k in range(20)}, "other_classes": 80}
    told = about_data(of(0.5, data=many, metric="log_loss"))
    assert told[0].startswith("342 rows of 6 columns, in 100 classes: 0 (5 %), ")
    assert told[0].endswith(", 7 (5 %) and 92 more.")
    assert "the shares of the classes each time scores log_loss" in told[2]


def test_rows_that_no_split_has_are_told() -> None:
    told = about_data(of(0.5, data=DATA | {"rows": 20640}))
    assert told[1] == "205 rows train, 68 validate, 69 test, and 20,298 are not used."


def test_of_a_quantity_its_span_is_told() -> None:
    target = {"rows": 1, "columns": 1, "target": {"least": 25.0, "mean": 152.13, "most": 3e7}}
    (told,) = about_data(of(0.5, data=target))
    assert told == "1 row of 1 column, and a quantity to predict: least 25, mean 152.1, most 3e+07."
    guess = about_data(of(0.5, data=target | {"guess": 77.0}, metric="rmse"))[1]
    assert guess == "To guess the mean each time scores rmse 77."


def test_without_a_record_of_the_data_nothing_is_told() -> None:
    assert about_data(of(0.5)) == data_in_short(of(0.5)) == []
    assert about_data(of(0.5, own=True, data=DATA)) == []  # another "data", of the user's


def test_a_stored_study_tells_its_data(study: Study) -> None:
    data = study.summary()["data"]
    assert (data["rows"], data["columns"], sum(data["splits"].values())) == (442, 10, 442)
    assert data["guess"] == pytest.approx(77, rel=0.1)  # the standard deviation of the target
    assert "442 rows of 10 columns, and a quantity to predict: least 25, " in study.report()
