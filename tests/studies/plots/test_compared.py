"""Several studies on one axis, and the curves of one trial."""

from __future__ import annotations

import numpy as np
import pytest

from studies import plots
from tests.studies.figures import DOWN, UP, drawn, legend, made


def of(name: str, *values: float | None) -> plots.OfStudy:
    trials, epochs, _ = made(values)
    return plots.OfStudy(name, trials, epochs)


def test_the_best_so_far_of_each_study_never_gets_worse() -> None:
    studies = [of("one", 0.5, 0.4, None, 0.7), of("two", 0.6, 0.9)]
    left, _ = drawn(plots.compared(studies, goal=UP)).axes
    one, two = (
        (np.asarray(line.get_xdata()).tolist(), np.asarray(line.get_ydata()).tolist())
        for line in left.get_lines()
    )
    assert one == ([0, 1, 3], [0.5, 0.5, 0.7])
    assert two == ([0, 1], [0.6, 0.9])
    (line,) = plots.compared([of("one", 3.0, 4.0, 2.0)], goal=DOWN).axes[0].get_lines()
    assert np.asarray(line.get_ydata()).tolist() == [3.0, 3.0, 2.0]


def test_both_sides_have_one_axis_of_values_and_studies_differ_in_line_and_colour() -> None:
    figure = drawn(plots.compared([of("one", 0.5), of("two", 0.6)], goal=UP))
    left, right = figure.axes
    assert left.get_ylim() == right.get_ylim()
    assert legend(figure) == ["one", "two"]
    for axes in (left, right):
        looks = {(line.get_color(), line.get_linestyle()) for line in axes.get_lines()}
        assert len({colour for colour, _ in looks}) == len({style for _, style in looks}) == 2


def test_the_curve_of_a_study_is_that_of_its_best_trial() -> None:
    trials, epochs, _ = made([0.5, 0.8, 0.6])
    _, right = plots.compared([plots.OfStudy("one", trials, epochs)], goal=UP).axes
    (line,) = right.get_lines()
    best = epochs[epochs["trial"] == 1]
    assert np.asarray(line.get_ydata()).tolist() == list(best["validation_accuracy"])
    assert np.asarray(line.get_xdata()).tolist() == list(best["epoch"])


def test_studies_without_a_value_say_so_and_five_are_too_many() -> None:
    assert plots.compared([of("one", None)], goal=UP).texts[0].get_text().startswith("No trial")
    with pytest.raises(ValueError, match="5 studies are more than the 4"):
        plots.compared([of(str(k), 0.5) for k in range(5)], goal=UP)


def test_a_trial_shows_its_metric_and_its_loss_each_on_an_axis_of_its_own() -> None:
    _, epochs, _ = made([0.5, 0.8])
    one = epochs[epochs["trial"] == 1]
    one = one.assign(validation_loss=0.5, train_loss=0.25)
    figure = drawn(plots.trial(one, goal=UP))
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["accuracy", "loss"]
    assert legend(figure) == ["validation", "training"]
    validation, _ = figure.axes[0].get_lines()
    assert np.asarray(validation.get_ydata()).tolist() == list(one["validation_accuracy"])


def test_a_trial_without_a_curve_says_so() -> None:
    _, epochs, _ = made([0.5])
    figure = plots.trial(epochs.head(0), goal=UP)
    assert figure.texts[0].get_text().startswith("This trial has no curve")
