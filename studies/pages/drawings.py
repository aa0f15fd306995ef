"""The figures of a report, section by section: each an SVG to be put into a page, what it shows, and how to read it."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure

from studies import plots
from studies.analysis import frames
from studies.analysis.generalization import generalization
from studies.analysis.importance import importances, most_narrowed_first

PAIRS = 3  # figures of two parameters
CURVES = 20  # learning curves
NOTHING = "There is nothing to draw here yet: no trial has a value."


@dataclass(frozen=True)
class Drawing:
    """The inside of an <svg> with its size in points; what it shows, for who can't see it; how to read it."""

    svg: str
    width: float
    height: float
    shows: str
    reading: str


Section = list[Drawing] | str
"""Drawings, or a sentence where there is nothing to draw."""


def sections(
    summary: Mapping[str, Any],
    trials: pd.DataFrame,
    epochs: pd.DataFrame,
    rounds: pd.DataFrame,
    finalists: pd.DataFrame,
) -> dict[str, Section]:
    """What is drawn in each section of the report."""
    if "front" in summary:
        return dict.fromkeys(
            ("history", "finalists", "ranges", "settings", "lost", "curves", "timeline"),
            "Drawn of a study with one objective only.",
        )
    drawn = _Sections(summary, trials, epochs, rounds, finalists)
    return {
        "history": drawn.history(),
        "finalists": drawn.confirmed(),
        "ranges": drawn.moved(),
        "settings": drawn.settings(),
        "lost": drawn.lost(),
        "curves": drawn.curves(),
        "timeline": drawn.timeline(),
    }


def measured_on(summary: Mapping[str, Any]) -> str:
    """Which rows the metric is measured on; nothing where that is the affair of a trainer or of Optuna's user."""
    return "validation" if summary["plan"].get("source") else ""


