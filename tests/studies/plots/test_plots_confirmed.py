"""Figures of what was confirmed, what explains, how trials learned, where they were lost and when they ran."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.text import Text

from studies import Study, plots
from studies.analysis import frames
from studies.analysis.generalization import generalization
from studies.analysis.goal import Goal
from studies.analysis.importance import Importances, importances
from studies.database.records import Finalist, Round
from tests.studies.figures import DOWN, LOG, UP, drawn, legend, made, overlaps, points


def texts(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(Text) if isinstance(text, Text))


def finalists_of(*rows: tuple[int, float | None, bool]) -> pd.DataFrame:
    """Finalists with these trials, means and ties."""
    made_of = [
        Finalist(
            trial,
            [None] if mean is None else [mean - 0.01, mean + 0.01],
            mean,
            None if mean is None else (mean - 0.02, mean + 0.02),
            tied,
        )
        for trial, mean, tied in rows
    ]
    return frames.finalists_frame(made_of, {trial: 0.9 for trial, _, _ in rows})


# History


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
    assert "confirmed: 0.85 (0.83 … 0.87), trial 1" in legend(figure)


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


# Finalists


def test_finalists_are_told_apart() -> None:
    found = finalists_of((4, 0.95, False), (7, 0.94, True), (2, 0.80, False), (9, None, False))
    figure = drawn(plots.finalists(found, goal=UP))
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "trial 4", "trial 7", "trial 2", "trial 9",
    ]  # fmt: skip
    assert [text.get_text() for text in axes.texts] == ["best", "tied", "worse", "failed"]
    shapes = {tuple(np.asarray(line.get_ydata(), float)): line for line in axes.get_lines()
              if line.get_marker() in ("D", "o")}  # fmt: skip
    means = [float(np.asarray(shapes[(y,)].get_xdata(), float)[0]) for y in (0.0, 1.0, 2.0)]
    assert means == [0.95, 0.94, 0.80]
    assert [shapes[(y,)].get_markerfacecolor() == "white" for y in (0.0, 1.0, 2.0)] == [
        False, False, True,
    ]  # fmt: skip
    singles = [line for line in axes.get_lines() if line.get_marker() == "|"]
    assert [len(np.asarray(line.get_xdata())) for line in singles] == [2, 2, 2, 0]
    assert not overlaps(figure)


def test_many_finalists_are_cut_short() -> None:
    found = finalists_of(*((k, 0.9 - k / 100, False) for k in range(30)))
    figure = drawn(plots.finalists(found, goal=UP))
    assert len(figure.axes[0].get_yticklabels()) == 20
    assert "10 worse ones not drawn" in legend(figure)
    assert not overlaps(figure)


def test_no_finalists_is_said() -> None:
    assert "nothing is confirmed" in texts(drawn(plots.finalists(finalists_of(), goal=UP)))


# Importance


def test_importance_has_a_bar_for_each_parameter(study: Study) -> None:
    found = importances(study.trials_frame(), study.rounds_frame(), direction="minimize")
    assert found is not None
    figure = drawn(plots.importance(found, goal=DOWN))
    axes = figure.axes[0]
    assert [bar.get_width() for bar in axes.patches] == list(found.shares.values())  # type: ignore[attr-defined]
    assert [label.get_text() for label in axes.get_yticklabels()] == list(found.shares)


def test_importance_of_forty_parameters_is_a_figure() -> None:
    shares = {f"a_long_name_of_a_parameter_{k}": 1 / 40 for k in range(40)}
    figure = drawn(plots.importance(Importances(shares, 5, 9, ("x",), ("y", "z")), goal=UP))
    assert len(figure.axes[0].patches) == 21
    assert "20 others" in texts(figure)
    assert "one value in all: x" in texts(figure)
    assert "not in all trials: y, z" in texts(figure)
    assert not overlaps(figure)


def test_no_importance_is_said() -> None:
    assert "at least 10 complete" in texts(drawn(plots.importance(None, goal=UP)))


# Parallel coordinates


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


# Gap


def test_gap_is_train_minus_validation_whatever_the_direction(study: Study) -> None:
    trials, epochs = study.trials_frame(), study.epochs_frame()
    figure = drawn(plots.gap(trials, epochs, goal=DOWN))
    upper, lower = figure.axes
    assert study.best is not None
    mine = epochs[epochs["trial"] == study.best.number]
    gap = mine["validation_rmse"] - mine["train_rmse"]
    curves = [list(np.asarray(line.get_ydata(), float)) for line in lower.get_lines()]
    assert list(gap) in [pytest.approx(curve) for curve in curves]
    assert list(mine["train_rmse"]) in [
        list(np.asarray(line.get_ydata())) for line in upper.get_lines()
    ]
    said = generalization(trials, epochs, goal=DOWN)
    assert said is not None
    assert said.sentence.replace(" ", "") in texts(figure).replace("\n", "").replace(" ", "")
    assert not overlaps(figure)


def test_gap_without_both_splits_says_so() -> None:
    trials, epochs, _ = made([0.5, 0.6])
    alone = epochs.drop(columns="train_accuracy")
    assert "both training and validation" in texts(drawn(plots.gap(trials, alone, goal=UP)))
    assert "No complete trial" in texts(drawn(plots.gap(trials, epochs.head(0), goal=UP)))


# Agreement


def test_agreement_has_the_ranks_of_both(study: Study) -> None:
    trials, epochs = study.trials_frame(), study.epochs_frame()
    figure = drawn(plots.agreement(trials, epochs, goal=DOWN))
    found = study.rank_agreement()
    assert [axes.get_title().split()[1] for axes in figure.axes] == [
        f"{one.correlation:.2f}" for one in found
    ]
    for axes, one in zip(figure.axes, found, strict=True):
        (cloud,) = [line for line in axes.get_lines() if line.get_marker() == "o"]
        assert sorted(np.asarray(cloud.get_ydata(), float)) == list(range(1, one.trials + 1))
    assert not overlaps(figure)


def test_agreement_of_few_says_so() -> None:
    trials, epochs, _ = made([0.5, 0.6])
    assert "at least 4 trials" in texts(drawn(plots.agreement(trials, epochs, goal=UP)))


# Divergence


def test_divergence_tells_three_kinds_apart() -> None:
    trials, _, rounds = made(
        [0.5, None, 0.6, None, None], lambda n: {"rate": 10.0**-n, "decay": 0.5}
    )
    trials.loc[3, "diverged_epoch"] = pd.NA
    figure = drawn(plots.divergence(trials, "rate", "decay", rounds=rounds))
    share, axes = figure.axes
    assert points(axes, "trained to a value")[0] == [1.0, 0.01]
    assert points(axes, "diverged")[0] == [0.1, 1e-4]
    assert points(axes, "failed")[0] == [1e-3]
    assert {line.get_marker() for line in axes.get_lines()} == {"o", "x", "^"}
    assert legend(figure) == ["trained to a value (2)", "failed (1)", "diverged (2)"]
    heights = [bar.get_height() for bar in share.patches]  # type: ignore[attr-defined]
    assert heights[::2] == [1.0] * 5  # how high all would be
    assert heights[1::2] == [1.0, 1.0, 0.0, 1.0, 0.0]  # from 1e-4 up
    assert not overlaps(figure)


def test_divergence_over_one_parameter_goes_by_number() -> None:
    trials, _, rounds = made([0.5, None, 0.6])
    axes = drawn(plots.divergence(trials, "rate", rounds=rounds)).axes[1]
    assert points(axes, "diverged")[1] == [1.0]


def test_nothing_diverged_is_said() -> None:
    trials, _, rounds = made([0.5, 0.6])
    assert "No training diverged" in texts(plots.divergence(trials, "rate", "decay", rounds=rounds))


def test_divergence_over_choices_has_a_bar_for_each() -> None:
    trials, _, rounds = made(
        [0.5, None, 0.6, None],
        lambda n: {"kind": "ab"[n % 2]},
        {"kind": {"choices": ["a", "b", "c"]}},
    )
    share = drawn(plots.divergence(trials, "kind", rounds=rounds)).axes[0]
    assert [bar.get_height() for bar in share.patches] == [1.0, 0.0, 1.0, 1.0]  # type: ignore[attr-defined]


# Timeline


def timed(trials: pd.DataFrame, begins: list[float], lengths: list[float]) -> pd.DataFrame:
    origin = pd.Timestamp("2026-03-01 08:00", tz="UTC")
    started = origin + pd.to_timedelta(begins, unit="s")
    finished = started + pd.to_timedelta(lengths, unit="s")
    return trials.assign(started=started, finished=finished)


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


# Every state of a study


def every_other(
    trials: pd.DataFrame, epochs: pd.DataFrame, rounds: pd.DataFrame, goal: Goal
) -> list[Figure]:
    names = list(dict.fromkeys(rounds["parameter"]))
    best = [int(n) for n in frames.in_order(trials, goal.direction)["number"].head(5)]
    again = finalists_of(*((n, 0.9 - k / 50, k == 1) for k, n in enumerate(best)))
    trials_timed = timed(trials, [3.0 * k for k in range(len(trials))], [2.5] * len(trials))
    return [
        plots.history(trials, goal=goal, finalists=again),
        plots.history(trials, goal=goal, by="epochs", finalists=again),
        plots.importance(importances(trials, rounds, direction=goal.direction), goal=goal),
        plots.parallel(trials, names, rounds=rounds, goal=goal),
        plots.gap(trials, epochs, goal=goal),
        plots.finalists(again, goal=goal),
        plots.agreement(trials, epochs, goal=goal),
        plots.divergence(trials, *names[:2], rounds=rounds),
        plots.timeline(trials_timed),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "state", "goal"),
    [
        ([0.5], None, UP),
        ([0.5, 0.6], None, DOWN),
        ([0.5] * 12, None, UP),
        ([math.inf, math.nan, 0.5], None, DOWN),
        ([None] * 12, None, UP),
        ([None, None], "running", DOWN),
        ([], None, UP),
        ([1e-12 * k for k in range(1, 20)], None, DOWN),
        ([1e12 * k for k in range(1, 20)], None, DOWN),
        ([*[0.9 + k / 1000 for k in range(19)], -1e30], None, UP),
    ],
    ids=["one", "two", "equal", "infinite", "failed", "running", "empty", "tiny", "huge", "hopeless"],
)  # fmt: skip
def test_every_figure_of_every_state_is_drawn(
    values: list[float | None], state: str | None, goal: Goal
) -> None:
    trials, epochs, rounds = made(values, state=state)
    for figure in every_other(trials, epochs, rounds, goal):
        assert not overlaps(drawn(figure))


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
    figures = every_other(trials, epochs, rounds, goal)
    if count > 1:
        figures.append(plots.scatter(trials, *names[:2], rounds=rounds, goal=goal))
    for figure in [*figures, plots.single(trials, names[0], rounds=rounds, goal=goal)]:
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
