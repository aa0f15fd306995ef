"""When each trial ran."""

from __future__ import annotations

import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from studies import plots
from tests.studies.figures import drawn, legend, made, overlaps, points, texts, timed


def bars(figure: Figure) -> list[tuple[float, float]]:
    """From and to, in seconds."""
    found = [
        np.asarray(path.vertices, float)[:, 0]
        for collection in figure.axes[0].collections
        if isinstance(collection, PolyCollection)
        for path in collection.get_paths()
    ]
    return [(float(x.min()), float(x.max())) for x in found]


def test_timeline_has_a_bar_for_each_trial_and_cuts_pauses_out() -> None:
    trials = timed(made([0.5, None, 0.6])[0], [0, 0, 7200], [10, 20, 30])
    figure = drawn(plots.timeline(trials))
    assert bars(figure) == [(0, 10), (0, 20), (20, 50)]
    assert points(figure.axes[0], "_child")[0][:1] == [20.0]  # where the second failed
    assert figure.axes[0].get_title(loc="left") == (
        "begun 2026-03-01 08:00 UTC, ran 50 s, paused 2 h (dashed)"
    )
    assert not overlaps(figure)


def test_timeline_of_thousands_has_a_bar_for_several() -> None:
    trials = timed(made([0.5] * 2000)[0], [float(k // 50) for k in range(2000)], [1.0] * 2000)
    figure = drawn(plots.timeline(trials))
    assert len(bars(figure)) == 400
    assert "a bar is 5 trials in a row" in legend(figure)


def test_timeline_of_what_never_began_says_so() -> None:
    assert "No trial has begun" in texts(drawn(plots.timeline(made([0.5])[0])))
    assert "No trial has begun" in texts(drawn(plots.timeline(made([])[0])))
