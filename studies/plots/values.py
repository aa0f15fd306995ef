"""The values of trials along any x: round by round, far worse ones at the edge, failed trials in a strip below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from studies.analysis.dimensions import View, view_of
from studies.analysis.frames import Floats, lost_trials, scored
from studies.analysis.goal import Goal
from studies.plots.look import (
    GREY,
    MARKERS,
    Figure,
    key,
    plain,
    round_colours,
    thinned,
    thinned_note,
)
from studies.plots.scales import value_ticks
from studies.words import number


def values(
    figure: Figure,
    trials: pd.DataFrame,
    x: Floats,
    goal: Goal,
    room: Sequence[float] = (),
) -> tuple[Axes, Axes | None, list[Any]]:
    """Draw values above and, if trials have none, a strip for these below.

    Returns the axes of both, and the entries of a legend. `room` are further values that must fit.
    """
    view = _with_room(
        view_of(trials.loc[scored(trials), "value"].to_numpy(float), goal.direction), room
    )
    round_numbers = np.unique(trials["round"].dropna().to_numpy(float))
    count, lost_count = len(trials), int(lost_trials(trials).sum())
    kept = trials.index.isin(thinned(trials, goal.direction).index)
    trials, x = trials[kept], x[kept]
    valued, lost = scored(trials).to_numpy(bool), lost_trials(trials).to_numpy(bool)
    handles: list[Any] = []
    strip = None
    if lost.any():
        grid = figure.add_gridspec(2, 1, height_ratios=[11, 1], hspace=0.0)
        axes = figure.add_subplot(grid[0])
        strip = figure.add_subplot(grid[1], sharex=axes)
        handles += strip.plot(
            x[lost], np.zeros(lost.sum()), "x", color=GREY, ms=4, mew=0.9, clip_on=False,
            label=f"failed or diverged ({lost_count})",
        )  # fmt: skip
        strip.set_yticks([0], labels=["failed"])
        strip.set_ylim(-1, 1)
        strip.tick_params(axis="y", length=0)
        strip.spines["left"].set_visible(False)
        axes.tick_params(axis="x", which="both", length=0, labelbottom=False)
        axes.spines["bottom"].set_visible(False)
    else:
        axes = figure.add_subplot()
    y = trials["value"].to_numpy(float)
    edge = view.low if goal.maximize else view.high
    beyond = valued & ((y < view.low) | (y > view.high)) & view.clipped
    pruned = (trials["state"] == "pruned").to_numpy(bool)
    of_round = trials["round"].to_numpy(float, na_value=np.nan)
    colours = round_colours(len(round_numbers))
    groups = [(of_round == n, colours[k], MARKERS[k % len(MARKERS)], f"round {n:.0f}")
              for k, n in enumerate(round_numbers)] + [(np.isnan(of_round), GREY, "o", "no round")]  # fmt: skip
    size = 4.0 if valued.sum() <= 300 else 2.6
    arrow = "v" if goal.maximize else "^"
    for members, colour, marker, label in groups:
        for chosen, shape, fill in (
            (members & valued & ~beyond & ~pruned, marker, colour),
            (members & valued & ~beyond & pruned, marker, "none"),
            (members & beyond, arrow, "none"),
        ):
            if chosen.any():  # an empty line that is not clipped would upset the layout
                at = np.where(beyond, edge, y)[chosen]
                axes.plot(
                    x[chosen], at, shape, color=colour, mfc=fill, mew=0.8, ms=size, label=label,
                    clip_on=False,
                )  # fmt: skip
    if (valued & pruned).any():
        handles.append(key("o", "pruned", mfc="none"))
    if beyond.any():
        worse = "below" if goal.maximize else "above"
        text = f"{worse} {number(edge, 4)}, drawn at the edge ({beyond.sum()})"
        handles.append(key(arrow, text, mfc="none"))
    handles += thinned_note(len(trials), count)
    if valued.any():
        value_ticks(axes, view)
    else:
        axes.set_yticks([])
        axes.text(0.5, 0.5, "No trial has a value yet.", transform=axes.transAxes, ha="center")
    axes.set_ylabel(
        f"{goal.split}{' ' if len(goal.metric) <= 16 else chr(10)}{plain(goal.metric, 28)}".strip()
    )
    axes.grid(axis="y", color="#eeeeee", lw=0.7)
    return axes, strip, handles


def _with_room(view: View, room: Sequence[float]) -> View:
    """The view, widened for these values: but at most by its own width at each end."""
    reach = view.high - view.low
    low = max([view.low - reach, min([view.low, *(v - 0.03 * reach for v in room)])])
    high = min([view.high + reach, max([view.high, *(v + 0.03 * reach for v in room)])])
    return View(low, high, view.clipped)
