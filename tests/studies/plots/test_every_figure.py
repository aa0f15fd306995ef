"""Every figure of every state of a study, of many trials and with long names."""

from __future__ import annotations

import math
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from studies import Study, plots
from studies.analysis import frames
from studies.analysis.goal import Goal
from studies.analysis.importance import importances
from studies.database.records import Round
from tests.studies.figures import (
    DOWN,
    LOG,
    UP,
    Frames,
    drawn,
    finalists_of,
    legend,
    made,
    overlaps,
    timed,
)


def every_figure(study: Frames, goal: Goal) -> list[Figure]:
    trials, epochs, rounds = study
    names = list(dict.fromkeys(rounds["parameter"])) or frames.parameters(trials)
    best = [int(n) for n in frames.in_order(trials, goal.direction)["number"].head(5)]
    again = finalists_of(*((n, 0.9 - k / 50, k == 1) for k, n in enumerate(best)))
    trials = timed(trials, [3.0 * k for k in range(len(trials))], [2.5] * len(trials))
    figures: list[Figure] = [
        plots.history(trials, goal=goal, finalists=again),
        plots.history(trials, goal=goal, by="epochs", finalists=again),
        plots.ranges(rounds),
        plots.importance(importances(trials, rounds, direction=goal.direction), goal=goal),
        plots.parallel(trials, names, rounds=rounds, goal=goal),
        plots.curves(trials, epochs, goal=goal),
        plots.gap(trials, epochs, goal=goal),
        plots.finalists(again, goal=goal),
        plots.agreement(trials, epochs, goal=goal),
        plots.divergence(trials, *names[:2], rounds=rounds),
        plots.timeline(trials),
        plots.single(trials, names[0], rounds=rounds, goal=goal),
    ]
    if len(names) > 1:
        figures.append(plots.scatter(trials, *names[:2], rounds=rounds, goal=goal))
    return figures


@pytest.mark.parametrize(
    ("values", "state", "goal"),
    [
        ([0.5], None, UP),
        pytest.param([0.5, 0.6], None, DOWN, marks=pytest.mark.slow),
        pytest.param([0.5] * 12, None, UP, marks=pytest.mark.slow),
        ([math.inf, math.nan, 0.5], None, DOWN),
        ([None] * 12, None, UP),
        ([None, None], "running", DOWN),
        ([], None, UP),
        pytest.param([1e-12 * k for k in range(1, 20)], None, DOWN, marks=pytest.mark.slow),
        ([1e12 * k for k in range(1, 20)], None, DOWN),
        ([*[0.9 + k / 1000 for k in range(19)], -1e30], None, UP),
    ],
    ids=["one", "two", "equal", "infinite", "failed", "running", "empty", "tiny", "huge", "hopeless"],
)  # fmt: skip
def test_every_figure_of_every_state_is_drawn(
    values: list[float | None], state: str | None, goal: Goal
) -> None:
    for figure in every_figure(made(values, state=state), goal):
        assert not overlaps(figure)


def test_a_study_that_optuna_made_has_no_rounds() -> None:
    trials, epochs, rounds = made(
        [0.5, 0.6, 0.7], params=lambda n: {"rate": 0.1 * n, "kind": "ab"[n % 2]}
    )
    trials["round"] = pd.array([pd.NA] * 3, dtype="Int64")
    for figure in every_figure((trials, epochs.head(0), rounds.head(0)), UP):
        drawn(figure)


def test_a_range_of_one_value_is_drawn() -> None:
    fixed = {"rate": {"low": 0.1, "high": 0.1, "log": True}, "decay": {"low": 0.5, "high": 0.5}}
    study = made([0.5, 0.6], params=lambda _: {"rate": 0.1, "decay": 0.5}, ranges=fixed)
    for figure in every_figure(study, UP):
        drawn(figure)


