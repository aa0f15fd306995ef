"""Parallel coordinates."""

from __future__ import annotations

import math

import numpy as np
import pytest
from matplotlib.collections import LineCollection

from studies import plots
from studies.analysis.goal import Goal
from tests.studies.figures import DOWN, LOG, UP, drawn, legend, made, texts


@pytest.mark.parametrize("goal", [UP, DOWN])
def test_parallel_draws_a_way_for_each_trial_the_best_highest(goal: Goal) -> None:
    values = [0.5, 0.9, 0.7, 0.6]
    trials, _, rounds = made(values)
    figure = drawn(plots.parallel(trials, ["rate", "decay"], rounds=rounds, goal=goal))
    (lines,) = [c for c in figure.axes[0].collections if isinstance(c, LineCollection)]
    ways = lines.get_segments()
    assert len(ways) == len(values)
    ends = sorted(float(way[-1][1]) for way in ways)
    best = [line for line in figure.axes[0].get_lines() if str(line.get_label()).startswith("best")]
    assert float(np.asarray(best[0].get_ydata(), float)[-1]) == ends[-1]
    number = 1 if goal is UP else 0
    assert legend(figure)[0] == f"best: trial {number}"
    height = (math.log10(trials["rate"].iloc[number]) + 5) / 5
    assert float(np.asarray(best[0].get_ydata(), float)[0]) == pytest.approx(height)


def test_parallel_of_what_is_not_there() -> None:
    trials, _, rounds = made([0.5])
    with pytest.raises(ValueError, match="no parameter 'lr'"):
        plots.parallel(trials, ["lr"], rounds=rounds, goal=UP)
    assert "no parameters" in texts(drawn(plots.parallel(trials, [], rounds=rounds, goal=UP)))


def test_parallel_of_more_parameters_than_fit_says_so() -> None:
    names = [f"p{k}" for k in range(20)]
    trials, _, rounds = made(
        [0.5, 0.6], lambda _: dict.fromkeys(names, 0.5), dict.fromkeys(names, LOG)
    )
    figure = drawn(plots.parallel(trials, names, rounds=rounds, goal=UP))
    assert "12 of 20 parameters drawn" in legend(figure)
