"""What a reader is told to mind: each thing where it is there, and nothing where it is not."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pandas as pd
import pytest

from hpo.plan.plan import make_plan
from studies.analysis.advice import Advice, advice
from studies.analysis.agreement import Agreement
from studies.analysis.frames import rounds_frame
from studies.analysis.generalization import Generalization
from studies.analysis.summary import Summary
from studies.database.records import Finalist, Opening, Round, StudyRecord, Trial

LOG = {"low": 1e-5, "high": 1.0, "log": True}
LINEAR = {"low": 0.0, "high": 0.5, "log": False}
UNITS = {"low": 4, "high": 64, "log": True}


def study(
    *,
    x: float = 0.01,
    recommended: Finalist | None = None,
    test: tuple[float, float] | None = None,
    plan: dict[str, Any] | None = None,
    state: Any = "complete",
    direction: Any = "maximize",
    **fields: Any,
) -> Summary:
    plan = {"source": "digits", "trials": 60, "epochs": 10} if plan is None else plan
    record = StudyRecord(1, "my study", direction, state, plan, "accuracy", None, {}, None, None)
    if recommended is not None:
        fields["finalists"] = [recommended]
    return Summary(
        storage="sqlite:///hpo.db",
        record=record,
        trials={},
        epochs_trained=0,
        best=Trial(3, "complete", 0.9, {"x": x}, {}, None, None),
        opening=Opening(3, datetime(2026, 1, 1), 0.5, None, test),
        **fields,
    )


def trials(count: int = 60, diverged: tuple[int, ...] = (), rounds: int = 3) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "state": ["failed" if n in diverged else "complete" for n in range(count)],
            "round": pd.array([n * rounds // count for n in range(count)], "Int64"),
            "diverged_epoch": pd.array([1 if n in diverged else None for n in range(count)], "Int64"),
        }
    )  # fmt: skip


def rounds(
    ranges: dict[str, Any], action: str = "kept", following: dict[str, Any] | None = None
) -> pd.DataFrame:
    verdicts = {name: {"action": action, "reason": f"{action}: so"} for name in ranges}
    return rounds_frame([Round(0, 60, ranges, verdicts, following or ranges)])


def of(
    summary: Summary,
    frame: pd.DataFrame,
    table: pd.DataFrame,
    learned: Generalization | None = None,
    agreements: Sequence[Agreement] = (),
) -> list[Advice]:
    return advice(summary, frame, table, learned, agreements)


def one(*arguments: Any) -> Advice:
    (found,) = of(*arguments)
    return found


def test_a_search_without_a_flaw_has_nothing_to_mind() -> None:
    assert of(study(), trials(), rounds({"x": LOG})) == []


@pytest.mark.parametrize(
    ("value", "ranges", "end", "wider"),
    [
        (0.99, LOG, "upper", "x=1e-05:10:log"),
        (1.05e-5, LOG, "lower", "x=1e-06:1:log"),
        (64, UNITS, "upper", "x=4:640:log:int"),
        (4, UNITS, "lower", "x=1:64:log:int"),
        (0.5, LINEAR, "upper", None),
        (0.0, LINEAR, "lower", None),
    ],
)
def test_the_best_at_an_end_of_its_range_is_told(
    value: float, ranges: dict[str, Any], end: str, wider: str | None
) -> None:
    found = one(study(x=value), trials(), rounds({"x": ranges}))
    assert found.kind == "Edge of the range"
    assert f" lies at the {end} end of all that was searched, " in found.seen
    words = shlex.split(found.command)
    if wider is None:
        assert words == []
        return
    assert words[:3] == ["hpo", "resume", "my study"]
    assert words[-1] == wider
    plan = make_plan({"source": "digits", "space": {"x": wider.partition("=")[2]}})  # it is one
    assert plan.space["x"].low < value < plan.space["x"].high or value == 4


@pytest.mark.parametrize(
    ("low", "high", "told"), [(0.02, 0.99, False), (0.5, 0.99, True), (0.02, 0.5, True)]
)
def test_an_end_where_the_best_may_lie_anywhere_is_not_told(
    low: float, high: float, told: bool
) -> None:
    verdict = {"action": "kept", "reason": "kept: so", "low": low, "high": high}
    found = of(
        study(x=0.99, rounds=[Round(0, 60, {"x": LOG}, {"x": verdict}, {"x": LOG})]),
        trials(), rounds({"x": LOG}),
    )  # fmt: skip
    assert bool(found) == told
    narrow = {"low": 0.1, "high": 1.0, "log": True}  # narrowed to this end before
    moved = [Round(0, 60, {"x": narrow}, {"x": verdict}, {"x": narrow})]
    assert of(study(x=0.99, rounds=moved), trials(), rounds({"x": LOG}))


def test_a_zero_beside_a_log_range_is_at_no_end() -> None:
    assert of(study(x=0.0), trials(), rounds({"x": LOG})) == []


def test_a_range_that_was_moved_at_last_has_no_trials_yet() -> None:
    found = one(study(), trials(), rounds({"x": LOG}, "extended", {"x": LOG | {"high": 10.0}}))
    assert "extended the range of x to 1e-05 … 10; no trial" in found.seen
    assert found.command.endswith("--trials 120")


def test_many_that_diverge_are_told_with_whether_they_still_do() -> None:
    early = one(study(), trials(diverged=tuple(range(15))), rounds({"x": LOG}))
    assert early.seen.startswith("15 of 60 trials diverged")
    assert early.seen.endswith("; in the last round 0 of 20.")
    assert early.do.startswith("Nothing")
    late = trials(diverged=tuple(range(45, 60)))
    for names, words in (
        (["x", "learning_rate"], "Lower the upper end of learning_rate or also search clip_norm, "),
        (["learning_rate", "clip_norm"], "Lower the upper end of learning_rate."),
        (["x"], "Also search clip_norm, "),
        (["x", "clip_norm"], "Search other ranges."),
    ):
        assert one(study(), late, rounds(dict.fromkeys(names, LOG))).do.startswith(words)
    mine = study(plan={"trainer": "m:f", "trials": 60})
    assert (
        "learning_rate" not in one(mine, trials(diverged=tuple(range(60))), rounds({"x": LOG})).do
    )
    assert of(study(), trials(diverged=(1, 2)), rounds({"x": LOG})) == []


@pytest.mark.parametrize(
    ("kind", "words", "heading", "do"),
    [
        ("underfitting", "The curves say so.", "Too few epochs", "--epochs 30"),
        ("overfitting", "Slight overfitting: the curves say so.", "Slight overfitting", "dropout"),
    ],
)
def test_what_the_curves_say_is_told_with_what_to_do(
    kind: Any, words: str, heading: str, do: str
) -> None:
    learned = Generalization(3, kind, 10, 0.99, 0.9, 0.09, 5, 5, words)
    found = one(study(), trials(), rounds({"x": LOG}), learned)
    assert (found.kind, found.seen) == (heading, "The curves say so.")
    assert do in found.do
    longer = replace(learned, epochs=200)  # as a function does that chooses itself
    assert "--epochs" not in one(study(), trials(), rounds({"x": LOG}), longer).do
    fine = replace(learned, kind="fine")
    assert of(study(), trials(), rounds({"x": LOG}), fine) == []


def test_halving_that_does_not_predict_is_told() -> None:
    halved = trials().assign(state="pruned")
    agreements = [Agreement(1, 3, 20, 0.9), Agreement(3, 9, 60, 0.1)]
    found = one(study(), halved, rounds({"x": LOG}), None, agreements)
    assert found.kind == "Short training"
    assert "Of the 60 trials that trained for 9 epochs, the order after 3 epochs says" in found.seen
    assert "(rank correlation 0.10)" in found.seen
    opposite = [Agreement(1, 3, 20, -0.9)]
    found = one(study(), halved, rounds({"x": LOG}), None, opposite)
    assert "the order after 1 epoch is almost the opposite of the order after 3" in found.seen
    few = [Agreement(3, 9, 7, -0.9)]  # by chance
    assert of(study(), halved, rounds({"x": LOG}), None, few) == []
    assert of(study(), halved, rounds({"x": LOG}), None, agreements[:1]) == []
    assert of(study(), trials(), rounds({"x": LOG}), None, agreements) == []


def test_few_trials_are_told_when_the_search_is_over() -> None:
    ranges = dict.fromkeys("xyz", LOG)
    found = one(study(), trials(29), rounds(ranges))
    assert found.seen == "29 trials are few for 3 parameters."
    assert found.command.endswith(" --trials 120")
    for trainer in ("hpo:SearchCV", "my_model:<lambda>"):  # no shell can go on with these
        plan = {"trainer": trainer, "trials": 60, "epochs": 5}
        assert one(study(plan=plan), trials(29), rounds(ranges)).command == ""
    assert (
        one(study(), trials(1, rounds=1), rounds({"x": LOG})).seen
        == "1 trial is few for 1 parameter."
    )
    assert of(study(), trials(30), rounds(ranges)) == []
    assert of(study(state="interrupted"), trials(29), rounds(ranges)) == []


def test_errors_are_told_with_the_commonest() -> None:
    errors = Counter({"ValueError: a": 1, "OSError: b": 5})
    found = one(study(errors=errors), trials(), rounds({"x": LOG}))
    assert found.seen == "6 of 60 trainings failed with an error: OSError: b, and 1 other error."


def test_test_rows_that_are_worse_than_what_was_confirmed_are_told() -> None:
    first = Finalist(3, [0.95], 0.95, (0.94, 0.96), False, {"x": 0.01})
    found = one(study(recommended=first, test=(0.92, 0.939)), trials(), rounds({"x": LOG}))
    assert found.kind == "Test rows"
    # Not if both intervals may hold the same value, if the test rows are better, or if their interval is not known.
    for ends in ((0.92, 0.941), (0.97, 0.99), None):
        assert of(study(recommended=first, test=ends), trials(), rounds({"x": LOG})) == []
    small = study(recommended=first, test=(0.961, 0.97), direction="minimize")
    assert one(small, trials(), rounds({"x": LOG})).kind == "Test rows"


@pytest.mark.parametrize(("tied", "words"), [(1, "Another setting"), (3, "3 other settings")])
def test_ties_are_told(tied: int, words: str) -> None:
    finalists = [Finalist(k, [0.9], 0.9, None, 0 < k <= tied, {"x": 0.01}) for k in range(5)]
    finalists.append(Finalist(5, [0.9], 0.9, None, None, {"x": 0.01}))
    found = one(study(finalists=finalists), trials(), rounds({"x": LOG}))
    assert found.seen == f"{words} can't be told from the recommended one."


def test_of_a_study_that_has_not_begun_or_is_optunas_nothing_is_told() -> None:
    assert of(study(plan={}), trials(diverged=tuple(range(60))), rounds({"x": LOG})) == []
    assert of(study(), trials(0), rounds({"x": LOG})) == []
