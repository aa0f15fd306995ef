"""The importance of each parameter."""

from __future__ import annotations

from studies import Study, plots
from studies.analysis.importance import Importances, importances
from tests.studies.figures import DOWN, UP, drawn, overlaps, texts


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
    assert "in too few trials: y, z" in texts(figure)
    assert not overlaps(figure)


def test_no_importance_is_said() -> None:
    assert "Importance can't be told" in texts(drawn(plots.importance(None, goal=UP)))
