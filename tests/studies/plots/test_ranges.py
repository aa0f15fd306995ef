"""How ranges moved."""

from __future__ import annotations

import pytest
from matplotlib.patches import Rectangle

from studies import Study, plots
from studies.analysis import frames
from studies.database.records import Round
from tests.studies.figures import LOG, NARROWER, drawn


def test_ranges_draw_each_round_and_what_is_left(study: Study) -> None:
    rounds = study.rounds_frame()
    figure = drawn(plots.ranges(rounds))
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["learning_rate", "units", "activation"]
    for axes, name in zip(figure.axes[:2], titles[:2], strict=True):
        rows = rounds[rounds["parameter"] == name]
        ends = [*zip(rows["low"], rows["high"], strict=True)]
        ends.append((rows["next_low"].iloc[-1], rows["next_high"].iloc[-1]))
        bars = [p for p in axes.patches if isinstance(p, Rectangle)]
        assert [b.get_x() for b in bars] == [low for low, _ in ends]
        assert [b.get_x() + b.get_width() for b in bars] == pytest.approx([h for _, h in ends])
        assert axes.get_xscale() == "log"
        words = [text.get_text() for text in axes.texts]
        assert [word for word in words if word in frames.ACTIONS] == list(rows["action"])
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()][-1] == "next"
    choices = figure.axes[2]
    assert [label.get_text() for label in choices.get_xticklabels()] == ["relu", "tanh"]


def test_ranges_of_a_round_that_runs_has_no_next() -> None:
    ranges = {"rate": NARROWER}
    verdict = {"rate": {"action": "narrowed", "reason": "narrowed to less"}}
    first = Round(0, 5, {"rate": LOG}, verdict, ranges)
    figure = drawn(plots.ranges(frames.rounds_frame([first, Round(1, 5, ranges, None, None)])))
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["round 0", "round 1"]
