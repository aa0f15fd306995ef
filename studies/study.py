"""A stored study as its readers see it: frames, the best trial, a summary, a report."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studies import summary
from studies.engine import masked
from studies.records import Round, StudyRecord, Trial
from studies.store import open_store

if TYPE_CHECKING:
    import optuna
    import pandas as pd


class Study:
    """A study in a database, read anew at each call: a search that is running shows what it has so far."""

    def __init__(self, name: str, storage: str) -> None:
        self.name = name
        self.storage = storage

    def __repr__(self) -> str:
        return f"Study({self.name!r}, {masked(self.storage)!r})"

    def _read(self) -> tuple[StudyRecord, list[Trial], list[Round], list[Any]]:
        with open_store(self.storage) as store, store.reading():
            record = store.study(self.name)
            study_id = record.study_id
            return record, store.trials(study_id), store.rounds(study_id), store.curves(study_id)

    def trials_frame(self) -> pd.DataFrame:
        """One row a trial; the columns are described at `studies.frames.trials_frame`."""
        from studies import frames

        _, trials, _, curves = self._read()
        return frames.trials_frame(trials, _lengths(curves))

    def epochs_frame(self) -> pd.DataFrame:
        """One row for each epoch of each trial; see `studies.frames.epochs_frame`."""
        from studies import frames

        return frames.epochs_frame(self._read()[3])

    def rounds_frame(self) -> pd.DataFrame:
        """One row for each parameter of each round; see `studies.frames.rounds_frame`."""
        from studies import frames

        return frames.rounds_frame(self._read()[2])

    @property
    def best(self) -> Trial | None:
        """The complete trial with the best finite value; None if there is none."""
        record, trials, _, _ = self._read()
        return summary.best_trial(trials, record.direction)

    def summary(self) -> dict[str, Any]:
        """The study as one JSON-ready object, as `hpo show --json` prints it."""
        record, trials, rounds, curves = self._read()
        trained = sum(_lengths(curves).values())
        return summary.summarize(record, self.storage, trials, rounds, trained)

    def errors(self) -> Counter[str]:
        """What the trainings that failed with an error said, and how often each was said."""
        trials = self._read()[1]
        return Counter(str(t.attributes["error"]) for t in trials if "error" in t.attributes)

    def report(self) -> str:
        """The study as one self-contained HTML page."""
        from studies import frames, report

        record, trials, rounds, curves = self._read()
        lengths = _lengths(curves)
        said = summary.summarize(record, self.storage, trials, rounds, sum(lengths.values()))
        said |= {"plan": record.plan or {}, "versions": record.provenance.get("versions", {})}
        return report.render(
            said,
            frames.trials_frame(trials, lengths),
            frames.epochs_frame(curves),
            frames.rounds_frame(rounds),
        )

    def write_report(self, path: str | Path) -> None:
        """Write the HTML page to a file."""
        Path(path).write_text(self.report(), encoding="utf-8")

    def optuna(self) -> optuna.Study:
        """The same study through Optuna, for its plots, its importances, and everything else it offers."""
        import optuna

        open_store(self.storage).close()  # Optuna would make an empty database where there is none
        return optuna.load_study(study_name=self.name, storage=self.storage)


def _lengths(curves: list[tuple[int, str, list[float]]]) -> dict[int, int]:
    lengths: dict[int, int] = {}
    for number, _, points in curves:
        lengths[number] = max(lengths.get(number, 0), len(points))
    return lengths
