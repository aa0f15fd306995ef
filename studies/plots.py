"""Frames -> matplotlib Figures: the values, the ranges, the curves, one or two parameters against the value.

A plot shows what is in the frames (`studies.frames`) and computes nothing but where to put it. Dark is better,
whatever the direction; rounds and states differ in shape as well as in colour, so that a figure survives a grey
printer. Values far worse than most are drawn at the edge, and the legend says how many: one hopeless trial must not
press all others into a line. Nothing here uses pyplot: a Figure belongs to whoever asked for it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Polygon, Rectangle

from studies.frames import Direction, in_order, scored
from studies.scales import (
    UP,
    Floats,
    Scale,
    number,
    plain,
    scale_of,
    value_ticks,
    view_of,
    whole_ticks,
)

STYLE: Mapping[Any, Any] = {
    "font.family": ["DejaVu Sans"],  # comes with matplotlib: the same page on every machine
    "font.size": 8.5,
    "axes.titlesize": 8.5,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "text.usetex": False,
    "text.parse_math": True,  # `plain` escapes what would be mathematics
}
"""What all figures share; also to be in force while one is drawn."""

INK, PALE, GREY = "#222222", "#d9d9d9", "#6b6b6b"
VALIDATION, TRAINING = "#0072b2", "#d55e00"  # Okabe and Ito's blue and vermilion
SEARCHED, SLOPE = "#7fb2d6", "#e3eef6"  # paler blues
MARKERS = "os^Dv"


@rc_context(STYLE)  # type: ignore[arg-type]  # plain names of settings
def history(
    trials: pd.DataFrame, *, metric: str, direction: Direction, rows: str = "validation"
) -> Figure:
    """The value of each trial by its number, round by round, and the best so far as a line.

    Here and below, `rows` are those that the metric is measured on, as the axis names them; empty where that is the
    affair of the trainer.
    """
    figure = Figure(figsize=(7.2, 3.5), layout="constrained")
    x = trials["number"].to_numpy(float)
    axes, strip, handles = _values(figure, trials, x, metric, direction, rows)
    complete = trials[scored(trials) & (trials["state"] == "complete")].sort_values("number")
    if len(complete):
        best = complete["value"].cummax() if direction == "maximize" else complete["value"].cummin()
        steps = [*complete["number"].astype(float), float(x.max())]
        reached = [*best, best.iloc[-1]]
        handles[:0] = axes.plot(
            steps, reached, drawstyle="steps-post", color=INK, lw=1.3, label="best so far", zorder=3
        )
    margin = max(0.5, 0.015 * len(x))
    axes.set_xlim(min(x, default=0.0) - margin, max(x, default=1.0) + margin)
    ticks = whole_ticks(min(x, default=0.0), max(x, default=1.0), 8)
    (strip or axes).set_xticks(ticks, labels=[f"{t:.0f}" for t in ticks])
    (strip or axes).set_xlabel("trial")
    _name_rounds(axes, trials)
    _legend(figure, handles)
    return figure


@rc_context(STYLE)  # type: ignore[arg-type]
def single(
    trials: pd.DataFrame,
    x: str,
    *,
    metric: str,
    direction: Direction,
    rounds: pd.DataFrame,
    rows: str = "validation",
) -> Figure:
    """The value of each trial against one parameter, and the range that is left of it.

    Raises:
        ValueError: there is no parameter of that name.
    """
    scale = scale_of(x, trials, rounds)
    figure = Figure(figsize=(7.2, 3.7), layout="constrained")
    axes, strip, handles = _values(figure, trials, scale.positions(trials), metric, direction, rows)
    numbers = sorted({int(n) for n in trials["round"].dropna()})
    keys = []
    for k in sorted({0, len(numbers) // 2, len(numbers) - 1}) if numbers else ():
        colour, marker = _round_colours(len(numbers))[k], MARKERS[k % len(MARKERS)]
        keys.append(_key(marker, f"round {numbers[k]}", color=colour))
    handles[:0] = keys
    for low, high in scale.spans[-1] if scale.spans else ():
        axes.axvspan(low, high, color=PALE, alpha=0.5, lw=0, zorder=0)
    if scale.spans:
        handles.append(Patch(color=PALE, alpha=0.5, label="last range"))
    scale.apply(strip or axes, "x")
    (strip or axes).set_xlabel(plain(x, 60))
    _legend(figure, handles)
    return figure


@rc_context(STYLE)  # type: ignore[arg-type]
def ranges(rounds: pd.DataFrame) -> Figure:
    """How the range of each parameter moved, a row a round, with the verdict at its right."""
    names = list(dict.fromkeys(rounds["parameter"]))
    columns = max(1, min(len(names), 2 if len(names) <= 4 else 3))
    lines = max(1, -(-len(names) // columns))
    numbers = sorted({int(n) for n in rounds["round"]})
    judged = not rounds["action"].tail(1).isna().any()
    rows = len(numbers) + judged
    height = lines * (0.95 + 0.24 * min(rows, 30)) + 0.1
    figure = Figure(figsize=((0, 5.0, 7.4, 8.8)[columns], height), layout="constrained")
    figure.get_layout_engine().set(  # type: ignore[union-attr]  # it has one
        w_pad=0.09,  # type: ignore[call-arg]  # a constrained one
        h_pad=0.08,
    )
    if not names:
        return _saying(figure, "No round has begun yet.")
    for k, name in enumerate(names):
        axes = figure.add_subplot(lines, columns, k + 1)
        scale = scale_of(name, pd.DataFrame(), rounds)
        of_name = rounds[rounds["parameter"] == name]
        _funnel(axes, scale, len(numbers))
        scale.apply(axes, "x", *((4, 20) if columns == 3 else (5, 36)))
        axes.set_ylim(rows - 0.4, -0.6)
        stride = -(-rows // 30)
        labels = [*(f"round {n}" for n in numbers), "next"][:rows]
        axes.set_yticks(range(0, rows, stride), labels=labels[::stride])
        axes.tick_params(axis="y", length=0, labelleft=k % columns == 0)
        for y, action in enumerate(of_name["action"]):
            if not pd.isna(action) and y % stride == 0:
                colour, weight = (GREY, "normal") if action == "kept" else (INK, "bold")
                axes.text(
                    1.02, y, str(action), va="center", fontsize=7.5, color=colour, weight=weight,
                    transform=axes.get_yaxis_transform(),
                )  # fmt: skip
        axes.set_title(plain(name, 34), loc="left", weight="bold", pad=16)
        axes.annotate(
            scale.moved, (0, 1), (0, 5), xycoords="axes fraction", textcoords="offset points"
        )
    return figure


@rc_context(STYLE)  # type: ignore[arg-type]
def curves(
    trials: pd.DataFrame,
    epochs: pd.DataFrame,
    *,
    metric: str,
    direction: Direction,
    best: int = 20,
) -> Figure:
    """The learning curves of the best trials, in order of value (*Deep Learning from Scratch*, 6.5.2)."""
    first = in_order(trials, direction).head(best)
    lines = _curve_columns(epochs, metric)
    columns = max(1, min(5, len(first)))
    rows = max(1, -(-len(first) // columns))
    figure = Figure(figsize=(max(4.0, 1.92 * columns), 1.62 * rows + 0.75), layout="constrained")
    if first.empty or not lines:
        return _saying(figure, "No trial has a learning curve yet.")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    by_trial = dict(iter(epochs.groupby("trial")))
    drawn = epochs[epochs["trial"].isin(first["number"])]
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
    view = view_of(drawn[[c for c, _ in lines.values()]].to_numpy(float).ravel(), direction)
    value_ticks(grid[0], view, most=5)
    last = max(1, int(drawn["epoch"].max())) if len(drawn) else 1
    ticks = whole_ticks(1, last, 4)
    grid[0].set_xticks(ticks, labels=[f"{t:.0f}" for t in ticks])
    grid[0].set_xlim(1 - 0.04 * last, last + 0.04 * last)
    figure.supylabel(plain(metric, 24), fontsize=8.5)
    handles = [Line2D([], [], lw=1.2, label=label, **look) for label, (_, look) in lines.items()]
    if view.clipped:
        handles.append(_key("", "worse values are cut off"))
    _legend(figure, handles)
    return figure


@rc_context(STYLE)  # type: ignore[arg-type]
def scatter(
    trials: pd.DataFrame,
    x: str,
    y: str,
    *,
    metric: str,
    direction: Direction,
    rounds: pd.DataFrame,
    rows: str = "validation",
) -> Figure:
    """Two parameters against each other, coloured by value, with the box that each round drew from.

    Points of one choice are spread over its width, since they would hide each other.

    Raises:
        ValueError: there is no parameter of that name.
    """
    across, up = scale_of(x, trials, rounds), scale_of(y, trials, rounds)
    figure = Figure(figsize=(7.2, 4.7), layout="constrained")
    axes = figure.add_subplot()
    ordered = in_order(trials, direction, states=("complete", "pruned"))[::-1]  # better on top
    lost = trials[_lost(trials)]
    handles: list[Any] = []
    if len(lost):
        handles += axes.plot(
            across.positions(lost), up.positions(lost, UP), "x", color=GREY, ms=4, mew=0.8,
            label=f"failed or diverged ({len(lost)})", zorder=2,
        )  # fmt: skip
    if len(ordered):
        view = view_of(ordered["value"].to_numpy(float), direction)
        # With many more colours, the bar would be drawn as a bitmap, which a page without images can't show.
        colours = colormaps["viridis" if direction == "minimize" else "viridis_r"].resampled(48)
        size = 34 if len(ordered) <= 200 else 16
        points = axes.scatter(
            across.positions(ordered), up.positions(ordered, UP), c=ordered["value"].to_numpy(float),
            cmap=colours, norm=Normalize(view.low, view.high), s=size, lw=0.4, edgecolors=GREY, zorder=3,
        )  # fmt: skip
        extend = ("max" if direction == "minimize" else "min") if view.clipped else "neither"
        bar = figure.colorbar(points, ax=axes, extend=extend, pad=0.02, aspect=30)
        bar.outline.set_visible(False)
        value_ticks(bar.ax, view)
        bar.set_label(f"{rows} {plain(metric, 24)}: dark is better".lstrip())
        top = ordered[ordered["state"] == "complete"].tail(1)
        if len(top):
            handles += axes.plot(
                across.positions(top), up.positions(top, UP), "o", mfc="none", mec=VALIDATION, mew=1.6, ms=10,
                label=f"best: trial {top['number'].iloc[0]}", zorder=4,
            )  # fmt: skip
    handles += _boxes(axes, across, up)
    across.apply(axes, "x")
    up.apply(axes, "y")
    axes.set_xlabel(plain(x, 60))
    axes.set_ylabel(plain(y, 40))
    _legend(figure, handles)
    return figure


# What there is


def has_curves(epochs: pd.DataFrame, metric: str) -> bool:
    """Whether there is a curve of this metric."""
    return bool(len(epochs) and _curve_columns(epochs, metric))


def _lost(trials: pd.DataFrame) -> pd.Series[bool]:
    return (trials["state"] != "running") & ~scored(trials)


def _curve_columns(epochs: pd.DataFrame, metric: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """What to draw of the epochs: label -> column and look. A user's own trainer may give the metric alone."""
    known = {
        "validation": (f"validation_{metric}", {"color": VALIDATION, "ls": "-"}),
        "training": (f"train_{metric}", {"color": TRAINING, "ls": "--"}),
        plain(metric, 24): (metric, {"color": VALIDATION, "ls": "-"}),
    }
    found = {label: look for label, look in known.items() if look[0] in epochs}
    return dict(list(found.items())[:2])


