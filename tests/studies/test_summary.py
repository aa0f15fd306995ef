"""The object that `--json` prints: the contract's keys, plain numbers, and a best trial that is one."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies import Study
from studies.records import Round, StudyRecord, Trial, TrialState
from studies.summary import best_trial, summarize

Direction = Literal["maximize", "minimize"]
DIRECTIONS: tuple[Direction, ...] = ("maximize", "minimize")
STATES: tuple[TrialState, ...] = ("running", "complete", "pruned", "failed")
KEYS = [
    *("study", "storage", "state", "metric", "direction", "seed", "trials", "epochs_trained"),
    *("best", "rounds", "ranges", "finalists", "recommended", "test"),
]


def trial(number: int, value: float | None, state: TrialState = "complete") -> Trial:
    return Trial(number, state, value, {"x": number / 10}, {"round": 0}, None, None)


def record(**fields: Any) -> StudyRecord:
    row: dict[str, Any] = {
        "study_id": 1,
        "name": "s",
        "direction": "maximize",
        "state": "interrupted",
        "plan": {"seed": 7},
        "metric": "accuracy",
        "data_hash": None,
        "provenance": {},
        "created": datetime(2024, 2, 29),
        "holder": None,
    }
    return StudyRecord(**row | fields)


def said(trials: Sequence[Trial] = (), rounds: Sequence[Round] = (), **fields: Any) -> Any:
    """The summary as another program reads it."""
    text = json.dumps(
        summarize(record(**fields), "sqlite:///s.db", trials, rounds, 12), allow_nan=False
    )
    return json.loads(text)


trials_of_any_kind = st.lists(
    st.tuples(st.none() | st.floats() | st.sampled_from([0.5, -0.5]), st.sampled_from(STATES)),
    max_size=8,
).map(lambda rows: [trial(number, *row) for number, row in enumerate(rows)])


@given(trials_of_any_kind, st.sampled_from(DIRECTIONS), st.randoms(use_true_random=False))
def test_the_best_is_complete_and_finite_and_none_is_better_and_no_equal_is_earlier(
    trials: list[Trial], direction: Direction, shuffle: Any
) -> None:
    scored = [
        (t.value, t.number)
        for t in trials
        if t.state == "complete" and t.value is not None and math.isfinite(t.value)
    ]
    shuffle.shuffle(trials)
    best = best_trial(trials, direction)
    if best is None:
        assert scored == []
    else:
        assert best.value is not None
        assert (best.value, best.number) in scored
        for value, number in scored:
            assert value <= best.value if direction == "maximize" else value >= best.value
            assert number >= best.number or value != best.value


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None])
def test_what_is_no_number_is_never_the_best(direction: Direction, value: float | None) -> None:
    assert best_trial([trial(0, value)], direction) is None
    assert best_trial([trial(0, value), trial(1, 0.5), trial(2, value)], direction) == trial(1, 0.5)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_of_equals_the_earliest_is_the_best(direction: Direction) -> None:
    assert best_trial([trial(3, 0.0), trial(1, 0.0), trial(2, -0.0)], direction) == trial(1, 0.0)


def test_an_empty_study_has_all_keys_of_the_contract_and_no_other() -> None:
    empty = said()
    assert list(empty) == KEYS
    assert empty == {
        "study": "s",
        "storage": "sqlite:///s.db",
        "state": "interrupted",
        "metric": "accuracy",
        "direction": "maximize",
        "seed": 7,
        "trials": {"complete": 0, "pruned": 0, "failed": 0},
        "epochs_trained": 12,
        "best": None,
        "rounds": [],
        "ranges": {},
        "finalists": [],
        "recommended": None,
        "test": None,
    }


def test_trials_are_counted_by_how_they_ended() -> None:
    ended = zip(STATES, (4, 3, 2, 1), strict=True)
    counts = said([trial(0, None, state) for state, n in ended for _ in range(n)])["trials"]
    assert counts == {"complete": 3, "pruned": 2, "failed": 1}


def test_a_study_without_a_plan_has_no_seed() -> None:
    assert said(plan=None)["seed"] is None


def test_the_ranges_are_the_last_rounds_and_what_its_verdicts_lead_to_once_judged() -> None:
    wide, narrow = {"x": {"low": 0, "high": 1, "log": False}}, {"x": {"low": 0, "high": 0.5}}
    verdicts = {"x": {"action": "narrowed", "reason": "better below 0.5"}}
    begun = said(rounds=[Round(0, 5, wide, None, None)])
    assert begun["ranges"] == wide
    assert begun["rounds"] == [{"round": 0, "ranges": wide, "verdicts": {}}]
    judged = said(rounds=[Round(0, 5, wide, verdicts, narrow)])
    assert judged["ranges"] == narrow
    assert judged["rounds"] == [{"round": 0, "ranges": wide, "verdicts": verdicts}]
    second = [Round(0, 5, wide, verdicts, wide), Round(1, 5, narrow, None, None)]
    assert said(rounds=second)["ranges"] == narrow


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_value_makes_it_something_that_is_not_json(value: float) -> None:
    assert said([trial(0, value)])["best"] is None
    assert said([trial(0, value), trial(1, 0.25)])["best"] == {
        "trial": 1,
        "value": 0.25,
        "params": {"x": 0.1},
    }


def test_a_stored_study_says_what_its_frames_say(study: Study) -> None:
    summary = json.loads(json.dumps(study.summary(), allow_nan=False))
    assert summary == study.summary()
    assert list(summary) == KEYS
    trials, rounds = study.trials_frame(), study.rounds_frame()
    assert (summary["study"], summary["storage"]) == ("small", study.storage)
    assert (summary["state"], summary["seed"]) == ("complete", 3)
    assert (summary["metric"], summary["direction"]) == ("rmse", "minimize")
    ended = trials["state"].value_counts().to_dict()
    assert summary["trials"] == {name: ended[name] for name in ("complete", "pruned", "failed")}
    assert summary["trials"]["failed"] > 0
    assert summary["epochs_trained"] == trials["epochs"].sum() == len(study.epochs_frame())
    best = trials.sort_values("value").iloc[0]
    assert summary["best"]["trial"] == best["number"]
    assert summary["best"]["value"] == best["value"]
    assert summary["best"]["params"] == {
        name: best[name] for name in ("learning_rate", "units", "activation")
    }
    for told in summary["rounds"]:
        rows = rounds[rounds["round"] == told["round"]].set_index("parameter")
        assert list(told["ranges"]) == list(told["verdicts"]) == list(rows.index)
        for name, verdict in told["verdicts"].items():
            assert verdict["action"] == rows.loc[name, "action"]
            assert verdict["reason"] == rows.loc[name, "reason"]
    assert study.best is not None
    assert study.best.number == summary["best"]["trial"]
