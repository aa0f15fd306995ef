"""The learning curves of the best trials."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib import rc_context
from matplotlib.lines import Line2D

from studies.analysis.dimensions import view_of
from studies.analysis.frames import in_order
from studies.analysis.generalization import split_columns
from studies.analysis.goal import Goal
from studies.plots.look import STYLE, TRAINING, VALIDATION, Figure, key, legend, plain, saying
from studies.plots.scales import value_ticks, whole_ticks
from studies.words import number


@rc_context(STYLE)  # type: ignore[arg-type]
def curves(
    trials: pd.DataFrame,
    epochs: pd.DataFrame,
    *,
    goal: Goal,
    best: int = 20,
) -> Figure:
    """The learning curves of the best trials, in order of value (*Deep Learning from Scratch*, 6.5.2)."""
    first = in_order(trials, goal.direction).head(best)
    lines = curve_columns(epochs, goal.metric)
    columns = max(1, min(5, len(first)))
    rows = max(1, -(-len(first) // columns))
    figure = Figure(figsize=(max(4.0, 1.92 * columns), 1.62 * rows + 0.75), layout="constrained")
    if first.empty or not lines:
        return saying(figure, "No trial has a learning curve yet.")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    by_trial = dict(iter(epochs.groupby("trial")))
    shown = epochs[epochs["trial"].isin(first["number"])]
    best_first = zip(grid, first["number"], first["value"], strict=False)
    for rank, (panel, trial, value) in enumerate(best_first, start=1):
        curve = by_trial.get(trial, epochs.head(0))
        for label, (column, look) in lines.items():
            few = {"marker": ".", "ms": 4} if len(curve) <= 3 else {}
            x, y = curve["epoch"].to_numpy(float), curve[column].to_numpy(float)
            panel.plot(x, y, label=label, lw=1.2, **look, **few)
        panel.set_title(f"Best-{rank}  trial {trial}  {number(value, 4)}", fontsize=7.2)
        panel.tick_params(labelsize=7)
        panel.grid(axis="y", color="#eeeeee", lw=0.7)
    for spare, panel in enumerate(grid[len(first) :], start=len(first)):
        panel.remove()
        grid[spare - columns].xaxis.set_tick_params(labelbottom=True)
    for panel in grid[max(0, len(first) - columns) : len(first)]:
        panel.set_xlabel("epoch", fontsize=7)
    view = view_of(shown[[c for c, _ in lines.values()]].to_numpy(float).ravel(), goal.direction)
    value_ticks(grid[0], view, most=5)
    last = max(1, int(shown["epoch"].max())) if len(shown) else 1
    ticks = whole_ticks(1, last, 4)
    grid[0].set_xticks(ticks, labels=[f"{t:.0f}" for t in ticks])
    grid[0].set_xlim(1 - 0.04 * last, last + 0.04 * last)
    figure.supylabel(plain(goal.metric, 24), fontsize=8.5)
    handles = [Line2D([], [], lw=1.2, label=label, **look) for label, (_, look) in lines.items()]
    if view.clipped:
        handles.append(key("", "worse values are cut off"))
    legend(figure, handles)
    return figure


def has_curves(epochs: pd.DataFrame, metric: str) -> bool:
    """Whether there is a curve of this metric."""
    return bool(len(epochs) and curve_columns(epochs, metric))


def curve_columns(epochs: pd.DataFrame, metric: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """The curves to draw: label -> column and look. A user's own trainer may report the metric without a split."""
    both = split_columns(epochs, metric)
    if both is not None:
        validation, train = both
        return {
            "validation": (validation, {"color": VALIDATION, "ls": "-"}),
            "training": (train, {"color": TRAINING, "ls": "--"}),
        }
    known = {
        "validation": (f"validation_{metric}", {"color": VALIDATION, "ls": "-"}),
        "training": (f"train_{metric}", {"color": TRAINING, "ls": "--"}),
        plain(metric, 24): (metric, {"color": VALIDATION, "ls": "-"}),
    }
    present = [(label, look) for label, look in known.items() if look[0] in epochs]
    return dict(present[:2])
