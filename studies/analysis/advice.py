"""What a reader of a study should mind, and what to do about each: the best at the edge of its range, many trials that
diverged, ties, too few trials, errors. Frames in, sentences out; what none of it finds is not said.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from studies.analysis.generalization import Generalization
from studies.analysis.summary import PREDICTS, Agreement
from studies.words import number

EDGE = 0.03  # of all that was searched: nearer to an end, what is best may lie beyond it
MANY_DIVERGED = 0.2  # of all trials
PER_PARAMETER = (
    10  # trials: fewer are no picture of a space (Loeppky, Sacks and Welch 2009, "n = 10 d")
)
WIDER = 10.0  # times, on a log scale


@dataclass(frozen=True)
class Advice:
    """Something to mind: its kind in a word or two, what was seen, what to do, and a command where one does it."""

    kind: str
    seen: str
    do: str
    command: str = ""


def advice(
    said: Mapping[str, Any],
    trials: pd.DataFrame,
    rounds: pd.DataFrame,
    errors: Mapping[str, int],
    learned: Generalization | None,
    agreements: Sequence[Agreement],
) -> list[Advice]:
    """All that there is to mind about a study with one objective and a plan, the weightiest first.

    `said` is `Study.summary` with "plan"; `errors` are what trainings that failed said, and how often; `learned` is
    what the curves of the best trial say, `agreements` whether short training predicted long training.
    """
    ended = trials[trials["state"] != "running"]
    if not said["plan"] or ended.empty:
        return []
    return [
        *_errors(errors, len(ended)),
        *_edges(said, rounds),
        *_diverged(ended, said),
        *_learned(said, learned),
        *_halved(ended, agreements),
        *_few(said, ended, rounds),
        *_tested(said),
        *_ties(said),
    ]


def _errors(errors: Mapping[str, int], ended: int) -> Iterator[Advice]:
    if errors:
        count = sum(errors.values())
        often = max(errors, key=lambda text: errors[text])
        more = len(errors) - 1
        others = f", and {more} other {'error' if more == 1 else 'errors'}" if more else ""
        yield Advice(
            "Errors",
            f"{count} of {ended} trainings failed with an error: {often}{others}.",
            "What a failed training would have been worth is unknown: mend the cause, and begin a new study.",
        )


def _edges(said: Mapping[str, Any], rounds: pd.DataFrame) -> Iterator[Advice]:
    chosen = said["recommended"] or said["best"]
    if chosen is None or rounds.empty:
        return
    resume = f"{_resume(said)} --trials {2 * said['plan']['trials']}"
    for name, of_name in rounds.groupby("parameter", sort=False):
        last = of_name.iloc[-1]
        if isinstance(last["choices"], list):
            continue
        if last["action"] == "extended":
            yield Advice(
                "Edge of the range",
                f"{name}: the last verdict moved its range to {number(last['next_low'])} … "
                f"{number(last['next_high'])}, and no trial was drawn from that any more.",
                "Go on with more trials: they begin there.",
                resume,
            )
            continue
        low, high, log = of_name["low"].min(), of_name["high"].max(), bool(last["log"])
        value = chosen["params"].get(name)
        if value is None or low == high or (log and value <= 0):
            continue
        where = _position(float(value), low, high, log)
        if EDGE <= where <= 1 - EDGE:
            continue
        end, upper = ("upper", True) if where > 0.5 else ("lower", False)
        wider = _wider(low, high, log=log, upper=upper, whole=isinstance(value, int))
        yield Advice(
            "Edge of the range",
            f"{name} = {number(value)} lies at the {end} end of all that was searched, {number(low)} … {number(high)}: "
            "what is best may lie beyond.",
            "Search a wider range." if wider else "Search beyond, if there can be such values.",
            f"{resume} --space {shlex.quote(f'{name}={wider}')}" if wider else "",
        )


def _position(value: float, low: float, high: float, log: bool) -> float:
    if log:
        value, low, high = math.log(value), math.log(low), math.log(high)
    return (value - low) / (high - low)


def _wider(low: float, high: float, *, log: bool, upper: bool, whole: bool) -> str | None:
    """A range that goes further at one end, as --space takes it. Nobody here knows how far a linear one may go."""
    if not log:
        return None
    low, high = (low, high * WIDER) if upper else (low / WIDER, high)
    if whole:
        low, high = max(1, int(low)), int(high)
    return f"{low:g}:{high:g}:log{':int' if whole else ''}"


def _diverged(ended: pd.DataFrame, said: Mapping[str, Any]) -> Iterator[Advice]:
    gone = ended["diverged_epoch"].notna()
    if gone.mean() < MANY_DIVERGED:
        return
    final = ended["round"] == ended["round"].max()
    late = gone[final]
    seen = f"{gone.sum()} of {len(ended)} trials diverged: loss or weights stopped being finite"
    several = ended["round"].nunique() > 1
    if several:
        seen += f"; in the last round {late.sum()} of {len(late)}"
    if several and late.mean() < gone.mean() / 2:
        do = "Nothing: the ranges have left the settings that do so."
    elif said["plan"].get("source"):
        do = "Lower the upper end of learning_rate, or search clip_norm, too: gradients are cut off there."
    else:
        do = "Search ranges in which training is stable."
    yield Advice("Diverged trials", f"{seen}.", do)


def _learned(said: Mapping[str, Any], learned: Generalization | None) -> Iterator[Advice]:
    if learned is None:
        return
    if learned.kind == "underfitting":
        epochs = 3 * int(said["plan"]["epochs"])
        yield Advice(
            "Too few epochs",
            f"{learned.said}",
            f"Begin a new study with more, with --epochs {epochs}, say: those of a study can't be changed.",
        )
    elif learned.kind == "overfitting":
        network = bool(said["plan"].get("source"))
        words, _, rest = learned.said.partition(": ")
        yield Advice(
            words,  # "Overfitting", or "Slight overfitting"
            f"{rest[0].upper()}{rest[1:]}",
            "Search larger weight_decay or dropout, or fewer units; or give more rows."
            if network
            else "Search stronger regularization, or a smaller model; or give more data.",
        )


def _halved(ended: pd.DataFrame, agreements: Sequence[Agreement]) -> Iterator[Advice]:
    if not agreements or not (ended["state"] == "pruned").any():
        return
    worst = min(agreements, key=lambda a: a.correlation)
    if worst.correlation < PREDICTS:
        yield Advice(
            "Short training",
            f"The order of trials after {worst.epoch} of {worst.later} epochs says little of that after {worst.later} "
            f"(rank correlation {worst.correlation:.2f}, {worst.trials} trials): good settings may have left early.",
            "Begin a new study with more epochs, or without --halving.",
        )


def _few(said: Mapping[str, Any], ended: pd.DataFrame, rounds: pd.DataFrame) -> Iterator[Advice]:
    searched = rounds["parameter"].nunique()
    if len(ended) < PER_PARAMETER * searched and said["state"] == "complete" and said["best"]:
        parameters = "parameter" if searched == 1 else "parameters"
        yield Advice(
            "Few trials",
            f"{len(ended)} trials are few for {searched} {parameters}.",
            f"Go on with more: {PER_PARAMETER} for each parameter draw a first picture.",
            f"{_resume(said)} --trials {max(2 * said['plan']['trials'], 2 * PER_PARAMETER * searched)}",
        )


def _tested(said: Mapping[str, Any]) -> Iterator[Advice]:
    test, first = said["test"], said["recommended"]
    if test is None or first is None or not first["ci95"]:
        return
    low, high = first["ci95"]
    worse = test["value"] < low if said["direction"] == "maximize" else test["value"] > high
    if worse:
        yield Advice(
            "Test rows",
            f"The test rows gave {number(test['value'], 4)}, worse than the interval that was confirmed, "
            f"{number(low, 4)} … {number(high, 4)}.",
            "Expect what the test rows say: the settings were chosen on the other rows, and none was on these.",
        )


def _ties(said: Mapping[str, Any]) -> Iterator[Advice]:
    tied = sum(f["tied"] for f in said["finalists"][1:])
    if tied:
        others = "another setting" if tied == 1 else f"{tied} other settings"
        yield Advice(
            "Ties",
            f"{others[0].upper()}{others[1:]} can not be told from the recommended one.",
            "Take whichever is the cheapest; fewer finalists with more repeats tell more of them apart.",
        )


def _resume(said: Mapping[str, Any]) -> str:
    return f"hpo resume {shlex.quote(said['study'])} --storage {shlex.quote(said['storage'])}"
