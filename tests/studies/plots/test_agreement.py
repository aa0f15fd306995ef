"""Ranks after short training against ranks after longer training."""

from __future__ import annotations

import numpy as np

from studies import Study, plots
from tests.studies.figures import DOWN, UP, drawn, made, overlaps, texts


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
