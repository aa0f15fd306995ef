"""The settings that were trained again."""

from __future__ import annotations

import numpy as np

from studies import plots
from tests.studies.figures import UP, drawn, finalists_of, legend, overlaps, texts


def test_finalists_are_told_apart() -> None:
    found = finalists_of(
        (4, 0.95, False), (7, 0.94, True), (2, 0.80, False), (5, 0.96, None), (9, None, False)
    )
    figure = drawn(plots.finalists(found, goal=UP))
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "trial 4", "trial 7", "trial 2", "trial 5", "trial 9",
    ]  # fmt: skip
    shown = [text.get_text() for text in axes.texts]
    assert shown == ["best", "tied", "worse", "too few", "failed"]
    assert "too few trainings to tell" in legend(figure)
    shapes = {tuple(np.asarray(line.get_ydata(), float)): line for line in axes.get_lines()
              if line.get_marker() in ("D", "o", "s")}  # fmt: skip
    means = [float(np.asarray(shapes[(y,)].get_xdata(), float)[0]) for y in (0.0, 1.0, 2.0, 3.0)]
    assert means == [0.95, 0.94, 0.80, 0.96]
    assert [shapes[(y,)].get_markerfacecolor() == "white" for y in (0.0, 1.0, 2.0, 3.0)] == [
        False, False, True, True,
    ]  # fmt: skip
    singles = [line for line in axes.get_lines() if line.get_marker() == "|"]
    assert [len(np.asarray(line.get_xdata())) for line in singles] == [2, 2, 2, 2, 0]
    assert not overlaps(figure)


def test_many_finalists_are_cut_short() -> None:
    found = finalists_of(*((k, 0.9 - k / 100, False) for k in range(30)))
    figure = drawn(plots.finalists(found, goal=UP))
    assert len(figure.axes[0].get_yticklabels()) == 20
    assert "10 later ones not drawn" in legend(figure)
    assert not overlaps(figure)


def test_no_finalists_is_said() -> None:
    assert "nothing is confirmed" in texts(drawn(plots.finalists(finalists_of(), goal=UP)))
