"""Two parameters against each other."""

from __future__ import annotations

import io

import matplotlib
import numpy as np
import pytest
from matplotlib.patches import Rectangle

from studies import Study, plots
from tests.studies.figures import DOWN, LOG, UP, drawn, made, points


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


def test_a_parameter_that_is_not_there_is_named() -> None:
    trials, _, rounds = made([0.5])
    with pytest.raises(ValueError, match=r"no parameter 'lr': there is rate, decay"):
        plots.scatter(trials, "rate", "lr", rounds=rounds, goal=UP)


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
