"""What the figures share: style, colours, shapes, legends, and a sentence where there is nothing to draw."""

from __future__ import annotations

import io
import textwrap
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps, figure, rc_context
from matplotlib.lines import Line2D

from studies.analysis.frames import scored
from studies.database.records import Direction

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
CONFIRMED, TIED = "#009e73", "#56b4e9"  # their bluish green and sky blue
MARKERS = "os^Dv"
MOST = 1500  # points of a figure: more hide each other, and make its SVG a matter of megabytes


class Figure(figure.Figure):
    """A Figure that a notebook shows though nobody has imported pyplot there."""

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        width, height = (round(96 * inches) for inches in self.get_size_inches())
        return png(self), {"width": width, "height": height}


def key(marker: str, label: str, color: Any = GREY, mfc: str | None = None) -> Line2D:
    """What stands in a legend for marks; `mfc` "none" for hollow ones."""
    return Line2D([], [], ls="", marker=marker, ms=4, color=color, mfc=mfc, label=label)


def round_colours(count: int) -> list[Any]:
    """The later, the darker; the first is not as light as the paper."""
    return [colormaps["viridis"](p) for p in np.linspace(0.8, 0.05, max(count, 2))][:count]


def thinned(trials: pd.DataFrame, direction: Direction, most: int = MOST) -> pd.DataFrame:
    """The trials, or of too many a fifth of `most` that are the best and others evenly spaced, in the same order."""
    if len(trials) <= most:
        return trials
    value = trials["value"].where(scored(trials)).to_numpy(float)
    order = np.argsort(-value if direction == "maximize" else value, kind="stable")  # NaN last
    kept = np.zeros(len(trials), bool)
    kept[order[: most // 5]] = True
    others = np.flatnonzero(~kept)
    kept[others[np.linspace(0, len(others) - 1, most - most // 5).round().astype(int)]] = True
    return trials[kept]


def quota(part: int, of: int) -> int:
    """How many trials of a part of all to draw, so that each part has its share; few are drawn in full."""
    return max(100, MOST * part // max(of, 1))


def thinned_note(drawn: int, of: int) -> list[Line2D]:
    """What a legend says of a figure that has not all trials."""
    return (
        [] if drawn == of else [key("", f"{drawn:,} of {of:,} trials drawn, the best among them")]
    )


def legend(figure: Figure, handles: list[Any]) -> None:
    """A legend below, in as many columns as fit: each is as wide as its longest label."""
    if not handles:
        return
    inches = [0.5 + 0.065 * len(handle.get_label()) for handle in handles]
    columns = len(handles)
    while columns > 1 and _width(inches, columns) > figure.get_figwidth():
        columns -= 1
    figure.legend(handles=handles, loc="outside lower center", ncols=columns)


def _width(inches: list[float], columns: int) -> float:
    """Of a legend, which is filled column by column."""
    return sum(float(part.max()) for part in np.array_split(inches, columns))


def plain(text: object, most: int) -> str:
    """A name on one line, as it is: no mathematics between dollars, its middle left out if it is long."""
    words = " ".join(str(text).split())
    if len(words) > most:
        words = f"{words[: most // 2]}…{words[-(most - most // 2 - 1) :]}"
    return words.replace("$", r"\$")


def plain_lines(sentence: str, letters: int = 100) -> str:
    """A sentence on as many lines as it takes; it is no mathematics."""
    return "\n".join(textwrap.wrap(sentence, letters)).replace("$", r"\$")


@rc_context(STYLE)  # type: ignore[arg-type]
def sentence(text: str) -> Figure:
    """A figure that says why there is nothing to draw."""
    return saying(Figure(figsize=(7.2, 1.6), layout="constrained"), text)


def saying(figure: Figure, sentence: str) -> Figure:
    """The figure with a sentence in place of a picture."""
    figure.text(0.5, 0.5, sentence, ha="center", va="center", color=GREY)
    return figure


def svg(drawn: figure.Figure) -> bytes:
    """A figure as an SVG file, the same to the last byte whenever it is drawn.

    Text is drawn as paths: it looks the same everywhere, and can't be anything but a picture.
    """
    return _saved(drawn, "svg", dict.fromkeys(("Date", "Creator", "Format", "Type")), "none")


def png(drawn: figure.Figure) -> bytes:
    """A figure as a PNG file, for a screen or a page of print."""
    return _saved(drawn, "png", {"Software": None}, "white")


def _saved(drawn: figure.Figure, kind: str, metadata: dict[str, Any], ground: str) -> bytes:
    buffer = io.BytesIO()
    fixed: dict[Any, Any] = {**STYLE, "svg.hashsalt": "hpo", "svg.fonttype": "path"}
    with rc_context(fixed), warnings.catch_warnings():
        # A choice in a script that the font has not shows as a box; the tables have it in full.
        warnings.filterwarnings("ignore", r"Glyph \d+", UserWarning)
        drawn.savefig(buffer, format=kind, metadata=metadata, facecolor=ground, dpi=200)
    return buffer.getvalue()
