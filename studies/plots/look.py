"""What the figures share: style, colours, shapes, legends, files, and a sentence if there is nothing to draw."""

from __future__ import annotations

import io
import itertools
import textwrap
import unicodedata
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps, figure, rc_context
from matplotlib.lines import Line2D

from studies.analysis.frames import scored
from studies.database.records import Direction
from studies.plots.fonts import OWN, installed, texts_beyond

STYLE: Mapping[Any, Any] = {
    "font.family": [OWN],
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
"""The style of all figures. It must also be in force while one is saved."""

INK, PALE, GREY = "#222222", "#d9d9d9", "#6b6b6b"
VALIDATION, TRAINING = "#0072b2", "#d55e00"  # Okabe and Ito's blue and vermilion
SEARCHED, SLOPE = "#7fb2d6", "#e3eef6"  # paler blues
CONFIRMED, TIED = "#009e73", "#56b4e9"  # their bluish green and sky blue
MARKERS = "os^Dv"
MAX_POINTS = 1500  # of a figure: more hide each other, and its SVG would have megabytes


class Figure(figure.Figure):
    """A Figure that a notebook shows even if pyplot is not imported there."""

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        width, height = (round(96 * inches) for inches in self.get_size_inches())
        return png(self), {"width": width, "height": height}


def key(marker: str, label: str, color: Any = GREY, mfc: str | None = None) -> Line2D:
    """A legend's entry for marks; hollow ones have `mfc` "none"."""
    return Line2D([], [], ls="", marker=marker, ms=4, color=color, mfc=mfc, label=label)


def round_colours(count: int) -> list[Any]:
    """A colour for each round: the later, the darker. The first is still darker than paper."""
    return [colormaps["viridis"](p) for p in np.linspace(0.8, 0.05, max(count, 2))][:count]


def thinned(trials: pd.DataFrame, direction: Direction, most: int = MAX_POINTS) -> pd.DataFrame:
    """At most `most` trials in the same order: a fifth are the best, the others evenly spaced."""
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
    """How many trials of a part to draw, so that each part keeps its share; a small part is drawn in full."""
    return max(100, MAX_POINTS * part // max(of, 1))


def thinned_note(drawn: int, of: int) -> list[Line2D]:
    """A legend's note on a figure that does not draw all trials."""
    note = f"{drawn:,} of {of:,} trials drawn, the best among them"
    return [] if drawn == of else [key("", note)]


def legend(figure: Figure, handles: list[Any]) -> None:
    """Put a legend below, in as many columns as fit: each is as wide as its longest label."""
    if not handles:
        return
    inches = [0.5 + 0.065 * len(handle.get_label()) for handle in handles]
    columns = len(handles)
    while columns > 1 and _width(inches, columns) > figure.get_figwidth():
        columns -= 1
    figure.legend(handles=handles, loc="outside lower center", ncols=columns)


def _width(inches: list[float], columns: int) -> float:
    """The width of a legend, which is filled column by column."""
    return sum(float(part.max()) for part in np.array_split(inches, columns))


def plain(text: object, most: int) -> str:
    """A name on one line: its middle is cut out if it is long, and dollars do not begin mathematics.

    `most` is in letters, of which Chinese, Japanese and Korean ones count as two.
    """
    words = " ".join(str(text).split())
    wide = [1 + (unicodedata.east_asian_width(letter) in "WF") for letter in words]
    if sum(wide) > most:
        ends = itertools.accumulate(wide), itertools.accumulate(reversed(wide))
        first, last = (
            sum(end <= room for end in side)
            for side, room in zip(ends, (most // 2, most - most // 2 - 1), strict=True)
        )
        words = f"{words[:first]}…{words[len(words) - last :]}"
    return words.replace("$", r"\$")


def plain_lines(sentence: str, letters: int = 100) -> str:
    """A sentence on as many lines as it takes; dollars do not begin mathematics."""
    return "\n".join(textwrap.wrap(sentence, letters)).replace("$", r"\$")


@rc_context(STYLE)  # type: ignore[arg-type]
def sentence(text: str) -> Figure:
    """A figure that says why there is nothing to draw."""
    return saying(Figure(figsize=(7.2, 1.6), layout="constrained"), text)


def saying(figure: Figure, sentence: str) -> Figure:
    """The figure, with a sentence in place of a picture."""
    figure.text(0.5, 0.5, sentence, ha="center", va="center", color=GREY)
    return figure


def svg(drawn: figure.Figure) -> bytes:
    """A figure as an SVG file, the same to the last byte whenever it is drawn.

    Text is drawn as paths, so it looks the same everywhere. It stays text in figures with letters that the font lacks:
    who reads such letters has a font with them.
    """
    beyond = bool(texts_beyond(drawn))
    drawing = _saved(
        drawn, "svg", dict.fromkeys(("Date", "Creator", "Format", "Type")), "none",
        {"svg.hashsalt": "hpo", "svg.fonttype": "none" if beyond else "path"},
    )  # fmt: skip
    return drawing.replace(f"'{OWN}'".encode(), f"'{OWN}', sans-serif".encode())


def png(drawn: figure.Figure) -> bytes:
    """A figure as a PNG file, for screens and print."""
    with installed(texts_beyond(drawn)):
        return _saved(drawn, "png", {"Software": None}, "white", {})


def _saved(
    drawn: figure.Figure, kind: str, metadata: dict[str, Any], ground: str, options: dict[Any, Any]
) -> bytes:
    buffer = io.BytesIO()
    with rc_context({**STYLE, **options}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+", UserWarning)  # we say it in other words
        drawn.savefig(buffer, format=kind, metadata=metadata, facecolor=ground, dpi=200)
    return buffer.getvalue()
