"""How the range of each parameter moved, round by round."""

from __future__ import annotations

import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.patches import Polygon

from studies.analysis.dimensions import Dimension, dimension
from studies.plots.look import GREY, INK, SEARCHED, SLOPE, STYLE, VALIDATION, Figure, plain, saying
from studies.plots.scales import set_scale
from studies.words import of_range


@rc_context(STYLE)  # type: ignore[arg-type]
def ranges(rounds: pd.DataFrame) -> Figure:
    """How the range of each parameter moved: a row for each round, with the verdict at its right."""
    names = list(dict.fromkeys(rounds["parameter"]))
    columns = max(1, min(len(names), 2 if len(names) <= 4 else 3))
    lines = max(1, -(-len(names) // columns))
    round_numbers = sorted({int(n) for n in rounds["round"]})
    judged = not rounds["action"].tail(1).isna().any()
    rows = len(round_numbers) + judged
    height = lines * (0.95 + 0.24 * min(rows, 30)) + 0.1
    figure = Figure(figsize=((0, 5.0, 7.4, 8.8)[columns], height), layout="constrained")
    figure.get_layout_engine().set(  # type: ignore[union-attr]  # it has one
        w_pad=0.09,  # type: ignore[call-arg]  # a constrained one
        h_pad=0.08,
    )
    if not names:
        return saying(figure, "No round has begun yet.")
    for k, name in enumerate(names):
        axes = figure.add_subplot(lines, columns, k + 1)
        parameter = dimension(name, pd.DataFrame(), rounds)
        of_name = rounds[rounds["parameter"] == name]
        _funnel(axes, parameter, len(round_numbers))
        set_scale(parameter, axes, "x", *((4, 20) if columns == 3 else (5, 36)))
        axes.set_ylim(rows - 0.4, -0.6)
        stride = -(-rows // 30)
        labels = [*(f"round {n}" for n in round_numbers), "next"][:rows]
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
            _moved(of_name), (0, 1), (0, 5), xycoords="axes fraction", textcoords="offset points"
        )
    return figure


def _moved(rows: pd.DataFrame) -> str:
    """The first range and the last: the one that the last verdict leads to, if there is one."""
    first, last = rows.iloc[0], rows.iloc[-1]
    following = "" if pd.isna(last["action"]) else "next_"
    choices = [first["choices"], last[f"{following}choices"]]
    ends = [(first["low"], first["high"]), (last[f"{following}low"], last[f"{following}high"])]
    ranges = [of_range(c, *e) for c, e in zip(choices, ends, strict=True)]
    if isinstance(choices[0], list) and len(_arrow(*ranges)) > 38:
        ranges = [f"{len(chosen)} choices" for chosen in choices]
    return _arrow(*(plain(text, 38) for text in ranges))


def _arrow(first: str, last: str) -> str:
    return f"{first}  →  {last}" if first != last else f"{first}  (unchanged)"


def _funnel(axes: Axes, parameter: Dimension, rounds: int) -> None:
    """Draw a bar for each round, and between the bars of a range the slope from one to the next."""
    for y, pieces in enumerate(parameter.searched):
        for low, high in pieces:
            colour = SEARCHED if y < rounds else VALIDATION
            axes.barh(y, high - low, 0.56, left=low, color=colour, edgecolor=colour, lw=1.2)
        if parameter.choices is None and y:
            (left, right), (low, high) = parameter.searched[y - 1][0], pieces[0]
            slope = [(left, y - 0.72), (right, y - 0.72), (high, y - 0.28), (low, y - 0.28)]
            axes.add_patch(Polygon(slope, color=SLOPE, lw=0, zorder=0))
