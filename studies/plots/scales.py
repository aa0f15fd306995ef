"""How values and parameters lie along an axis: limits, ticks a person would choose, what each round searched."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from studies.analysis.frames import Direction, parameters

Floats = NDArray[np.float64]

# Whose multiples fill a square evenly: Roberts' R2 sequence.
ACROSS, UP = 0.7548776662, 0.5698402910
STEPS = [1, 2, 2.5, 5, 10]  # between ticks


def number(value: float, digits: int = 3) -> str:
    """A number as a person writes it: 3 significant digits, whole numbers in full, no exponent below a million."""
    if abs(value) < 1e6 and value == round(value):
        return f"{value + 0.0:.0f}"  # -0.0 + 0.0 is 0.0
    text = f"{value:.{digits}g}"
    return f"{float(text):.0f}" if 1e3 <= abs(value) < 1e6 and "e" in text else text


def plain(text: object, most: int) -> str:
    """A name on one line, as it is: no mathematics between dollars, its middle left out where it is long."""
    words = " ".join(str(text).split())
    if len(words) > most:
        words = f"{words[: most // 2]}…{words[-(most - most // 2 - 1) :]}"
    return words.replace("$", r"\$")


# Values


@dataclass(frozen=True)
class View:
    """The values that an axis shows. `clipped` when some lie beyond its worse end."""

    low: float
    high: float
    clipped: bool


def view_of(values: Floats, direction: Direction) -> View:
    """Everything, or, where a few values are far worse than most, what most of them span.

    Twice the distance from the best to the worse quartile is what most span; "far" is three times as far as that.
    """
    finite = values[np.isfinite(values)]
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


def value_ticks(axes: Axes, view: View, most: int = 6, which: Literal["x", "y"] = "y") -> None:
    """Give an axis the limits of a view, and ticks of few digits within them."""
    ticks, labels = value_tick_labels(view, most)
    (axes.xaxis if which == "x" else axes.yaxis).set_ticks(ticks, labels=labels)
    axes.set(**{f"{which}lim": (view.low, view.high)})


def value_tick_labels(view: View, most: int = 6) -> tuple[list[float], list[str]]:
    """Ticks of few digits within a view, and how they are written."""
    found = MaxNLocator(most, steps=STEPS).tick_values(view.low, view.high)
    ticks = _within(found, view.low, view.high)
    return ticks, _written(ticks)


def _within(ticks: Iterable[float], low: float, high: float) -> list[float]:
    slack = 1e-9 * (high - low)
    return [float(t) for t in ticks if low - slack <= t <= high + slack]


def whole_ticks(low: float, high: float, most: int) -> list[float]:
    """At most about so many whole numbers from low to high."""
    found = MaxNLocator(most, integer=True, steps=STEPS).tick_values(low, high)
    return _within(sorted({float(round(t)) for t in found}), low, high)


def _written(ticks: Sequence[float]) -> list[str]:
    """Tick labels with as many digits as it takes to write each tick as it is."""
    step = min(np.diff(ticks), default=1.0)
    exact = [0.0 if abs(t) < 1e-9 * step else t for t in ticks]
    for digits in range(3, 12):
        texts = [number(t, digits) for t in exact]
        if all(abs(float(text) - t) < 1e-3 * step for text, t in zip(texts, exact, strict=True)):
            break
    return texts


# Parameters


@dataclass(frozen=True)
class Scale:
    """How a parameter lies along an axis: where its values are, and what each round searched of it.

    spans: for each round, and then for what its last verdict leads to, the pieces (low, high) of the axis: one for a
    range, one for each choice that is still in.
    """

    name: str
    low: float
    high: float
    log: bool
    choices: list[Any] | None
    spans: list[list[tuple[float, float]]]
    moved: str

    def positions(self, trials: pd.DataFrame, spread: float = ACROSS) -> Floats:
        """Where the values are; those of one choice apart from each other by multiples of `spread`."""
        if self.name not in trials:
            return np.full(len(trials), np.nan)
        column = trials[self.name]
        if self.choices is None:
            return np.asarray(column.to_numpy(dtype=float, na_value=np.nan), float)
        places = {choice: k for k, choice in enumerate(self.choices)}
        at = [places.get(None if pd.isna(v) else v, math.nan) for v in column.tolist()]
        return np.asarray(at, float) + 0.6 * (trials["number"].to_numpy(float) * spread % 1 - 0.5)

    def share(self, at: Floats) -> Floats:
        """Where positions lie between the ends of the axis, from 0 to 1; a 0 beside a log range at its foot."""
        low, high = self.low, self.high
        if self.log:
            above = np.where(at > 0, at, np.where(np.isnan(at), np.nan, low))
            at, low, high = np.log10(above), math.log10(low), math.log10(high)
        if high <= low:
            return np.where(np.isnan(at), np.nan, 0.5)
        return np.asarray(np.clip((at - low) / (high - low), 0.0, 1.0), float)

    def ticks(self, most: int) -> tuple[list[float], list[str]]:
        """At most about so many ticks, as positions, and how they are written."""
        if self.choices is not None:
            stride = math.ceil(len(self.choices) / (2 * most))
            at = list(map(float, range(0, len(self.choices), stride)))
            return at, [plain(choice, 12) for choice in self.choices[::stride]]
        if self.log:
            ticks = _log_ticks(self.low, self.high, most)
        else:
            whole = self.low == int(self.low) and self.high == int(self.high)
            found = MaxNLocator(most - 1, integer=whole and self.high - self.low >= 2).tick_values(
                self.low, self.high
            )
            ticks = _within(found, self.low, self.high) or [self.low]
        return ticks, _written(ticks)

    def apply(self, axes: Axes, which: Literal["x", "y"], most: int = 7, letters: int = 80) -> None:
        """Scale, limits and ticks: at most so many, and so many letters side by side."""
        axis = axes.xaxis if which == "x" else axes.yaxis
        if self.choices is not None:
            names = [plain(choice, 18) for choice in self.choices]
            stride = math.ceil(1.6 * len(names) / letters)
            turn: dict[str, Any] = {}
            if which == "x" and max(map(len, names)) * len(names) > letters:
                turn = {"rotation": 40, "ha": "right", "rotation_mode": "anchor", "fontsize": 7.5}
            axis.set_ticks(range(0, len(names), stride), labels=names[::stride], **turn)
            axes.set(**{f"{which}lim": (-0.6, len(names) - 0.4)})
            return
        low, high = self.low, self.high
        if self.log:
            margin = 10 ** (0.04 * (math.log10(high) - math.log10(low))) if high > low else 1.3
            limits = (low / margin, high * margin)
            axes.set(**{f"{which}scale": "log"})
            ticks = _log_ticks(low, high, most)
            axis.set_minor_locator(LogLocator(subs=range(2, 10) if high / low < 1e5 else ()))
            axis.set_minor_formatter(NullFormatter())
        else:
            margin = 0.04 * (high - low) or 0.05 * abs(low) or 0.5
            limits = (low - margin, high + margin)
            whole = low == int(low) and high == int(high) and high - low >= 2
            found = MaxNLocator(most - 1, integer=whole).tick_values(low, high)
            ticks = _within(found, *limits)
        axis.set_ticks(ticks, labels=_written(ticks))
        axes.set(**{f"{which}lim": limits})


def _log_ticks(low: float, high: float, most: int) -> list[float]:
    """Powers of ten; where there are too few, 1 and 3, or 1, 2 and 5 of each; else evenly spaced numbers."""
    powers = [10.0**e for e in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]
    for factors in ((1,), (1, 3), (1, 2, 5)):
        ticks = _within((factor * power for power in powers for factor in factors), low, high)
        if len(ticks) > 2:
            return ticks[:: -(-len(ticks) // most)]
    found = MaxNLocator(min(most, 4), steps=STEPS).tick_values(low, high)
    return _within(found, low, high) or [low]


def scale_of(name: str, trials: pd.DataFrame, rounds: pd.DataFrame) -> Scale:
    """How a parameter lies along an axis: by its rounds, or by its values where no round is known.

    Raises:
        ValueError: there is no parameter of that name.
    """
    rows = rounds[rounds["parameter"] == name]
    if rows.empty:
        return _of_values(name, trials)
    judged = rows.tail(1).dropna(subset=["action"])
    if isinstance(rows["choices"].iloc[0], list):
        lists = [*rows["choices"], *judged["next_choices"]]
        choices = list(dict.fromkeys(choice for chosen in lists for choice in chosen))
        places = [[choices.index(choice) for choice in chosen] for chosen in lists]
        spans = [[(k - 0.4, k + 0.4) for k in chosen] for chosen in places]
        moved = _moved(*(", ".join(map(str, lists[k])) for k in (0, -1)))
        if len(moved) > 38:
            moved = _moved(*(f"{len(lists[k])} choices" for k in (0, -1)))
        return Scale(name, -0.5, len(choices) - 0.5, False, choices, spans, plain(moved, 38))
    ends = [*zip(rows["low"], rows["high"], strict=True)]
    ends += zip(judged["next_low"], judged["next_high"], strict=True)
    low, high = min(e[0] for e in ends), max(e[1] for e in ends)
    moved = _moved(*(f"{number(ends[k][0])} … {number(ends[k][1])}" for k in (0, -1)))
    log = bool(rows["log"].iloc[0])
    return Scale(name, low, high, log, None, [[e] for e in ends], moved)


def _of_values(name: str, trials: pd.DataFrame) -> Scale:
    """A parameter that no round is known of, as in a study that Optuna made."""
    names = parameters(trials)
    if name not in names:
        raise ValueError(f"no parameter {name!r}: there is {', '.join(names) or 'none'}")
    column = trials[name].dropna()
    if isinstance(column.dtype, pd.CategoricalDtype):
        choices = list(column.cat.categories)
        return Scale(name, -0.5, len(choices) - 0.5, False, choices, [], "")
    values = column.to_numpy(float)
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    return Scale(name, low, high, _looks_log(values), None, [], "")


def _looks_log(values: Floats) -> bool:
    """Whether values spread over two decades or more have a median nearer to the middle of their logarithms than to
    their own: nothing else tells on what scale plain Optuna searched.
    """
    if not len(values) or values.min() <= 0 or values.max() < 100 * values.min():
        return False
    low, middle, high = np.quantile(values, [0.0, 0.5, 1.0])
    share = math.log(middle / low) / math.log(high / low)
    return bool(abs(share - 0.5) < abs((middle - low) / (high - low) - 0.5))


def _moved(first: str, last: str) -> str:
    return f"{first}  →  {last}" if first != last else f"{first}  (unchanged)"
