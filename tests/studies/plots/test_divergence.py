"""Which settings failed or diverged."""

from __future__ import annotations

import pandas as pd

from studies import plots
from tests.studies.figures import drawn, legend, made, overlaps, points, texts


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
