"""Two parameters against each other, coloured by value, with the box that each round drew from."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.patches import Patch, Rectangle

from studies.analysis.dimensions import UP, Dimension, dimension, view_of
from studies.analysis.frames import in_order, lost_trials
from studies.analysis.goal import Goal
from studies.plots.look import (
    GREY,
    INK,
    STYLE,
    VALIDATION,
    Figure,
    legend,
    plain,
    quota,
    saying,
    thinned,
    thinned_note,
)
from studies.plots.scales import set_scale, value_ticks


@rc_context(STYLE)  # type: ignore[arg-type]
def scatter(
    trials: pd.DataFrame,
    x: str,
    y: str,
    *,
    goal: Goal,
    rounds: pd.DataFrame,
) -> Figure:
    """Two parameters against each other, coloured by value, with the box that each round drew from.

    Points of one choice are spread over its width, so that they do not hide each other. Trials in which one of the two
    does not apply are left out.

    Raises:
        ValueError: there is no parameter of that name.
    """
    across, up = dimension(x, trials, rounds), dimension(y, trials, rounds)
    all_trials, trials = trials, up.having(across.having(trials))
    figure = Figure(figsize=(7.2, 4.7), layout="constrained")
    if trials.empty and not all_trials.empty:
        return saying(figure, f"No trial has both {plain(x, 40)} and {plain(y, 40)}.")
    axes = figure.add_subplot()
    ordered = in_order(trials, goal.direction, states=("complete", "pruned"))[::-1]  # better on top
    lost = trials[lost_trials(trials)]
    handles: list[Any] = []
    count, lost_count = len(ordered) + len(lost), len(lost)
    ordered, lost = (
        thinned(part, goal.direction, quota(len(part), count)) for part in (ordered, lost)
    )
    if len(lost):
        handles += axes.plot(
            across.positions(lost), up.positions(lost, UP), "x", color=GREY, ms=4, mew=0.8,
            label=f"failed or diverged ({lost_count})", zorder=2,
        )  # fmt: skip
    if len(ordered):
        view = view_of(ordered["value"].to_numpy(float), goal.direction)
        # With many more colours the bar would be drawn as a bitmap, and the report has no images.
        colours = colormaps["viridis" if not goal.maximize else "viridis_r"].resampled(48)
        size = 34 if len(ordered) <= 200 else 16
        points = axes.scatter(
            across.positions(ordered), up.positions(ordered, UP), c=ordered["value"].to_numpy(float),
            cmap=colours, norm=Normalize(view.low, view.high), s=size, lw=0.4, edgecolors=GREY, zorder=3,
        )  # fmt: skip
        extend = ("max" if not goal.maximize else "min") if view.clipped else "neither"
        bar = figure.colorbar(points, ax=axes, extend=extend, pad=0.02, aspect=30)
        bar.outline.set_visible(False)
        value_ticks(bar.ax, view)
        bar.set_label(f"{goal.split} {plain(goal.metric, 24)}: dark is better".lstrip())
        top = ordered[ordered["state"] == "complete"].tail(1)
        if len(top):
            handles += axes.plot(
                across.positions(top), up.positions(top, UP), "o", mfc="none", mec=VALIDATION, mew=1.6, ms=10,
                label=f"best: trial {top['number'].iloc[0]}", zorder=4,
            )  # fmt: skip
    handles += _boxes(axes, across, up)
    handles += thinned_note(len(ordered) + len(lost), count)
    set_scale(across, axes, "x")
    set_scale(up, axes, "y")
    axes.set_xlabel(plain(x, 60))
    axes.set_ylabel(plain(y, 40))
    legend(figure, handles)
    return figure


def _boxes(axes: Axes, across: Dimension, up: Dimension) -> list[Patch]:
    """Draw the box of each round, the first dotted, the last solid; a box like the one before is left out."""
    boxes = list(zip(across.searched, up.searched, strict=True))
    changed = [k for k, box in enumerate(boxes) if k == 0 or box != boxes[k - 1]]
    handles: dict[str, Patch] = {}
    for k in changed:
        look: dict[str, Any] = {"label": "in between", "ls": "--", "lw": 0.8, "ec": GREY}
        if k == changed[-1]:
            look = {"label": "last range", "ls": "-", "lw": 1.4, "ec": INK}
        if k == 0:
            look = {"label": "first range", "ls": ":", "lw": 1.0, "ec": GREY}
        handles[look["label"]] = Patch(fill=False, **look)
        for left, right in boxes[k][0]:
            for bottom, top in boxes[k][1]:
                box = Rectangle((left, bottom), right - left, top - bottom, fill=False, **look)
                box.set_zorder(2.5 + k / len(boxes))  # the last above the trials
                axes.add_patch(box)
    return list(handles.values())
