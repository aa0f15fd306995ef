"""How far values and parameters extend: what most values span, and what each round searched of a parameter."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from studies.analysis.frames import Floats, parameters
from studies.database.records import Direction
from studies.words import distinct

LARGEST = 1e307  # of a value that is shown: larger ones have no differences

# Multiples of these fill a square evenly: Roberts' R2 sequence.
ACROSS, UP = 0.7548776662, 0.5698402910


@dataclass(frozen=True)
class View:
    """The values to look at. `clipped` if some lie beyond the worse end."""

    low: float
    high: float
    clipped: bool


def view_of(values: Floats, direction: Direction) -> View:
    """All values, or, if a few are far worse than most, only what most of them span.

    Most span twice the distance from the best value to the worse quartile; "far" is three times as far as that.
    """
    finite = np.clip(values[np.isfinite(values)], -LARGEST, LARGEST)
    if not finite.size:
        return View(0.0, 1.0, clipped=False)
    sign = 1.0 if direction == "minimize" else -1.0
    distance = np.sort(sign * finite)
    best, worst = float(distance[0]), float(distance[-1])
    reach = 2 * float(np.quantile(distance, 0.75) - best)
    clipped = reach > 0 and worst - best > 3 * reach
    edge = best + reach if clipped else worst
    pad = 0.06 * (edge - best) or 0.05 * abs(best) or 0.05
    ends = sorted((sign * (best - pad), sign * (edge + (0 if clipped else pad))))
    return View(ends[0], ends[1], clipped)


@dataclass(frozen=True)
class Dimension:
    """One parameter over all that was searched of it.

    Choices lie at 0, 1, 2, … and each is 1 wide. searched: for each round, and then for the range that the last
    verdict leads to, the intervals (low, high) that it draws from: one for a range, one for each choice still in.
    """

    name: str
    low: float
    high: float
    log: bool
    choices: list[Any] | None
    searched: list[list[tuple[float, float]]]

    def positions(self, trials: pd.DataFrame, spread: float = ACROSS) -> Floats:
        """Where the trials' values are; those of one choice are moved apart by multiples of `spread`."""
        if self.name not in trials:
            return np.full(len(trials), np.nan)
        column = trials[self.name]
        if self.choices is None:
            return np.asarray(column.to_numpy(dtype=float, na_value=np.nan), float)
        # In a frame, choices that pandas would take for equal are JSON.
        places = {distinct(choice): k for k, choice in enumerate(self.choices)}
        as_json: dict[Any, int] = {json.dumps(choice): k for k, choice in enumerate(self.choices)}
        values = [None if pd.isna(v) else v for v in column.tolist()]
        at = [places.get(distinct(v), as_json.get(v, math.nan)) for v in values]
        return np.asarray(at, float) + 0.6 * (trials["number"].to_numpy(float) * spread % 1 - 0.5)

    def having(self, trials: pd.DataFrame) -> pd.DataFrame:
        """The trials that have the parameter: where it does not apply, a trial does not."""
        return trials[~np.isnan(self.positions(trials))]

    def share(self, at: Floats) -> Floats:
        """Where positions lie between the ends, from 0 to 1; a 0 beside a log range lies at 0."""
        low, high = self.low, self.high
        if self.log:
            above = np.where(at > 0, at, np.where(np.isnan(at), np.nan, low))
            at, low, high = np.log10(above), math.log10(low), math.log10(high)
        if high <= low:
            return np.where(np.isnan(at), np.nan, 0.5)
        return np.asarray(np.clip((at - low) / (high - low), 0.0, 1.0), float)


def dimension(name: str, trials: pd.DataFrame, rounds: pd.DataFrame) -> Dimension:
    """A parameter by its rounds, or by its values if no round is known.

    Raises:
        ValueError: there is no parameter of that name.
    """
    rows = rounds[rounds["parameter"] == name]
    if rows.empty:
        return _of_values(name, trials)
    judged = rows.tail(1).dropna(subset=["action"])
    if isinstance(rows["choices"].iloc[0], list):
        lists = [*rows["choices"], *judged["next_choices"]]
        choices = {distinct(choice): choice for chosen in lists for choice in chosen}
        places = [[[*choices].index(distinct(choice)) for choice in chosen] for chosen in lists]
        searched = [[(k - 0.4, k + 0.4) for k in chosen] for chosen in places]
        return Dimension(name, -0.5, len(choices) - 0.5, False, [*choices.values()], searched)
    ends = [*zip(rows["low"], rows["high"], strict=True)]
    ends += zip(judged["next_low"], judged["next_high"], strict=True)
    low, high = min(e[0] for e in ends), max(e[1] for e in ends)
    return Dimension(name, low, high, bool(rows["log"].iloc[0]), None, [[e] for e in ends])


def _of_values(name: str, trials: pd.DataFrame) -> Dimension:
    """A parameter of which no round is known, as in a study that Optuna made."""
    names = parameters(trials)
    if name not in names:
        raise ValueError(f"no parameter {name!r}: there is {', '.join(names) or 'none'}")
    column = trials[name].dropna()
    if isinstance(column.dtype, pd.CategoricalDtype):
        choices = list(column.cat.categories)
        return Dimension(name, -0.5, len(choices) - 0.5, False, choices, [])
    values = column.to_numpy(float)
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    return Dimension(name, low, high, _looks_log(values), None, [])


def _looks_log(values: Floats) -> bool:
    """Whether values that span two decades or more have a median nearer to the middle of their logarithms than to
    their own middle: plain Optuna's frames do not say on which scale it searched.
    """
    if not len(values) or values.min() <= 0 or values.max() < 100 * values.min():
        return False
    low, middle, high = np.quantile(values, [0.0, 0.5, 1.0])
    share = math.log(middle / low) / math.log(high / low)
    return bool(abs(share - 0.5) < abs((middle - low) / (high - low) - 0.5))
