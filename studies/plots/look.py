"""What the figures share: style, colours, shapes, legends, and a sentence where there is nothing to draw."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

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


def key(marker: str, label: str, color: Any = GREY, mfc: str | None = None) -> Line2D:
    """What stands in a legend for marks; `mfc` "none" for hollow ones."""
    return Line2D([], [], ls="", marker=marker, ms=4, color=color, mfc=mfc, label=label)


def round_colours(count: int) -> list[Any]:
    """The later, the darker; the first is not as light as the paper."""
    return [colormaps["viridis"](p) for p in np.linspace(0.8, 0.05, max(count, 2))][:count]


def legend(figure: Figure, handles: list[Any]) -> None:
    """A legend below, in as many lines as it takes."""
    if handles:
        inches = sum(0.5 + 0.065 * len(handle.get_label()) for handle in handles)
        lines = math.ceil(inches / figure.get_figwidth())
        columns = -(-len(handles) // lines)
        figure.legend(handles=handles, loc="outside lower center", ncols=columns)


def saying(figure: Figure, sentence: str) -> Figure:
    """The figure with a sentence in place of a picture."""
    figure.text(0.5, 0.5, sentence, ha="center", va="center", color=GREY)
    return figure
