"""A figure on a page: drawn when it is needed, with words for those who can't see it and for those who read it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Picture:
    """A figure, drawn when a page needs it: what it shows (for those who can't see it), and how to read it.

    `key` is its name, which no other figure of the page has.
    """

    key: str
    draw: Callable[[], Figure]
    shows: str
    reading: str


@dataclass(frozen=True)
class Drawing:
    """The inside of an <svg> with its size in points, what it shows, and how to read it."""

    svg: str
    width: float
    height: float
    shows: str
    reading: str


def drawing(picture: Picture) -> Drawing:
    """A picture drawn, as part of a page."""
    figure = picture.draw()
    width, height = (72 * inches for inches in figure.get_size_inches())
    return Drawing(_inner_svg(figure, picture.key), width, height, picture.shows, picture.reading)


def _inner_svg(figure: Figure, key: str) -> str:
    """The inside of a figure's <svg>, the key before each of its ids: two figures of a page must not share an id."""
    from studies import plots

    text = plots.svg(figure).decode()
    text = text[text.index(">", text.index("<svg")) + 1 : text.rindex("</svg>")]
    text = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>|<style.*?</style>", "", text, flags=re.S)
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{key}-", text)
    return re.sub(r"\n\s*", "\n", text).strip()