def test_nothing_overlaps_in_a_large_study() -> None:
    names = ["a_very_long_name_that_somebody_gave_to_the_learning_rate_of_a_layer"]
    names += [f"p{k}" for k in range(6)]
    kinds: list[dict[str, Any]] = [
        LOG,
        {"low": 0.0, "high": 1.0},
        {"choices": [f"choice {k}" for k in range(20)]},
    ]
    ranges = {name: kinds[k % 3] for k, name in enumerate(names)}
    verdicts = {name: {"action": "narrowed", "reason": "narrowed"} for name in names}
    rounds = frames.rounds_frame([Round(k, 50, ranges, verdicts, ranges) for k in range(12)])
    rng = np.random.default_rng(0)
    settings = {n: 0.5 if k % 3 < 2 else f"choice {rng.integers(20)}" for k, n in enumerate(names)}
    trials = made(
        [None if k % 9 == 0 else float(v) for k, v in enumerate(rng.random(600))],
        params=lambda _: settings,
        ranges=ranges,
    )[0]
    trials["round"] = pd.array(np.arange(600) // 50, dtype="Int64")
    goal = Goal("a_metric_with_a_name_as_long_as_this", "minimize")
    for figure in (
        plots.history(trials, goal=goal),
        plots.ranges(rounds),
        plots.scatter(trials, names[0], names[2], rounds=rounds, goal=goal),
        plots.single(trials, names[2], rounds=rounds, goal=goal),
    ):
        assert not overlaps(figure)


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 12])
def test_every_figure_of_many_trials_is_small_and_readable(count: int) -> None:
    """12,000 trials: what is drawn stays below some thousands of marks."""
    rng = np.random.default_rng(0)
    names = [f"a_name_as_long_as_this_parameter_{k}" for k in range(count)]
    ranges = dict.fromkeys(names, LOG)
    verdicts = {name: {"action": "kept", "reason": "kept"} for name in names}
    trials, epochs, _ = made([0.5] * 20, lambda _: dict.fromkeys(names, 0.1), ranges)
    trials = trials.iloc[np.arange(12_000) % 20].reset_index(drop=True)
    lost = rng.random(12_000) < 0.2
    trials["number"] = pd.array(range(12_000), dtype="Int64")
    trials["value"] = np.where(lost, np.nan, rng.normal(size=12_000))
    trials["state"] = pd.Categorical(np.where(lost, "failed", "complete"), frames.STATES)
    trials["round"] = pd.array(np.arange(12_000) // 4000, dtype="Int64")
    trials["epochs"] = pd.array(np.full(12_000, 10), dtype="Int64")
    for name in names:
        trials[name] = 10 ** rng.uniform(-5, 0, 12_000)
    rounds = frames.rounds_frame([Round(k, 4000, ranges, verdicts, ranges) for k in range(3)])
    goal = Goal("a_metric_with_a_name_as_long_as_this", "minimize")
    figures = every_figure((trials, epochs, rounds), goal)
    for figure in figures:
        assert not overlaps(drawn(figure))
        marks = sum(
            len(np.atleast_1d(np.asarray(line.get_xdata())))
            for axes in figure.axes
            for line in axes.get_lines()
        )
        clouds = [cloud for axes in figure.axes for cloud in axes.collections]
        marks += sum(max(len(c.get_paths()), len(np.atleast_2d(c.get_offsets()))) for c in clouds)
        assert marks < 3000
    assert any("1,500 of 12,000 trials drawn" in text for text in legend(figures[0]))


def test_legends_are_no_wider_than_their_figures() -> None:
    trials, _, rounds = made([0.9 + k / 200 for k in range(15)] + [0.1, None])
    trials.loc[3, "state"] = "pruned"
    long = finalists_of((1234567, 0.912345678, False))
    for figure in (plots.history(trials, goal=UP, finalists=long), plots.finalists(long, goal=UP),
                   plots.parallel(trials, ["rate"], rounds=rounds, goal=UP)):  # fmt: skip
        overlaps(figure)  # lays it out
        box = figure.legends[0].get_window_extent()
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.x1


@pytest.mark.slow
def test_no_figure_is_left_open_and_no_setting_changed(study: Study) -> None:
    from matplotlib import pyplot as plt

    before, open_before = dict(matplotlib.rcParams), plt.get_fignums()
    of_study = (study.trials_frame(), study.epochs_frame(), study.rounds_frame())
    for figure in every_figure(of_study, DOWN):
        assert not overlaps(drawn(figure))
    assert plt.get_fignums() == open_before
    assert dict(matplotlib.rcParams) == before
