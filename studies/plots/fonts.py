"""Letters that the figures' font lacks, such as Korean ones: which they are, and an installed font that has them."""

from __future__ import annotations

import unicodedata
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache

from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.text import Text

OWN = "DejaVu Sans"  # comes with matplotlib: the same page on every machine
PLACEHOLDERS = "Last Resort"  # draws a box for every letter
EAST_ASIAN = ("CJK", "HANGUL", "HIRAGANA", "KATAKANA")  # how the names of such letters begin


def texts_beyond(figure: Figure) -> list[Text]:
    """The texts of a figure with letters that its own font lacks."""
    return [text for text in _texts(figure) if text.get_visible() and _lacking(text.get_text())]


@contextmanager
def installed(texts: Iterable[Text]) -> Iterator[None]:
    """Let these texts have an installed font with their letters for a while; without one, warn once what to install."""
    before = [(text, text.get_fontfamily()) for text in texts]
    for text, _ in before:
        lacking = _lacking(text.get_text())
        if found := _installed(lacking):
            text.set_fontfamily([OWN, found])
        else:
            _warn(all(unicodedata.name(c, "").startswith(EAST_ASIAN) for c in lacking))
    yield
    for text, family in before:
        text.set_fontfamily(family)


def _texts(figure: Figure) -> Iterator[Text]:
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            axis.get_ticklabels()  # brings their texts up to date
    yield from (text for text in figure.findobj(Text) if isinstance(text, Text))


def _lacking(text: str) -> frozenset[str]:
    if text.isascii():
        return frozenset()
    known = _letters(font_manager.findfont(OWN))
    return frozenset(c for c in text if ord(c) not in known and c.isprintable())


@cache
def _letters(path: str) -> frozenset[int]:
    return frozenset(font_manager.get_font(path).get_charmap())


@cache
def _installed(letters: frozenset[str]) -> str | None:
    """The first upright font of usual weight, in alphabetical order, that has these letters."""
    fonts = {
        entry.name: entry.fname
        for entry in font_manager.fontManager.ttflist
        if (entry.style, entry.weight) == ("normal", 400) and PLACEHOLDERS not in entry.name
    }
    codes = set(map(ord, letters))
    return next((name for name in sorted(fonts) if codes <= _letters(fonts[name])), None)


@cache
def _warn(east_asian: bool) -> None:
    package = "fonts-noto-cjk" if east_asian else "fonts-noto"
    warnings.warn(
        "no installed font has all letters of the names in these figures, so PNG files show boxes in their place: "
        f"install one, such as those in the package {package} of Debian and Ubuntu",
        stacklevel=2,
    )
