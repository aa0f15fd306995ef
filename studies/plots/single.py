"""The value of each trial against one parameter, and its last range."""

from __future__ import annotations

import pandas as pd
from matplotlib import rc_context
from matplotlib.patches import Patch

from studies.analysis.dimensions import dimension
from studies.analysis.goal import Goal
from studies.plots.look import (
    MARKERS,
    PALE,
    STYLE,
    Figure,
    key,
    legend,
    plain,
    round_colours,
)
from studies.plots.scales import set_scale
from studies.plots.values import values


@rc_context(STYLE)  # type: ignore[arg-type]
def single(
    trials: pd.DataFrame,
    x: str,
    *,
    goal: Goal,
    rounds: pd.DataFrame,
) -> Figure:
    """The value of each trial that has a parameter against it, and its last range.

    Raises:
        ValueError: there is no parameter of that name.
    """
    parameter = dimension(x, trials, rounds)
    trials = parameter.having(trials)
    figure = Figure(figsize=(7.2, 3.7), layout="constrained")
    axes, strip, handles = values(figure, trials, parameter.positions(trials), goal)
    rounds_drawn = sorted({int(n) for n in trials["round"].dropna()})
    colours = round_colours(len(rounds_drawn))
    named = {0, len(rounds_drawn) // 2, len(rounds_drawn) - 1} if rounds_drawn else ()
    handles[:0] = [
        key(MARKERS[k % len(MARKERS)], f"round {rounds_drawn[k]}", color=colours[k])
        for k in sorted(named)
    ]
    for low, high in parameter.searched[-1] if parameter.searched else ():
        axes.axvspan(low, high, color=PALE, alpha=0.5, lw=0, zorder=0)
    if parameter.searched:
        handles.append(Patch(color=PALE, alpha=0.5, label="last range"))
    set_scale(parameter, strip or axes, "x")
    (strip or axes).set_xlabel(plain(x, 60))
    legend(figure, handles)
    return figure