class _Sections:
    """The sections of one study with one objective."""

    def __init__(
        self,
        summary: Mapping[str, Any],
        trials: pd.DataFrame,
        epochs: pd.DataFrame,
        rounds: pd.DataFrame,
        finalists: pd.DataFrame,
    ) -> None:
        self.trials, self.epochs, self.frame, self.again = trials, epochs, rounds, finalists
        self.metric: str = summary["metric"]
        self.higher = summary["direction"] == "maximize"
        self.on = measured_on(summary)
        self.told: dict[str, Any] = {"metric": self.metric, "direction": summary["direction"]}
        self.rows = self.told | {"rows": self.on}
        self.any_value = bool(frames.scored(trials).any())
        self.names = most_narrowed_first(trials, rounds)

    def history(self) -> Section:
        if not self.any_value:
            return NOTHING
        high, better = ("high", "higher") if self.higher else ("low", "lower")
        measured = f"{self.metric} on the validation split" if self.on else self.metric
        told: dict[str, Any] = {"finalists": self.again if len(self.again) else None}
        made = [
            _drawn(
                plots.history(self.trials, **self.rows, **told),
                "history",
                f"{self.metric} of each trial, and best so far",
                f"Each mark is a trial, as {high} as its {measured} ({better} is better), and the line is the best so "
                "far: where it still moves late, more trials may find more.",
            )
        ]
        if (self.trials["state"] == "pruned").any():  # otherwise it is the same figure again
            made.append(
                _drawn(
                    plots.history(self.trials, **self.rows, by="epochs", **told),
                    "cost",
                    f"{self.metric} of each trial by the epochs spent until then",
                    "The same by what it cost: trials that left early take little room.",
                )
            )
        return made

    def confirmed(self) -> Section:
        if self.again.empty:
            return "Nothing was trained again, so nothing is confirmed."
        return [
            _drawn(
                plots.finalists(self.again, **self.rows),
                "finalists",
                "Mean and 95 % interval of the settings that were trained again",
                "Small marks are single trainings; where the intervals of two settings overlap by much, more trainings "
                "would be needed to tell them apart.",
            )
        ]

    def moved(self) -> Section:
        if self.frame.empty:
            return "No round is recorded, so no range has moved."
        return [
            _drawn(
                plots.ranges(self.frame),
                "ranges",
                "The range of each parameter, by round",
                "Each bar is what a round drew from, with the verdict after that round at its right; the dark bar is "
                "what is left, and a range that was kept is one that the trials gave no reason to narrow.",
            )
        ]

    def settings(self) -> Section:
        made = []
        found = importances(self.trials, self.frame, direction=self.told["direction"])
        if found is not None and len(found.shares) > 1:
            made.append(
                _drawn(
                    plots.importance(found, metric=self.metric, rows=self.on),
                    "importance",
                    "The importance of each parameter",
                    "What share of the differences between trials each parameter explains by itself: what is near 0 "
                    "may have any value in its range, or works only together with others.",
                )
            )
        if self.any_value and len(self.names) > 1:
            edge = (
                ", with the boxes that the rounds drew from: where dark marks crowd against the edge of the first box, "
                "a wider search may find better ones."
                if len(self.frame)
                else "."
            )
            first = self.names[0]
            made += [
                _drawn(
                    plots.scatter(self.trials, first, other, **self.rows, rounds=self.frame),
                    f"pair{k}",
                    f"Trials by {first} and {other}, coloured by {self.metric}",
                    ""
                    if k
                    else f"Each mark is a trial at its settings, dark where its value is good{edge}",
                )
                for k, other in enumerate(self.names[1 : PAIRS + 1])
            ]
        if self.any_value and len(self.names) > 2:
            made.append(
                _drawn(
                    plots.parallel(self.trials, self.names, **self.rows, rounds=self.frame),
                    "parallel",
                    "Each trial's way through its settings to its value",
                    "Each line is a trial, dark where its value is good: where dark lines run through one place, that "
                    "setting matters.",
                )
            )
        if not made and self.any_value and self.names:
            band = "; the shaded band is the range that is left" if len(self.frame) else ""
            made.append(
                _drawn(
                    plots.single(self.trials, self.names[0], **self.rows, rounds=self.frame),
                    "single",
                    f"{self.metric} of each trial by {self.names[0]}",
                    f"Each mark is a trial at its setting, as high as its value{band}.",
                )
            )
        return made or NOTHING

    def lost(self) -> Section:
        failed = (self.trials["state"] == "failed") | self.trials["diverged_epoch"].notna()
        if not failed.any() or not self.names:
            return "No trial has failed or diverged."
        return [
            _drawn(
                plots.divergence(self.trials, *self.names[:2], rounds=self.frame),
                "lost",
                f"Trials that were lost, by {' and '.join(self.names[:2])}",
                "Where crosses stand together, training is not stable; the bars above say what share of the trials "
                "there was lost.",
            )
        ]

    def curves(self) -> Section:
        if not self.any_value:
            return NOTHING
        if not plots.has_curves(self.epochs, self.metric):
            return "There are no learning curves of this metric."
        moves = (
            "a validation curve that still moves at its end wants more epochs, one far from the training curve shows "
            "overfitting."
            if self.on
            else "a curve that still moves at its end wants longer training."
        )
        made = [
            _drawn(
                plots.curves(self.trials, self.epochs, **self.told, best=CURVES),
                "curves",
                f"Learning curves of the best trials: {self.metric} by epoch",
                f"The best trials in order of their value, on one scale: {moves}",
            )
        ]
        found = generalization(self.trials, self.epochs, **self.told)
        if found is not None and found.kind != "too short":
            made.append(
                _drawn(
                    plots.gap(self.trials, self.epochs, **self.told),
                    "gap",
                    found.said,
                    "Training against validation by epoch; below, by how much training is better.",
                )
            )
        if bool((self.trials["state"] == "pruned").any()):
            made.append(
                _drawn(
                    plots.agreement(self.trials, self.epochs, **self.told),
                    "agreement",
                    "Ranks after short training against ranks after longer training",
                    "The nearer the marks lie to the diagonal, the better short training predicts long training; if "
                    "they are spread all over, good settings may have left early.",
                )
            )
        return made

    def timeline(self) -> Section:
        if self.trials["started"].isna().all():
            return "No trial has begun yet."
        return [
            _drawn(
                plots.timeline(self.trials),
                "timeline",
                "When each trial ran",
                "Trials of one batch train side by side; the pauses of a search that was stopped are cut out.",
            )
        ]


def _drawn(figure: Figure, key: str, shows: str, reading: str) -> Drawing:
    width, height = (72 * inches for inches in figure.get_size_inches())
    return Drawing(_svg(figure, key), width, height, shows, reading)


def _svg(figure: Figure, key: str) -> str:
    """What is inside a figure's <svg>, its ids begun with the key: two figures of a page must not share one."""
    text = svg(figure).decode()
    text = text[text.index(">", text.index("<svg")) + 1 : text.rindex("</svg>")]
    text = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>|<style.*?</style>", "", text, flags=re.S)
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{key}-", text)
    return re.sub(r"\n\s*", "\n", text).strip()


def svg(figure: Figure) -> bytes:
    """A figure as an SVG file, the same to the last byte whenever it is drawn.

    Text is drawn as paths: it looks the same everywhere, and can't be anything but a picture.
    """
    return _saved(figure, "svg", dict.fromkeys(("Date", "Creator", "Format", "Type")), "none")


def png(figure: Figure) -> bytes:
    """A figure as a PNG file, for a screen or a page of print."""
    return _saved(figure, "png", {"Software": None}, "white")


def _saved(figure: Figure, kind: str, metadata: dict[str, Any], ground: str) -> bytes:
    buffer = io.BytesIO()
    fixed: dict[Any, Any] = {**plots.STYLE, "svg.hashsalt": "hpo", "svg.fonttype": "path"}
    with rc_context(fixed), warnings.catch_warnings():
        # A choice in a script that the font has not shows as a box; the tables have it in full.
        warnings.filterwarnings("ignore", r"Glyph \d+", UserWarning)
        figure.savefig(buffer, format=kind, metadata=metadata, facecolor=ground, dpi=200)
    return buffer.getvalue()
