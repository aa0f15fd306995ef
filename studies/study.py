"""A stored study as its readers see it: frames, the best trial, a summary, a report."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from studies.analysis.agreement import Agreement, compared_epochs, rank_agreement
from studies.analysis.one_trial import OneTrial, one_trial
from studies.analysis.summary import Summary, summarize
from studies.database.aggregates import lengths, scores_after
from studies.database.columns import Curves, TrialColumns, curves, trial_columns
from studies.database.engine import absolute, is_served, masked, read_only
from studies.database.records import Finalist, Trial
from studies.database.retry import patiently
from studies.database.served import open_study, private_copy
from studies.database.store import Store, open_store
from studies.errors import StoreError
from studies.html import table

if TYPE_CHECKING:
    import optuna
    import pandas as pd

    from studies.plots.study_plots import Plots

T = TypeVar("T")


class Study:
    """A study in a database or on a service. Each call reads it anew, so a running search shows what it has so far.

    `url` is the storage with an absolute path, if the folder may have changed since it was given. `token` is for a
    service, by default that of the variable HPO_TOKEN.
    """

    def __init__(
        self, name: str, storage: str, url: str | None = None, *, token: str | None = None
    ) -> None:
        self.name = name
        self.storage = storage
        self._token = token
        self._url = url or absolute(storage)

    def __repr__(self) -> str:
        return f"Study({self.name!r}, {masked(self.storage)!r})"

    def _repr_html_(self) -> str:
        from studies.pages import notebook

        try:
            return notebook.of_study(self.read())
        except StoreError as error:  # a notebook shows a study that is gone, too
            return table(self.name, {"error": str(error)})

    def read(self) -> Summary:
        """The study as it is now, without the rows of its trials."""
        return self._reading(self._summarized)

    def _summarized(self, store: Store) -> Summary:
        return replace(summarize(store, self.name), storage=masked(self.storage))

    def _reading(self, read: Callable[[Store], T]) -> T:
        """The result of `read` on one state of the database; it is called again if the connection is lost."""

        def attempt() -> T:
            with open_study(self._url, self.name, self._token) as store, store.reading():
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

        summary = self.read()
        return frames.finalists_frame(summary.finalists, summary.searched)

    @property
    def best(self) -> Trial | None:
        """The complete trial with the best finite value; None if there is none."""
        return self.read().best

    @property
    def recommended(self) -> Finalist | None:
        """The finalist with the best mean; None if nothing was confirmed."""
        return self.read().recommended

    @property
    def stopped(self) -> str | None:
        """Why the search ended before its last trial; None if it did not."""
        return self.read().record.stopped

    def summary(self) -> dict[str, Any]:
        """The study as one JSON-ready object, as `hpo show --json` prints it."""
        return self.read().as_mapping()

    def trial(self, number: int) -> OneTrial:
        """All that is stored of one trial: its curves, what it printed, the error that it failed with."""
        return self._reading(lambda store: one_trial(store, self.name, number))

    def rank_agreement(self, epochs: Sequence[int] | None = None) -> list[Agreement]:
        """Whether short training predicted long training: the order of trials after each of `epochs` and the next.

        By default these are the epochs after which trials left early, and the last; see
        `studies.analysis.agreement.compared_epochs`.
        """

        def read(store: Store) -> dict[int, dict[int, float]]:
            study_id = store.study(self.name).study_id
            at = compared_epochs(lengths(store, study_id)) if epochs is None else epochs
            return scores_after(store, study_id, at)

        return rank_agreement(self._reading(read))

    def errors(self) -> Counter[str]:
        """The errors of the trainings that failed, with how often each came."""
        return self.read().errors

    def report(self) -> str:
        """The study as one self-contained HTML page."""
        from studies.analysis import frames
        from studies.pages import report

        def read(store: Store) -> tuple[Summary, TrialColumns, list[Curves]]:
            study_id = store.study(self.name).study_id
            return (
                self._summarized(store),
                trial_columns(store, study_id),
                curves(store, study_id),
            )

        summary, trials, epochs = self._reading(read)
        return report.render(
            summary,
            frames.trials_frame(trials),
            frames.epochs_frame(epochs),
            frames.rounds_frame(summary.rounds),
            frames.finalists_frame(summary.finalists, summary.searched),
        )

    def write_report(self, path: str | Path) -> None:
        """Write the HTML page to a file."""
        from studies.analysis.export import write_whole

        write_whole(Path(path), self.report().encode())

    @property
    def plot(self) -> Plots:
        """Its figures: `study.plot.history()` and the others of `studies.plots.study_plots.Plots`."""
        from studies.plots.study_plots import Plots

        return Plots(self)

    def write_plots(self, folder: str | Path) -> list[Path]:
        """Write every figure as SVG and as PNG into a folder, which is created if needed; returns the files."""
        names = [name for name, _ in self.writing_plots(folder)]
        return [Path(folder) / f"{name}.{ending}" for name in names for ending in ("svg", "png")]

    def writing_plots(self, folder: str | Path) -> Iterator[tuple[str, int]]:
        """The same, one figure after another: the name of each that is written, and how many there will be."""
        from studies.analysis.export import write_whole
        from studies.plots import png, svg

        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        figures = self.plot.each()
        for name, draw in figures.items():
            figure = draw()
            write_whole(folder / f"{name}.svg", svg(figure))
            figure.set_layout_engine("none")  # to find it again takes as long as to draw
            write_whole(folder / f"{name}.png", png(figure))
            yield name, len(figures)

    def train(self, **options: Any) -> Any:
        """A model: a network trained with the settings that are recommended. `options` are those of `hpo.train`.

        Raises:
            StoreError: hpo, which trains it, is not installed.
        """
        # This package knows nothing of hpo, which says in its metadata what trains.
        found = entry_points(group="studies", name="train")
        if not found:
            raise StoreError("hpo trains the networks of studies: pip install hpo-rounds")
        (train,) = found
        return train.load()(self.name, storage=self._url, **options)

    def optuna(self) -> optuna.Study:
        """The same study through Optuna, for its plots, its importances, and everything else it offers.

        Of a study on a service it is a copy, which can't be written to.
        """
        import optuna

        if not is_served(self._url):
            open_store(self._url).close()  # Optuna would create a missing database
            return optuna.load_study(study_name=self.name, storage=self._url)
        copy = private_copy(self._url, self.name, self._token)
        loaded = optuna.load_study(study_name=self.name, storage=read_only(copy))
        weakref.finalize(loaded, copy.unlink)
        return loaded
