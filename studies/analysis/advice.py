"""What a reader of a study should watch out for, and what to do about it: the best at the edge of its range, many
trials that diverged, ties, too few trials, errors. Advice that does not apply is left out.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from studies.analysis.agreement import Agreement
from studies.analysis.generalization import Generalization
from studies.analysis.summary import Summary
from studies.words import between, counted, notation, number, of_range, rounded

EDGE = (
    0.03  # of all that was searched: the best value may lie beyond an end that is nearer than this
)
MANY_DIVERGED = 0.2  # of all trials
PER_PARAMETER = (
    10  # trials for a first picture of a space (Loeppky, Sacks and Welch 2009, "n = 10 d")
)
WIDER = 10.0  # times, on a log scale


@dataclass(frozen=True)
class Advice:
    """A heading of a word or two, what was seen, what to do, and the command that does it, if one does."""

    kind: str
    seen: str
    do: str
    command: str = ""


def advice(
    summary: Summary,
    trials: pd.DataFrame,
    rounds: pd.DataFrame,
    learned: Generalization | None,
    agreements: Sequence[Agreement],
) -> list[Advice]:
    """The advice on a study with one objective and a plan, the most important first.

    `learned` is what the curves of the best trial show, `agreements` whether short training predicted long training.
    """
    ended = trials[trials["state"] != "running"]
    if not summary.plan or ended.empty:
        return []
    return [
        *_errors(summary.errors, len(ended)),
        *_edges(summary, rounds),
        *_diverged(summary, ended, set(rounds["parameter"])),
        *_learned(summary, learned),
        *_halved(ended, agreements),
        *_few(summary, ended, rounds),
        *_tested(summary),
        *_ties(summary),
    ]


def _errors(errors: Mapping[str, int], ended: int) -> Iterator[Advice]:
    if errors:
        count = sum(errors.values())
        commonest = max(errors, key=lambda text: errors[text])
        more = f", and {counted(len(errors) - 1, 'other error')}" if len(errors) > 1 else ""
        yield Advice(
            "Errors",
            f"{count} of {ended} trainings failed with an error: {commonest}{more}.",
            "Fix the cause and begin a new study: what the failed trainings would have scored is unknown.",
        )


def _edges(summary: Summary, rounds: pd.DataFrame) -> Iterator[Advice]:
    if summary.chosen is None or rounds.empty:
        return
    _, params = summary.chosen
    trials = 2 * summary.plan["trials"]
    for name, of_name in rounds.groupby("parameter", sort=False):
        last = of_name.iloc[-1]
        if isinstance(last["choices"], list):
            continue
        if last["action"] == "extended":
            extended = of_range(None, last["next_low"], last["next_high"])
            yield Advice(
                "Edge of the range",
                f"The last verdict extended the range of {name} to {extended}; no trial has been drawn from it yet.",
                "Resume with more trials: they are drawn from it.",
                _resume(summary, f"--trials {trials}"),
            )
            continue
        low, high, log = of_name["low"].min(), of_name["high"].max(), bool(last["log"])
        value = params.get(str(name))
        if value is None or low == high or (log and value <= 0):
            continue
        position = _position(float(value), low, high, log)
        if EDGE <= position <= 1 - EDGE or _anywhere(summary, str(name), low, high):
            continue
        end, upper = ("upper", True) if position > 0.5 else ("lower", False)
        wider = _wider(low, high, log=log, upper=upper, whole=isinstance(value, int))
        yield Advice(
            "Edge of the range",
            f"{name} = {number(value)} lies at the {end} end of all that was searched, {of_range(None, low, high)}: "
            "better values may lie beyond it.",
            "Search a wider range." if wider else "Search beyond it, if there can be such values.",
            _resume(summary, f"--trials {trials} --space {shlex.quote(f'{name}={wider}')}")
            if wider
            else "",
        )


def _anywhere(summary: Summary, name: str, low: float, high: float) -> bool:
    """Whether the last verdict says that the best may lie anywhere in all that was searched: its edge says nothing."""
    last = summary.rounds[-1] if summary.rounds else None
    verdict = ((last and last.verdicts) or {}).get(name, {})
    drawn = last.ranges[name] if last and name in last.ranges else {}
    whole = (drawn.get("low"), drawn.get("high")) == (low, high)
    return whole and verdict.get("low", 1.0) < EDGE and verdict.get("high", 0.0) > 1 - EDGE


def _position(value: float, low: float, high: float, log: bool) -> float:
    if log:
        value, low, high = math.log(value), math.log(low), math.log(high)
    return (value - low) / (high - low)


def _wider(low: float, high: float, *, log: bool, upper: bool, whole: bool) -> str | None:
    """A range that reaches further at one end, as --space takes it; None for a linear range, which may have a limit
    that is not known here.
    """
    if not log:
        return None
    low, high = (low, high * WIDER) if upper else (low / WIDER, high)
    if whole:
        low, high = max(1, int(low)), int(high)
    return f"{low:g}:{high:g}:log{':int' if whole else ''}"


def _diverged(summary: Summary, ended: pd.DataFrame, searched: Container[str]) -> Iterator[Advice]:
    diverged = ended["diverged_epoch"].notna()
    if diverged.mean() < MANY_DIVERGED:
        return
    late = diverged[ended["round"] == ended["round"].max()]
    seen = f"{diverged.sum()} of {len(ended)} trials diverged: loss or weights stopped being finite"
    several = ended["round"].nunique() > 1
    if several:
        seen += f"; in the last round {late.sum()} of {len(late)}"
    if several and late.mean() < diverged.mean() / 2:
        do = "Nothing needs doing: the later ranges leave out the settings that diverge."
    elif summary.plan.get("source"):
        clip = (
            "" if "clip_norm" in searched else "also search clip_norm, which limits the gradients"
        )
        rate = "lower the upper end of learning_rate" if "learning_rate" in searched else ""
        do = " or ".join(filter(None, (rate, clip))) or "search other ranges"
        do = f"{do[0].upper()}{do[1:]}."
    else:
        do = "Search ranges in which training is stable."
    yield Advice("Diverged trials", f"{seen}.", do)


def _learned(summary: Summary, learned: Generalization | None) -> Iterator[Advice]:
    if learned is None:
        return
    if learned.kind == "underfitting":
        epochs = int(summary.plan["epochs"])
        do = f"Begin a new study with more, for example --epochs {3 * epochs}: those of a study can't be changed."
        own = learned.epochs != epochs  # a function that chooses itself how long it trains
        yield Advice("Too few epochs", learned.sentence, "Let it train longer." if own else do)
    elif learned.kind == "overfitting":
        heading, _, rest = learned.sentence.partition(": ")
        yield Advice(
            heading,  # "Overfitting", or "Slight overfitting"
            f"{rest[0].upper()}{rest[1:]}",
            "Search larger weight_decay or dropout, or fewer units; or give more rows."
            if summary.plan.get("source")
            else "Search stronger regularization, or a smaller model; or give more data.",
        )


def _halved(ended: pd.DataFrame, agreements: Sequence[Agreement]) -> Iterator[Advice]:
    if not agreements or not (ended["state"] == "pruned").any():
        return
    worst = min(agreements, key=lambda a: (not a.misleads, a.correlation))
    if worst.misleads:
        tells = "is almost the opposite of" if worst.kind == "opposite" else "says little about"
        yield Advice(
            "Short training",
            f"Of the {worst.trials} trials that trained for {worst.later} epochs, the order after "
            f"{counted(worst.epoch, 'epoch')} {tells} the order after {worst.later} (rank correlation "
            f"{worst.correlation:.2f}): good settings may have left early.",
            "Begin a new study with more epochs, or without --halving.",
        )


def _few(summary: Summary, ended: pd.DataFrame, rounds: pd.DataFrame) -> Iterator[Advice]:
    searched = rounds["parameter"].nunique()
    complete = summary.record.state == "complete" and summary.best is not None
    if complete and len(ended) < PER_PARAMETER * searched:
        enough = PER_PARAMETER * searched * (summary.folds or 1)
        more = 2 * max(summary.plan["trials"] - summary.record.adopted, enough)
        yield Advice(
            "Few trials",
            f"{counted(len(ended), 'trial')} {'is' if len(ended) == 1 else 'are'} few for "
            f"{counted(searched, 'parameter')}.",
            f"Resume with more: {PER_PARAMETER} for each parameter give a first picture.",
            _resume(summary, f"--trials {more}"),
        )


def _tested(summary: Summary) -> Iterator[Advice]:
    opening, first = summary.opening, summary.recommended
    if opening is None or opening.ci95 is None or first is None or not first.ci95:
        return
    confirmed, test = first.ci95, opening.ci95
    if test[1] < confirmed[0] if summary.goal.maximize else test[0] > confirmed[1]:
        shown = notation([first.mean, opening.value], [confirmed, test])
        yield Advice(
            "Test rows",
            f"The value on the test rows, {rounded(opening.value, shown)}, is worse than expected, beyond chance: its "
            f"95 % interval, {between(test, shown)}, does not reach that of the confirmed mean, "
            f"{between(confirmed, shown)}.",
            "Expect the value on the test rows: the settings were chosen on the other rows.",
        )


def _ties(summary: Summary) -> Iterator[Advice]:
    tied = sum(finalist.tied is True for finalist in summary.finalists[1:])
    if tied:
        others = "Another setting" if tied == 1 else f"{tied} other settings"
        yield Advice(
            "Ties",
            f"{others} can't be told from the recommended one.",
            "Take whichever is the cheapest; fewer finalists with more repeats may tell more of them apart.",
        )


def _resume(summary: Summary, options: str) -> str:
    """The command that goes on; "" if no shell can."""
    name, storage = shlex.quote(summary.record.name), shlex.quote(summary.storage)
    return f"hpo resume {name} --storage {storage} {options}" if summary.by_name else ""
