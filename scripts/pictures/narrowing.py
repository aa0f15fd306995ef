"""How a range moves: after each round, what the model thinks of it, and where the best may still be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import hpo
from hpo.choose.model import fit
from hpo.choose.narrowing import FUNCTIONS
from hpo.choose.positions import positions
from studies.plots.look import GREY, INK, SEARCHED, SLOPE, VALIDATION

RATE = hpo.Float(1e-5, 1, log=True)
PLACES = 200  # of the range at which the functions are compared


def narrowing(folder: Path) -> Figure:
    """Three rounds of a search for one learning rate on digits; nothing else is known than these trials."""
    study = hpo.search(
        "digits", space={"learning_rate": RATE}, trials=36, rounds=3, epochs=5, finalists=0, sampler="random",
        storage=f"sqlite:///{folder}/hpo.db", progress=False,
    )  # fmt: skip
    trials, rounds = study.trials_frame(), study.rounds_frame()
    figure = Figure(figsize=(7.2, 6.6), layout="constrained")
    for row, axes in zip(
        rounds.itertuples(), np.ravel(figure.subplots(len(rounds), 1, sharex=True)), strict=True
    ):
        seen = trials[
            (trials["round"] <= row.round) & trials["learning_rate"].between(row.low, row.high)
        ]
        _round(axes, hpo.Float(row.low, row.high, log=True), seen, row)
    axes.set_xlabel("learning rate")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def _round(axes: Axes, parameter: hpo.Float, trials: object, verdict: object) -> None:
    """The trials in one range, the model of them, where its functions have their best, and the next range."""
    ranges = {"learning_rate": parameter}
    rates = list(trials["learning_rate"])  # type: ignore[index]
    no = np.zeros(1, bool)
    U = positions(ranges, [{"learning_rate": rate} for rate in rates])
    model = fit(U, list(trials["value"]), no, no)  # type: ignore[index]
    grid = np.linspace(0, 1, PLACES)
    x = parameter.low * (parameter.high / parameter.low) ** grid
    mean, V = model.posterior(grid[:, None])
    spread = 2 * np.sqrt(model.variances(V))
    best = model.draws(grid[:, None], FUNCTIONS, np.random.default_rng(0)).argmax(axis=1)
    shares = np.bincount(best, minlength=PLACES) / FUNCTIONS

    axes.axvspan(verdict.next_low, verdict.next_high, color=SLOPE, lw=0, label="the next range")  # type: ignore[attr-defined]
    axes.fill_between(x, mean - spread, mean + spread, color=SEARCHED, alpha=0.4, lw=0, label="where the score may be, ± 2 standard deviations")  # fmt: skip
    axes.plot(x, mean, color=VALIDATION, lw=1.5, label="the model's estimate")
    tried = parameter.low * (parameter.high / parameter.low) ** model.U[:, 0]
    axes.plot(tried, model.z, "o", ms=3.5, color=INK, label="trials")
    below = axes.get_ylim()[0]
    axes.bar(x, 8 * shares, width=np.gradient(x), bottom=below - 0.4, color=GREY, label="share of drawn functions that have their best here")  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlim(RATE.low, RATE.high)
    axes.set_yticks([])
    axes.set_ylabel("accuracy, standardized")
    axes.set_title(f"Round {verdict.round}: {verdict.reason}", loc="left")  # type: ignore[attr-defined]
