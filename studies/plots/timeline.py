"""When each trial ran."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from studies.analysis.frames import Floats, lost_trials
from studies.analysis.sessions import Times, spans, times
from studies.plots.look import GREY, INK, STYLE, Figure, key, legend, round_colours, saying
from studies.plots.scales import whole_ticks
from studies.words import duration

BARS = 400  # more are thinner than a line
UNITS = ((1.0, "seconds"), (60.0, "minutes"), (3600.0, "hours"), (86400.0, "days"))


@rc_context(STYLE)  # type: ignore[arg-type]
def timeline(trials: pd.DataFrame) -> Figure:
    """When each trial ran, from left to right, by its number from top to bottom; the pauses of a search that was
    stopped and resumed are cut out of the axis and told.

    Trials of a batch begin together, and those that were trained together end together. Of more than `BARS` trials, a
    bar is for several in a row, from the first begin of those to the last end.
    """
    figure = Figure(figsize=(7.2, 3.8), layout="constrained")
    found = spans(trials)
    if found.empty:
        return saying(figure, "No trial has begun yet.")
    clock = times(found, trials["started"].min())
    begin, end = (clock.running(found[c].to_numpy(float)) for c in ("begin", "end"))
    number = found["number"].to_numpy(float)
    rounds = found["round"].to_numpy(float, na_value=np.nan)
    axes = figure.add_subplot()
    rows = -(-len(found) // BARS)
    numbers = np.unique(rounds[np.isfinite(rounds)])
    colours = round_colours(len(numbers))
    span = max(clock.ran, 1e-9)
    handles: list[Any] = []
    for k, members in enumerate([*(rounds == n for n in numbers), np.isnan(rounds)]):
        if not members.any():
            continue
        colour = colours[k] if k < len(numbers) else GREY
        boxes = _boxes(begin[members], end[members], number[members], rows, 0.002 * span)
        axes.add_collection(PolyCollection(boxes, facecolors=[colour], edgecolors=[colour], lw=0.3))
    lost = np.flatnonzero(lost_trials(found).to_numpy(bool))
    running = int((found["state"] == "running").sum())
    if len(lost) and rows == 1:
        axes.plot(end[lost], number[lost], "x", color=INK, ms=3.5, mew=0.8, zorder=4)
    if len(lost):  # on bars of several trials a mark would say too much
        handles.append(
            key("x" if rows == 1 else "", f"failed or diverged ({len(lost):,})", color=INK)
        )
    if running:
        handles.append(key("", f"{running} not ended"))
    if rows > 1:
        handles.append(key("", f"a bar is {rows} trials in a row"))
    for k in sorted({0, len(numbers) // 2, len(numbers) - 1}) if len(numbers) else ():
        handles.insert(0, Patch(color=colours[k], label=f"round {numbers[k]:.0f}"))
    handles[: min(3, len(numbers))] = handles[: min(3, len(numbers))][::-1]
    first, last = float(number.min()), float(number.max())
    margin = max(0.7, 0.02 * (last - first), 3 - (last - first) / 2)  # one trial is no wall
    axes.set_ylim(last + margin, first - margin)
    ticks = whole_ticks(first, last, 7)
    axes.set_yticks(ticks, labels=[f"{t:,.0f}" if last >= 1e4 else f"{t:.0f}" for t in ticks])
    axes.set_ylabel("trial")
    axes.set_xlim(-0.015 * span, 1.02 * span)
    _seconds(axes, clock)
    for after, _ in clock.pauses:
        axes.axvline(after, color=INK, lw=0.9, ls=(0, (3, 2)), zorder=3)
    axes.set_title(_told(clock), loc="left")
    legend(figure, handles)
    return figure


def _boxes(begin: Floats, end: Floats, number: Floats, rows: int, least: float) -> list[Floats]:
    """A rectangle for each so many trials in a row, at least so wide that it can be seen."""
    made = []
    for i in range(0, len(number), rows):
        part = slice(i, i + rows)
        left, right = begin[part].min(), max(end[part].max(), begin[part].min() + least)
        top, bottom = number[part][0] - 0.42, number[part][-1] + 0.42
        made.append(np.array([(left, top), (right, top), (right, bottom), (left, bottom)]))
    return made


def _seconds(axes: Axes, clock: Times) -> None:
    """Ticks in the unit that a person would take."""
    size, unit = next(((s, u) for s, u in reversed(UNITS) if clock.ran >= 2 * s), UNITS[0])
    found = MaxNLocator(8, steps=[1, 2, 2.5, 5, 10]).tick_values(0, clock.ran / size)
    ticks = [t for t in found if 0 <= t * size <= clock.ran * 1.0001]
    axes.set_xticks([t * size for t in ticks], labels=[f"{t:g}" for t in ticks])
    without = ", without the pauses" if clock.pauses else ""
    axes.set_xlabel(f"{unit} since the first trial began{without}")


def _told(clock: Times) -> str:
    """When the first trial began, how long all took, and the pauses."""
    begun = f"begun {clock.origin:%Y-%m-%d %H:%M} UTC, ran {duration(clock.ran)}"
    pauses = [duration(long) for _, long in clock.pauses]
    if not pauses:
        return begun
    told = ", ".join(pauses[:4]) + (f" and {len(pauses) - 4} more" if len(pauses) > 4 else "")
    return f"{begun}, paused {told} (dashed)"
