"""The figures of a stored study: `study.plot.history()`. Each reads the study anew, and returns a matplotlib Figure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from studies import plots
from studies.analysis.importance import (
    Importances,
    importances,
    most_narrowed_first,
    most_telling_first,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from studies.database.records import StudyRecord
    from studies.study import Study

NO_PARAMETERS = "There are no parameters."
NAMES = (
    "history", "ranges", "importance", "scatter", "single", "parallel", "curves", "gap", "agreement",
    "finalists", "divergence", "timeline",
)  # fmt: skip


class Plots:
    """What `studies.plots` draws, of one study. Of a study with several objectives most figures can only say that they
    are for one.
    """

    def __init__(self, study: Study) -> None:
        self._study = study

    def history(self, by: Literal["trial", "epochs"] = "trial") -> Figure:
        """The value of each trial, the best so far and the confirmed value, by trial or by epochs spent.

        Raises:
            ValueError: `by` is neither "trial" nor "epochs".
        """
        return self._of_one(
            lambda seen: plots.history(seen.trials, **seen.rows, by=by, finalists=seen.finalists)
        )

    def ranges(self) -> Figure:
        """How the range of each parameter moved, round by round, with the verdicts."""
        return plots.ranges(self._study.rounds_frame())

    def curves(self, best: int = 20) -> Figure:
        """The learning curves of the best trials: validation solid, training dashed."""
        return self._of_one(
            lambda seen: plots.curves(seen.trials, seen.epochs, **seen.told, best=best)
        )

    def scatter(self, x: str | None = None, y: str | None = None) -> Figure:
        """Two parameters against each other, coloured by value; by default those that were narrowed most.

        Raises:
            ValueError: there is no parameter of that name.
        """

        def draw(seen: _Seen) -> Figure:
            names = seen.chosen(x, y)
            if len(names) < 2:
                return _single(seen, names)
            return plots.scatter(seen.trials, *names, **seen.rows, rounds=seen.rounds)

        return self._of_one(draw)

    def single(self, x: str | None = None) -> Figure:
        """The value of each trial against one parameter; by default the one that was narrowed most.

        Raises:
            ValueError: there is no parameter of that name.
        """
        return self._of_one(lambda seen: _single(seen, seen.chosen(x)))

    def importance(self) -> Figure:
        """What share of the differences between trials each parameter explains."""
        return self._of_one(lambda seen: plots.importance(seen.importances, **seen.named))

    def parallel(self) -> Figure:
        """Each trial's way through all parameters to its value, the most narrowed parameter first."""
        return self._of_one(
            lambda seen: plots.parallel(seen.trials, seen.names, **seen.rows, rounds=seen.rounds)
        )

    def gap(self) -> Figure:
        """Training against validation of the best trial, by epoch, and whether it over- or underfits, in words."""
        return self._of_one(lambda seen: plots.gap(seen.trials, seen.epochs, **seen.told))

    def finalists(self) -> Figure:
        """The settings that were trained again, with intervals, and which of them are tied."""
        return self._of_one(lambda seen: plots.finalists(seen.finalists, **seen.rows))

    def agreement(self) -> Figure:
        """Whether short training predicted long training."""
        return self._of_one(lambda seen: plots.agreement(seen.trials, seen.epochs, **seen.told))

    def divergence(self, x: str | None = None, y: str | None = None) -> Figure:
        """Which settings diverged or failed; by default over the parameters that tell most of it.

        Raises:
            ValueError: there is no parameter of that name.
        """

        def draw(seen: _Seen) -> Figure:
            names = seen.chosen(x, y, among=most_telling_first(seen.trials, seen.rounds))
            if not names:
                return plots.sentence(NO_PARAMETERS)
            return plots.divergence(seen.trials, *names, rounds=seen.rounds)

        return self._of_one(draw)

    def timeline(self) -> Figure:
        """When each trial ran, and the pauses of a search that was stopped and resumed."""
        return plots.timeline(self._study.trials_frame())

    def each(self) -> Iterator[tuple[str, Figure]]:
        """All of them, each with a name for its file."""
        for name in NAMES:
            yield name, getattr(self, name)()
            if name == "history":
                yield "history_by_epochs", self.history(by="epochs")

    def _of_one(self, draw: Callable[[_Seen], Figure]) -> Figure:
        seen = _Seen(self._study)
        if seen.record.several:
            count = len(seen.record.directions)
            return plots.sentence(
                f"This figure is for one objective, and the study has {count}:\n"
                "Optuna's own, of study.optuna(), know several."
            )
        return draw(seen)


class _Seen:
    """A study's frames, each read when it is first needed, and how the figures are to name its values."""

    def __init__(self, study: Study) -> None:
        self._study = study

    @cached_property
    def record(self) -> StudyRecord:
        return self._study.read().record

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
    def importances(self) -> Importances | None:
        return importances(self.trials, self.rounds, direction=self.record.direction)

    @property
    def names(self) -> list[str]:
        return most_narrowed_first(self.trials, self.rounds)

    @property
    def told(self) -> dict[str, Any]:
        return {"metric": self.record.metric, "direction": self.record.direction}

    @property
    def named(self) -> dict[str, Any]:
        # The rows are the affair of a trainer of the user's, and of Optuna's user.
        source = (self.record.plan or {}).get("source")
        return {"metric": self.record.metric, "rows": "validation" if source else ""}

    @property
    def rows(self) -> dict[str, Any]:
        return self.told | self.named

    def chosen(self, *asked: str | None, among: list[str] | None = None) -> list[str]:
        """A parameter for each that is asked for, None for the most narrowed of the others, while there are any; or
        for the first of those `among` which to choose.
        """
        others = [name for name in among or self.names if name not in asked]
        found = [name if name is not None or not others else others.pop(0) for name in asked]
        return [name for name in found if name is not None]


def _single(seen: _Seen, names: list[str]) -> Figure:
    if not names:
        return plots.sentence(NO_PARAMETERS)
    return plots.single(seen.trials, names[0], **seen.rows, rounds=seen.rounds)