# Values on an axis


def _values(
    figure: Figure, trials: pd.DataFrame, x: Floats, metric: str, direction: Direction, rows: str
) -> tuple[Axes, Axes | None, list[Any]]:
    """Values above, the trials that have none in a strip below; the axes of both, and handles for a legend."""
    valued, lost = scored(trials).to_numpy(bool), _lost(trials).to_numpy(bool)
    handles: list[Any] = []
    strip = None
    if lost.any():
        grid = figure.add_gridspec(2, 1, height_ratios=[11, 1], hspace=0.0)
        axes = figure.add_subplot(grid[0])
        strip = figure.add_subplot(grid[1], sharex=axes)
        handles += strip.plot(
            x[lost], np.zeros(lost.sum()), "x", color=GREY, ms=4, mew=0.9, clip_on=False,
            label=f"failed or diverged ({lost.sum()})",
        )  # fmt: skip
        strip.set_yticks([0], labels=["failed"])
        strip.set_ylim(-1, 1)
        strip.tick_params(axis="y", length=0)
        strip.spines["left"].set_visible(False)
        axes.tick_params(axis="x", which="both", length=0, labelbottom=False)
        axes.spines["bottom"].set_visible(False)
    else:
        axes = figure.add_subplot()
    y = trials["value"].to_numpy(float)
    view = view_of(y[valued], direction)
    edge = view.low if direction == "maximize" else view.high
    beyond = valued & ((y < view.low) | (y > view.high)) & view.clipped
    pruned = (trials["state"] == "pruned").to_numpy(bool)
    of_round = trials["round"].to_numpy(float, na_value=np.nan)
    numbers = np.unique(of_round[np.isfinite(of_round)])
    colours = _round_colours(len(numbers))
    groups = [(of_round == n, colours[k], MARKERS[k % len(MARKERS)], f"round {n:.0f}")
              for k, n in enumerate(numbers)] + [(np.isnan(of_round), GREY, "o", "no round")]  # fmt: skip
    size = 4.0 if valued.sum() <= 300 else 2.6
    arrow = "v" if direction == "maximize" else "^"
    for members, colour, marker, label in groups:
        for chosen, shape, fill in (
            (members & valued & ~beyond & ~pruned, marker, colour),
            (members & valued & ~beyond & pruned, marker, "none"),
            (members & beyond, arrow, "none"),
        ):
            if chosen.any():  # an empty line that is not clipped would upset the layout
                at = np.where(beyond, edge, y)[chosen]
                axes.plot(
                    x[chosen], at, shape, color=colour, mfc=fill, mew=0.8, ms=size, label=label,
                    clip_on=False,
                )  # fmt: skip
    if (valued & pruned).any():
        handles.append(_key("o", "pruned", mfc="none"))
    if beyond.any():
        worse = "below" if direction == "maximize" else "above"
        text = f"{worse} {number(edge, 4)}, drawn at the edge ({beyond.sum()})"
        handles.append(_key(arrow, text, mfc="none"))
    if valued.any():
        value_ticks(axes, view)
    else:
        axes.set_yticks([])
        axes.text(0.5, 0.5, "No trial has a value yet.", transform=axes.transAxes, ha="center")
    axes.set_ylabel(f"{rows}{' ' if len(metric) <= 16 else chr(10)}{plain(metric, 28)}".strip())
    axes.grid(axis="y", color="#eeeeee", lw=0.7)
    return axes, strip, handles


