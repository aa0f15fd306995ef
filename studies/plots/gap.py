"""The generalization gap: the best trial's training metric against its validation metric."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.lines import Line2D

from studies.analysis.dimensions import View, view_of
from studies.analysis.frames import Floats
from studies.analysis.generalization import best_with_curves, generalization, split_columns
from studies.analysis.goal import Goal
from studies.plots.look import (
    GREY,
    INK,
    PALE,
    STYLE,
    TRAINING,
    VALIDATION,
    Figure,
    legend,
    plain,
    plain_lines,
    saying,
)
from studies.plots.scales import value_ticks, whole_ticks

FAINT = 4  # curves beside the best one's


@rc_context(STYLE)  # type: ignore[arg-type]
def gap(trials: pd.DataFrame, epochs: pd.DataFrame, *, goal: Goal) -> Figure:
    """The best trial's training and validation metric and, below, by how much training is better, epoch by epoch; the
    next best trials faintly; and the sentence of `studies.analysis.generalization`.
    """
    curves = best_with_curves(trials, epochs, goal=goal, most=1 + FAINT)
    learned = generalization(trials, epochs, goal=goal)
    figure = Figure(figsize=(7.2, 4.1 if curves else 1.6), layout="constrained")
    if not curves or learned is None:
        has = epochs.empty or split_columns(epochs, goal.metric) is not None
        why = "No complete trial has a learning curve yet."
        if not has:
            why = "There are no curves of the metric on both training and validation rows."
        return saying(figure, why)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    first, others = curves[0], curves[1:]
    few = {"marker": ".", "ms": 5} if len(first) <= 3 else {}
    for column, (colour, style) in {
        "validation": (VALIDATION, "-"),
        "train": (TRAINING, "--"),
    }.items():
        for curve in others:
            upper.plot(curve["epoch"], curve[column], color=colour, ls=style, lw=0.7, alpha=0.3)
        upper.plot(first["epoch"], first[column], color=colour, ls=style, lw=1.6, **few)
    for curve in others:
        lower.plot(curve["epoch"], curve["gap"], color=GREY, lw=0.7, alpha=0.45)
    lower.plot(first["epoch"], first["gap"], color=INK, lw=1.6, **few)
    lower.axhline(0, color=GREY, lw=0.8, ls=":")
    for axes in (upper, lower):
        axes.axvline(learned.best_epoch, color=PALE, lw=1.0, zorder=0)
        axes.grid(axis="y", color="#eeeeee", lw=0.7)
    shown = pd.concat(curves)
    both = shown[["validation", "train"]].to_numpy(float).ravel()
    value_ticks(upper, view_of(both, goal.direction), most=6)
    value_ticks(lower, _both_ends(shown["gap"].to_numpy(float)), most=5)
    last = float(shown["epoch"].max())
    ticks = whole_ticks(1, last, 8)
    lower.set_xticks(ticks, labels=[f"{t:.0f}" for t in ticks])
    lower.set_xlim(1 - 0.03 * last, last + 0.03 * last)
    lower.set_xlabel("epoch")
    upper.set_ylabel(plain(goal.metric, 24))
    lower.set_ylabel("training\nbetter by")
    figure.suptitle(plain_lines(learned.sentence), x=0.01, ha="left", fontsize=8.5)
    handles = [
        Line2D([], [], color=VALIDATION, lw=1.6, label=f"validation, trial {learned.trial}"),
        Line2D([], [], color=TRAINING, ls="--", lw=1.6, label="training"),
        Line2D(
            [], [], color=PALE, lw=1.0, label=f"validation is best (epoch {learned.best_epoch})"
        ),
    ]
    if others:
        handles.append(Line2D([], [], color=GREY, lw=0.7, label=f"the next {len(others)}"))
    legend(figure, handles)
    return figure


def _both_ends(gaps: Floats) -> View:
    """All gaps and 0; if a few are far off, as at a bad beginning, only what most of them span."""
    low, high = min(0.0, float(gaps.min())), max(0.0, float(gaps.max()))
    least, most = (float(end) for end in np.quantile([0.0, *gaps], [0.05, 0.95]))
    if high - low > 4 * (most - least) > 0:
        low, high = least, most
    pad = 0.08 * (high - low) or 0.05
    return View(low - pad, high + pad, clipped=False)
