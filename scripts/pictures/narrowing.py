"""How a range moves: after each round, what is believed of it, and where the best may still be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import hpo
from hpo.choose.belief import believe
from hpo.choose.places import FUNCTIONS, places_of_best
from hpo.choose.positions import Array, positions
from hpo.choose.types import Observation
from studies.plots.look import GREY, INK, SEARCHED, SLOPE, VALIDATION

RATE = hpo.Float(1e-5, 1, log=True)
POINTS = 200  # at which the model's estimate is drawn
BINS = 50  # of the range, in which the places of the best are counted
BARS = 4  # the height of the bar of a share of 1, in standard deviations


def narrowing(folder: Path) -> Figure:
    """Three rounds of a search for one learning rate on digits; nothing else is known than these trials."""
    study = hpo.search(
        "digits", space={"learning_rate": RATE}, trials=36, rounds=3, epochs=5, finalists=0, sampler="random",
        storage=f"sqlite:///{folder}/hpo.db", progress=False,
    )  # fmt: skip
    trials, rounds = study.trials_frame(), study.rounds_frame()
    figure = Figure(figsize=(7.2, 6.6), layout="constrained")
    row: Any
    axes: Any
    panels = figure.subplots(len(rounds), 1, sharex=True)
    for row, axes in zip(rounds.itertuples(), panels, strict=True):
        inside = trials["learning_rate"].between(row.low, row.high)
        seen = trials[(trials["round"] <= row.round) & inside]
        _round(axes, hpo.Float(row.low, row.high, log=True), seen, row)
    axes.set_xlabel("learning rate")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def _round(axes: Axes, parameter: hpo.Float, trials: pd.DataFrame, verdict: Any) -> None:
    """The trials in one range, what is believed after them, where functions have their best, and the next range."""
    ranges = {"learning_rate": parameter}
    seen = [
        Observation({"learning_rate": float(rate)}, float(value))
        for rate, value in zip(trials["learning_rate"], trials["value"], strict=True)
    ]
    U = positions(ranges, [trial.settings for trial in seen])
    always = np.zeros(1, bool)  # it is no choice, and applies everywhere
    belief = believe(U, [trial.value for trial in seen], always, always)
    assert belief.succeeded.all(), (
        "a trial that counts as a failure would be missing from the picture"
    )
    model = belief.values
    evidence = places_of_best(ranges, seen)
    assert not isinstance(evidence, str), evidence  # the verdict rests on it
    shares, edges = np.histogram(evidence.places["learning_rate"], BINS, (0, 1))
    grid = np.linspace(0, 1, POINTS)
    mean, V = model.posterior(grid[:, None])
    spread = 2 * np.sqrt(model.variances(V))

    x = _rates(parameter, grid)
    may = "where the score may be, ± 2 standard deviations"
    axes.axvspan(verdict.next_low, verdict.next_high, color=SLOPE, lw=0, label="the next range")
    axes.fill_between(x, mean - spread, mean + spread, color=SEARCHED, alpha=0.4, lw=0, label=may)
    axes.plot(x, mean, color=VALIDATION, lw=1.5, label="the model's estimate")
    axes.plot(_rates(parameter, model.U[:, 0]), model.z, "o", ms=3.5, color=INK, label="trials")
    bottom = axes.get_ylim()[0] - 0.4
    here = "share of drawn functions that have their best here"
    rates = _rates(parameter, edges)
    axes.bar(
        rates[:-1], BARS * shares / FUNCTIONS, np.diff(rates), bottom, align="edge", color=GREY,
        label=here,
    )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlim(RATE.low, RATE.high)
    axes.set_yticks([])
    axes.set_ylabel("accuracy, standardized")
    axes.set_title(f"Round {verdict.round}: {verdict.reason}", loc="left")


def _rates(parameter: hpo.Float, places: Array) -> Array:
    """The learning rates at places of a range, from 0 to 1."""
    return np.asarray(parameter.low * (parameter.high / parameter.low) ** places)
