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
    stopped and resumed are cut out of the axis and listed in the title.

    Trials of a batch begin together, and those that were trained together end together. If there are more than `BARS`
    trials, each bar is for several in a row, from their first begin to their last end.
    """
    figure = Figure(figsize=(7.2, 3.8), layout="constrained")
    ran = spans(trials)
    if ran.empty:
        return saying(figure, "No trial has begun yet.")
    clock = times(ran, trials["started"].min())
    begin, end = (clock.running(ran[c].to_numpy(float)) for c in ("begin", "end"))
    number = ran["number"].to_numpy(float)
    rounds = ran["round"].to_numpy(float, na_value=np.nan)
    axes = figure.add_subplot()
    rows = -(-len(ran) // BARS)
    round_numbers = np.unique(rounds[np.isfinite(rounds)])
    colours = round_colours(len(round_numbers))
    span = max(clock.ran, 1e-9)
    handles: list[Any] = []
    for k, members in enumerate([*(rounds == n for n in round_numbers), np.isnan(rounds)]):
        if not members.any():
            continue
        colour = colours[k] if k < len(round_numbers) else GREY
        boxes = _boxes(begin[members], end[members], number[members], rows, 0.002 * span)
        axes.add_collection(PolyCollection(boxes, facecolors=[colour], edgecolors=[colour], lw=0.3))
    lost = np.flatnonzero(lost_trials(ran).to_numpy(bool))
    running = int((ran["state"] == "running").sum())
    if len(lost) and rows == 1:
        axes.plot(end[lost], number[lost], "x", color=INK, ms=3.5, mew=0.8, zorder=4)
    if len(lost):  # a bar of several trials has no mark: it would seem to be about all of them
        handles.append(
            key("x" if rows == 1 else "", f"failed or diverged ({len(lost):,})", color=INK)
        )
    if running:
        handles.append(key("", f"{running} not ended"))
    if rows > 1:
        handles.append(key("", f"a bar is {rows} trials in a row"))
    for k in (
        sorted({0, len(round_numbers) // 2, len(round_numbers) - 1}) if len(round_numbers) else ()
    ):
        handles.insert(0, Patch(color=colours[k], label=f"round {round_numbers[k]:.0f}"))
    handles[: min(3, len(round_numbers))] = handles[: min(3, len(round_numbers))][::-1]
    first, last = float(number.min()), float(number.max())
    margin = max(
        0.7, 0.02 * (last - first), 3 - (last - first) / 2
    )  # a single trial must not fill the axes
    axes.set_ylim(last + margin, first - margin)
    ticks = whole_ticks(first, last, 7)
    axes.set_yticks(ticks, labels=[f"{t:,.0f}" if last >= 1e4 else f"{t:.0f}" for t in ticks])
    axes.set_ylabel("trial")
    axes.set_xlim(-0.015 * span, 1.02 * span)
    _seconds(axes, clock)
    for after, _ in clock.pauses:
        axes.axvline(after, color=INK, lw=0.9, ls=(0, (3, 2)), zorder=3)
    axes.set_title(_title(clock), loc="left")
    legend(figure, handles)
    return figure


def _boxes(begin: Floats, end: Floats, number: Floats, rows: int, least: float) -> list[Floats]:
    """A rectangle for each `rows` trials in a row, at least `least` wide so that it can be seen."""
    boxes = []
    for i in range(0, len(number), rows):
        part = slice(i, i + rows)
        left, right = begin[part].min(), max(end[part].max(), begin[part].min() + least)
        top, bottom = number[part][0] - 0.42, number[part][-1] + 0.42
        boxes.append(np.array([(left, top), (right, top), (right, bottom), (left, bottom)]))
    return boxes


def _seconds(axes: Axes, clock: Times) -> None:
    """Ticks in the largest unit of which there are at least two."""
    size, unit = next(((s, u) for s, u in reversed(UNITS) if clock.ran >= 2 * s), UNITS[0])
    ticks = MaxNLocator(8, steps=[1, 2, 2.5, 5, 10]).tick_values(0, clock.ran / size)
    ticks = [t for t in ticks if 0 <= t * size <= clock.ran * 1.0001]
    axes.set_xticks([t * size for t in ticks], labels=[f"{t:g}" for t in ticks])
    without = ", without the pauses" if clock.pauses else ""
    axes.set_xlabel(f"{unit} since the first trial began{without}")


def _title(clock: Times) -> str:
    """When the first trial began, how long the trials took, and the pauses."""
    begun = f"begun {clock.origin:%Y-%m-%d %H:%M} UTC, ran {duration(clock.ran)}"
    pauses = [duration(long) for _, long in clock.pauses]
    if not pauses:
        return begun
    more = f" and {len(pauses) - 4} more" if len(pauses) > 4 else ""
    return f"{begun}, paused {', '.join(pauses[:4])}{more} (dashed)"
