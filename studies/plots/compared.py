"""Several studies of one metric on one axis: the best so far, and the curves of their best trials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from studies.analysis.dimensions import view_of
from studies.analysis.frames import Floats, in_order, scored
from studies.analysis.goal import Goal
from studies.plots.curves import curve_columns
from studies.plots.look import STYLE, Figure, key, legend, plain, saying
from studies.plots.scales import value_ticks, whole_ticks

LOOKS: tuple[dict[str, Any], ...] = (
    {"color": "#0072b2", "ls": "-"},
    {"color": "#d55e00", "ls": "--"},
    {"color": "#009e73", "ls": "-."},
    {"color": "#222222", "ls": ":"},
)
"""Studies differ in line as well as in colour, so that the figure can be printed in grey."""


class OfStudy(NamedTuple):
    """A study in a comparison: its name, its trials frame and its epochs frame."""

    name: str
    trials: pd.DataFrame
    epochs: pd.DataFrame


@rc_context(STYLE)  # type: ignore[arg-type]
def compared(studies: Sequence[OfStudy], *, goal: Goal) -> Figure:
    """At most four studies that have this goal: on the left the best value after each trial, on the right the curve of
    each one's best trial, both on one axis of values.

    Raises:
        ValueError: there are more studies than that.
    """
    if len(studies) > len(LOOKS):
        raise ValueError(f"{len(studies)} studies are more than the {len(LOOKS)} that fit")
    bests = [_best_so_far(study.trials, goal) for study in studies]
    curves = [_best_curve(study, goal) for study in studies]
    any_value = any(len(y) for _, y in bests)
    figure = Figure(figsize=(7.2, 3.4 if any_value else 1.6), layout="constrained")
    if not any_value:
        return saying(figure, "No trial of these studies has a value yet.")
    left, right = figure.subplots(1, 2, sharey=True)
    view = view_of(np.concatenate([y for _, y in (*bests, *curves)]), goal.direction)
    for lines, axes, title, below, style in (
        (bests, left, "best so far", "trial", "steps-post"),
        (curves, right, "curve of the best trial", "epoch", "default"),
    ):
        for (x, y), look in zip(lines, LOOKS, strict=False):
            few: dict[str, Any] = {"marker": ".", "ms": 5} if len(x) <= 3 else {}
            axes.plot(x, y, lw=1.5, drawstyle=style, **look, **few)
        _across(axes, [x for x, _ in lines], first=0 if axes is left else 1)
        axes.set_title(title, loc="left")
        axes.set_xlabel(below)
        axes.grid(axis="y", color="#eeeeee", lw=0.7)
    value_ticks(left, view)
    left.set_ylabel(f"{goal.split} {plain(goal.metric, 24)}".strip())
    handles = [
        Line2D([], [], lw=1.5, label=plain(study.name, 40), **look)
        for study, look in zip(studies, LOOKS, strict=False)
    ]
    if view.clipped:
        handles.append(key("", "worse values are cut off"))
    legend(figure, handles)
    return figure


def _best_so_far(trials: pd.DataFrame, goal: Goal) -> tuple[Floats, Floats]:
    """The numbers of the complete trials, and the best value when each had ended, in the order of numbers."""
    complete = trials[scored(trials) & (trials["state"] == "complete")].sort_values("number")
    value = complete["value"].to_numpy(float)
    best = np.maximum.accumulate(value) if goal.maximize else np.minimum.accumulate(value)
    return complete["number"].to_numpy(float), best


def _best_curve(study: OfStudy, goal: Goal) -> tuple[Floats, Floats]:
    """The epochs and the scores of the best trial; on validation rows, if the metric has them."""
    first, columns = (
        in_order(study.trials, goal.direction).head(1),
        curve_columns(study.epochs, goal.metric),
    )
    if first.empty or not columns:
        return np.zeros(0), np.zeros(0)
    rows = study.epochs[study.epochs["trial"] == first["number"].iloc[0]]
    column, _ = next(iter(columns.values()))
    return rows["epoch"].to_numpy(float), rows[column].to_numpy(float)


def _across(axes: Axes, lines: Sequence[Floats], first: int) -> None:
    last = max([first + 1.0, *(float(x.max()) for x in lines if len(x))])
    ticks = whole_ticks(first, last, 5)
    axes.set_xticks(ticks, labels=[f"{tick:.0f}" for tick in ticks])
    margin = 0.03 * (last - first)
    axes.set_xlim(first - margin, last + margin)
