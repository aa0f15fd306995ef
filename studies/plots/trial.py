"""The curves of one trial: what is optimized, and the loss."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.lines import Line2D

from studies.analysis.dimensions import view_of
from studies.analysis.goal import Goal
from studies.database.records import Direction
from studies.plots.curves import curve_columns
from studies.plots.look import STYLE, Figure, key, legend, plain, saying
from studies.plots.scales import value_ticks, whole_ticks


@rc_context(STYLE)  # type: ignore[arg-type]
def trial(epochs: pd.DataFrame, *, goal: Goal) -> Figure:
    """The curves of one trial, whose rows of the epochs frame these are: the metric and, if it is another, the loss."""
    metrics: dict[str, Direction] = {"loss": "minimize", goal.metric: goal.direction}
    shown = {
        metric: curve_columns(epochs, metric) for metric in dict.fromkeys([goal.metric, "loss"])
    }
    shown = {metric: lines for metric, lines in shown.items() if lines}
    figure = Figure(figsize=(7.2, 3.1 if shown and len(epochs) else 1.6), layout="constrained")
    if not shown or epochs.empty:
        return saying(figure, "This trial has no curve of the metric.")
    panels = figure.subplots(1, len(shown), squeeze=False).ravel()
    few = {"marker": ".", "ms": 5} if len(epochs) <= 3 else {}
    last, clipped = max(1, int(epochs["epoch"].max())), False
    for panel, (metric, lines) in zip(panels, shown.items(), strict=True):
        points = []
        for column, look in lines.values():
            points.append(epochs[column].to_numpy(float))
            panel.plot(epochs["epoch"].to_numpy(float), points[-1], lw=1.5, **look, **few)
        view = view_of(np.concatenate(points), metrics[metric])
        clipped |= view.clipped
        value_ticks(panel, view)
        panel.grid(axis="y", color="#eeeeee", lw=0.7)
        panel.set_title(plain(metric, 34), loc="left")
        ticks = whole_ticks(1, last, 6)
        panel.set_xticks(ticks, labels=[f"{tick:.0f}" for tick in ticks])
        panel.set_xlim(1 - 0.03 * last, last + 0.03 * last)
        panel.set_xlabel("epoch")
    looks = {label: look for lines in shown.values() for label, (_, look) in lines.items()}
    handles = [Line2D([], [], lw=1.5, label=label, **look) for label, look in looks.items()]
    if clipped:
        handles.append(key("", "worse values are cut off"))
    legend(figure, handles)
    return figure
