"""A stored study as its readers see it: frames, the best trial, a summary, a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa

from studies.analysis.finalists import conclude_now
from studies.analysis.summary import Agreement, front, rank_agreement, summarize
from studies.database import tables
from studies.database.columns import (
    Curves,
    TrialColumns,
    best_number,
    counts,
    curves,
    epochs_trained,
    errors,
    scores_after,
    searched,
    trial_columns,
)
from studies.database.engine import masked
from studies.database.records import (
    Conclusion,
    Confirmation,
    Finalist,
    Opening,
    PlanVersion,
    Round,
    StudyRecord,
    Trial,
    TrialState,
)
from studies.database.retry import patiently
from studies.database.store import Store, open_store
from studies.errors import StoreError
from studies.html import table

if TYPE_CHECKING:
    import optuna
    import pandas as pd

    from studies.study_plots import Plots

T = TypeVar("T")


class Study:
    """A study in a database, read anew at each call: a search that is running shows what it has so far."""

    def __init__(self, name: str, storage: str) -> None:
        self.name = name
        self.storage = storage

    def __repr__(self) -> str:
        return f"Study({self.name!r}, {masked(self.storage)!r})"

    def _repr_html_(self) -> str:
        from studies.pages import notebook

        try:
            return notebook.of_study(self.name, self.read(), self.storage)
        except StoreError as error:  # a study that is gone is shown as that, too
            return table(self.name, {"error": str(error)})

    def read(self) -> Snapshot:
        """The study as it is now, but for the rows of its trials."""
        return self._reading(lambda store: _snapshot(store, self.name))

    def _reading(self, read: Callable[[Store], T]) -> T:
        """What `read` finds, all of it in one state of the database; again where the connection is lost."""

        def attempt() -> T:
            with open_store(self.storage) as store, store.reading():
                return read(store)

        return patiently(attempt)

    def trials_frame(self) -> pd.DataFrame:
        """One row a trial; the columns are described at `studies.analysis.frames.trials_frame`."""
        from studies.analysis import frames

        return frames.trials_frame(
            self._reading(lambda store: trial_columns(store, store.study(self.name).study_id))
        )

    def epochs_frame(self) -> pd.DataFrame:
        """One row for each epoch of each trial; see `studies.analysis.frames.epochs_frame`."""
        from studies.analysis import frames

        return frames.epochs_frame(
            self._reading(lambda store: curves(store, store.study(self.name).study_id))
        )

    def rounds_frame(self) -> pd.DataFrame:
        """One row for each parameter of each round; see `studies.analysis.frames.rounds_frame`."""
        from studies.analysis import frames

        return frames.rounds_frame(self.read().rounds)

    def finalists_frame(self) -> pd.DataFrame:
        """One row for each setting that was trained again; see `studies.analysis.frames.finalists_frame`."""
        from studies.analysis import frames

        rows = self.read()
        return frames.finalists_frame(rows.finalists, rows.searched)

    @property
    def best(self) -> Trial | None:
        """The complete trial with the best finite value; None if there is none."""
        return self.read().best

    @property
    def recommended(self) -> Finalist | None:
        """The finalist with the best mean; None if nothing was confirmed."""
        found = self.read().finalists
        return found[0] if found and found[0].mean is not None else None

    @property
    def stopped(self) -> str | None:
        """Why the search ended before its last trial; None if it did not."""
        return self.read().record.stopped

    def summary(self) -> dict[str, Any]:
        """The study as one JSON-ready object, as `hpo show --json` prints it."""
        return self.read().summary(self.storage)

    def rank_agreement(self, epochs: Sequence[int]) -> list[Agreement]:
        """Whether short training predicted long training: the order of trials after each of `epochs` and the next."""
        after = self._reading(
            lambda store: scores_after(store, store.study(self.name).study_id, epochs)
        )
        return rank_agreement(after, epochs)

    def errors(self) -> Counter[str]:
        """What the trainings that failed with an error said, and how often each was said."""
        return self.read().errors

    def report(self) -> str:
        """The study as one self-contained HTML page."""
        from studies.analysis import frames
        from studies.pages import report

        def read(store: Store) -> tuple[Snapshot, TrialColumns, list[Curves]]:
            rows = _snapshot(store, self.name)
            study_id = rows.record.study_id
            return rows, trial_columns(store, study_id), curves(store, study_id)

        rows, trials, epochs = self._reading(read)
        record = rows.record
        said = rows.summary(self.storage)
        said |= {
            "plan": rows.plan,
            "versions": record.provenance.get("versions", {}),
            "stopped": record.stopped,
            "note": rows.conclusion.note if rows.conclusion else "",
            "tested": None if rows.opening is None else rows.opening.trial,
            "adopted": record.adopted,
            "errors": dict(rows.errors),
            "task": record.provenance.get("data", {}).get("task"),
        }
        if record.several:
            said["front"] = rows.front
        return report.render(
            said,
            frames.trials_frame(trials),
            frames.epochs_frame(epochs),
            frames.rounds_frame(rows.rounds),
            frames.finalists_frame(rows.finalists, rows.searched),
        )

    def write_report(self, path: str | Path) -> None:
        """Write the HTML page to a file."""
        from studies.analysis.export import write_whole

        write_whole(Path(path), self.report().encode())

    @property
    def plot(self) -> Plots:
        """Its figures: `study.plot.history()` and the others of `studies.study_plots.Plots`."""
        from studies.study_plots import Plots

        return Plots(self)

    def write_plots(self, folder: str | Path) -> list[Path]:
        """Write every figure as SVG and as PNG into a folder, made if need be; returns the files."""
        from studies.analysis.export import write_whole
        from studies.pages.drawings import png, svg

        folder, files = Path(folder), []
        folder.mkdir(parents=True, exist_ok=True)
        for name, figure in self.plot.each():
            for ending, drawn in (("svg", svg), ("png", png)):
                files.append(folder / f"{name}.{ending}")
                write_whole(files[-1], drawn(figure))
        return files

    def optuna(self) -> optuna.Study:
        """The same study through Optuna, for its plots, its importances, and everything else it offers."""
        import optuna

        open_store(self.storage).close()  # Optuna would make an empty database where there is none
        return optuna.load_study(study_name=self.name, storage=self.storage)


@dataclass(frozen=True)
class Snapshot:
    """A study as its database had it at one moment, but for the rows of its trials."""

    record: StudyRecord
    counts: dict[TrialState, int]
    best: Trial | None  # the complete trial with the best finite value
    front: list[int]  # of several objectives, the trials that no other beats
    epochs: int  # that the trials were trained
    errors: Counter[str]  # what the trainings that failed said, and how often
    rounds: list[Round]
    searched: dict[int, float]  # the values of those that were trained again, in the search
    conclusion: Conclusion | None  # from the trainings that confirm, if any is done
    params: dict[int, dict[str, Any]]  # of the finalists
    confirmations: list[Confirmation]
    opening: Opening | None
    plans: list[PlanVersion]  # empty where the plan never changed

    @property
    def finalists(self) -> list[Finalist]:
        """The settings that were trained again, best first."""
        return self.conclusion.finalists if self.conclusion else []

    @property
    def plan(self) -> dict[str, Any]:
        """The plan of the search as plain data; empty for a study of plain Optuna."""
        return self.record.plan or {}

    def summary(self, storage: str) -> dict[str, Any]:
        """The study as one JSON-ready object."""
        return summarize(
            self.record,
            storage,
            self.counts,
            self.best,
            self.rounds,
            self.epochs + sum(c.epochs for c in self.confirmations),
            self.finalists,
            self.params,
            self.opening,
        )


def _snapshot(store: Store, name: str) -> Snapshot:
    record = store.study(name)
    study_id = record.study_id
    confirmations = store.confirmations(study_id)
    values, again = {}, []
    if confirmations:
        values = searched(store, study_id)
        t = tables.confirmations
        again = store.trials(
            study_id, among=sa.select(t.c.trial).where(t.c.study_id == study_id).distinct()
        )
    best, beaten_by_none = [], []
    if record.several:
        beaten_by_none = [t.number for t in front(store.trials(study_id), record.directions)]
    elif (number := best_number(store, study_id, record.direction)) is not None:
        best = store.trials(study_id, among=[number])
    return Snapshot(
        record=record,
        counts=counts(store, study_id),
        best=best[0] if best else None,
        front=beaten_by_none,
        epochs=epochs_trained(store, study_id),
        errors=errors(store, study_id),
        rounds=store.rounds(study_id),
        searched=values,
        conclusion=store.conclusion(study_id)
        or conclude_now(values, confirmations, record.direction),
        params={trial.number: trial.params for trial in again},
        confirmations=confirmations,
        opening=store.opening(study_id),
        plans=store.plans(study_id),
    )
