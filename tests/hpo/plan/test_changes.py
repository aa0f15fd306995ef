"""Going on by another plan: what may change and what that means, what may not and why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import hpo
import studies
from hpo import operations
from hpo.errors import PlanError
from hpo.plan.changes import changed_plan, changes, data_changes
from hpo.plan.plan import Plan, make_plan
from hpo.run.watcher import Watcher
from studies import Study
from tests.running import Call, Tables

SPACE: dict[str, Any] = {
    "learning_rate": {"low": 1e-3, "high": 1.0, "log": True, "zero": 0.1},
    "units": "4:16:int",
    "activation": "relu,tanh",
}
PLAN = make_plan({"source": "wine", "space": SPACE, "trials": 30, "epochs": 2})


def change(given: dict[str, Any]) -> Plan:
    after = changed_plan(PLAN, given)
    changes(PLAN, after)
    return after


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"metric": "log_loss"}, "metric can't be changed from its default to log_loss: values"),
        ({"epochs": 3}, "epochs can't be changed from 2 to 3: values"),
        ({"hidden": (9,)}, r"hidden can't be changed from \(50,\) to \(9,\): values"),
        ({"rows": 90}, "rows can't be changed from its default to 90: values"),
        ({"dtype": "float64"}, "dtype can't be changed from float32 to float64: values"),
        ({"seed": 1}, "seed can't be changed from 0 to 1: the trials so far were drawn"),
        ({"sampler": "tpe"}, "sampler can't be changed from its default to tpe: the trials so far"),
        ({"halving": 3}, "halving can't be changed from its default to 3: the trials so far"),
        (
            {"rounds": 4},
            "rounds can't be changed from 3 to 4: the number of rounds follows from trials",
        ),
        ({"trials": 29}, "trials = 29 is a total, and the study already has a plan of 30"),
        ({"trials": 0}, "trials: 0 is not a whole number of at least 1"),
        ({"space": {"dropout": "0:0.5"}}, "space.dropout: the trials so far have no dropout"),
        ({"space": {"units": "5:16:int"}}, r"space.units: 5 … 16 does not include all of 4 … 16"),
        ({"space": {"units": "4:20"}}, "space.units: only the ends of a range can change"),
        ({"space": {"units": "4:20:log:int"}}, "space.units: only the ends of a range can change"),
        ({"space": {"units": "4,20"}}, "space.units: a range can't become choices"),
        ({"space": {"activation": "0:1"}}, "space.activation: a range can't become choices"),
        ({"space": {"activation": "gelu,tanh"}}, "space.activation: 'relu' can't be removed"),
        (
            {"space": {"learning_rate": "1e-4:1:log"}},
            "space.learning_rate: only the ends of a range can change",
        ),
    ],
)
def test_what_can_not_change_is_refused_with_the_reason(given: dict[str, Any], said: str) -> None:
    with pytest.raises(PlanError, match=f"^{said}") as refused:
        change(given)
    assert "\n" not in str(refused.value)


def test_what_can_change_is_told_with_what_it_means() -> None:
    given = {
        "trials": 60, "timeout": 9.5, "patience": 2, "max_failures": 3, "extend": False,
        "space": {
            "learning_rate": {"low": 1e-4, "high": 1.0, "log": True, "zero": 0.1},
            "activation": "gelu,tanh,relu",
        },
    }  # fmt: skip
    after = changed_plan(PLAN, given)
    told = {c.field: c.means for c in changes(PLAN, after)}
    assert told == {
        "space.learning_rate": "learning_rate 0.001 … 1 → 0.0001 … 1: the next round draws from all of it; "
        "the trials so far stay, and count",
        "space.activation": "activation relu, tanh → gelu, tanh, relu: the next round draws from all of it; "
        "the trials so far stay, and count",
        "trials": "trials 30 → 60: 30 more trainings, those that confirm included; the ones so far stay",
        "extend": "extend True → False: from the next verdict on, ranges are extended no more",
        "max_failures": "max_failures its default → 3: those so far count",
        "timeout": "timeout its default → 9.5: seconds from now on",
        "patience": "patience its default → 2: counted from the rounds to come",
    }
    assert (after.trials, after.rounds) == (60, 6)
    assert after.space["units"] == PLAN.space["units"]


def test_nothing_given_changes_nothing() -> None:
    assert changed_plan(PLAN, {}) == PLAN
    assert changes(PLAN, PLAN) == []
    same = changed_plan(PLAN, {"trials": 30, "epochs": 2, "space": {"units": "4:16:int"}})
    assert changes(PLAN, same) == []


# --- a stored study ---


def widened(storage: str, watcher: Watcher | None = None) -> Study:
    space = {"learning_rate": hpo.Float(1e-6, 10.0, log=True), "activation": "relu,tanh,gelu"}
    return operations.resume("w", storage=storage, trials=50, space=space, watcher=watcher)


def begun(storage: str) -> Study:
    space = {"learning_rate": hpo.Float(1e-2, 1.0, log=True), "activation": "relu,tanh"}
    return hpo.search("wine", trials=30, epochs=2, space=space, storage=storage, name="w")


def test_a_wider_range_is_drawn_from_and_the_trials_so_far_stay(
    storage: str, tables: Tables
) -> None:
    study = begun(storage)
    before, rounds = tables("w", storage), len(study.read().rounds)
    widened(storage)
    after = tables("w", storage)
    assert after["trials"].startswith(before["trials"])
    assert after["epochs"].startswith(before["epochs"])
    first = study.read().rounds[rounds].ranges
    assert (first["learning_rate"]["low"], first["learning_rate"]["high"]) == (1e-6, 10.0)
    assert first["activation"]["choices"] == ["relu", "tanh", "gelu"]
    frame = study.trials_frame()
    new = frame[frame["round"] >= rounds]
    assert new["learning_rate"].min() < 1e-3  # half of the round explores
    assert "gelu" in set(new["activation"])
    assert len(study.optuna().trials) == len(study.trials_frame())


def test_the_plans_are_recorded_with_what_changed(storage: str) -> None:
    study = begun(storage)
    first, rounds = study.read().plan, len(study.read().rounds)
    assert study.read().plans == []
    widened(storage)
    one, two = study.read().plans
    assert (one.version, one.plan, one.changes, one.rounds) == (1, first, [], 0)
    assert (two.version, two.plan, two.rounds) == (2, study.read().plan, rounds)
    assert [c["field"] for c in two.changes] == [
        "space.learning_rate", "space.activation", "trials",
    ]  # fmt: skip
    assert two.changes[0]["before"] == {"low": 1e-2, "high": 1.0, "log": True}
    assert two.changes[0]["after"] == {"low": 1e-6, "high": 10.0, "log": True}
    assert two.made > one.made


class Interrupt(Watcher):
    def __init__(self, batches: int) -> None:
        self.left = batches

    def trials_finished(self, *_: Any) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize("batches", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_changed_study_that_is_interrupted_ends_like_one_left_alone(
    batches: int, tmp_path: Path, tables: Tables
) -> None:
    alone, stopped = (f"sqlite:///{tmp_path / name}.db" for name in ("alone", "stopped"))
    begun(alone)
    widened(alone)
    begun(stopped)
    with pytest.raises(KeyboardInterrupt):
        widened(stopped, Interrupt(batches))
    hpo.resume("w", storage=stopped)
    assert tables("w", stopped) == tables("w", alone)


def test_a_wider_range_that_no_trial_would_be_drawn_from_is_refused(storage: str) -> None:
    begun(storage)
    with pytest.raises(PlanError, match="no trial is left to be drawn from other ranges"):
        hpo.resume("w", storage=storage, space={"learning_rate": hpo.Float(1e-3, 1.0, log=True)})
    assert studies.load("w", storage).read().plans == []


def test_a_user_hears_what_a_change_means_and_what_is_refused(
    call_hpo: Call, tmp_path: Path
) -> None:
    assert call_hpo("search wine --trials 8 --epochs 2 --finalists 0 --name w -q").status == 0
    before = (tmp_path / "hpo.db").read_bytes()
    refused = call_hpo("resume w --epochs 5")
    assert refused.status == 2
    assert refused.err.startswith("Error: epochs can't be changed from 2 to 5: ")
    assert (tmp_path / "hpo.db").read_bytes() == before
    assert call_hpo("resume w --metric accuracy -q").status == 0  # it is
    wider = call_hpo("resume w --trials 12 --space learning_rate=1e-6:10:log")
    assert wider.status == 0
    assert "Note: learning_rate 1e-05 … 1 → 1e-06 … 10: the next round draws" in wider.err
    assert "Plan changed " in call_hpo("show w").out
    shown = call_hpo("resume --help").out
    assert "--space" in shown
    assert "--seed" not in shown


# --- other data ---


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ("a,b,y\n" + "1,5,u\n2,6,v\n" * 20, "rows 30, now 40"),
        ("a,b,y\n" + "1,5,u\n2,7,v\n" * 15, "column 'b' has other values"),
        ("a,c,y\n" + "1,5,u\n2,6,v\n" * 15, "column 'b' is gone; column 'c' is new"),
        ("a,b,y\n" + "1,5,v\n2,6,u\n" * 15, "the labels have changed"),
        ("a,b,y\n" + "1,5,u\n2,6,w\n" * 15, "classes u, v, now u, w"),
    ],
)
def test_other_data_are_refused_and_what_changed_is_named(
    other: str, said: str, tmp_path: Path, storage: str
) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b,y\n" + "1,5,u\n2,6,v\n" * 15)
    hpo.search(str(path), target="y", trials=6, epochs=1, storage=storage, name="t")
    path.write_text(other)
    with pytest.raises(PlanError, match="are not those study 't' was begun with") as refused:
        hpo.resume("t", trials=9, storage=storage)
    assert f"({said})" in str(refused.value)


def test_the_same_data_may_lie_in_another_place(tmp_path: Path, storage: str) -> None:
    path, moved = tmp_path / "t.csv", tmp_path / "elsewhere" / "t.csv"
    path.write_text("a,b,y\n" + "1,5,u\n2,6,v\n" * 15)
    hpo.search(str(path), target="y", trials=6, epochs=1, storage=storage, name="t")
    moved.parent.mkdir()
    path.rename(moved)
    study = hpo.resume("t", trials=9, source=str(moved), storage=storage)
    assert json.loads(json.dumps(study.read().plan))["source"] == str(moved)


def test_data_that_are_the_same_have_no_changes() -> None:
    one = {"task": "classification", "rows": 3, "columns": {"a": "1"}, "labels": "2"}
    assert data_changes(one, dict(one)) == []
    assert data_changes({}, {"rows": 3}) == ["rows its default, now 3"]
