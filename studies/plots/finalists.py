"""The settings that were trained again, with their intervals, and which of them are tied."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from studies.analysis.dimensions import view_of
from studies.analysis.goal import Goal
from studies.plots.look import (
    CONFIRMED,
    GREY,
    INK,
    STYLE,
    TIED,
    Figure,
    key,
    legend,
    plain,
    saying,
)
from studies.plots.scales import value_ticks

ROWS = 20  # more would make a table, not a figure


@rc_context(STYLE)  # type: ignore[arg-type]
def finalists(confirmed: pd.DataFrame, *, goal: Goal) -> Figure:
    """The settings that were trained again, best first: mean on equal stages, 95 % interval, each training, and the
    value in the search, which is too good because it chose them. The first is filled, and so are all that are tied with
    it. Those that were not trained often enough to tell are drawn as squares.
    """
    shown = confirmed.head(ROWS)
    figure = Figure(figsize=(7.2, max(1.6, 1.1 + 0.3 * len(shown))), layout="constrained")
    if confirmed.empty:
        return saying(figure, "No settings were trained again: nothing is confirmed.")
    axes = figure.add_subplot()
    trainings = [[v for v in row if v is not None and math.isfinite(v)] for row in shown["values"]]
    handles: dict[str, Any] = {}
    for y, (row, own) in enumerate(zip(shown.to_dict("records"), trainings, strict=True)):
        handles |= _interval(axes, y, row, first=y == 0)
        axes.plot(own, [y + 0.2] * len(own), "|", color=GREY, ms=5, mew=0.9, zorder=2)
        axes.plot([row["value"]], [y], "x", color=INK, ms=4.5, mew=1.1, zorder=4)
    everything = [v for own in trainings for v in own] + [
        float(v) for column in ("value", "mean", "low", "high") for v in shown[column]
    ]
    view = view_of(np.array(everything, float), goal.direction)
    value_ticks(axes, view, which="x")
    labels = [f"trial {n}" for n in shown["trial"]]
    axes.set_yticks(range(len(labels)), labels=labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    for y, row in enumerate(shown.to_dict("records")):
        word = _verdict(row, first=y == 0)
        bold = "bold" if y == 0 and word == "best" else "normal"
        axes.text(
            1.02, y, word, va="center", fontsize=7.5, weight=bold,
            color=INK if word in ("best", "tied") else GREY, transform=axes.get_yaxis_transform(),
        )  # fmt: skip
    axes.set_xlabel(f"{goal.split} {plain(goal.metric, 40)}".strip())
    axes.grid(axis="x", color="#eeeeee", lw=0.7)
    more = [key("|", "one training", color=GREY), key("x", "in the search", color=INK)]
    if np.isfinite(shown[["low", "high"]].to_numpy(float)).any():
        more.insert(0, Line2D([], [], color=GREY, lw=2, label="95 % interval"))
    if len(confirmed) > len(shown):
        more.append(key("", f"{len(confirmed) - len(shown)} later ones not drawn"))
    legend(figure, [*handles.values(), *more])
    return figure


def _verdict(row: dict[Any, Any], *, first: bool) -> str:
    if not math.isfinite(row["mean"]):
        return "failed"
    if first:
        return "best"
    if pd.isna(row["tied"]):
        return "too few"
    return "tied" if row["tied"] else "worse"


def _interval(axes: Axes, y: int, row: dict[Any, Any], *, first: bool) -> dict[str, Line2D]:
    """Draw the mean and the interval of one finalist; returns the legend's entry for its kind."""
    word = _verdict(row, first=first)
    if word == "failed":
        return {}
    colour, shape, fill = {
        "best": (CONFIRMED, "D", CONFIRMED),
        "tied": (TIED, "o", TIED),
        "worse": (GREY, "o", "white"),
        "too few": (GREY, "s", "white"),
    }[word]
    if math.isfinite(row["low"]) and math.isfinite(row["high"]):
        axes.plot([row["low"], row["high"]], [y, y], color=colour, lw=2, zorder=1)
    axes.plot([row["mean"]], [y], shape, color=colour, mfc=fill, ms=6, zorder=3)
    label = {
        "best": "best mean", "tied": "tied with it", "worse": "worse", "too few": "too few trainings to tell"
    }[word]  # fmt: skip
    return {word: key(shape, label, color=colour, mfc=fill)}
