"""What a reader is told to mind: each thing where it is there, and nothing where it is not."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from hpo.plan.plan import make_plan
from studies.analysis.advice import Advice, advice
from studies.analysis.frames import rounds_frame
from studies.analysis.generalization import Generalization
from studies.analysis.summary import Agreement
from studies.database.records import Round

LOG = {"low": 1e-5, "high": 1.0, "log": True}
LINEAR = {"low": 0.0, "high": 0.5, "log": False}
UNITS = {"low": 4, "high": 64, "log": True}


def said(**changed: Any) -> dict[str, Any]:
    return {
        "study": "my study", "storage": "sqlite:///hpo.db", "state": "complete", "direction": "maximize",
        "best": {"trial": 3, "value": 0.9, "params": {"x": 0.01}}, "recommended": None, "finalists": [],
        "test": None, "plan": {"source": "digits", "trials": 60, "epochs": 10},
    } | changed  # fmt: skip


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
    made: dict[str, Any],
    frame: pd.DataFrame,
    table: pd.DataFrame,
    errors: Any = None,
    learned: Generalization | None = None,
    agreements: Sequence[Agreement] = (),
) -> list[Advice]:
    return advice(made, frame, table, errors or {}, learned, agreements)


def one(*arguments: Any) -> Advice:
    (found,) = of(*arguments)
    return found


def test_a_search_without_a_flaw_has_nothing_to_mind() -> None:
    assert of(said(), trials(), rounds({"x": LOG})) == []


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
    best = {"trial": 3, "value": 0.9, "params": {"x": value}}
    found = one(said(best=best), trials(), rounds({"x": ranges}))
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


def test_a_zero_beside_a_log_range_is_at_no_end() -> None:
    best = {"trial": 3, "value": 0.9, "params": {"x": 0.0}}
    assert of(said(best=best), trials(), rounds({"x": LOG})) == []


def test_a_range_that_was_moved_at_last_has_no_trials_yet() -> None:
    found = one(said(), trials(), rounds({"x": LOG}, "extended", {"x": LOG | {"high": 10.0}}))
    assert "x: the last verdict moved its range to 1e-05 … 10, and no trial" in found.seen
    assert found.command.endswith("--trials 120")


def test_many_that_diverge_are_told_with_whether_they_still_do() -> None:
    early = one(said(), trials(diverged=tuple(range(15))), rounds({"x": LOG}))
    assert early.seen.startswith("15 of 60 trials diverged")
    assert early.seen.endswith("; in the last round 0 of 20.")
    assert early.do.startswith("Nothing")
    late = one(said(), trials(diverged=tuple(range(45, 60))), rounds({"x": LOG}))
    assert "learning_rate" in late.do
    mine = said(plan={"trainer": "m:f", "trials": 60})
    assert (
        "learning_rate" not in one(mine, trials(diverged=tuple(range(60))), rounds({"x": LOG})).do
    )
    assert of(said(), trials(diverged=(1, 2)), rounds({"x": LOG})) == []


@pytest.mark.parametrize(
    ("kind", "words", "heading", "do"),
    [
        ("underfitting", "The curves say so.", "Too few epochs", "with --epochs 30, say"),
        ("overfitting", "Slight overfitting: the curves say so.", "Slight overfitting", "dropout"),
    ],
)
def test_what_the_curves_say_is_told_with_what_to_do(
    kind: Any, words: str, heading: str, do: str
) -> None:
    learned = Generalization(3, kind, 10, 0.99, 0.9, 0.09, 5, 5, words)
    found = one(said(), trials(), rounds({"x": LOG}), None, learned)
    assert (found.kind, found.seen) == (heading, "The curves say so.")
    assert do in found.do
    fine = replace(learned, kind="fine")
    assert of(said(), trials(), rounds({"x": LOG}), None, fine) == []


def test_halving_that_does_not_predict_is_told() -> None:
    halved = trials().assign(state="pruned")
    agreements = [Agreement(1, 3, 20, 0.9), Agreement(3, 9, 7, 0.1)]
    found = one(said(), halved, rounds({"x": LOG}), None, None, agreements)
    assert found.kind == "Short training"
    assert "after 3 of 9 epochs" in found.seen
    assert "0.10, 7 trials" in found.seen
    assert of(said(), halved, rounds({"x": LOG}), None, None, agreements[:1]) == []
    assert of(said(), trials(), rounds({"x": LOG}), None, None, agreements) == []


def test_few_trials_are_told_when_the_search_is_over() -> None:
    ranges = dict.fromkeys("xyz", LOG)
    found = one(said(), trials(29), rounds(ranges))
    assert found.seen == "29 trials are few for 3 parameters."
    assert found.command.endswith(" --trials 120")
    assert of(said(), trials(30), rounds(ranges)) == []
    assert of(said(state="interrupted"), trials(29), rounds(ranges)) == []


def test_errors_are_told_with_the_commonest() -> None:
    found = one(said(), trials(), rounds({"x": LOG}), {"ValueError: a": 1, "OSError: b": 5})
    assert found.seen == "6 of 60 trainings failed with an error: OSError: b, and 1 other error."


def test_test_rows_that_are_worse_than_what_was_confirmed_are_told() -> None:
    first = {"trial": 3, "params": {"x": 0.01}, "mean": 0.95, "ci95": [0.94, 0.96]}
    worse = {"metric": "accuracy", "value": 0.93, "opened_at": "2026-01-01"}
    found = one(said(recommended=first, test=worse), trials(), rounds({"x": LOG}))
    assert found.kind == "Test rows"
    for value in (0.94, 0.97):
        assert (
            of(said(recommended=first, test=worse | {"value": value}), trials(), rounds({"x": LOG}))
            == []
        )
    small = said(recommended=first, test=worse | {"value": 0.97}, direction="minimize")
    assert one(small, trials(), rounds({"x": LOG})).kind == "Test rows"


@pytest.mark.parametrize(("tied", "words"), [(1, "Another setting"), (3, "3 other settings")])
def test_ties_are_told(tied: int, words: str) -> None:
    finalists = [{"tied": True}] + [{"tied": k < tied} for k in range(4)]
    found = one(said(finalists=finalists), trials(), rounds({"x": LOG}))
    assert found.seen == f"{words} can not be told from the recommended one."


def test_of_a_study_that_has_not_begun_or_is_optunas_nothing_is_told() -> None:
    assert of(said(plan={}), trials(diverged=tuple(range(60))), rounds({"x": LOG})) == []
    assert of(said(), trials(0), rounds({"x": LOG})) == []
