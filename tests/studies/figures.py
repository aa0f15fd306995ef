"""What tests of figures share: studies made of values, what a figure shows, and whether its texts overlap."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from studies.analysis import frames
from studies.analysis.goal import Goal
from studies.database.records import Finalist, Round, Trial
from tests.studies.columns_of import epochs_of, frame_of

UP, DOWN = Goal("accuracy", "maximize"), Goal("rmse", "minimize")
Frames = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]
LOG = {"low": 1e-5, "high": 1.0, "log": True}
NARROWER = {"low": 1e-3, "high": 0.1, "log": True}


def made(
    values: Sequence[float | None],
    params: Callable[[int], dict[str, Any]] = lambda n: {"rate": 10.0 ** -(n % 5), "decay": 0.5},
    ranges: dict[str, Any] | None = None,
    state: str | None = None,
) -> Frames:
    """A study of one judged round with these values; None is a trial that diverged."""
    trials = [
        Trial(
            n,
            state or ("failed" if value is None else "complete"),  # type: ignore[arg-type]
            value,
            params(n),
            {"round": 0} | ({"diverged_epoch": 1} if value is None else {}),
            None,
            None,
        )
        for n, value in enumerate(values)
    ]
    curves = [
        (n, f"{split}_accuracy", [value / 2, value])
        for n, value in enumerate(values)
        if value is not None
        for split in ("train", "validation")
    ]
    ranges = ranges or {"rate": LOG, "decay": {"low": 0.0, "high": 1.0, "log": False}}
    verdicts = {name: {"action": "kept", "reason": "kept: why not"} for name in ranges}
    rounds = [Round(0, len(values), ranges, verdicts, ranges)]
    epochs = epochs_of(curves)
    return frame_of(trials, {}), epochs, frames.rounds_frame(rounds)


def drawn(figure: Figure) -> Figure:
    """The figure after it was drawn; a warning on the way is an error."""
    figure.savefig(io.BytesIO(), format="raw")
    return figure


def points(axes: Axes, label: str) -> tuple[list[float], list[float]]:
    """x and y of all lines with a label that begins so."""
    lines = [line for line in axes.get_lines() if str(line.get_label()).startswith(label)]
    x = np.concatenate([np.asarray(line.get_xdata(), float) for line in lines] or [np.empty(0)])
    y = np.concatenate([np.asarray(line.get_ydata(), float) for line in lines] or [np.empty(0)])
    return list(x), list(y)


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def overlaps(figure: Figure) -> list[tuple[str, str]]:
    """Pairs of texts that lie upon each other; slanted ones are not looked at."""
    FigureCanvasAgg(figure)  # measures text
    figure.draw_without_rendering()
    hidden = set()  # matplotlib keeps the labels of ticks outside the limits
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
            out = [tick for tick in ticks if not low <= tick.get_loc() <= high]
            hidden |= {id(label) for tick in out for label in (tick.label1, tick.label2)}
    boxes = [
        (text.get_text(), text.get_window_extent())
        for text in figure.findobj(Text)
        if isinstance(text, Text)
        and text.get_visible()
        and text.get_text().strip()
        and text.get_rotation() in (0.0, 90.0)
        and id(text) not in hidden
    ]
    return [
        (a, b)
        for (a, one), (b, other) in itertools.combinations(boxes, 2)
        if min(one.x1, other.x1) - max(one.x0, other.x0) > 1
        and min(one.y1, other.y1) - max(one.y0, other.y0) > 1
    ]


def texts(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(Text) if isinstance(text, Text))


def finalists_of(*rows: tuple[int, float | None, bool | None]) -> pd.DataFrame:
    """Finalists with these trials, means and ties."""
    finalists = [
        Finalist(
            trial,
            [None] if mean is None else [mean - 0.01, mean + 0.01],
            mean,
            None if mean is None else (mean - 0.02, mean + 0.02),
            tied,
        )
        for trial, mean, tied in rows
    ]
    return frames.finalists_frame(finalists, {trial: 0.9 for trial, _, _ in rows})


def timed(trials: pd.DataFrame, begins: list[float], lengths: list[float]) -> pd.DataFrame:
    """The trials with these times, in seconds."""
    origin = pd.Timestamp("2026-03-01 08:00", tz="UTC")
    started = origin + pd.to_timedelta(begins, unit="s")
    finished = started + pd.to_timedelta(lengths, unit="s")
    return trials.assign(started=started, finished=finished)
