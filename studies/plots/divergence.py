"""Which settings failed or diverged, over two parameters."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes

from studies.analysis.dimensions import ACROSS, UP, Dimension, dimension
from studies.analysis.frames import Floats, evenly, lost_trials
from studies.plots.look import (
    GREY,
    INK,
    PALE,
    STYLE,
    TRAINING,
    VALIDATION,
    Figure,
    key,
    legend,
    plain,
    quota,
    saying,
)
from studies.plots.scales import set_scale

BINS = 16  # along the first parameter


@rc_context(STYLE)  # type: ignore[arg-type]
def divergence(
    trials: pd.DataFrame, x: str, y: str | None = None, *, rounds: pd.DataFrame
) -> Figure:
    """Which settings were trained to a value, which diverged and which failed otherwise; above, what share of them
    failed or diverged along x. Without `y`, the trials are in the order of their numbers. Those that lack one of the
    parameters are left out.

    Raises:
        ValueError: there is no parameter of that name.
    """
    across = dimension(x, trials, rounds)
    up = None if y is None else dimension(y, trials, rounds)
    ended = across.having(trials[trials["state"] != "running"])
    ended = ended if up is None else up.having(ended)
    figure = Figure(figsize=(7.2, 4.4), layout="constrained")
    if ended.empty:
        return saying(figure, "No trial has ended yet.")
    share, axes = figure.subplots(2, 1, sharex=True, height_ratios=[1, 4])
    lost = lost_trials(ended).to_numpy(bool)
    diverged = lost & ended["diverged_epoch"].notna().to_numpy()
    at_x = across.positions(ended, ACROSS)
    at_y = ended["number"].to_numpy(float) if up is None else up.positions(ended, UP)
    handles, drawn = [], 0
    small = len(ended) > 300
    for members, shape, colour, fill, label in (
        (~lost, "o", VALIDATION, "none", "trained to a value"),
        (lost & ~diverged, "^", INK, INK, "failed"),
        (diverged, "x", TRAINING, None, "diverged"),
    ):
        places = np.flatnonzero(members)
        count = len(places)
        kept = places[evenly(count, quota(count, len(ended)))] if count else places
        drawn += len(kept)
        look: dict[str, Any] = {"color": colour, "mfc": fill, "ms": 3 if small else 5, "mew": 1.0}
        if len(kept):
            axes.plot(at_x[kept], at_y[kept], shape, label=label, **look)
        if count or label != "failed":
            handles.append(key(shape, f"{label} ({count:,})", color=colour, mfc=fill))
    if drawn < len(ended):
        handles.append(key("", f"{drawn:,} of {len(ended):,} trials drawn"))
    if not lost.any():
        share.set_title("No training diverged or failed.", loc="left", color=GREY)
    set_scale(across, axes, "x")
    axes.set_xlabel(plain(x, 60))
    if up is None:
        axes.set_ylabel("trial")
    else:
        set_scale(up, axes, "y")
        axes.set_ylabel(plain(str(y), 34))
    _shares(share, across, at_x, lost)
    legend(figure, handles)
    return figure


def _shares(axes: Axes, parameter: Dimension, x: Floats, lost: Any) -> None:
    """Draw the share of lost trials in bins along an axis; a bin without trials has no bar."""
    edges = bin_edges(parameter, x)
    place = np.digitize(x, edges[1:-1])
    for k, (left, right) in enumerate(pairwise(edges)):
        inside = (place == k) & np.isfinite(x)
        if inside.any():
            height = float(lost[inside].mean())
            axes.bar(left, 1.0, right - left, align="edge", color="none", ec=PALE, lw=0.6)
            axes.bar(left, height, right - left, align="edge", color=TRAINING, ec="white", lw=0.4)
    axes.set_yticks([0, 1], labels=["0 %", "100 %"])
    axes.set_ylim(0, 1.02)
    axes.set_ylabel("lost")
    axes.tick_params(axis="x", which="both", length=0, labelbottom=False)
    axes.spines["bottom"].set_color(GREY)


def bin_edges(parameter: Dimension, x: Floats) -> Floats:
    """The ends of the bins along a parameter: one bin for each choice, else `BINS` of equal width."""
    if parameter.choices is not None:
        return np.asarray(np.arange(len(parameter.choices) + 1) - 0.5, np.float64)
    finite = x[np.isfinite(x) & ((x > 0) | (not parameter.log))]
    low, high = min([parameter.low, *finite]), max([parameter.high, *finite])
    if low == high:
        around = [low * 0.9, high * 1.1] if parameter.log else [low - 0.5, high + 0.5]
        return np.array(around, np.float64)
    edges = np.geomspace(low, high, BINS + 1) if parameter.log else np.linspace(low, high, BINS + 1)
    return np.asarray(edges, float)
