"""Which parameters matter: how much of the differences between trials each explains, which were narrowed most, and
which tell failed trials from the others.

Importance is Optuna's fANOVA (Hutter, Hoos, Leyton-Brown, ICML 2014): a random forest learns the value from the
settings, and what each parameter alone explains of the forest's variance over the whole space is its share.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from studies.analysis.dimensions import Dimension, dimension, view_of
from studies.analysis.frames import Floats, evenly, in_order, parameters, scored
from studies.database.records import Direction
from studies.words import ROUNDING

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

# 0.9 s for 1,000 trials of 12 parameters; Optuna's depth of 64 takes 30 s, for the same shares.
TREES, DEPTH = 64, 6
MAX_TRIALS = 1000  # fANOVA's cost grows with their square unless its trees are kept shallow
MIN_TRIALS = 10  # complete ones: from fewer a forest learns nothing
UNTOLD = f"Importance can't be told: it takes {MIN_TRIALS} complete trials that differ in settings and in value."


@dataclass(frozen=True)
class Importances:
    """What each parameter explains of the differences between trials, most first; the shares add up to 1.

    within: of parameters that not every trial has, because they do not always apply: what each explains of the
    differences between the trials that have it. partly: those of which too few trials have it. constant: parameters
    that had one value in all trials. Neither has a share.
    """

    shares: dict[str, float]
    trials: int  # that the shares were computed from
    of: int  # complete trials
    constant: tuple[str, ...] = ()
    partly: tuple[str, ...] = ()
    within: dict[str, float] = field(default_factory=dict)


def importances(
    trials: pd.DataFrame, rounds: pd.DataFrame, *, direction: Direction
) -> Importances | None:
    """The importance of each parameter over all that was searched; None if it can't be told (see `UNTOLD`).

    It is computed on a study in memory: in the stored one a parameter has another range in each round, and Optuna looks
    only at parameters with one range in all trials. Optuna also takes a log range for a linear one, whose last decade
    is 90 % of it, so it is given logarithms. Values far worse than most count as the edge of what the plots show;
    otherwise the most hopeless trial would decide alone. Of more than `MAX_TRIALS` trials, so many are used, evenly
    spaced. The same trials give the same numbers.
    """
    complete = in_order(trials, direction).sort_values("number")
    chosen = complete.iloc[evenly(len(complete), MAX_TRIALS)]
    if len(chosen) < MIN_TRIALS:
        return None
    partly = [
        name
        for name in parameters(trials)
        if chosen[name].isna().any() and not _none_is_a_choice(name, rounds)
    ]
    everywhere = [name for name in parameters(trials) if name not in partly]
    shares, constant = _explained(everywhere, chosen, rounds, direction)
    if shares is None:
        return None
    within: dict[str, float] = {}
    for name in partly:
        having = chosen[chosen[name].notna()]
        theirs = [n for n in parameters(trials) if n in everywhere or having[n].notna().all()]
        of_them, _ = _explained(theirs, having, rounds, direction)
        if of_them and name in of_them:
            within[name] = of_them[name]
    few = tuple(name for name in partly if name not in within)
    return Importances(shares, len(chosen), len(complete), tuple(constant), few, within)


def _explained(
    names: Sequence[str], trials: pd.DataFrame, rounds: pd.DataFrame, direction: Direction
) -> tuple[dict[str, float] | None, list[str]]:
    """The share of each parameter that all of some trials have, and which have one value in them. None if nothing can
    be told.
    """
    values = _from_0_to_1(trials["value"].to_numpy(float), direction)
    columns = {name: _column(name, trials, rounds) for name in names}
    constant = [
        name
        for name, (_, places) in columns.items()
        if len(np.unique(np.asarray(places, np.float32))) < 2  # as the forest sees them
    ]
    varied = {name: column for name, column in columns.items() if name not in constant}
    if values is None or not varied or len(trials) < MIN_TRIALS:
        return None, constant
    return _by_optuna(varied, values), constant


def _from_0_to_1(values: Floats, direction: Direction) -> Floats | None:
    """The values where the plots show them, whatever their size; None if they differ by no more than arithmetic rounds.

    The forest sees no differences between values of 1e-12.
    """
    view = view_of(values, direction)
    values = np.clip(values, view.low, view.high)
    span, largest = np.ptp(values), np.abs(values).max()
    return (values - values.min()) / span if span > ROUNDING * largest else None


def _none_is_a_choice(name: str, rounds: pd.DataFrame) -> bool:
    return any(
        None in choices
        for choices in rounds.loc[rounds["parameter"] == name, "choices"]
        if isinstance(choices, list)
    )


def _column(
    name: str, trials: pd.DataFrame, rounds: pd.DataFrame
) -> tuple[BaseDistribution, list[Any]]:
    """A parameter as Optuna gets it: its whole range on the scale it was searched on, and where the settings lie."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    parameter = dimension(name, trials, rounds)
    if parameter.choices is not None:
        places = np.round(parameter.positions(trials)).astype(int)
        return CategoricalDistribution(list(map(str, range(len(parameter.choices))))), [
            str(k) for k in places
        ]
    at = parameter.positions(trials)
    low, high = parameter.low, parameter.high
    if parameter.log:
        at, low, high = _logarithms(at), math.log10(low), math.log10(high)
    return FloatDistribution(min(low, float(at.min())), max(high, float(at.max()))), at.tolist()


