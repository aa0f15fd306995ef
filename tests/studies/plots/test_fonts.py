"""Letters that the figures' font lacks."""

from __future__ import annotations

import re
import warnings

import pytest
from matplotlib import font_manager

from studies.plots import fonts, png, svg
from studies.plots.look import Figure, plain

KOREAN, CIRCLED = (
    "학습률",
    "ⓐⓑ",
)  # STIX, which comes with matplotlib, has the latter in italics only
RARE = "⃝⃤"  # of STIX's upright letters


@pytest.fixture(autouse=True)
def _anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fonts that come with matplotlib are the only ones, and nothing was said yet."""
    ours = [f for f in font_manager.fontManager.ttflist if "mpl-data" in f.fname]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", ours)
    fonts._installed.cache_clear()
    fonts._warn.cache_clear()


def figure_of(name: str) -> Figure:
    figure = Figure(figsize=(2, 1), layout="constrained")
    axes = figure.add_subplot()
    axes.set_yticks([0.5], labels=[name])
    return figure


def test_text_stays_text_where_the_reader_has_better_fonts() -> None:
    drawing = svg(figure_of(f"{KOREAN} <b>")).decode()
    assert f"{KOREAN} &lt;b&gt;</text>" in drawing
    assert "'DejaVu Sans', sans-serif" in drawing
    assert "<text" not in svg(figure_of("größe")).decode()


def test_a_font_that_is_installed_is_found_and_used_for_pictures_alone() -> None:
    figure = figure_of(RARE)
    (text,) = fonts.texts_beyond(figure)
    before = text.get_fontfamily()
    with fonts.installed([text]):
        assert text.get_fontfamily() == ["DejaVu Sans", "STIXGeneral"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        png(figure)
    assert text.get_fontfamily() == before  # an SVG is the same on every machine


@pytest.mark.parametrize(("name", "package"), [(KOREAN, "fonts-noto-cjk"), ("अधिगम", "fonts-noto")])
def test_without_such_a_font_it_is_said_once_which_to_install(name: str, package: str) -> None:
    with pytest.warns(UserWarning, match=rf"in the package {package} of Debian") as said:
        [png(figure_of(text)) for text in (name, name * 2)]
    assert len(said) == 1


def test_a_long_name_is_cut_by_the_room_it_takes() -> None:
    assert plain("a" * 30, 24) == "a" * 12 + "…" + "a" * 11
    assert plain("학" * 12, 24) == "학" * 12
    assert plain("학" * 13, 24) == "학" * 6 + "…" + "학" * 5
    assert re.fullmatch(r"ab학+…학+", plain("ab" + "학" * 30, 24))
