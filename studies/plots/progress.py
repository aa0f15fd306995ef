"""How the search went on: the value of each trial, the best so far, and what confirmation says of it."""

from __future__ import annotations

import math

import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from studies.frames import Direction, scored
from studies.plots.look import GREY, INK, PALE, STYLE, legend
from studies.plots.values import values
from studies.scales import whole_ticks


@rc_context(STYLE)  # type: ignore[arg-type]  # plain names of settings
def history(
    trials: pd.DataFrame, *, metric: str, direction: Direction, rows: str = "validation"
) -> Figure:
    """The value of each trial by its number, round by round, and the best so far as a line.

    Here and below, `rows` are those that the metric is measured on, as the axis names them; empty where that is the
    affair of the trainer.
    """
    figure = Figure(figsize=(7.2, 3.5), layout="constrained")
    x = trials["number"].to_numpy(float)
    axes, strip, handles = values(figure, trials, x, metric, direction, rows)
    complete = trials[scored(trials) & (trials["state"] == "complete")].sort_values("number")
    if len(complete):
        best = complete["value"].cummax() if direction == "maximize" else complete["value"].cummin()
        steps = [*complete["number"].astype(float), float(x.max())]
        reached = [*best, best.iloc[-1]]
        handles[:0] = axes.plot(
            steps, reached, drawstyle="steps-post", color=INK, lw=1.3, label="best so far", zorder=3
        )
    margin = max(0.5, 0.015 * len(x))
    axes.set_xlim(min(x, default=0.0) - margin, max(x, default=1.0) + margin)
    ticks = whole_ticks(min(x, default=0.0), max(x, default=1.0), 8)
    (strip or axes).set_xticks(ticks, labels=[f"{t:.0f}" for t in ticks])
    (strip or axes).set_xlabel("trial")
    name_rounds(axes, trials)
    legend(figure, handles)
    return figure


def name_rounds(axes: Axes, trials: pd.DataFrame) -> None:
    """A line between rounds and their names along the top, where there is room for them."""
    left, right = axes.get_xlim()
    taken = -math.inf
    for n, members in trials.dropna(subset=["round"]).groupby("round", sort=True)["number"]:
        start, stop = float(members.min()), float(members.max())
        if start > left + 1:
            axes.axvline(start - 0.5, color=PALE, lw=0.8, zorder=0)
        at = ((start + stop) / 2 - left) / (right - left)
        for text, width in ((f"round {n}", 0.09), (f"{n}", 0.025 + 0.01 * len(f"{n}"))):
            room = (stop - start + 1) / (right - left) > width or not taken > -math.inf
            if room and at - width / 2 > taken:
                axes.text(at, 1.02, text, transform=axes.transAxes, ha="center", color=GREY)
                taken = at + width / 2
                break
