"""The values of all trials, the best so far and the confirmed mean."""

from __future__ import annotations

import numpy as np
import pytest

from studies import Study, plots
from studies.analysis.goal import Goal
from tests.studies.figures import DOWN, UP, drawn, finalists_of, legend, made, points, texts


def test_history_draws_every_value_and_every_failure(study: Study) -> None:
    trials = study.trials_frame()
    figure = drawn(plots.history(trials, goal=DOWN))
    axes, strip = figure.axes
    complete = trials[trials["state"] == "complete"]
    failed = trials[trials["state"] == "failed"]
    assert len(failed)
    x, y = points(axes, "round")
    assert sorted(x) == list(complete["number"])
    inside = dict(zip(x, y, strict=True))
    low, high = axes.get_ylim()
    for number, value in zip(complete["number"], complete["value"], strict=True):
        assert inside[float(number)] == pytest.approx(min(value, high))
    assert points(strip, "failed")[0] == list(failed["number"])
    assert study.best is not None
    assert points(axes, "best so far")[1][-1] == study.best.value
    assert low < study.best.value < high


def test_history_of_rounds_has_a_shape_for_each(study: Study) -> None:
    figure = plots.history(study.trials_frame(), goal=DOWN)
    shapes = {
        str(line.get_label()): line.get_marker()
        for line in figure.axes[0].get_lines()
        if str(line.get_marker()) in plots.MARKERS[:3] and line.get_markerfacecolor() != "none"
    }
    assert shapes == {"round 0": "o", "round 1": "s", "round 2": "^"}


@pytest.mark.parametrize(
    ("goal", "values", "edge"),
    [
        (UP, [0.9 + k / 200 for k in range(15)] + [0.1, 0.11], 0),
        (DOWN, [50.0 + k for k in range(15)] + [1e6, 1e5], 1),
    ],
)
def test_values_far_worse_than_most_stand_at_the_edge(
    goal: Goal, values: list[float], edge: int
) -> None:
    figure = drawn(plots.history(made(list(values))[0], goal=goal))
    limits = figure.axes[0].get_ylim()
    good = values[:15]
    assert limits[1] - limits[0] < 4 * (max(good) - min(good))
    x, y = points(figure.axes[0], "round")
    assert [v for k, v in zip(x, y, strict=True) if k >= 15] == [limits[edge]] * 2
    assert any("drawn at the edge (2)" in text for text in legend(figure))


def test_values_of_one_kind_are_not_clipped() -> None:
    figure = plots.history(made([0.5, 0.6, 0.7, 0.8, 0.9])[0], goal=UP)
    low, high = figure.axes[0].get_ylim()
    assert low < 0.5
    assert high > 0.9
    assert legend(figure) == ["best so far"]


def test_pruned_trials_are_hollow_and_never_the_best_so_far() -> None:
    trials = made([0.5, 0.9, 0.6])[0]
    trials.loc[1, "state"] = "pruned"
    figure = plots.history(trials, goal=UP)
    assert points(figure.axes[0], "best so far")[1] == [0.5, 0.6, 0.6]
    assert "pruned" in legend(figure)


def test_history_by_epochs_stands_at_what_was_spent(study: Study) -> None:
    trials = study.trials_frame()
    figure = drawn(plots.history(trials, goal=DOWN, by="epochs"))
    spent = trials["epochs"].astype(float).cumsum()
    complete = trials["state"] == "complete"
    assert sorted(points(figure.axes[0], "round")[0]) == list(spent[complete])
    assert points(figure.axes[0], "best so far")[0][-1] == spent.iloc[-1]
    assert "epochs trained" in texts(figure)
    with pytest.raises(ValueError, match="by = 'hour' is neither"):
        plots.history(trials, goal=DOWN, by="hour")  # type: ignore[arg-type]


def test_history_by_epochs_of_none_says_so() -> None:
    trials = made([0.5, 0.6])[0]
    assert "No epoch" in texts(drawn(plots.history(trials, goal=UP, by="epochs")))


def test_history_has_the_confirmed_mean_and_its_interval() -> None:
    trials = made([0.5, 0.9, 0.6])[0]
    figure = drawn(plots.history(trials, goal=UP, finalists=finalists_of((1, 0.85, False))))
    axes = figure.axes[0]
    assert points(axes, "confirmed")[1] == [0.85]
    (bar,) = [
        line for line in axes.get_lines() if list(np.asarray(line.get_ydata())) == [0.83, 0.87]
    ]
    assert min(np.asarray(bar.get_xdata(), float)) > 2
    assert "confirmed: 0.850 ± 0.020, trial 1" in legend(figure)


def test_history_makes_room_for_what_is_confirmed() -> None:
    trials = made([0.5, 0.51, 0.52])[0]
    low, high = (
        plots.history(trials, goal=UP, finalists=finalists_of((1, 0.54, False))).axes[0].get_ylim()
    )
    assert low < 0.5
    assert high > 0.54


def test_history_of_failed_confirmations_has_none() -> None:
    trials = made([0.5, 0.9])[0]
    for found in (finalists_of((1, None, False)), finalists_of()):
        assert not points(plots.history(trials, goal=UP, finalists=found).axes[0], "confirmed")[0]
