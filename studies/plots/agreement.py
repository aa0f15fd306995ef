"""Whether short training predicts long training: the ranks of trials after some epochs against those later."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib import rc_context
from numpy.typing import NDArray

from studies.analysis.agreement import compared_scores, rank_agreement
from studies.analysis.frames import evenly
from studies.analysis.goal import Goal
from studies.plots.look import PALE, STYLE, TRAINING, VALIDATION, Figure, key, legend, saying
from studies.plots.scales import whole_ticks
from studies.words import counted

RANKS = 400  # trials of a panel
NOTHING = "Short and long training can be compared when at least 4 trials\nhave curves that differ."


@rc_context(STYLE)  # type: ignore[arg-type]
def agreement(trials: pd.DataFrame, epochs: pd.DataFrame, *, goal: Goal) -> Figure:
    """Whether short training predicts long training: the ranks of trials after some epochs against those later, among
    the trials that got there, with their rank correlation. `studies.analysis.agreement` decides after which epochs.
    """
    scores = compared_scores(trials, epochs, goal.metric)
    agreements = rank_agreement(scores)
    if not agreements:
        return saying(Figure(figsize=(7.2, 1.6), layout="constrained"), NOTHING)
    width = 7.2 if len(agreements) > 1 else 3.6
    figure = Figure(figsize=(width, 3.1 if len(agreements) < 4 else 2.7), layout="constrained")
    panels = figure.subplots(1, len(agreements), squeeze=False).ravel()
    drawn, compared = 0, 0
    for panel, one in zip(panels, agreements, strict=True):
        shared = sorted(scores[one.epoch].keys() & scores[one.later].keys())
        early, late = (
            pd.Series([scores[e][k] for k in shared]).rank(ascending=not goal.maximize).to_numpy()
            for e in (one.epoch, one.later)
        )
        best = int(np.argmin(late))
        kept = _evenly(late, RANKS)
        drawn, compared = len(kept), len(shared)
        panel.plot([1, len(shared)], [1, len(shared)], color=PALE, lw=1.0, zorder=0)
        size = 3.5 if len(shared) <= 150 else 2.2
        panel.plot(early[kept], late[kept], "o", color=VALIDATION, ms=size, alpha=0.6, mew=0)
        panel.plot(early[best], late[best], "D", color=TRAINING, mec="white", mew=0.6, ms=6)
        ticks = sorted({1.0, *whole_ticks(1, len(shared), 4)})
        ticks = [t for t in ticks if t == 1 or t - 1 > 0.12 * len(shared)]
        for axis in (panel.xaxis, panel.yaxis):
            axis.set_ticks(ticks, labels=[f"{t:.0f}" for t in ticks])
        edge = 0.05 * len(shared)
        panel.set(xlim=(1 - edge, len(shared) + edge), ylim=(1 - edge, len(shared) + edge))
        panel.set_aspect("equal")
        panel.set_xlabel(f"rank after {counted(one.epoch, 'epoch')}")
        panel.set_ylabel(f"rank after {counted(one.later, 'epoch')}")
        panel.set_title(f"correlation {one.correlation:.2f}\n{one.trials:,} trials", fontsize=8)
    handles = [
        key("D", "best after the later epoch", color=TRAINING),
        key("", "1 is the best rank"),
    ]
    if drawn < compared:
        handles.append(key("", f"{drawn:,} of {compared:,} trials drawn"))
    legend(figure, handles)
    return figure


def _evenly(ranks: NDArray[Any], most: int) -> NDArray[np.intp]:
    """The places of at most `most` trials, evenly spaced from the best rank to the worst."""
    return np.argsort(ranks, kind="stable")[evenly(len(ranks), most)]
