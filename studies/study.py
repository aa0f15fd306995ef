"""A stored study as its readers see it: frames, the best trial, a summary, a report."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studies.engine import masked
from studies.finalists import Finalist, finalists
from studies.records import Confirmation, Opening, Round, StudyRecord, Trial
from studies.store import open_store
from studies.summary import Agreement, best_trial, rank_agreement, summarize

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

    def read(self) -> Snapshot:
        """All of the study as it is now, read once."""
        with open_store(self.storage) as store, store.reading():
            record = store.study(self.name)
            study_id = record.study_id
            return Snapshot(
                record,
                store.trials(study_id),
                store.rounds(study_id),
                store.curves(study_id),
                store.confirmations(study_id),
                store.opening(study_id),
            )

    def trials_frame(self) -> pd.DataFrame:
        """One row a trial; the columns are described at `studies.frames.trials_frame`."""
        from studies import frames

        rows = self.read()
        return frames.trials_frame(rows.trials, rows.lengths)

    def epochs_frame(self) -> pd.DataFrame:
        """One row for each epoch of each trial; see `studies.frames.epochs_frame`."""
        from studies import frames

        return frames.epochs_frame(self.read().curves)

    def rounds_frame(self) -> pd.DataFrame:
        """One row for each parameter of each round; see `studies.frames.rounds_frame`."""
        from studies import frames

        return frames.rounds_frame(self.read().rounds)

    def finalists_frame(self) -> pd.DataFrame:
        """One row for each setting that was trained again; see `studies.frames.finalists_frame`."""
        from studies import frames

        rows = self.read()
        return frames.finalists_frame(rows.finalists, rows.trials)

    @property
    def best(self) -> Trial | None:
        """The complete trial with the best finite value; None if there is none."""
        rows = self.read()
        return best_trial(rows.trials, rows.record.direction)

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
        return self.read().rank_agreement(epochs)

    def errors(self) -> Counter[str]:
        """What the trainings that failed with an error said, and how often each was said."""
        return self.read().errors()

    def report(self) -> str:
        """The study as one self-contained HTML page."""
        from studies import frames, report

        rows = self.read()
        record = rows.record
        said = rows.summary(self.storage)
        said |= {
            "plan": rows.plan,
            "versions": record.provenance.get("versions", {}),
            "stopped": record.stopped,
            "tested": None if rows.opening is None else rows.opening.trial,
        }
        return report.render(
            said,
            frames.trials_frame(rows.trials, rows.lengths),
            frames.epochs_frame(rows.curves),
            frames.rounds_frame(rows.rounds),
        )

    def write_report(self, path: str | Path) -> None:
        """Write the HTML page to a file."""
        from studies.export import write_whole

        write_whole(Path(path), self.report().encode())

    def optuna(self) -> optuna.Study:
        """The same study through Optuna, for its plots, its importances, and everything else it offers."""
        import optuna

        open_store(self.storage).close()  # Optuna would make an empty database where there is none
        return optuna.load_study(study_name=self.name, storage=self.storage)


@dataclass(frozen=True)
class Snapshot:
    """A study as its database had it at one moment."""

    record: StudyRecord
    trials: list[Trial]
    rounds: list[Round]
    curves: list[tuple[int, str, list[float]]]
    confirmations: list[Confirmation]
    opening: Opening | None

    @property
    def lengths(self) -> dict[int, int]:
        """How many epochs each trial was trained."""
        lengths: dict[int, int] = {}
        for number, _, points in self.curves:
            lengths[number] = max(lengths.get(number, 0), len(points))
        return lengths

    @property
    def plan(self) -> dict[str, Any]:
        """The plan of the search as plain data; empty for a study of plain Optuna."""
        return self.record.plan or {}

    @property
    def finalists(self) -> list[Finalist]:
        """The settings that were trained again, best first."""
        searched = {
            t.number: t.value
            for t in self.trials
            if t.state == "complete" and t.value is not None and math.isfinite(t.value)
        }
        return finalists(searched, self.confirmations, self.record.direction)

    def errors(self) -> Counter[str]:
        """What the trainings that failed with an error said, and how often each was said."""
        return Counter(str(t.attributes["error"]) for t in self.trials if "error" in t.attributes)

    def rank_agreement(self, epochs: Sequence[int]) -> list[Agreement]:
        """Whether short training predicted long training: the order of trials after each of `epochs` and the next."""
        metric = self.record.metric
        named = {name for _, name, _ in self.curves}
        score = f"validation_{metric}" if f"validation_{metric}" in named else metric
        return rank_agreement((c for _, name, c in self.curves if name == score), epochs)

    def summary(self, storage: str) -> dict[str, Any]:
        """The study as one JSON-ready object."""
        trained = sum(self.lengths.values()) + sum(c.epochs for c in self.confirmations)
        return summarize(
            self.record, storage, self.trials, self.rounds, trained, self.finalists, self.opening
        )
