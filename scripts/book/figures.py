"""How the figures look: the house's colours and letters, and no pyplot."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

INK, GREY, PALE = "#222222", "#6b6b6b", "#d9d9d9"
BLUE, VERMILION, GREEN, PURPLE, ORANGE = "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00"
COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, INK)  # Okabe and Ito's
DASHES = ("-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)), (0, (1, 1)))  # for a grey printer

STYLE: Mapping[Any, Any] = {
    "font.family": ["DejaVu Sans"],  # comes with matplotlib: the same figure on every machine
    "font.size": 8.5,
    "axes.titlesize": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 8,
}
DPI = 110
PALETTE = 96  # colours of a PNG

in_style = rc_context(STYLE)  # type: ignore[arg-type]  # plain names of settings
"""Around each function that draws."""


def new(width: float = 7.2, height: float = 3.4) -> Figure:
    """An empty figure, in inches."""
    return Figure(figsize=(width, height), layout="constrained")


def band(axes: Axes, x: ArrayLike, curves: ArrayLike, **look: Any) -> None:
    """The mean of curves (seeds, E) as a line, and from the lowest to the highest as a pale band."""
    values = np.asarray(curves, float)
    (line,) = axes.plot(x, values.mean(axis=0), lw=1.4, **look)
    axes.fill_between(
        x, values.min(axis=0), values.max(axis=0), color=line.get_color(), alpha=0.18, lw=0
    )


def grid(axes: Axes) -> None:
    """Pale lines to read values by."""
    axes.grid(axis="y", color="#eeeeee", lw=0.7)


def plain_log(axes: Axes) -> None:
    """A logarithmic x axis with ticks as 0.1, 1, 10."""
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")


def save(figure: Figure, path: Path) -> None:
    """Write a small PNG: of few colours, and without a date, so that the same figure is the same file."""
    from PIL import Image  # matplotlib's own need

    path.parent.mkdir(parents=True, exist_ok=True)
    drawn = BytesIO()
    with rc_context(STYLE):  # type: ignore[arg-type]
        figure.savefig(drawn, format="png", dpi=DPI, facecolor="white")
    with Image.open(drawn) as image:
        image.convert("RGB").quantize(PALETTE).save(path, optimize=True)
