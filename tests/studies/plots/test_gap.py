"""Training against validation."""

from __future__ import annotations

import numpy as np
import pytest

from studies import Study, plots
from studies.analysis.generalization import generalization
from tests.studies.figures import DOWN, UP, drawn, made, overlaps, texts


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
