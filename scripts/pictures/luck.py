"""The best of many beside what it is worth when it is trained again: one search, and many."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import hpo
from studies import Study
from studies.plots.look import CONFIRMED, GREY, INK, VALIDATION

SEARCHES = 16
MORE = 40  # trainings that confirm the one search, so that its intervals are narrow


def luck(folder: Path) -> Figure:
    """Searches on 300 rows of digits, of which 75 validate, each with a seed of its own."""
    searches = [_searched(seed, folder) for seed in range(SEARCHES)]
    one = hpo.confirm(
        searches[0].name, trainings=MORE, storage=f"sqlite:///{folder}/hpo.db", progress=False
    )
    figure = Figure(figsize=(7.2, 3.9), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
    _one(left, one)
    _many(right, searches)
    return figure


def _searched(seed: int, folder: Path) -> Study:
    return hpo.search(
        "digits", rows=300, trials=60, seed=seed, name=f"search-{seed}",
        storage=f"sqlite:///{folder}/hpo.db", progress=False,
    )  # fmt: skip


def _confirmed(study: Study) -> tuple[float, float]:
    """The value of the best trial, and the mean of its settings on fresh seeds and splits."""
    best: Any = study.best
    finalists: Any = study.finalists_frame().set_index("trial")
    return best.value, finalists.loc[best.number, "mean"]


def _one(axes: Axes, study: Study) -> None:
    trials = study.trials_frame()
    value, mean = _confirmed(study)
    chosen: Any = study.recommended
    axes.plot(trials["number"], trials["value"], "o", ms=3, color=GREY, label="a trial")
    axes.step(
        trials["number"], trials["value"].cummax(), where="post", color=INK, label="the best so far"
    )
    end = len(trials) + 2
    axes.annotate(
        "", (end, mean), (end, value), arrowprops={"arrowstyle": "->", "color": VALIDATION}
    )
    axes.plot(end, mean, "o", ms=6, color=VALIDATION, label="the same settings, trained again")
    axes.errorbar(
        end + 3, chosen.mean, [[chosen.mean - chosen.ci95[0]], [chosen.ci95[1] - chosen.mean]],
        fmt="s", ms=6, color=CONFIRMED, label="the recommended settings, 95 %",
    )  # fmt: skip
    axes.set_ylim(0.74, 1.005)  # the worst are far below
    axes.set(xlabel="trial", ylabel="validation accuracy")
    axes.set_title(f"One search: best value {value:.3f}, trained again {mean:.3f}", loc="left")
    axes.legend(loc="lower right", bbox_to_anchor=(0.88, 0))


def _many(axes: Axes, searches: list[Study]) -> None:
    values, means = np.transpose([_confirmed(study) for study in searches])
    low, high = min(means.min(), values.min()) - 0.01, 1.0
    axes.plot([low, high], [low, high], ":", color=GREY)
    axes.text(high, high, "as good as it seemed ", ha="right", va="bottom", rotation=0, color=GREY)
    axes.plot(values, means, "o", ms=5, color=VALIDATION, alpha=0.7)
    axes.set(
        xlabel="value of the best trial", ylabel="mean of its settings, trained again",
        xlim=(low, high + 0.005), ylim=(low, high + 0.005),
    )  # fmt: skip
    fell = int((means < values).sum())
    axes.set_title(
        f"{len(values)} searches: {fell} fell, by {np.mean(values - means):.3f} in the mean",
        loc="left",
    )