def _key(marker: str, label: str, color: Any = GREY, mfc: str | None = None) -> Line2D:
    """What stands in a legend for marks; `mfc` "none" for hollow ones."""
    return Line2D([], [], ls="", marker=marker, ms=4, color=color, mfc=mfc, label=label)


def _round_colours(count: int) -> list[Any]:
    """The later, the darker; the first is not as light as the paper."""
    return [colormaps["viridis"](p) for p in np.linspace(0.8, 0.05, max(count, 2))][:count]


def _name_rounds(axes: Axes, trials: pd.DataFrame) -> None:
    """A line between rounds and their names along the top, where there is room for them."""
    left, right = axes.get_xlim()
    taken = -math.inf
    for n, members in trials.dropna(subset=["round"]).groupby("round", sort=True)["number"]:
        start, stop = float(members.min()), float(members.max())
        if start > left + 1:
            axes.axvline(start - 0.5, color=PALE, lw=0.8, zorder=0)
        at = ((start + stop) / 2 - left) / (right - left)
        for text, width in ((f"round {n}", 0.09), (f"{n}", 0.025 + 0.01 * len(f"{n}"))):
            room = (stop - start + 1) / (right - left) > width or not taken > -math.inf
            if room and at - width / 2 > taken:
                axes.text(at, 1.02, text, transform=axes.transAxes, ha="center", color=GREY)
                taken = at + width / 2
                break


