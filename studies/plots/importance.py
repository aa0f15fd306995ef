"""How much of the differences between trials each parameter explains."""

from __future__ import annotations

from matplotlib import rc_context

from studies.analysis.goal import Goal
from studies.analysis.importance import UNTOLD, Importances
from studies.plots.look import (
    GREY,
    PALE,
    STYLE,
    VALIDATION,
    Figure,
    plain,
    plain_lines,
    saying,
)
from studies.words import percent

ROWS = 20  # more would make a table, not a figure


@rc_context(STYLE)  # type: ignore[arg-type]
def importance(importances: Importances | None, *, goal: Goal) -> Figure:
    """What share of the differences between trials each parameter explains, most first."""
    if importances is None:
        untold = plain_lines(UNTOLD, 60)
        return saying(Figure(figsize=(7.2, 1.6), layout="constrained"), untold)
    shares = dict(list(importances.shares.items())[:ROWS])
    rest = list(importances.shares.values())[ROWS:]
    names = [plain(name, 36) for name in shares]
    widths = list(shares.values())
    if rest:
        names.append(f"{len(rest)} others")
        widths.append(sum(rest))
    everywhere = len(names)
    within = dict([*importances.within.items()][:ROWS])
    names += [plain(name, 36) for name in within]
    widths += within.values()
    of = "" if importances.trials == importances.of else f"{importances.trials:,} of "
    notes = [f"fANOVA of {of}{importances.of:,} complete trials"]
    for which, why in (
        (importances.constant, "one value in all"),
        (importances.partly, "in too few trials"),
    ):
        if which:
            named = ", ".join(plain(name, 24) for name in which[:3])
            more = f" and {len(which) - 3} more" if len(which) > 3 else ""
            notes.append(f"{why}: {named}{more}")
    if within:
        notes.append("pale: only where it applies, of the differences between those trials")
    figure = Figure(
        figsize=(7.2, 0.75 + 0.27 * len(names) + 0.15 * len(notes)), layout="constrained"
    )
    axes = figure.add_subplot()
    colours = [VALIDATION if k < everywhere else PALE for k in range(len(names))]
    axes.barh(range(len(names)), widths, 0.62, color=colours)
    axes.set_yticks(range(len(names)), labels=names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    for k, width in enumerate(widths):
        axes.annotate(percent(width), (width, k), (4, 0), textcoords="offset points", va="center")
    axes.tick_params(axis="y", length=0)
    axes.spines["bottom"].set_visible(False)
    axes.set_xticks([])
    axes.set_xlim(0, 1.12 * max(widths))
    what = f"{goal.split} {plain(goal.metric, 24)}".strip()
    axes.set_title(f"Share of the differences in {what} that each parameter explains", loc="left")
    figure.supxlabel("\n".join(notes), fontsize=7.5, color=GREY)
    return figure