def _logarithms(at: Floats) -> Floats:
    """The logarithms; a 0 beside a log range lies half a decade below the least of the others."""
    above = at[at > 0]
    least = float(np.log10(above.min())) - 0.5 if above.size else 0.0
    return np.where(at > 0, np.log10(np.where(at > 0, at, 1.0)), least)


def _by_optuna(
    columns: dict[str, tuple[BaseDistribution, list[Any]]], values: Floats
) -> dict[str, float] | None:
    """The shares, most first; None where the forest learns the same value everywhere."""
    import optuna

    names = list(columns)
    distributions = {name: distribution for name, (distribution, _) in columns.items()}
    with _quiet():
        study = optuna.create_study(storage=optuna.storages.InMemoryStorage())
    settings = zip(*(column for _, column in columns.values()), strict=True)
    study.add_trials(
        [
            optuna.trial.create_trial(
                params=dict(zip(names, setting, strict=True)),
                distributions=distributions,
                value=float(value),
            )
            for setting, value in zip(settings, values, strict=True)
        ]
    )
    evaluator = optuna.importance.FanovaImportanceEvaluator(n_trees=TREES, max_depth=DEPTH, seed=0)
    try:
        shares = optuna.importance.get_param_importances(study, evaluator=evaluator)
    except RuntimeError:  # "Encountered zero total variance in all trees."
        return None
    return {name: float(shares[name]) for name in sorted(names, key=lambda n: -shares[n])}


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Optuna from announcing the study in memory, which no user has asked for."""
    import optuna

    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(level)


# What was narrowed


def most_narrowed_first(trials: pd.DataFrame, rounds: pd.DataFrame) -> list[str]:
    """The parameters, those whose ranges shrank most first."""
    if rounds.empty:
        return parameters(trials)
    shrunk: dict[str, float] = {}
    for name, rows in rounds.groupby("parameter", sort=False):
        first, last = _searched(rows.iloc[0]), _searched(rows.iloc[-1], after=True)
        shrunk[str(name)] = last / first if first else 1.0
    return sorted(shrunk, key=lambda name: shrunk[name])


def _searched(row: Any, *, after: bool = False) -> float:
    """How wide the range of a row of the rounds is, or the next range, on the scale it is searched on."""
    prefix = "next_" if after and not pd.isna(row["action"]) else ""
    choices, low, high = (row[f"{prefix}{field}"] for field in ("choices", "low", "high"))
    if isinstance(choices, list):
        return float(len(choices))
    return math.log(high / low) if row["log"] else high - low


# Failed trials


def most_telling_first(trials: pd.DataFrame, rounds: pd.DataFrame) -> list[str]:
    """The parameters whose settings tell best which trials got no value first, else the most narrowed.

    For numbers this is Kolmogorov and Smirnov's statistic: the largest difference between the shares of both kinds of
    trials up to a setting. Choices have no order: for these it is half the sum of the differences between their shares.
    """
    names = most_narrowed_first(trials, rounds)
    ended = trials[trials["state"] != "running"]
    valued = scored(ended).to_numpy(bool)
    if valued.all() or not valued.any():
        return names
    return sorted(
        names, key=lambda name: -_separation(dimension(name, trials, rounds), ended, valued)
    )


def _separation(parameter: Dimension, trials: pd.DataFrame, valued: NDArray[np.bool_]) -> float:
    at = parameter.positions(trials)
    if parameter.choices is not None:
        at = np.round(at)
    sides = [at[side & np.isfinite(at)] for side in (valued, ~valued)]
    if not all(len(side) for side in sides):
        return 0.0
    places = np.unique(np.concatenate(sides))
    if parameter.choices is not None:
        shares = [np.array([(side == p).mean() for p in places]) for side in sides]
        return float(np.abs(shares[0] - shares[1]).sum() / 2)
    up_to = [np.searchsorted(np.sort(side), places, side="right") / len(side) for side in sides]
    return float(np.abs(up_to[0] - up_to[1]).max())