def _funnel(axes: Axes, scale: Scale, rounds: int) -> None:
    """A bar a round; between the bars of a range, the slope from one to the next."""
    for y, pieces in enumerate(scale.spans):
        for low, high in pieces:
            colour = SEARCHED if y < rounds else VALIDATION
            axes.barh(y, high - low, 0.56, left=low, color=colour, edgecolor=colour, lw=1.2)
        if scale.choices is None and y:
            (left, right), (low, high) = scale.spans[y - 1][0], pieces[0]
            slope = [(left, y - 0.72), (right, y - 0.72), (high, y - 0.28), (low, y - 0.28)]
            axes.add_patch(Polygon(slope, color=SLOPE, lw=0, zorder=0))


def _boxes(axes: Axes, across: Scale, up: Scale) -> list[Patch]:
    """The box of each round, the first dotted, the last solid; one that is as it was before is not drawn again."""
    boxes = list(zip(across.spans, up.spans, strict=True))
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


# Words


def _legend(figure: Figure, handles: list[Any]) -> None:
    if handles:
        inches = sum(0.5 + 0.065 * len(handle.get_label()) for handle in handles)
        lines = math.ceil(inches / figure.get_figwidth())
        columns = -(-len(handles) // lines)
        figure.legend(handles=handles, loc="outside lower center", ncols=columns)


def _saying(figure: Figure, sentence: str) -> Figure:
    figure.text(0.5, 0.5, sentence, ha="center", va="center", color=GREY)
    return figure
