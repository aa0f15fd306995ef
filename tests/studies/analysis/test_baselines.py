"""What is told of the settings in use before a search."""

from __future__ import annotations

from typing import Any

import pytest

from studies.analysis.baselines import baselines_of, sentences
from studies.analysis.goal import Goal
from studies.database.records import Finalist

ACCURACY = Goal("accuracy", "maximize")
LOSS = Goal("loss", "minimize", "")
FIRST = Finalist(3, [0.9, 0.9], 0.9, (0.88, 0.92), False)
PLAN = {"baseline": [{"x": 1.0}]}


def own(mean: float | None = 0.89, **fields: Any) -> Finalist:
    return Finalist(0, [mean], mean, None, False, **fields)


@pytest.mark.parametrize(
    ("goal", "finalists", "better", "words"),
    [
        (ACCURACY, [FIRST, own(gain=0.008, gain_ci95=(0.005, 0.011))], True, ["0.8", "± 0.3", "points better"]),
        (ACCURACY, [FIRST, own(gain=0.001, gain_ci95=(-0.002, 0.004))], False, ["Not better", "keep them"]),
        (ACCURACY, [FIRST, own(gain=0.01)], None, ["1 points better", "one stage", "too little to tell"]),
        (ACCURACY, [FIRST, own()], None, ["Not compared", "never trained in one stage"]),
        (ACCURACY, [FIRST, own(None)], None, ["Not compared", "failed"]),
        (ACCURACY, [FIRST], None, ["Not compared", "not trained again"]),
        (ACCURACY, [], None, ["Not compared", "not trained again"]),
        (ACCURACY, [own()], False, ["are recommended", "keep them"]),
        (LOSS, [FIRST, own(gain=0.12, gain_ci95=(0.08, 0.16))], True, ["0.12", "± 0.04", "lower loss"]),
        (LOSS, [FIRST, own(gain=0.1, gain_ci95=(0.1, 0.1))], True, ["0.1 lower loss"]),
        (LOSS, [FIRST, own(gain=-0.1, gain_ci95=(-0.2, 0.0))], False, ["Not better", "higher loss"]),
        (LOSS, [FIRST, own(gain=3e-17, gain_ci95=(2e-17, 4e-17))], False, ["Not better", "(no difference)"]),
        (Goal("my_accuracy", "maximize", ""), [FIRST, own(77.0, gain=8.0, gain_ci95=(5.0, 11.0))],
         True, ["8.0 ± 3.0 higher my_accuracy"]),
    ],
)  # fmt: skip
def test_whether_the_recommended_settings_are_better(
    goal: Goal, finalists: list[Finalist], better: bool | None, words: list[str]
) -> None:
    (baseline,) = baselines_of(PLAN, finalists, {0: 0.5})
    assert baseline.better is better
    (sentence,) = sentences([baseline], goal)
    for word in [*words, "the settings you have"]:
        assert word.casefold() in sentence.casefold()
    assert baseline.as_mapping()["better"] is better


def test_one_that_failed_in_the_search_says_so() -> None:
    (baseline,) = baselines_of(PLAN, [FIRST], {3: 0.9})
    assert "failed or diverged" in sentences([baseline], ACCURACY)[0]


def test_several_are_told_apart_and_none_is_nothing() -> None:
    plan = {"baseline": [{"x": 1.0}, {"x": 2.0}]}
    told = sentences(baselines_of(plan, [FIRST, own(gain=0.01)], {}), ACCURACY)
    assert ["trial 0" in told[0], "trial 1" in told[1]] == [True, True]
    assert baselines_of({}, [FIRST], {}) == []
