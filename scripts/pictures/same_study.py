"""The same study on one worker and on eight: which worker trained what and when, and what came of it."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import hpo
from studies.plots.look import INK

WORKERS = 1, 8
SHOWN = 8  # trials in the table
SECONDS = 0.1, 0.9  # how long a training takes


def train(params: Mapping[str, float], *, seed: int) -> float:
    """Something that takes long for some settings, and not for others."""
    draw = random.Random(f"{seed} {params}")  # noqa: S311  # a training is no secret
    time.sleep(draw.uniform(*SECONDS))
    return (params["x"] - 0.3) ** 2 + draw.gauss(0, 0.002)


def same_study(folder: Path) -> Figure:
    """A search with the same plan and seed, on each number of workers."""
    frames = [_searched(workers, folder) for workers in WORKERS]
    figure = Figure(figsize=(7.2, 4.6), layout="constrained")
    grid = figure.add_gridspec(3, 2, height_ratios=(0.4, 1.4, 1.2))
    one, eight = figure.add_subplot(grid[0, :]), figure.add_subplot(grid[1, :])
    longest = max(_times(frame)[1].max() for frame in frames)
    for axes, workers, frame in zip((one, eight), WORKERS, frames, strict=True):
        _timeline(axes, frame, workers, longest)
    for column, (workers, frame) in enumerate(zip(WORKERS, frames, strict=True)):
        _table(figure.add_subplot(grid[2, column]), frame, workers)
    return figure


def _searched(workers: int, folder: Path) -> pd.DataFrame:
    study = hpo.search(
        train, space={"x": hpo.Float(0, 1)}, direction="minimize", trials=24, rounds=2, finalists=0, ahead=8,
        workers=workers, executor="threads", name=f"on {workers}", storage=f"sqlite:///{folder}/hpo.db", progress=False,
    )  # fmt: skip
    return study.trials_frame()


def _times(trials: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """When each trial began and ended, in seconds from the first beginning."""
    begin = trials["started"].min()
    seconds = [(trials[name] - begin).dt.total_seconds() for name in ("started", "finished")]
    return seconds[0].to_numpy(), seconds[1].to_numpy()


def _timeline(axes: Axes, trials: pd.DataFrame, workers: int, longest: float) -> None:
    begins, ends = _times(trials)
    free = [0.0] * workers  # when each worker is free again
    for k in np.argsort(begins, kind="stable"):
        worker = int(np.argmin(free))
        begin = max(begins[k], free[worker])
        free[worker] = ends[k]
        colour = colormaps["viridis"](0.15 + 0.75 * k / len(begins))
        axes.barh(
            worker, ends[k] - begin, left=begin, height=0.85, color=colour, ec="white", lw=0.5
        )
        axes.text(
            (begin + ends[k]) / 2,
            worker,
            str(k),
            ha="center",
            va="center",
            fontsize=6,
            color="white",
        )
    axes.set(xlim=(0, longest), ylim=(workers - 0.4, -0.6), yticks=[])
    axes.set_ylabel("worker" if workers == 1 else "workers")
    name = "One worker" if workers == 1 else f"{workers} workers"
    axes.set_title(f"{name}: {ends.max():.1f} s, each bar a trial with its number", loc="left")
    if workers > 1:
        axes.set_xlabel("seconds")
    axes.tick_params(labelbottom=workers > 1)


def _table(axes: Axes, trials: pd.DataFrame, workers: int) -> None:
    rows = [f"{'trial':>5}  {'x':<18}  value"]
    rows += [
        f"{t.number:>5}  {t.x:<18.16f}  {t.value:.12f}" for t in trials.head(SHOWN).itertuples()
    ]
    rows += ["    …"]
    best: Any = trials.sort_values("value").iloc[0]
    rows += [f"best: trial {best['number']}, x = {best['x']:.16f}"]
    axes.set_axis_off()
    axes.set_title(f"What {'one' if workers == 1 else workers} recorded", loc="left", color=INK)
    axes.text(0, 1, "\n".join(rows), va="top", family="monospace", fontsize=6.5, color=INK)
