"""The figures of a report, section by section: each an SVG inside the page, what it shows, and how to read it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from studies import plots
from studies.analysis import frames
from studies.analysis.generalization import generalization
from studies.analysis.goal import Goal
from studies.analysis.importance import importances, most_narrowed_first
from studies.analysis.summary import Summary

PAIRS = 3  # figures of two parameters
CURVES = 20  # learning curves
NO_VALUES = "There is nothing to draw yet: no trial has a value."


@dataclass(frozen=True)
class Drawing:
    """The inside of an <svg> with its size in points, what it shows (for those who can't see it), how to read it."""

    svg: str
    width: float
    height: float
    shows: str
    reading: str


Section = list[Drawing] | str
"""Drawings, or a sentence that says why there is nothing to draw."""


@dataclass(frozen=True)
class Sections:
    """The drawings of one study, from its summary and its frames."""

    summary: Summary
    trials: pd.DataFrame
    epochs: pd.DataFrame
    rounds: pd.DataFrame
    finalists: pd.DataFrame

    def drawings(self) -> dict[str, Section]:
        """The drawings of each section of the report."""
        names = ("history", "confirmed", "ranges", "settings", "lost", "curves", "timeline")
        if self.summary.record.several:
            return dict.fromkeys(names, "Drawn only for a study with one objective.")
        return {name: getattr(self, f"_{name}")() for name in names}

    @property
    def _goal(self) -> Goal:
        return self.summary.goal

    @cached_property
    def _any_value(self) -> bool:
        return bool(frames.scored(self.trials).any())

    @cached_property
    def _any_pruned(self) -> bool:
        return bool((self.trials["state"] == "pruned").any())

    @cached_property
    def _names(self) -> list[str]:
        return most_narrowed_first(self.trials, self.rounds)

    def _history(self) -> Section:
        if not self._any_value:
            return NO_VALUES
        high, better = ("high", "higher") if self._goal.maximize else ("low", "lower")
        measured = (
            f"{self._goal.metric} on the validation split"
            if self._goal.split
            else self._goal.metric
        )
        confirmed: dict[str, Any] = {"finalists": self.finalists if len(self.finalists) else None}
        drawings = [
            _drawing(
                plots.history(self.trials, goal=self._goal, **confirmed),
                "history",
                f"{self._goal.metric} of each trial, and the best so far",
                f"Each mark is a trial, as {high} as its {measured} ({better} is better); the line is the best so far. "
                "If it still moves late, more trials may find better settings.",
            )
        ]
        if self._any_pruned:  # otherwise it would look the same
            drawings.append(
                _drawing(
                    plots.history(self.trials, goal=self._goal, by="epochs", **confirmed),
                    "cost",
                    f"{self._goal.metric} of each trial by the epochs spent until then",
                    "The same by what it cost: trials that left early take little room.",
                )
            )
        return drawings

    def _confirmed(self) -> Section:
        if self.finalists.empty:
            return "No settings were trained again, so none are confirmed."
        return [
            _drawing(
                plots.finalists(self.finalists, goal=self._goal),
                "finalists",
                "Mean and 95 % interval of the settings that were trained again",
                "Small marks are single trainings. If the intervals of two settings overlap by much, telling them "
                "apart would take more trainings.",
            )
        ]

    def _ranges(self) -> Section:
        if self.rounds.empty:
            return "No round is recorded, so no range has moved."
        return [
            _drawing(
                plots.ranges(self.rounds),
                "ranges",
                "The range of each parameter, by round",
                "Each bar is the range that a round drew from, with the verdict after that round at its right; the "
                "dark bar is the range after the last verdict. It is kept without evidence for moving it.",
            )
        ]

    def _settings(self) -> Section:
        drawings = []
        shares = importances(self.trials, self.rounds, direction=self._goal.direction)
        if shares is not None and len(shares.shares) > 1:
            drawings.append(
                _drawing(
                    plots.importance(shares, goal=self._goal),
                    "importance",
                    "The importance of each parameter",
                    "What share of the differences between trials each parameter explains by itself. One near 0 may "
                    "have any value in its range, or matters only together with others.",
                )
            )
        if self._any_value and len(self._names) > 1:
            boxes = (
                ", with the boxes that the rounds drew from. If dark marks crowd against the edge of the first box, a "
                "wider search may find better settings."
            )
            first = self._names[0]
            drawings += [
                _drawing(
                    plots.scatter(self.trials, first, other, goal=self._goal, rounds=self.rounds),
                    f"pair{k}",
                    f"Trials by {first} and {other}, coloured by {self._goal.metric}",
                    ""
                    if k
                    else "Each mark is a trial at its settings, dark if its value is good"
                    + (boxes if len(self.rounds) else "."),
                )
                for k, other in enumerate(self._names[1 : PAIRS + 1])
            ]
        if self._any_value and len(self._names) > 2:
            drawings.append(
                _drawing(
                    plots.parallel(self.trials, self._names, goal=self._goal, rounds=self.rounds),
                    "parallel",
                    "A line for each trial through its settings to its value",
                    "Each line is a trial, dark if its value is good. Where dark lines run close together, that "
                    "setting matters.",
                )
            )
        if not drawings and self._any_value and self._names:
            band = "; the shaded band is the last range" if len(self.rounds) else ""
            drawings.append(
                _drawing(
                    plots.single(self.trials, self._names[0], goal=self._goal, rounds=self.rounds),
                    "single",
                    f"{self._goal.metric} of each trial by {self._names[0]}",
                    f"Each mark is a trial at its setting, as high as its value{band}.",
                )
            )
        return drawings or NO_VALUES

    def _lost(self) -> Section:
        failed = (self.trials["state"] == "failed") | self.trials["diverged_epoch"].notna()
        if not failed.any() or not self._names:
            return "No trial has failed or diverged."
        return [
            _drawing(
                plots.divergence(self.trials, *self._names[:2], rounds=self.rounds),
                "lost",
                f"Trials that failed or diverged, by {' and '.join(self._names[:2])}",
                "Where crosses stand together, training is not stable; the bars above show what share of the trials "
                "there failed or diverged.",
            )
        ]

    def _curves(self) -> Section:
        if not self._any_value:
            return NO_VALUES
        if not plots.has_curves(self.epochs, self._goal.metric):
            return "There are no learning curves of this metric."
        moves = (
            "A validation curve that still moves at its end calls for more epochs; one far from the training curve "
            "shows overfitting."
            if self._goal.split
            else "A curve that still moves at its end calls for longer training."
        )
        drawings = [
            _drawing(
                plots.curves(self.trials, self.epochs, goal=self._goal, best=CURVES),
                "curves",
                f"Learning curves of the best trials: {self._goal.metric} by epoch",
                f"The best trials in the order of their values, all on one scale. {moves}",
            )
        ]
        learned = generalization(self.trials, self.epochs, goal=self._goal)
        if learned is not None and learned.kind != "too short":
            drawings.append(
                _drawing(
                    plots.gap(self.trials, self.epochs, goal=self._goal),
                    "gap",
                    learned.sentence,
                    "Training against validation by epoch; below, by how much training is better.",
                )
            )
        if self._any_pruned:
            drawings.append(
                _drawing(
                    plots.agreement(self.trials, self.epochs, goal=self._goal),
                    "agreement",
                    "Ranks after short training against ranks after longer training",
                    "The nearer the marks lie to the diagonal, the better short training predicts long training. If "
                    "they are scattered all over, good settings may have left early.",
                )
            )
        return drawings

    def _timeline(self) -> Section:
        if self.trials["started"].isna().all():
            return "No trial has begun yet."
        return [
            _drawing(
                plots.timeline(self.trials),
                "timeline",
                "When each trial ran",
                "Trials of one batch train side by side; the pauses of a search that was stopped are cut out.",
            )
        ]


def _drawing(figure: Figure, key: str, shows: str, reading: str) -> Drawing:
    width, height = (72 * inches for inches in figure.get_size_inches())
    return Drawing(_inner_svg(figure, key), width, height, shows, reading)


def _inner_svg(figure: Figure, key: str) -> str:
    """The inside of a figure's <svg>, the key before each of its ids: two figures of a page must not share an id."""
    text = plots.svg(figure).decode()
    text = text[text.index(">", text.index("<svg")) + 1 : text.rindex("</svg>")]
    text = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>|<style.*?</style>", "", text, flags=re.S)
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{key}-", text)
    return re.sub(r"\n\s*", "\n", text).strip()
