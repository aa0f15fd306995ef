"""The figures of a stored study: `study.plot.history()`. Each reads the study anew and returns a matplotlib Figure."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, cached_property, partial
from typing import Literal, Protocol

import pandas as pd
from matplotlib.figure import Figure

from studies import plots
from studies.analysis.frames import beside
from studies.analysis.goal import Goal
from studies.analysis.importance import importances, most_narrowed_first, most_telling_first
from studies.analysis.summary import Summary

NAMES = (
    "history", "ranges", "importance", "scatter", "single", "parallel", "curves", "gap", "agreement",
    "finalists", "divergence", "timeline",
)  # fmt: skip


class _Readable(Protocol):
    """What the figures read of a study."""

    def read(self) -> Summary: ...
    def trials_frame(self) -> pd.DataFrame: ...
    def epochs_frame(self) -> pd.DataFrame: ...
    def rounds_frame(self) -> pd.DataFrame: ...
    def finalists_frame(self) -> pd.DataFrame: ...


class Plots:
    """The figures of `studies.plots` for one study. Most need one objective; for a study with several they say so."""

    def __init__(self, study: _Readable) -> None:
        self._study = study

    def history(self, by: Literal["trial", "epochs"] = "trial") -> Figure:
        """The value of each trial, the best so far and the confirmed value, by trial or by epochs spent.

        Raises:
            ValueError: `by` is neither "trial" nor "epochs".
        """
        return self._of_one_objective(
            lambda s: plots.history(s.trials, goal=s.goal, by=by, finalists=s.finalists)
        )

    def ranges(self) -> Figure:
        """How the range of each parameter moved, round by round, with the verdicts."""
        return plots.ranges(self._study.rounds_frame())

    def curves(self, best: int = 20) -> Figure:
        """The learning curves of the best trials: validation solid, training dashed."""
        return self._of_one_objective(
            lambda s: plots.curves(s.trials, s.epochs, goal=s.goal, best=best)
        )

    def scatter(self, x: str | None = None, y: str | None = None) -> Figure:
        """Two parameters against each other, coloured by value; by default those that were narrowed most.

        Raises:
            ValueError: there is no parameter of that name.
        """

        def draw(s: _Frames) -> Figure:
            names = s.parameters(x, y)
            if len(names) < 2:
                return _single(s, names)
            return plots.scatter(s.trials, *names, goal=s.goal, rounds=s.rounds)

        return self._of_one_objective(draw)

    def single(self, x: str | None = None) -> Figure:
        """The value of each trial against one parameter; by default the one that was narrowed most.

        Raises:
            ValueError: there is no parameter of that name.
        """
        return self._of_one_objective(lambda s: _single(s, s.parameters(x)))

    def importance(self) -> Figure:
        """What share of the differences between trials each parameter explains."""
        return self._of_one_objective(
            lambda s: plots.importance(
                importances(s.trials, s.rounds, direction=s.goal.direction), goal=s.goal
            )
        )

    def parallel(self) -> Figure:
        """A line for each trial through its settings to its value, the most narrowed parameter first."""
        return self._of_one_objective(
            lambda s: plots.parallel(s.trials, s.names, goal=s.goal, rounds=s.rounds)
        )

    def gap(self) -> Figure:
        """Training against validation of the best trial, by epoch, and whether it over- or underfits, in words."""
        return self._of_one_objective(lambda s: plots.gap(s.trials, s.epochs, goal=s.goal))

    def finalists(self) -> Figure:
        """The settings that were trained again, with intervals, and which of them are tied."""
        return self._of_one_objective(lambda s: plots.finalists(s.finalists, goal=s.goal))

    def agreement(self) -> Figure:
        """Whether short training predicted long training."""
        return self._of_one_objective(lambda s: plots.agreement(s.trials, s.epochs, goal=s.goal))

    def divergence(self, x: str | None = None, y: str | None = None) -> Figure:
        """Which settings diverged or failed; by default over the parameters that predict it best.

        Raises:
            ValueError: there is no parameter of that name.
        """

        def draw(s: _Frames) -> Figure:
            names = s.parameters(x, y, among=most_telling_first(s.trials, s.rounds))
            if not names:
                return plots.sentence("There are no parameters.")
            return plots.divergence(s.trials, *names, rounds=s.rounds)

        return self._of_one_objective(draw)

    def timeline(self) -> Figure:
        """When each trial ran, and the pauses of a search that was stopped and resumed."""
        return plots.timeline(self._study.trials_frame())

    def each(self) -> dict[str, Callable[[], Figure]]:
        """All of them, by names for their files. Each is drawn when it is called; the study is read only once."""
        once = Plots(_Once(self._study))
        figures: dict[str, Callable[[], Figure]] = {name: getattr(once, name) for name in NAMES}
        return figures | {"history_by_epochs": partial(once.history, by="epochs")}

    def _of_one_objective(self, draw: Callable[[_Frames], Figure]) -> Figure:
        frames = _Frames(self._study)
        if frames.summary.record.several:
            count = len(frames.summary.record.directions)
            return plots.sentence(
                f"This figure is for one objective, and the study has {count}:\n"
                "Optuna's own figures, of study.optuna(), can show several."
            )
        return draw(frames)


class _Once:
    """A study whose summary and frames are each read only once."""

    def __init__(self, study: _Readable) -> None:
        self.read = cache(study.read)
        self.trials_frame = cache(study.trials_frame)
        self.epochs_frame = cache(study.epochs_frame)
        self.rounds_frame = cache(study.rounds_frame)
        self.finalists_frame = cache(study.finalists_frame)


class _Frames:
    """The frames of a study, each read when it is first needed, and how figures name what is measured."""

    def __init__(self, study: _Readable) -> None:
        self._study = study

    @cached_property
    def summary(self) -> Summary:
        return self._study.read()

    @cached_property
    def trials(self) -> pd.DataFrame:
        return self._study.trials_frame()

    @cached_property
    def epochs(self) -> pd.DataFrame:
        return self._study.epochs_frame()

    @cached_property
    def rounds(self) -> pd.DataFrame:
        return self._study.rounds_frame()

    @cached_property
    def finalists(self) -> pd.DataFrame:
        return self._study.finalists_frame()

    @property
    def names(self) -> list[str]:
        return most_narrowed_first(self.trials, self.rounds)

    @property
    def goal(self) -> Goal:
        return self.summary.goal

    def parameters(self, *asked: str | None, among: list[str] | None = None) -> list[str]:
        """A parameter for each that is asked for. None stands for the next of `among`, by default the most narrowed;
        it is left out if there are no more that some trial has together with the first.
        """
        others = [name for name in among or self.names if name not in asked]
        names: list[str] = []
        for name in asked:
            others = beside(self.trials, names[0], others) if names else others
            names += [others.pop(0)] if name is None and others else [name] if name else []
        return names


def _single(s: _Frames, names: list[str]) -> Figure:
    if not names:
        return plots.sentence("There are no parameters.")
    return plots.single(s.trials, names[0], goal=s.goal, rounds=s.rounds)
