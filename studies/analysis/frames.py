"""Rows -> tidy DataFrames with declared columns.

Each function takes what the store reads and returns a frame whose columns, their order and their types depend on the
study's parameters, their values and its metrics alone, never on how many rows there are. Parameters keep their names.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from studies.database.columns import Curves, TrialColumns
from studies.database.records import Direction, Finalist, Round
from studies.words import distinct

Floats = NDArray[np.float64]

STATES = ("complete", "pruned", "failed", "running")
ACTIONS = ("narrowed", "kept", "extended")

TRIAL_COLUMNS = (
    "number", "state", "value", "round", "epochs", "diverged_epoch", "error", "started", "finished",
)  # fmt: skip

ROUND_COLUMNS: dict[str, Any] = {
    "round": "Int64",
    "parameter": "object",
    "trials": "Int64",
    "low": "float64",
    "high": "float64",
    "log": "bool",
    "choices": "object",
    "action": "category",
    "reason": "object",
    "warning": "object",
    "next_low": "float64",
    "next_high": "float64",
    "next_choices": "object",
}


def trials_frame(trials: TrialColumns) -> pd.DataFrame:
    """One row a trial, in the order of their numbers.

    number          Int64, from 0, as in Optuna
    state           category: complete, pruned, failed, running
    value           float64: the metric after the last epoch; NaN if there is none
    values_0, …     float64: in place of `value` in a study of plain Optuna with several objectives
    round           Int64, from 0; missing if plain Optuna made the trial
    *parameters*    float64, Int64 or category, a column each; one named as a column here is params_NAME
    epochs          Int64: how many epochs were trained to their end
    diverged_epoch  Int64: the epoch in which loss or weights stopped being finite; else missing
    error           str: what the function raised, in a line; else missing
    started, finished   datetime64, UTC; missing until it has happened
    """
    columns: dict[str, Any] = {
        "number": _whole(trials.numbers),
        "state": pd.Categorical(trials.states, categories=STATES),
        "value": pd.array(trials.values, dtype="float64"),
        **{
            f"values_{k}": pd.array(values, "float64") for k, values in enumerate(trials.objectives)
        },
        "round": _whole(map(_if_whole, trials.rounds)),
    }
    for name, values in trials.params.items():
        # A parameter of a user's trainer may have the name of one of our columns.
        column = f"params_{name}" if name in TRIAL_COLUMNS or name in columns else name
        columns[column] = _parameter(values, trials.elsewhere.get(name, ()))
    columns |= {
        "epochs": _whole(trials.epochs),
        "diverged_epoch": _whole(map(_if_whole, trials.diverged)),
        "error": pd.Series(trials.errors, dtype="object"),
        "started": _times(trials.started),
        "finished": _times(trials.finished),
    }
    return pd.DataFrame(columns)


def scored(trials: pd.DataFrame) -> pd.Series[bool]:
    """Which trials ended with a value that is a number."""
    finite = pd.Series(np.isfinite(trials["value"].to_numpy(float)), trials.index)
    return finite & trials["state"].isin(["complete", "pruned"])


def lost_trials(trials: pd.DataFrame) -> pd.Series[bool]:
    """Which trials ended without a value that is a number: they failed or diverged."""
    if "values_0" in trials:  # several objectives: there is no value
        return trials["state"] == "failed"
    return (trials["state"] != "running") & ~scored(trials)


def objectives(trials: pd.DataFrame) -> list[str]:
    """The columns with the values of several objectives."""
    return [str(name) for name in trials if str(name).startswith("values_")]


def in_order(
    trials: pd.DataFrame, direction: Direction, states: Sequence[str] = ("complete",)
) -> pd.DataFrame:
    """The trials that have a value, best first, the earliest of equals first."""
    valued = trials[scored(trials) & trials["state"].isin(states)]
    return valued.sort_values(["value", "number"], ascending=[direction == "minimize", True])


def evenly(count: int, most: int) -> list[int]:
    """At most `most` of `count` places, evenly spaced, the first and the last among them."""
    return sorted({round(p) for p in np.linspace(0, count - 1, min(count, most))})


def parameters(trials: pd.DataFrame) -> list[str]:
    """The names of the parameters, in the order of their columns."""
    names = list(trials.columns)
    return names[names.index("round") + 1 : names.index("epochs")]


def beside(trials: pd.DataFrame, first: str, others: Sequence[str]) -> list[str]:
    """Those of other parameters that some trial has together with the first; where one applies, another may not."""
    has = {name: trials[name].notna() for name in (first, *others) if name in trials}
    known = first in has and len(trials) > 0
    return [n for n in others if not known or n not in has or (has[first] & has[n]).any()]


def epochs_frame(curves: Sequence[Curves]) -> pd.DataFrame:
    """One row for each epoch of each trial.

    trial       Int64, the trial's number
    epoch       Int64, from 1; if plain Optuna made the trial, the step, counted from 1
    *metrics*   float64, a column each, such as train_loss and validation_accuracy
    """
    numbers = np.unique(np.concatenate([np.zeros(0, np.int64), *(c.trials for c in curves)]))
    lengths = np.zeros(len(numbers), np.int64)  # of each trial's longest curve
    for c in curves:
        place = np.searchsorted(numbers, c.trials)
        lengths[place] = np.maximum(lengths[place], c.lengths)
    begins = np.cumsum(lengths) - lengths
    columns: dict[str, Any] = {
        "trial": pd.array(np.repeat(numbers, lengths), dtype="Int64"),
        "epoch": pd.array(_counted(lengths) + 1, dtype="Int64"),
    }
    for c in curves:
        values = np.full(int(lengths.sum()), np.nan)
        begin = np.repeat(begins[np.searchsorted(numbers, c.trials)], c.lengths)
        values[begin + _counted(c.lengths)] = c.points
        columns[c.metric] = values
    return pd.DataFrame(columns)


def _counted(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """0, 1, 2, … for each length, one after another."""
    begins = np.cumsum(lengths) - lengths
    return np.arange(int(lengths.sum())) - np.repeat(begins, lengths)


def rounds_frame(rounds: Sequence[Round]) -> pd.DataFrame:
    """One row for each parameter of each round.

    round        Int64, from 0
    parameter    str
    trials       Int64: how many trials the round has when it is full
    low, high    float64: the range it draws from; NaN for choices
    log          bool: whether the range is searched on a log scale
    choices      list of the choices, or None
    action       category: narrowed, kept, extended; missing until the round is judged
    reason       str: the verdict as a sentence
    warning      str: what the evidence asks for but the plan forbids; else missing
    next_low, next_high, next_choices   what the verdict leads to
    """
    rows = []
    for r in rounds:
        for name, fields in r.ranges.items():
            verdict = (r.verdicts or {}).get(name, {})
            following = (r.next_ranges or {}).get(name, {})
            rows.append(
                {
                    "round": r.round,
                    "parameter": name,
                    "trials": r.size,
                    "low": fields.get("low"),
                    "high": fields.get("high"),
                    "log": fields.get("log", False),
                    "choices": fields.get("choices"),
                    "action": verdict.get("action"),
                    "reason": verdict.get("reason"),
                    "warning": verdict.get("warning"),
                    "next_low": following.get("low"),
                    "next_high": following.get("high"),
                    "next_choices": following.get("choices"),
                }
            )
    columns: dict[str, Any] = {}
    for name, kind in ROUND_COLUMNS.items():
        values = [row[name] for row in rows]
        if name == "action":
            columns[name] = pd.Categorical(values, categories=ACTIONS)
        else:
            columns[name] = pd.Series(values, dtype=kind)
    return pd.DataFrame(columns)


def finalists_frame(finalists: Sequence[Finalist], searched: Mapping[int, float]) -> pd.DataFrame:
    """One row for each setting that was trained again, best mean first.

    trial        Int64, the trial's number
    value        float64: what the trial had in the search
    mean         float64: the mean on fresh seeds and splits, all settings compared on equal stages; NaN if a training
                 failed
    low, high    float64: the ends of the mean's 95 % interval
    tied         boolean: whether a comparison can't tell it from the first; NA if there were too few trainings to tell
    repeats      Int64: how often it was trained again
    values       list of the values that this gave, in the order of stages; None for a training that failed
    epochs       Int64: how many a training with these settings should have; NA where that was not concluded
    """
    ends = [f.ci95 or (None, None) for f in finalists]
    return pd.DataFrame(
        {
            "trial": _whole(f.trial for f in finalists),
            "value": pd.array([searched.get(f.trial) for f in finalists], dtype="float64"),
            "mean": pd.array([f.mean for f in finalists], dtype="float64"),
            "low": pd.array([low for low, _ in ends], dtype="float64"),
            "high": pd.array([high for _, high in ends], dtype="float64"),
            "tied": pd.Series([f.tied for f in finalists], dtype="boolean"),
            "repeats": _whole(len(f.values) for f in finalists),
            "values": pd.Series([f.values for f in finalists], dtype="object"),
            "epochs": _whole(f.epochs for f in finalists),
        }
    )


def _whole(values: Any) -> Any:
    return pd.array(list(values), dtype="Int64")


def _if_whole(value: Any) -> int | None:
    # Users of Optuna may store attributes with these names.
    return value if isinstance(value, int) else None


def _times(values: Any) -> Any:
    # Without a unit pandas would take a coarser one if no time has a fraction of a second.
    return pd.to_datetime(pd.Series(list(values), dtype="object"), utc=True).dt.as_unit("us")


def _distinguishable(values: list[Any]) -> bool:
    """Whether pandas can tell the values apart, and from None: choices may be 1 and true, or Optuna's lists or NaN."""
    kinds = set(map(type, values))
    if float in kinds and not all(math.isfinite(v) for v in values if type(v) is float):
        return False
    if kinds <= {str} or kinds <= {int, float}:
        return True
    try:
        return len(set(values)) == len(set(map(distinct, values)))
    except TypeError:
        return False


def _json(value: Any) -> str:
    return repr(value) if isinstance(value, float) else json.dumps(value)  # nan, inf and -inf


def _parameter(values: list[Any], elsewhere: Iterable[Any]) -> Any:
    """A column of a parameter. Those of `elsewhere` in the study decide on its type, too."""
    present = [value for value in (*values, *elsewhere) if value is not None]
    if not _distinguishable(present):
        values = [None if value is None else _json(value) for value in values]
        present = [*map(_json, present)]
    kinds = set(map(type, present))
    if kinds & {str, bool}:
        return pd.Categorical(values, categories=list(dict.fromkeys(present)))
    if kinds == {int}:
        return _whole(values)
    return pd.array(values, dtype="float64")
