"""Parallel coordinates: an axis for each parameter and one for the value, a line for each trial."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from studies.analysis.dimensions import dimension, view_of
from studies.analysis.frames import in_order
from studies.analysis.goal import Goal
from studies.plots.look import (
    INK,
    STYLE,
    VALIDATION,
    Figure,
    key,
    legend,
    plain,
    saying,
    thinned,
    thinned_note,
)
from studies.plots.scales import parameter_ticks, value_tick_labels
from studies.words import number

LINES = 160  # more hide each other
AXES = 12


@rc_context(STYLE)  # type: ignore[arg-type]
def parallel(
    trials: pd.DataFrame,
    names: list[str],
    *,
    goal: Goal,
    rounds: pd.DataFrame,
) -> Figure:
    """What the settings of good trials have in common: a line for each trial through its settings to its value.

    Only the first `AXES` of `names` are drawn. Dark is better and on top; lines of one choice lie side by side.

    Raises:
        ValueError: there is no parameter of one of these names.
    """
    dimensions = [dimension(name, trials, rounds) for name in names[:AXES]]
    figure = Figure(
        figsize=(max(5.6, min(9.6, 2.0 + 1.1 * len(dimensions))), 4.0), layout="constrained"
    )
    ordered = in_order(trials, goal.direction, states=("complete", "pruned"))
    if ordered.empty or not dimensions:
        return saying(
            figure, "No trial has a value yet." if dimensions else "There are no parameters."
        )
    shown = thinned(ordered, goal.direction, LINES)[::-1]  # better on top
    axes = figure.add_subplot()
    view = view_of(ordered["value"].to_numpy(float), goal.direction)
    value = np.clip(shown["value"].to_numpy(float), view.low, view.high)
    better = (value - view.low) / (view.high - view.low)
    if not goal.maximize:
        better = 1 - better
    ways = np.stack([*(s.share(s.positions(shown)) for s in dimensions), better], axis=1)
    x = np.arange(ways.shape[1])
    colours = colormaps["viridis_r"](0.1 + 0.9 * better)
    segments = [np.column_stack([x, way])[np.isfinite(way)] for way in ways]
    handles: list[Any] = []
    lines = LineCollection(segments, colors=colours, lw=0.9 if len(shown) > 60 else 1.2, alpha=0.75)
    axes.add_collection(lines)
    complete = (shown["state"] == "complete").to_numpy(bool)
    if complete.any():
        k = int(np.flatnonzero(complete)[-1])
        handles += axes.plot(
            x, ways[k], "o-", color=VALIDATION, mec="white", mew=0.6, lw=2.2, ms=5, zorder=4,
            label=f"best: trial {shown['number'].iloc[k]}",
        )  # fmt: skip
    for k, one in enumerate(dimensions):
        at, labels = parameter_ticks(one, 6 if len(dimensions) <= 6 else 4)
        _axis(axes, k, one.share(np.array(at, float)).tolist(), labels, left=k == 0)
    ticks, labels = value_tick_labels(view)
    places = (np.array(ticks) - view.low) / (view.high - view.low)
    if not goal.maximize:
        places = 1 - places
    _axis(axes, len(dimensions), places.tolist(), labels, left=False)
    titles = [
        *(plain(s.name, 22) for s in dimensions),
        f"{goal.split} {plain(goal.metric, 22)}".strip(),
    ]
    turned: dict[str, Any] = {}
    if 0.075 * max(map(len, titles)) * (len(titles) + 0.5) > figure.get_figwidth():
        turned = {"rotation": 28, "ha": "left", "rotation_mode": "anchor"}
    axes.xaxis.tick_top()
    axes.set_xticks(x, labels=titles, **turned)
    axes.tick_params(axis="x", length=0)
    axes.set_yticks([])
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.set_xlim(-0.25, len(dimensions) + 0.5)
    axes.set_ylim(-0.04, 1.04)
    if view.clipped:
        worse = "below" if goal.maximize else "above"
        edge = view.low if goal.maximize else view.high
        handles.append(key("", f"{worse} {number(edge, 4)}, drawn at the edge"))
    handles += thinned_note(len(shown), len(ordered))
    if len(names) > AXES:
        handles.append(key("", f"{AXES} of {len(names)} parameters drawn"))
    legend(figure, [*handles, key("", "dark is better, and on top at the right")])
    return figure


def _axis(axes: Axes, x: float, at: list[float], labels: list[str], *, left: bool) -> None:
    """Draw one of the axes: a line, ticks, and their labels on a ground that hides the lines behind."""
    axes.plot([x, x], [0, 1], color=INK, lw=0.8, zorder=3)
    axes.plot([x] * len(at), at, "_", color=INK, ms=5, mew=0.8, zorder=3)
    for y, label in zip(at, labels, strict=True):
        axes.annotate(
            label, (x, y), (-5 if left else 5, 0), textcoords="offset points", va="center",
            ha="right" if left else "left", fontsize=7, color=INK, zorder=5,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.6},
        )  # fmt: skip
