"""How a study stands at one moment, as its page shows it while it runs."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa

from hpo.serve.caller import Caller
from hpo.serve.jobs import queue
from hpo.serve.progress import Search, rows, with_progress
from hpo.serve.service import Service
from hpo.serve.tables import jobs
from studies.analysis.summary import Summary, summarize
from studies.database.records import Trial
from studies.database.store import Store
from studies.database.version import version as of_study
from studies.errors import NoSuchStudyError
from studies.words import condition, counted, describe

LATEST = 10  # trials in the table of the latest


@dataclass(frozen=True)
class Range:
    """How the range of a parameter has moved, and the last verdict on it."""

    parameter: str
    first: str
    now: str
    action: str
    reason: str


@dataclass(frozen=True)
class Moment:
    """A study at one moment."""

    summary: Summary
    latest: Sequence[Trial]  # the last ones that have begun, the newest first
    ranges: Sequence[Range]

    @property
    def planned(self) -> int | None:
        """How many trainings there are to be, those that confirm included; None if no plan says so."""
        trials = self.summary.plan.get("trials")
        return None if trials is None else int(trials) + self.summary.record.adopted

    @property
    def has_curves(self) -> bool:
        """Whether a training had a score after more than one epoch, so that there is a figure of curves."""
        return self.summary.epochs_trained > self.summary.trainings

    @property
    def progress(self) -> str:
        """How far it is, in a sentence."""
        s = self.summary
        planned = "" if self.planned is None else f" of {self.planned:,}"
        sentence = f"{s.trainings:,}{planned} trainings"
        if s.rounds:
            sentence += f", round {len(s.rounds)} of {s.plan.get('rounds', len(s.rounds))}"
        if s.confirming:
            sentence += f", {counted(s.confirming, 'training')} to confirm the best settings"
        sentence += f", {counted(s.epochs_trained, 'epoch')} in all"
        if s.record.state == "running" and self.planned is not None and s.trainings >= self.planned:
            sentence += ". What remains are the test rows, and usual models to compare with"
        return sentence


def moment(service: Service, name: str) -> Moment | None:
    """The study as it is now; None if it has not been stored yet."""
    with service.database.store() as store, store.reading():
        if name not in store.names():
            return None
        summary = summarize(store, name)
        return Moment(summary, _latest(store, summary), _ranges(summary))


def search_now(service: Service, caller: Caller, name: str) -> Search:
    """The search of that name, which the caller may read.

    Raises:
        NoSuchStudyError: there is none.
    """
    found = rows(caller)
    with service.database.reading() as connection:
        row = connection.execute(sa.select(found).where(found.c.name == name)).first()
    if row is None:
        raise NoSuchStudyError(f"no search {name[:100]!r} of yours")
    with service.database.store() as store:
        (search,) = with_progress(store, [row])
    return search


def queue_of(service: Service, search: Search) -> str:
    """What a search in the queue waits for, in a sentence; empty if it does not wait."""
    if search.state != "queued":
        return ""
    with service.database.reading() as connection:
        counts: Counter[str] = Counter()
        for (_, state), jobs in queue.counts(connection).items():
            counts[state] += jobs
    running = counts["running"] + counts["pausing"] + counts["cancelling"]
    if not running:
        return "It begins in a moment."
    waits = f"It waits for its turn: {running} {'runs' if running == 1 else 'run'} now"
    others = counts["queued"] - 1
    if not others:
        return f"{waits}, and it comes next."
    too = f"{counted(others, 'other')} {'waits' if others == 1 else 'wait'}, too"
    return f"{waits}, and {too}. The owner with the fewest running comes next."


class Version(NamedTuple):
    """What is another one whenever the pages of a search have something new to show."""

    study: str  # empty until it is stored
    complete: bool
    job: tuple[Any, ...]

    def __str__(self) -> str:
        return hashlib.sha256(repr(tuple(self)).encode()).hexdigest()[:12]


def version(service: Service, name: str) -> Version:
    """The version of a search as it is now."""
    of_it = sa.and_(jobs.c.search == name, jobs.c.kind == "search")
    columns = (jobs.c.state, jobs.c.wanted, jobs.c.reason, jobs.c.started)
    with service.database.store() as store, store.reading() as connection:
        job = connection.execute(sa.select(*columns).where(of_it)).first()
        at = tuple(job or ())
        if name not in store.names():
            return Version("", False, at)
        record = store.study(name)
        complete = record.state == "complete"
        return Version(f"{of_study(store, record.study_id)}-{record.state}", complete, at)


def _latest(store: Store, summary: Summary) -> list[Trial]:
    t, study_id = store.table("trials"), summary.record.study_id
    last = sa.select(t.c.number).where(t.c.study_id == study_id)
    last = last.order_by(t.c.number.desc()).limit(LATEST)
    with store.reading() as connection:
        numbers = list(connection.execute(last).scalars())
    trials = store.trials(study_id, among=numbers) if numbers else []
    return sorted(trials, key=lambda trial: -trial.number)


def _ranges(summary: Summary) -> list[Range]:
    if not summary.rounds:
        return []
    first: Mapping[str, Any] = summary.rounds[0].ranges
    verdicts = next((r.verdicts for r in reversed(summary.rounds) if r.verdicts), {})
    return [
        Range(
            name + condition(fields),
            describe(first[name]) if name in first else "",
            describe(fields),
            verdicts.get(name, {}).get("action", ""),
            verdicts.get(name, {}).get("reason", "not judged yet"),
        )
        for name, fields in summary.ranges.items()
    ]
