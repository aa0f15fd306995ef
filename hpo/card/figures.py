"""The figures of a model card: confusion, calibration, residuals, and the importance of columns."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.lines import Line2D

from hpo.card.classes import Calibration, ClassFacts
from hpo.card.columns import Importance, ranked
from hpo.card.quantities import QuantityFacts
from studies.analysis.frames import evenly
from studies.plots.look import (
    GREY,
    INK,
    MAX_POINTS,
    PALE,
    SEARCHED,
    STYLE,
    TRAINING,
    VALIDATION,
    Figure,
    key,
    legend,
    plain,
)
from studies.words import number

BLUES = LinearSegmentedColormap.from_list("blues", ["#ffffff", SEARCHED, VALIDATION, "#00314f"])
DARK = 0.45  # share from which the words on a cell are white
COLUMNS = 20


@rc_context(STYLE)  # type: ignore[arg-type]
def confusion(facts: ClassFacts) -> Figure:
    """How often each class is taken for each: the number of answers, and its share of the true class as the colour."""
    counts = facts.confusion
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    names = [plain(one.name, 16) for one in facts.classes]
    side = max(2.6, 0.42 * len(names) + 1.2)
    figure = Figure(figsize=(min(7.2, side + 1.0), min(7.2, side)), layout="constrained")
    axes = figure.add_subplot()
    axes.pcolormesh(shares, cmap=BLUES, vmin=0, vmax=1, edgecolors="#e6e6e6", linewidth=0.7)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            axes.text(
                column + 0.5, row + 0.5, _cell(int(count), shares[row, column], len(names)), ha="center", va="center",
                color="white" if shares[row, column] > DARK else INK, fontsize=7.5,
            )  # fmt: skip
    middles = np.arange(len(names)) + 0.5
    upright = sum(map(len, names)) > 60
    axes.set_xticks(middles, labels=names, rotation=90 if upright else 0)
    axes.set_yticks(middles, labels=names)
    axes.invert_yaxis()
    axes.set_aspect("equal")
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xlabel("answered")
    axes.set_ylabel("true")
    return figure


def _cell(count: int, share: float, classes: int) -> str:
    return f"{count:,}\n{100 * share:.0f} %" if classes <= 6 else f"{count:,}"


@rc_context(STYLE)  # type: ignore[arg-type]
def calibration(facts: Calibration) -> Figure:
    """The share of answers that are right by their probability: on the diagonal where the two are the same."""
    figure = Figure(figsize=(4.2, 3.6), layout="constrained")
    axes = figure.add_subplot()
    x = [one.probability for one in facts.bins]
    y = [one.right for one in facts.bins]
    low = max(0.0, min([*x, *y]) - 0.05)
    axes.plot([low, 1], [low, 1], color=GREY, lw=1, ls=(0, (4, 3)), zorder=1)
    axes.plot(x, y, "o-", color=VALIDATION, lw=1.2, ms=5, mec="white", mew=0.6, zorder=2)
    axes.set(xlim=(low, 1 + 0.02 * (1 - low)), ylim=(low, 1 + 0.02 * (1 - low)))
    axes.set_aspect("equal")
    axes.set_xlabel("probability of the class that is answered")
    axes.set_ylabel("share of answers that are right")
    axes.grid(color="#eeeeee", lw=0.7)
    calibrated = Line2D([], [], color=GREY, lw=1, ls=(0, (4, 3)), label="calibrated")
    count = sum(one.answers for one in facts.bins) / len(facts.bins)
    legend(figure, [key("o", f"about {count:,.0f} answers", color=VALIDATION), calibrated])
    return figure


@rc_context(STYLE)  # type: ignore[arg-type]
def residuals(facts: QuantityFacts, margin: float, target: str) -> Figure:
    """What remains of each estimate, and how often; the interval, and quantiles by ranges of estimates."""
    figure = Figure(figsize=(7.2, 3.6), layout="constrained")
    panel, side = figure.subplots(1, 2, sharey=True, width_ratios=(4, 1))
    order = np.argsort(facts.estimates, kind="stable")
    drawn = order[evenly(len(order), MAX_POINTS)]
    panel.plot(
        facts.estimates[drawn], facts.residuals[drawn], "o", color=SEARCHED, ms=2.5, mew=0, alpha=0.6
    )  # fmt: skip
    for one in facts.ranges:
        low, quarter, middle, upper, high = one.quantiles
        panel.plot([one.middle, one.middle], [low, high], color=INK, lw=1.2, zorder=3)
        panel.plot(
            [one.middle, one.middle],
            [quarter, upper],
            color=INK,
            lw=4,
            solid_capstyle="butt",
            zorder=3,
        )
        panel.plot([one.middle], [middle], "o", color="white", mec=INK, ms=4.5, zorder=4)
    for axes in (panel, side):
        axes.axhline(0, color=GREY, lw=0.8, zorder=0)
        for end in (-margin, margin):
            axes.axhline(end, color=TRAINING, lw=1, ls=(0, (4, 3)), zorder=2)
    side.hist(facts.residuals, bins=40, orientation="horizontal", color=SEARCHED)
    side.set_xlabel("answers")
    panel.set_xlabel(f"estimate of {plain(target, 40)}")
    panel.set_ylabel("true less estimated")
    handles: list[Any] = [
        key("o", "an answer", color=SEARCHED),
        Line2D([], [], color=INK, lw=1.2, label="5 to 95 %"),
        Line2D([], [], color=INK, lw=4, label="25 to 75 %"),
        key("o", "median", color=INK, mfc="white"),
        Line2D([], [], color=TRAINING, lw=1, ls=(0, (4, 3)), label=f"interval, ± {number(margin)}"),
    ]
    if len(drawn) < len(order):
        handles.append(key("", f"{len(drawn):,} of {len(order):,} drawn"))
    legend(figure, handles)
    return figure


@rc_context(STYLE)  # type: ignore[arg-type]
def importances(facts: Importance, metric: str) -> Figure:
    """How much worse the metric becomes without each column: the mean, and the spread over the permutations."""
    rows = ranked(facts)[:COLUMNS]
    figure = Figure(figsize=(7.2, 0.9 + 0.27 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    for y, (_, mean, spread) in enumerate(rows):
        axes.barh(y, mean, 0.6, color=SEARCHED if mean > 0 else PALE)
        axes.plot([mean - spread, mean + spread], [y, y], color=INK, lw=1.2)
    axes.axvline(0, color=GREY, lw=0.8)
    axes.set_yticks(range(len(rows)), labels=[plain(name, 36) for name, *_ in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(f"how much worse {plain(metric, 24)} becomes")
    axes.grid(axis="x", color="#eeeeee", lw=0.7)
    return figure
