"""The frames' columns, their order and their types are those the docstrings declare, whatever is in the study."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest
from pandas.api.types import is_object_dtype

import studies
from studies import Study
from studies.analysis.frames import (
    ACTIONS,
    ROUND_COLUMNS,
    STATES,
    finalists_frame,
    parameters,
    rounds_frame,
)
from studies.database.records import Finalist, Round, Trial
from tests.studies.columns_of import epochs_of, frame_of

BEFORE = {"number": "Int64", "state": "category", "value": "float64", "round": "Int64"}
AFTER = {
    "epochs": "Int64",
    "diverged_epoch": "Int64",
    "error": "object",
    "started": "datetime64[us, UTC]",
    "finished": "datetime64[us, UTC]",
}
START, END = datetime(2024, 2, 29, 23, 59, 59, 999999), datetime(2024, 3, 1)


def trial(number: int, params: dict[str, Any] | None = None, **fields: Any) -> Trial:
    row: dict[str, Any] = {
        "state": "complete",
        "value": 0.5,
        "attributes": {"round": 0},
        "started": START,
        "finished": END,
    }
    return Trial(number=number, params=params or {}, **row | fields)


def kinds(frame: pd.DataFrame) -> dict[str, str]:
    return {str(name): str(kind) for name, kind in frame.dtypes.items()}


def check_trials(frame: pd.DataFrame, parameters: dict[str, str]) -> None:
    assert kinds(frame) == BEFORE | parameters | AFTER
    assert list(frame.columns) == [*BEFORE, *parameters, *AFTER]
    assert list(frame["state"].cat.categories) == list(STATES)
    assert list(frame.index) == list(range(len(frame)))


@pytest.mark.parametrize(
    "trials",
    [
        [],
        [trial(0)],
        [trial(0, started=START.replace(microsecond=0))],
        [trial(0, state="running", value=None, attributes={}, started=None, finished=None)],
        [trial(n, state="failed", value=None, finished=None) for n in range(3)],
    ],
    ids=["none", "one", "whole_seconds", "waiting", "all_failed"],
)
def test_the_columns_do_not_depend_on_what_the_rows_hold(trials: list[Trial]) -> None:
    frame = frame_of(trials, {})
    check_trials(frame, {})
    assert len(frame) == len(trials)


def test_a_trials_row_says_what_the_trial_is() -> None:
    failed: dict[str, Any] = {
        "state": "failed",
        "value": None,
        "attributes": {"round": 2, "diverged_epoch": 3},
    }
    frame = frame_of(
        [trial(0, attributes={}), trial(1, **failed), trial(2, value=-math.inf)], {1: 2}
    )
    assert frame["number"].to_list() == [0, 1, 2]
    assert frame["state"].to_list() == ["complete", "failed", "complete"]
    assert list(map(repr, frame["value"])) == ["0.5", "nan", "-inf"]
    assert frame["round"].to_list() == [pd.NA, 2, 0]
    assert frame["epochs"].to_list() == [0, 2, 0]
    assert frame["diverged_epoch"].to_list() == [pd.NA, 3, pd.NA]


def test_times_are_utc_to_the_microsecond() -> None:
    frame = frame_of([trial(0), trial(1, finished=None)], {})
    assert frame.loc[0, "started"] == START.replace(tzinfo=UTC)
    assert frame.loc[0, "finished"] == END.replace(tzinfo=UTC)
    assert frame.loc[1, "finished"] is pd.NaT


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([0.1, 1.0, 1e-300], "float64"),
        ([1, 2, 2**53], "Int64"),
        ([1, 0.5], "float64"),
        (["relu", "tanh", "relu"], "category"),
        ([True, False], "category"),
        (["auto", 3, 0.5, True], "category"),
        ([1, None, 3], "Int64"),
        ([None, 0.5], "float64"),
        ([None, "relu"], "category"),
        ([None, None], "float64"),
    ],
)
def test_a_parameters_column_has_the_type_of_its_values(values: list[Any], kind: str) -> None:
    frame = frame_of([trial(n, {"x": value}) for n, value in enumerate(values)], {})
    check_trials(frame, {"x": kind})
    for value, cell in zip(values, frame["x"], strict=True):
        if value is None:
            assert pd.isna(cell)
        else:
            assert cell == value
            assert isinstance(cell, float if kind == "float64" else int | np.integer | type(value))
    if kind == "category":
        in_order = list(dict.fromkeys(value for value in values if value is not None))
        assert list(frame["x"].cat.categories) == in_order


def test_a_parameter_that_some_trials_lack_is_missing_there() -> None:
    frame = frame_of([trial(0, {"a": 1}), trial(1, {"b": "x", "a": 2}), trial(2, {"c": 0.5})], {})
    check_trials(frame, {"a": "Int64", "b": "category", "c": "float64"})
    assert frame[["a", "b", "c"]].notna().to_numpy().tolist() == [
        [True, False, False],
        [True, True, False],
        [False, False, True],
    ]


def test_epochs_of_unequal_length_stand_below_each_other() -> None:
    frame = epochs_of(
        [
            (0, "loss", [0.9, 0.8, 0.7]),
            (0, "accuracy", [0.1, 0.2]),
            (2, "loss", [math.inf]),
            (3, "loss", []),
            (4, "rate", [1e-3, math.nan]),
        ]
    )
    assert kinds(frame) == {
        "trial": "Int64",
        "epoch": "Int64",
        "loss": "float64",
        "accuracy": "float64",
        "rate": "float64",
    }
    expected = pd.DataFrame(
        {
            "trial": pd.array([0, 0, 0, 2, 4, 4], "Int64"),
            "epoch": pd.array([1, 2, 3, 1, 1, 2], "Int64"),
            "loss": [0.9, 0.8, 0.7, math.inf, math.nan, math.nan],
            "accuracy": [0.1, 0.2] + [math.nan] * 4,
            "rate": [math.nan] * 4 + [1e-3, math.nan],
        }
    )
    pd.testing.assert_frame_equal(frame, expected, check_exact=True)


def test_no_epochs_are_a_frame_without_rows() -> None:
    assert kinds(epochs_of([])) == {"trial": "Int64", "epoch": "Int64"}
    assert kinds(epochs_of([(0, "loss", [])])) == {
        "trial": "Int64",
        "epoch": "Int64",
        "loss": "float64",
    }


RANGES: dict[str, Any] = {
    "rate": {"low": 1e-5, "high": 1.0, "log": True},
    "units": {"low": 4, "high": 64, "log": False, "int": True},
    "activation": {"choices": ["relu", "tanh"]},
}


def test_rounds_have_a_row_for_each_parameter_of_each_round() -> None:
    verdicts: dict[str, Any] = {
        name: {"action": "kept", "reason": f"{name}, kept"} for name in RANGES
    }
    verdicts["rate"] = {"action": "narrowed", "reason": "better below", "p_value": 0.01}
    following = RANGES | {"rate": {"low": 1e-4, "high": 0.1, "log": True}}
    frame = rounds_frame(
        [Round(0, 20, RANGES, verdicts, following), Round(1, 21, following, None, None)]
    )
    assert kinds(frame) == ROUND_COLUMNS
    assert list(frame.columns) == list(ROUND_COLUMNS)
    assert list(frame["action"].cat.categories) == list(ACTIONS)
    assert frame["round"].to_list() == [0, 0, 0, 1, 1, 1]
    assert frame["parameter"].to_list() == [*RANGES] * 2
    assert frame["trials"].to_list() == [20] * 3 + [21] * 3
    assert frame["log"].to_list() == [True, False, False] * 2
    rate, units, activation = (frame.loc[row] for row in range(3))
    assert (rate["low"], rate["high"], rate["choices"]) == (1e-5, 1.0, None)
    assert (rate["action"], rate["reason"]) == ("narrowed", "better below")
    assert (rate["next_low"], rate["next_high"]) == (1e-4, 0.1)
    assert (units["low"], units["high"], units["next_low"]) == (4.0, 64.0, 4.0)
    assert activation[["low", "high", "next_low", "next_high"]].isna().all()
    assert activation["choices"] == activation["next_choices"] == ["relu", "tanh"]
    unjudged = frame[frame["round"] == 1]
    assert unjudged[["action", "reason", "next_low", "next_choices"]].isna().to_numpy().all()


@pytest.mark.parametrize("rounds", [[], [Round(0, 3, {}, None, None)]])
def test_no_rounds_are_a_frame_without_rows(rounds: list[Round]) -> None:
    frame = rounds_frame(rounds)
    assert kinds(frame) == ROUND_COLUMNS
    assert len(frame) == 0


FINALIST_COLUMNS = {
    "trial": "Int64",
    "value": "float64",
    "mean": "float64",
    "low": "float64",
    "high": "float64",
    "tied": "boolean",
    "repeats": "Int64",
    "values": "object",
    "epochs": "Int64",
}


def test_finalists_have_a_row_each_in_their_order() -> None:
    frame = finalists_frame(
        [
            Finalist(2, [0.75, 0.5], 0.625, (0.5, 0.75), False),
            Finalist(0, [0.5], 0.5, None, True),
            Finalist(1, [0.25, None], None, None, False),
            Finalist(3, [0.25], 0.25, None, None),
        ],
        {0: 0.1, 1: 0.2, 2: 0.3, 3: 0.4},
    )
    assert kinds(frame) == FINALIST_COLUMNS
    assert list(frame.columns) == list(FINALIST_COLUMNS)
    assert frame["trial"].to_list() == [2, 0, 1, 3]
    assert frame["value"].to_list() == [0.3, 0.1, 0.2, 0.4]
    assert frame["repeats"].to_list() == [2, 1, 2, 1]
    assert frame["values"].to_list() == [[0.75, 0.5], [0.5], [0.25, None], [0.25]]
    assert frame["tied"].to_list() == [False, True, False, pd.NA]
    nan = math.nan
    expected = [[0.625, 0.5, 0.75], [0.5, nan, nan], [nan, nan, nan], [0.25, nan, nan]]
    np.testing.assert_array_equal(frame[["mean", "low", "high"]].to_numpy(), expected)


@pytest.mark.parametrize(
    "finalists",
    [[], [Finalist(0, [0.5], 0.5, (0.5, 0.5), False)], [Finalist(0, [None], None, None, False)]],
    ids=["none", "one", "failed"],
)
def test_the_columns_of_finalists_do_not_depend_on_what_they_hold(
    finalists: list[Finalist],
) -> None:
    frame = finalists_frame(finalists, {})
    assert kinds(frame) == FINALIST_COLUMNS
    assert len(frame) == len(finalists)
    assert frame["value"].isna().all()


def test_the_frames_of_a_stored_study_are_as_declared(study: Study) -> None:
    trials, epochs, rounds = study.trials_frame(), study.epochs_frame(), study.rounds_frame()
    check_trials(trials, {"learning_rate": "float64", "units": "Int64", "activation": "category"})
    assert trials["number"].to_list() == list(range(45))
    assert {"complete", "failed"} == set(trials["state"])
    assert (trials["started"] <= trials["finished"]).all()
    assert (trials["finished"] <= pd.Timestamp.now("UTC")).all()
    assert list(epochs.columns[:2]) == ["trial", "epoch"]
    assert {*epochs.columns[2:]} == {
        "train_loss",
        "train_rmse",
        "validation_loss",
        "validation_rmse",
    }
    assert (epochs.dtypes.iloc[2:] == "float64").all()
    counted = epochs.groupby("trial").size().reindex(trials["number"], fill_value=0)
    assert counted.to_list() == trials["epochs"].to_list()
    assert counted.nunique() > 1  # some trials diverged
    assert (epochs.groupby("trial")["epoch"].diff().dropna() == 1).all()
    assert kinds(rounds) == ROUND_COLUMNS
    assert len(rounds) == 9
    assert is_object_dtype(rounds["choices"])
    finalists = study.finalists_frame()
    assert kinds(finalists) == FINALIST_COLUMNS
    assert finalists["repeats"].sum() == 30
    searched = trials.set_index("number")["value"].loc[finalists["trial"]]
    assert finalists["value"].to_list() == searched.to_list()


def test_trials_that_wait_or_run_in_a_study_of_optunas_are_shown(storage: str) -> None:
    database = optuna.storages.RDBStorage(storage)
    theirs = optuna.create_study(study_name="theirs", storage=database)
    theirs.enqueue_trial({"x": 0.5})
    theirs.enqueue_trial({"x": 0.25})
    theirs.ask()
    database.remove_session()
    database.engine.dispose()
    frame = studies.load("theirs", storage).trials_frame()
    check_trials(frame, {})
    assert frame["state"].to_list() == ["running", "running"]
    assert frame["started"].notna().to_list() == [True, False]


def test_a_parameter_named_as_a_column_of_ours_is_told_apart() -> None:
    made = Trial(0, "complete", 1.0, {"value": 7.0, "x": 1.0}, {"round": "first"}, None, None)
    frame = frame_of([made], {})
    assert frame[["value", "params_value", "x"]].to_numpy().tolist() == [[1.0, 7.0, 1.0]]
    assert frame["round"].isna().all()  # an attribute of somebody else's, not a round of ours
    assert parameters(frame) == ["params_value", "x"]


def test_a_number_of_a_frame_is_that_of_a_trial(study: Study) -> None:
    number = study.trials_frame()["number"].iloc[3]
    assert study.trial(number).trial.number == 3
