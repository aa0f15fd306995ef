"""Plots: what is drawn is what is in the frames, in every state a study can be in, and nothing overlaps."""

from __future__ import annotations

import io
import math
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from studies import Study, plots
from studies.analysis import frames
from studies.analysis.goal import Goal
from studies.database.records import Round
from tests.studies.figures import (
    DOWN,
    LOG,
    NARROWER,
    UP,
    Frames,
    drawn,
    legend,
    made,
    overlaps,
    points,
)


def every_plot(study: Frames, x: str, y: str, goal: Goal) -> list[Figure]:
    trials, epochs, rounds = study
    return [
        plots.history(trials, goal=goal),
        plots.ranges(rounds),
        plots.curves(trials, epochs, goal=goal),
        plots.single(trials, x, rounds=rounds, goal=goal),
        plots.scatter(trials, x, y, rounds=rounds, goal=goal),
    ]


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


def test_curves_come_in_order_of_value(study: Study) -> None:
    trials, epochs = study.trials_frame(), study.epochs_frame()
    figure = drawn(plots.curves(trials, epochs, goal=DOWN))
    order = trials[trials["state"] == "complete"].sort_values("value")["number"].head(20)
    panels = figure.axes
    assert [p.get_title().split()[2] for p in panels] == [str(n) for n in order]
    assert panels[0].get_title().startswith("Best-1  trial ")
    for panel, number in zip(panels, order, strict=True):
        of_trial = epochs[epochs["trial"] == number]
        for label, metric in (("validation", "validation_rmse"), ("training", "train_rmse")):
            assert points(panel, label) == (list(of_trial["epoch"]), list(of_trial[metric]))
        assert panel.get_ylim() == panels[0].get_ylim()
    styles = {str(line.get_label()): line.get_linestyle() for line in panels[0].get_lines()}
    assert styles == {"validation": "-", "training": "--"}


def test_curves_that_leave_the_panels_say_so() -> None:
    trials, epochs, _ = made([0.8 + n / 100 for n in range(10)])
    assert legend(plots.curves(trials, epochs, goal=UP)) == ["validation", "training"]
    epochs.loc[0, "validation_accuracy"] = -1e6
    figure = plots.curves(trials, epochs, goal=UP)
    assert legend(figure)[-1] == "worse values are cut off"
    assert figure.axes[0].get_ylim()[0] > -10


def test_curves_of_a_metric_that_has_no_splits() -> None:
    trials, epochs, _ = made([0.5, 0.6])
    alone = epochs[["trial", "epoch", "validation_accuracy"]]
    alone = alone.rename(columns={"validation_accuracy": "accuracy"})
    assert legend(drawn(plots.curves(trials, alone, goal=UP))) == ["accuracy"]
    assert plots.has_curves(alone, "accuracy")
    assert not plots.has_curves(alone, "rmse")


def test_scatter_draws_trials_where_their_settings_are(study: Study) -> None:
    trials, rounds = study.trials_frame(), study.rounds_frame()
    figure = drawn(plots.scatter(trials, "learning_rate", "units", rounds=rounds, goal=DOWN))
    axes = figure.axes[0]
    complete = trials[trials["state"] == "complete"].sort_values("value")
    at = np.asarray(axes.collections[0].get_offsets())
    best_last = complete[["learning_rate", "units"]].to_numpy(float)[::-1]
    np.testing.assert_array_equal(at, best_last)
    np.testing.assert_array_equal(axes.collections[0].get_array(), complete["value"][::-1])
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    failed = trials[trials["state"] == "failed"]
    assert points(axes, "failed")[0] == list(failed["learning_rate"])
    boxes = [p for p in axes.patches if isinstance(p, Rectangle)]
    first = rounds[(rounds["parameter"] == "learning_rate") & (rounds["round"] == 0)].iloc[0]
    assert boxes[0].get_x() == first["low"]
    assert boxes[0].get_x() + boxes[0].get_width() == pytest.approx(first["high"])


def test_scatter_keeps_trials_of_a_choice_on_its_side(study: Study) -> None:
    trials, rounds = study.trials_frame(), study.rounds_frame()
    figure = drawn(plots.scatter(trials, "activation", "units", rounds=rounds, goal=DOWN))
    complete = trials[trials["state"] == "complete"].sort_values("value", ascending=False)
    at = np.asarray(figure.axes[0].collections[0].get_offsets())[:, 0]
    places = complete["activation"].map({"relu": 0, "tanh": 1}).to_numpy(float)
    assert np.abs(at - places).max() <= 0.3
    assert len(set(at)) == len(at)


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


def test_a_parameter_that_is_not_there_is_named() -> None:
    trials, _, rounds = made([0.5])
    with pytest.raises(ValueError, match=r"no parameter 'lr': there is rate, decay"):
        plots.scatter(trials, "rate", "lr", rounds=rounds, goal=UP)


def test_a_study_that_optuna_made_has_no_rounds() -> None:
    trials, _, rounds = made(
        [0.5, 0.6, 0.7], params=lambda n: {"rate": 0.1 * n, "kind": "ab"[n % 2]}
    )
    trials["round"] = pd.array([pd.NA] * 3, dtype="Int64")
    for figure in every_plot((trials, pd.DataFrame(), rounds.head(0)), "rate", "kind", goal=UP):
        drawn(figure)


@pytest.mark.parametrize(
    ("study", "goal"),
    [
        (made([0.5]), UP),
        (made([0.5, 0.6]), DOWN),
        (made([0.5, 0.5, 0.5]), UP),
        (made([math.inf, math.nan, 0.5]), DOWN),
        (made([None, None, None]), UP),
        (made([None, None], state="running"), DOWN),
        (made([]), UP),
    ],
    ids=["one", "two", "equal", "infinite", "failed", "running", "empty"],
)
def test_every_plot_of_every_state_is_drawn(study: Frames, goal: Goal) -> None:
    for figure in every_plot(study, "rate", "decay", goal=goal):
        assert not overlaps(figure)


def test_a_range_of_one_value_is_drawn() -> None:
    fixed = {"rate": {"low": 0.1, "high": 0.1, "log": True}, "decay": {"low": 0.5, "high": 0.5}}
    study = made([0.5, 0.6], params=lambda _: {"rate": 0.1, "decay": 0.5}, ranges=fixed)
    for figure in every_plot(study, "rate", "decay", goal=UP):
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


def test_dollars_are_no_mathematics() -> None:
    study = made(
        [0.5, 0.6],
        params=lambda n: {"rate": 0.1, "$x_1$": ("$y^2$", "a_b")[n]},
        ranges={"rate": LOG, "$x_1$": {"choices": ["$y^2$", "a_b"]}},
    )
    written = io.StringIO()
    figure = plots.scatter(study[0], "rate", "$x_1$", rounds=study[2], goal=UP)
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        figure.savefig(written, format="svg")
    for name in ("$x_1$", "$y^2$", "a_b"):
        assert f">{name}</text>" in written.getvalue()


def test_no_figure_is_left_open_and_no_setting_changed(study: Study) -> None:
    from matplotlib import pyplot as plt

    before, open_before = dict(matplotlib.rcParams), plt.get_fignums()
    of_study = (study.trials_frame(), study.epochs_frame(), study.rounds_frame())
    for figure in every_plot(of_study, "learning_rate", "activation", goal=DOWN):
        assert not overlaps(drawn(figure))
    assert plt.get_fignums() == open_before
    assert dict(matplotlib.rcParams) == before


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
