"""Axes: their scales and limits, and ticks that a person would choose."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from studies.analysis.dimensions import Dimension, View
from studies.plots.look import plain
from studies.words import number

STEPS = [1, 2, 2.5, 5, 10]  # between ticks


# Values


def value_ticks(axes: Axes, view: View, most: int = 6, which: Literal["x", "y"] = "y") -> None:
    """Give an axis the limits of a view, and ticks of few digits within them."""
    ticks, labels = value_tick_labels(view, most)
    (axes.xaxis if which == "x" else axes.yaxis).set_ticks(ticks, labels=labels)
    axes.set(**{f"{which}lim": (view.low, view.high)})


def value_tick_labels(view: View, most: int = 6) -> tuple[list[float], list[str]]:
    """Ticks of few digits within a view, and their labels."""
    ticks = MaxNLocator(most, steps=STEPS).tick_values(view.low, view.high)
    ticks = _within(ticks, view.low, view.high)
    return ticks, _labels(ticks)


def _within(ticks: Iterable[float], low: float, high: float) -> list[float]:
    slack = 1e-9 * (high - low)
    return [float(t) for t in ticks if low - slack <= t <= high + slack]


def whole_ticks(low: float, high: float, most: int) -> list[float]:
    """About `most` whole numbers from low to high, or fewer."""
    ticks = MaxNLocator(most, integer=True, steps=STEPS).tick_values(low, high)
    return _within(sorted({float(round(t)) for t in ticks}), low, high)


def _labels(ticks: Sequence[float]) -> list[str]:
    """Labels with as many digits as it takes to write each tick exactly."""
    step = min(np.diff(ticks), default=1.0)
    exact = [0.0 if abs(t) < 1e-9 * step else t for t in ticks]
    for digits in range(3, 12):
        texts = [number(t, digits) for t in exact]
        if all(abs(float(text) - t) < 1e-3 * step for text, t in zip(texts, exact, strict=True)):
            break
    return texts


# Parameters


def parameter_ticks(dimension: Dimension, most: int) -> tuple[list[float], list[str]]:
    """About `most` ticks of a parameter, or fewer, as positions, and their labels."""
    low, high = dimension.low, dimension.high
    if dimension.choices is not None:
        stride = math.ceil(len(dimension.choices) / (2 * most))
        at = list(map(float, range(0, len(dimension.choices), stride)))
        return at, [plain(choice, 12) for choice in dimension.choices[::stride]]
    if dimension.log:
        ticks = _log_ticks(low, high, most)
    else:
        ticks = _within(_linear_ticks(low, high, most), low, high) or [low]
    return ticks, _labels(ticks)


def set_scale(
    dimension: Dimension, axes: Axes, which: Literal["x", "y"], most: int = 7, letters: int = 80
) -> None:
    """Give an axis the scale, limits and ticks of a parameter: about `most` ticks, with labels of at most so many
    `letters` side by side.
    """
    axis = axes.xaxis if which == "x" else axes.yaxis
    if dimension.choices is not None:
        names = [plain(choice, 18) for choice in dimension.choices]
        stride = math.ceil(1.6 * len(names) / letters)
        turn: dict[str, Any] = {}
        if which == "x" and max(map(len, names)) * len(names) > letters:
            turn = {"rotation": 40, "ha": "right", "rotation_mode": "anchor", "fontsize": 7.5}
        axis.set_ticks(range(0, len(names), stride), labels=names[::stride], **turn)
        axes.set(**{f"{which}lim": (-0.6, len(names) - 0.4)})
        return
    low, high = dimension.low, dimension.high
    if dimension.log:
        margin = 10 ** (0.04 * (math.log10(high) - math.log10(low))) if high > low else 1.3
        limits = (low / margin, high * margin)
        axes.set(**{f"{which}scale": "log"})
        ticks = _log_ticks(low, high, most)
        axis.set_minor_locator(LogLocator(subs=range(2, 10) if high / low < 1e5 else ()))
        axis.set_minor_formatter(NullFormatter())
    else:
        margin = 0.04 * (high - low) or 0.05 * abs(low) or 0.5
        limits = (low - margin, high + margin)
        ticks = _within(_linear_ticks(low, high, most), *limits)
    axis.set_ticks(ticks, labels=_labels(ticks))
    axes.set(**{f"{which}lim": limits})


def _linear_ticks(low: float, high: float, most: int) -> Sequence[float]:
    whole = low == int(low) and high == int(high) and high - low >= 2
    return MaxNLocator(most - 1, integer=whole).tick_values(low, high)


def _log_ticks(low: float, high: float, most: int) -> list[float]:
    """Powers of ten; if these are too few, 1 and 3, or 1, 2 and 5 times each; else evenly spaced numbers."""
    powers = [10.0**e for e in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]
    for factors in ((1,), (1, 3), (1, 2, 5)):
        ticks = _within((factor * power for power in powers for factor in factors), low, high)
        if len(ticks) > 2:
            return ticks[:: -(-len(ticks) // most)]
    return _within(MaxNLocator(min(most, 4), steps=STEPS).tick_values(low, high), low, high) or [
        low
    ]
