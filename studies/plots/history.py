"""The value of each trial, the best so far, and the confirmed mean."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes

from studies.analysis.frames import Floats, scored
from studies.analysis.goal import Goal
from studies.plots.look import CONFIRMED, GREY, INK, PALE, STYLE, Figure, legend, saying
from studies.plots.scales import whole_ticks
from studies.plots.values import values
from studies.words import Notation, estimate, notation


@rc_context(STYLE)  # type: ignore[arg-type]  # plain names of settings
def history(
    trials: pd.DataFrame,
    *,
    goal: Goal,
    by: Literal["trial", "epochs"] = "trial",
    finalists: pd.DataFrame | None = None,
) -> Figure:
    """The value of each trial, round by round, and the best so far as a line; if there are finalists, the confirmed
    mean with its interval at the right.

    `by` "trial", by the trials' numbers; "epochs", by how many epochs all trials up to this one were trained, which is
    how searches that stop trials early are compared.

    Raises:
        ValueError: `by` is neither.
    """
    if by not in ("trial", "epochs"):
        raise ValueError(f"by = {by!r} is neither 'trial' nor 'epochs'")
    figure = Figure(figsize=(7.2, 3.5), layout="constrained")
    trials = trials.sort_values("number")
    x = trials["number"].to_numpy(float)
    if by == "epochs":
        x = np.cumsum(trials["epochs"].to_numpy(float, na_value=0.0))
        if not x.any():
            return saying(figure, "No epoch of any trial is recorded.")
    confirmed = _recommended(finalists)
    room = list(confirmed.values())
    axes, strip, handles = values(figure, trials, x, goal, room)
    first, last = float(min(x, default=0.0)), float(max(x, default=1.0))
    is_complete = (scored(trials) & (trials["state"] == "complete")).to_numpy(bool)
    if is_complete.any():
        value = trials["value"].to_numpy(float)[is_complete]
        best = np.maximum.accumulate(value) if goal.maximize else np.minimum.accumulate(value)
        gets_better = np.r_[True, np.diff(best) != 0]
        # A step for each new best: even 12,000 trials have only a few.
        steps = [*x[is_complete][gets_better], last]
        reached = [*best[gets_better], best[-1]]
        handles[:0] = axes.plot(
            steps, reached, drawstyle="steps-post", color=INK, lw=1.3, label="best so far", zorder=3
        )
    margin = max(0.5, 0.015 * (last - first + 1))
    right = last + margin
    if finalists is not None and confirmed:
        right += 0.03 * (last - first + 1)
        shown = notation(finalists["mean"], zip(finalists["low"], finalists["high"], strict=True))
        trial = finalists["trial"].iloc[0]
        handles.append(_confirmed(axes, confirmed, trial, right - margin, shown))
    axes.set_xlim(first - margin, right)
    ticks = whole_ticks(0.0 if by == "epochs" else first, last, 8)
    ticks = [t for t in ticks if t >= first - margin]
    below = strip or axes
    below.set_xticks(ticks, labels=[f"{t:,.0f}" if last >= 1e4 else f"{t:.0f}" for t in ticks])
    below.set_xlabel("trial" if by == "trial" else "epochs trained, of all trials so far")
    _name_rounds(axes, x, trials["round"].to_numpy(float, na_value=np.nan))
    legend(figure, handles)
    return figure


def _recommended(finalists: pd.DataFrame | None) -> dict[str, float]:
    """The first finalist's mean, low and high; without an interval only the mean, without a mean nothing."""
    if finalists is None or finalists.empty:
        return {}
    first = finalists.iloc[0]
    return {c: float(first[c]) for c in ("mean", "low", "high") if math.isfinite(first[c])}


def _confirmed(axes: Axes, mean: dict[str, float], trial: int, x: float, shown: Notation) -> Any:
    """A diamond at the mean, with its interval."""
    ends = (mean["low"], mean["high"]) if "low" in mean else None
    label = f"confirmed: {estimate(mean['mean'], ends, shown)}"
    if ends is not None:
        axes.plot([x, x], ends, color=CONFIRMED, lw=1.8, zorder=4)
    look: dict[str, Any] = {"color": CONFIRMED, "mec": "white", "mew": 0.6, "ms": 6, "zorder": 5}
    return axes.plot([x], [mean["mean"]], "D", label=f"{label}, trial {trial}", **look)[0]


def _name_rounds(axes: Axes, x: Floats, rounds: Floats) -> None:
    """Draw a line between rounds, and their names along the top as far as there is room."""
    left, right = axes.get_xlim()
    taken = -math.inf
    before = -math.inf
    for n in np.unique(rounds[np.isfinite(rounds)]):
        members = x[rounds == n]
        start, stop = float(members.min()), float(members.max())
        if math.isfinite(before):
            axes.axvline((before + start) / 2, color=PALE, lw=0.8, zorder=0)
        before = stop
        at = ((start + stop) / 2 - left) / (right - left)
        for text, width in ((f"round {n:.0f}", 0.09), (f"{n:.0f}", 0.025 + 0.01 * len(f"{n:.0f}"))):
            room = (stop - start + 1) / (right - left) > width or not taken > -math.inf
            if room and at - width / 2 > taken:
                axes.text(at, 1.02, text, transform=axes.transAxes, ha="center", color=GREY)
                taken = at + width / 2
                break
