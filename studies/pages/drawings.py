"""The figures of a report, section by section: each with what it shows, and how to read it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial

import pandas as pd

from studies import plots
from studies.analysis import frames
from studies.analysis.generalization import generalization
from studies.analysis.goal import Goal
from studies.analysis.importance import UNTOLD, importances, most_narrowed_first
from studies.analysis.summary import Summary
from studies.pages.pictures import Picture

PAIRS = 3  # figures of two parameters
CURVES = 20  # learning curves
NO_VALUES = "There is nothing to draw yet: no trial has a value."


Section = Iterator[Picture | str]
"""Pictures, or a sentence that says why there is nothing to draw."""


@dataclass(frozen=True)
class Sections:
    """The pictures of one study, from its summary and its frames."""

    summary: Summary
    trials: pd.DataFrame
    epochs: pd.DataFrame
    rounds: pd.DataFrame
    finalists: pd.DataFrame

    def pictures(self) -> dict[str, list[Picture | str]]:
        """The pictures of each section of the report."""
        names = ("history", "confirmed", "ranges", "settings", "lost", "curves", "timeline")
        return {name: list(getattr(self, f"_{name}")()) for name in names}

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
            yield NO_VALUES
            return
        metric, split = self._goal.metric, self._goal.split
        high, better = ("high", "higher") if self._goal.maximize else ("low", "lower")
        measured = f"{metric} on {split} rows" if split else metric
        shared = " Which rows validate is chance, so all trials that share a split may lie higher or lower by luck."
        luck = shared if split else ""
        yield Picture(
            "history",
            partial(plots.history, self.trials, goal=self._goal, finalists=self.finalists),
            f"{metric} of each trial, and the best so far",
            f"Each mark is a trial, as {high} as its {measured} ({better} is better); the line is the best so far. "
            "If it still moves late, more trials may find better settings." + luck,
        )
        if self._any_pruned:  # otherwise it would look the same
            yield Picture(
                "cost",
                partial(
                    plots.history,
                    self.trials,
                    goal=self._goal,
                    by="epochs",
                    finalists=self.finalists,
                ),
                f"{metric} of each trial by the epochs spent until then",
                "The same by what it cost: trials that left early take little room.",
            )

    def _confirmed(self) -> Section:
        if self.finalists.empty:
            yield "No settings were trained again, so none are confirmed."
            return
        compared = (
            " Settings are compared on equal stages: so a mean need not lie between its marks, and two settings may "
            "be told apart although their intervals overlap."
            if len(self.finalists) > 1
            else ""
        )
        yield Picture(
            "finalists",
            partial(plots.finalists, self.finalists, goal=self._goal),
            "Mean and 95 % interval of the settings that were trained again",
            "Small marks are single trainings, as they were in their stages." + compared,
        )

    def _ranges(self) -> Section:
        if self.rounds.empty:
            yield "No round is recorded, so no range has moved."
            return
        yield Picture(
            "ranges",
            partial(plots.ranges, self.rounds),
            "The range of each parameter, by round",
            "Each bar is the range that a round drew from, with the verdict after that round at its right; the dark "
            "bar is the range after the last verdict. The table below says why. A range of "
            "which less than a tenth would be left out, with a margin around where the best may lie, is kept.",
        )

    def _settings(self) -> Section:
        if not self._any_value:
            yield NO_VALUES
            return
        if not self._names:
            yield "There are no parameters."
            return
        first, *others = self._names
        if not others:
            band = "; the shaded band is the last range" if len(self.rounds) else ""
            yield Picture(
                "single",
                partial(plots.single, self.trials, first, goal=self._goal, rounds=self.rounds),
                f"{self._goal.metric} of each trial by {first}",
                f"Each mark is a trial at its setting, as high as its value{band}.",
            )
            return
        shares = importances(self.trials, self.rounds, direction=self._goal.direction)
        if shares is None:
            yield UNTOLD
        elif len(shares.shares) > 1:
            yield Picture(
                "importance",
                partial(plots.importance, shares, goal=self._goal),
                "The importance of each parameter",
                "What share of the differences between trials each parameter explains by itself. One near 0 may have "
                "any value in its range, or matters only together with others.",
            )
        boxes = (
            ", with the boxes that the rounds drew from. If dark marks crowd against the edge of the first box, a "
            "wider search may find better settings"
        )
        reading = "Each mark is a trial at its settings, dark if its value is good"
        reading += f"{boxes if len(self.rounds) else ''}."
        for k, other in enumerate(frames.beside(self.trials, first, others)[:PAIRS]):
            yield Picture(
                f"pair{k}",
                partial(
                    plots.scatter, self.trials, first, other, goal=self._goal, rounds=self.rounds
                ),
                f"Trials by {first} and {other}, coloured by {self._goal.metric}",
                reading if k == 0 else "",
            )
        if len(others) > 1:
            yield Picture(
                "parallel",
                partial(
                    plots.parallel, self.trials, self._names, goal=self._goal, rounds=self.rounds
                ),
                "A line for each trial through its settings to its value",
                "Each line is a trial, dark if its value is good. Where dark lines run close together, that setting "
                "matters.",
            )

    def _lost(self) -> Section:
        diverged = self.trials["diverged_epoch"].notna()
        ended = "failed or diverged" if diverged.any() else "failed"
        if not (diverged | (self.trials["state"] == "failed")).any() or not self._names:
            yield f"No trial has {ended}."
            return
        first, *others = self._names
        pair = [first, *frames.beside(self.trials, first, others)[:1]]
        yield Picture(
            "lost",
            partial(plots.divergence, self.trials, *pair, rounds=self.rounds),
            f"Trials that {ended}, by {' and '.join(pair)}",
            f"Where {'crosses or ' if diverged.any() else ''}triangles stand together, trainings "
            f"{'diverge or fail' if diverged.any() else 'fail'}; the bars "
            f"above show what share of the trials there {ended}.",
        )

    def _curves(self) -> Section:
        if not self._any_value or not plots.has_curves(self.epochs, self._goal.metric):
            yield "There are no learning curves of this metric." if self._any_value else NO_VALUES
            return
        if self.epochs["epoch"].max() < 2:
            yield "Each trial has one value of this metric, so there are no learning curves."
            return
        moves = (
            "A validation curve that still gets better at its end calls for more epochs; one far from the training "
            "curve shows overfitting."
            if self._goal.split
            else "A curve that still gets better at its end calls for longer training."
        )
        yield Picture(
            "curves",
            partial(plots.curves, self.trials, self.epochs, goal=self._goal, best=CURVES),
            f"Learning curves of the best trials: {self._goal.metric} by epoch",
            f"The best trials in the order of their values, all on one scale. {moves}",
        )
        learned = generalization(self.trials, self.epochs, goal=self._goal)
        if learned is not None and learned.kind != "too short":
            yield Picture(
                "gap",
                partial(plots.gap, self.trials, self.epochs, goal=self._goal),
                learned.sentence,
                "Training against validation by epoch; below, by how much training is better.",
            )
        if self._any_pruned:
            yield Picture(
                "agreement",
                partial(plots.agreement, self.trials, self.epochs, goal=self._goal),
                "Ranks after short training against ranks after longer training",
                "The nearer the marks lie to the diagonal, the better short training predicts long training. If they "
                "are scattered all over, good settings may have left early.",
            )

    def _timeline(self) -> Section:
        if self.trials["started"].isna().all():
            yield "No trial has begun yet."
            return
        yield Picture(
            "timeline",
            partial(plots.timeline, self.trials),
            "When each trial ran",
            "When trials ran, from left to right; the pauses of a search that was stopped are cut out.",
        )
