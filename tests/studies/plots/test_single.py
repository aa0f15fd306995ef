"""The value of each trial against one parameter, and the ticks of its axis."""

from __future__ import annotations

import pytest

from studies import Study, plots
from tests.studies.figures import DOWN, LOG, UP, drawn, made, points


def test_choices_that_are_numbers_or_nothing_have_their_places() -> None:
    choices = [16, 32, None]
    trials, _, rounds = made(
        [0.5, 0.6, 0.7, 0.8, 0.9, 0.95],
        params=lambda n: {"rate": 0.1, "batch": choices[n % 3]},
        ranges={"rate": LOG, "batch": {"choices": choices}},
    )
    figure = drawn(plots.single(trials, "batch", rounds=rounds, goal=UP))
    x, y = points(figure.axes[0], "round")
    places = {v: round(k) for k, v in zip(x, y, strict=True)}
    assert [places[v] for v in (0.5, 0.6, 0.7)] == [0, 1, 2]
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert labels == ["16", "32", "None"]


def test_single_draws_value_against_a_parameter(study: Study) -> None:
    trials, rounds = study.trials_frame(), study.rounds_frame()
    figure = drawn(plots.single(trials, "learning_rate", rounds=rounds, goal=DOWN))
    axes, strip = figure.axes
    complete = trials[trials["state"] == "complete"]
    assert sorted(points(axes, "round")[0]) == sorted(complete["learning_rate"])
    assert len(points(strip, "failed")[0]) == (trials["state"] == "failed").sum()
    assert axes.get_xscale() == "log"


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (1e-5, 1.0, ["1e-05", "0.0001", "0.001", "0.01", "0.1", "1"]),
        (0.02, 0.3, ["0.03", "0.1", "0.3"]),
        (8.0, 128.0, ["10", "30", "100"]),
        (0.062, 0.088, ["0.07", "0.08"]),
    ],
)
def test_log_ticks_are_round_numbers(low: float, high: float, ticks: list[str]) -> None:
    trials, _, rounds = made([0.5, 0.6], ranges={"rate": {"low": low, "high": high, "log": True}})
    axes = plots.single(trials, "rate", rounds=rounds, goal=UP).axes[0]
    shown = [label.get_text() for label in axes.get_xticklabels()]
    assert set(ticks) <= set(shown)
    assert len(shown) <= 8
