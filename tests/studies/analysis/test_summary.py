"""The object that `--json` prints: the contract's keys, plain numbers, and a best trial that is one."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest

from studies import Study
from studies.database.records import (
    Direction,
    Finalist,
    Opening,
    Round,
    StudyRecord,
    Trial,
    TrialState,
)
from studies.database.store import open_store
from tests.studies.columns_of import summary_of

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


def said(
    trials: Sequence[Trial] = (),
    rounds: Sequence[Round] = (),
    finalists: Sequence[Finalist] = (),
    opening: Opening | None = None,
    **fields: Any,
) -> Any:
    """The summary as another program reads it."""
    summary = summary_of(
        record(**fields), trials, rounds=list(rounds), finalists=finalists, opening=opening
    )
    return json.loads(json.dumps(summary.as_mapping(), allow_nan=False))


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


# --- finalists and the test rows ---


def test_the_first_finalist_is_recommended_and_its_settings_are_told() -> None:
    first = Finalist(1, [0.5, 0.75], 0.625, (0.5, 0.75), False, epochs=8)
    second = Finalist(0, [0.25], 0.25, None, True)
    told = said([trial(0, 0.5), trial(1, 0.5)], finalists=[first, second])
    assert told["finalists"] == [
        {
            "trial": 1,
            "params": {"x": 0.1},
            "mean": 0.625,
            "ci95": [0.5, 0.75],
            "epochs": 8,
            "values": [0.5, 0.75],
            "tied": False,
        },
        {
            "trial": 0,
            "params": {"x": 0.0},
            "mean": 0.25,
            "ci95": None,
            "epochs": None,
            "values": [0.25],
            "tied": True,
        },
    ]
    assert told["recommended"] == {
        "trial": 1,
        "params": {"x": 0.1},
        "mean": 0.625,
        "ci95": [0.5, 0.75],
        "epochs": 8,
    }


def test_settings_that_failed_are_not_recommended() -> None:
    failed = Finalist(0, [0.5, None], None, None, False)
    told = said([trial(0, 0.5)], finalists=[failed])
    assert told["finalists"][0]["values"] == [0.5, None]
    assert told["recommended"] is None


def test_what_the_test_rows_said_is_told_once_it_is_known() -> None:
    opened = datetime(2024, 2, 29, 12, 30, 15, 999999)
    assert said(opening=Opening(0, opened, 0.5))["test"] == {
        "metric": "accuracy",
        "value": 0.5,
        "opened_at": "2024-02-29T12:30:15Z",
    }
    assert said(opening=Opening(0, opened))["test"] is None
    assert said(opening=Opening(0, opened, None, "diverged at epoch 2"))["test"] is None


def test_a_stored_study_says_what_its_frames_say(study: Study) -> None:
    summary = json.loads(json.dumps(study.summary(), allow_nan=False))
    assert summary == study.summary()
    assert list(summary) == [*KEYS[:-1], "data", "references", "test"]
    trials, rounds = study.trials_frame(), study.rounds_frame()
    assert (summary["study"], summary["storage"]) == ("small", study.storage)
    assert (summary["state"], summary["seed"]) == ("complete", 3)
    assert (summary["metric"], summary["direction"]) == ("rmse", "minimize")
    ended = trials["state"].value_counts().to_dict()
    assert summary["trials"] == {name: ended[name] for name in ("complete", "pruned", "failed")}
    assert summary["trials"]["failed"] > 0
    finalists = study.finalists_frame()
    assert trials["epochs"].sum() == len(study.epochs_frame())
    with open_store(study.storage) as store:
        again = store.confirmations(store.study("small").study_id)
    assert len(again) == finalists["repeats"].sum() == 30
    assert summary["epochs_trained"] == trials["epochs"].sum() + sum(c.epochs for c in again)
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
    assert [f["trial"] for f in summary["finalists"]] == finalists["trial"].to_list()
    for told, row in zip(summary["finalists"], finalists.to_dict("records"), strict=True):
        assert told["params"] == {
            name: trials.set_index("number").loc[told["trial"], name] for name in told["params"]
        }
        mean = math.nan if told["mean"] is None else told["mean"]
        low, high = told["ci95"] or (math.nan, math.nan)
        assert (told["values"], told["tied"]) == (row["values"], row["tied"])
        for number, cell in ((mean, row["mean"]), (low, row["low"]), (high, row["high"])):
            assert repr(number) == repr(cell)
    assert study.recommended is not None
    assert summary["recommended"]["trial"] == study.recommended.trial == finalists["trial"][0]
    assert summary["recommended"]["params"] == study.recommended.params
