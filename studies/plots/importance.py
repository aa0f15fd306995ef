"""A row for each: what parameters explain, and what finalists had when they were trained again."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from studies.analysis.dimensions import view_of
from studies.analysis.frames import Direction
from studies.analysis.importance import FEW, Importances
from studies.plots.look import (
    CONFIRMED,
    GREY,
    INK,
    STYLE,
    TIED,
    VALIDATION,
    Figure,
    key,
    legend,
    plain,
    saying,
)
from studies.plots.scales import value_ticks

ROWS = 20  # more are no figure but a table


@rc_context(STYLE)  # type: ignore[arg-type]
def importance(found: Importances | None, *, metric: str, rows: str = "validation") -> Figure:
    """What share of the differences between trials each parameter explains, most first."""
    if found is None:
        sentence = f"Importance takes at least {FEW} complete trials\nthat differ in settings and in value."
        return saying(Figure(figsize=(7.2, 1.6), layout="constrained"), sentence)
    shares = dict(list(found.shares.items())[:ROWS])
    rest = list(found.shares.values())[ROWS:]
    names = [plain(name, 36) for name in shares]
    widths = list(shares.values())
    if rest:
        names.append(f"{len(rest)} others")
        widths.append(sum(rest))
    notes = [f"fANOVA of {found.trials:,} of {found.of:,} complete trials"]
    if found.trials == found.of:
        notes = [f"fANOVA of {found.of:,} complete trials"]
    for which, why in ((found.constant, "one value in all"), (found.partly, "not in all trials")):
        if which:
            named = ", ".join(plain(name, 24) for name in which[:3])
            more = f" and {len(which) - 3} more" if len(which) > 3 else ""
            notes.append(f"{why}: {named}{more}")
    figure = Figure(
        figsize=(7.2, 0.75 + 0.27 * len(names) + 0.15 * len(notes)), layout="constrained"
    )
    axes = figure.add_subplot()
    axes.barh(range(len(names)), widths, 0.62, color=VALIDATION)
    axes.set_yticks(range(len(names)), labels=names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    for k, width in enumerate(widths):
        axes.annotate(_percent(width), (width, k), (4, 0), textcoords="offset points", va="center")
    axes.tick_params(axis="y", length=0)
    axes.spines["bottom"].set_visible(False)
    axes.set_xticks([])
    axes.set_xlim(0, 1.12 * max(widths))
    what = f"{rows} {plain(metric, 24)}".strip()
    axes.set_title(f"Share of the differences in {what} that each parameter explains", loc="left")
    figure.supxlabel("\n".join(notes), fontsize=7.5, color=GREY)
    return figure


def _percent(share: float) -> str:
    return "below 1 %" if 0 < share < 0.01 else f"{100 * share:.0f} %"


@rc_context(STYLE)  # type: ignore[arg-type]
def finalists(
    found: pd.DataFrame, *, metric: str, direction: Direction, rows: str = "validation"
) -> Figure:
    """The settings that were trained again, best first: mean, 95 % interval, each training, and the value in the
    search, which chose them and is therefore too good; filled are the first and all that can't be told from it.
    """
    shown = found.head(ROWS)
    figure = Figure(figsize=(7.2, max(1.6, 1.1 + 0.3 * len(shown))), layout="constrained")
    if found.empty:
        return saying(figure, "No settings were trained again: nothing is confirmed.")
    axes = figure.add_subplot()
    again = [[v for v in row if v is not None and math.isfinite(v)] for row in shown["values"]]
    handles: dict[str, Any] = {}
    for y, (row, own) in enumerate(zip(shown.to_dict("records"), again, strict=True)):
        told = _told(axes, y, row, first=y == 0)
        handles |= told
        axes.plot(own, [y + 0.2] * len(own), "|", color=GREY, ms=5, mew=0.9, zorder=2)
        axes.plot([row["value"]], [y], "x", color=INK, ms=4.5, mew=1.1, zorder=4)
    everything = [v for own in again for v in own] + [
        float(v) for column in ("value", "mean", "low", "high") for v in shown[column]
    ]
    view = view_of(np.array(everything, float), direction)
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
            color=GREY if word in ("worse", "failed") else INK, transform=axes.get_yaxis_transform(),
        )  # fmt: skip
    axes.set_xlabel(f"{rows} {plain(metric, 40)}".strip())
    axes.grid(axis="x", color="#eeeeee", lw=0.7)
    more = [key("|", "one training", color=GREY), key("x", "in the search", color=INK)]
    if len(found) > len(shown):
        more.append(key("", f"{len(found) - len(shown)} worse ones not drawn"))
    legend(figure, [*handles.values(), *more])
    return figure


def _verdict(row: dict[Any, Any], *, first: bool) -> str:
    if not math.isfinite(row["mean"]):
        return "failed"
    if first:
        return "best"
    return "tied" if row["tied"] else "worse"


def _told(axes: Axes, y: int, row: dict[Any, Any], *, first: bool) -> dict[str, Line2D]:
    """Mean and interval of one finalist; what a legend says of such."""
    word = _verdict(row, first=first)
    if word == "failed":
        return {}
    colour, shape, fill = {
        "best": (CONFIRMED, "D", CONFIRMED),
        "tied": (TIED, "o", TIED),
        "worse": (GREY, "o", "white"),
    }[word]
    if math.isfinite(row["low"]) and math.isfinite(row["high"]):
        axes.plot([row["low"], row["high"]], [y, y], color=colour, lw=2, zorder=1)
    axes.plot([row["mean"]], [y], shape, color=colour, mfc=fill, ms=6, zorder=3)
    label = {"best": "best mean", "tied": "tied with it", "worse": "worse"}[word]
    return {word: key(shape, f"{label}, 95 % interval", color=colour, mfc=fill)}
