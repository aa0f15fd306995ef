"""How a study stands at one moment, as its page shows it while it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hpo.serve import queue
from hpo.serve.caller import Caller
from hpo.serve.progress import Search, rows, with_progress
from hpo.serve.service import Service
from hpo.serve.tables import jobs
from studies.analysis.summary import Summary, summarize
from studies.database import aggregates
from studies.database.records import Trial
from studies.database.store import Store, open_store
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


def moment(url: str, name: str) -> Moment | None:
    """The study as it is now; None if it has not been stored yet."""
    with open_store(url) as store, store.reading():
        try:
            summary = summarize(store, name)
        except NoSuchStudyError:
            return None
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
    with open_store(service.database.url) as store:
        (search,) = with_progress(store, [row])
    return search


def queue_of(service: Service, search: Search) -> str:
    """What a search in the queue waits for, in a sentence; empty if it does not wait."""
    if search.state != "queued":
        return ""
    with service.database.reading() as connection:
        counts = queue.counts(connection)
    running = counts["running"] + counts["pausing"] + counts["cancelling"]
    if not running:
        return "It begins in a moment."
    waits = f"It waits for its turn: {running} {'runs' if running == 1 else 'run'} now"
    others = counts["queued"] - 1
    if not others:
        return f"{waits}, and it comes next."
    too = f"{counted(others, 'other')} {'waits' if others == 1 else 'wait'}, too"
    return f"{waits}, and {too}. The owner with the fewest running comes next."


def version(url: str, name: str) -> tuple[Any, ...] | None:
    """What changes whenever the pages of a study have something new to show; cheap to find."""
    with open_store(url) as store, store.reading() as connection:
        of_it = sa.and_(jobs.c.search == name, jobs.c.kind == "search")
        job = connection.execute(
            sa.select(jobs.c.state, jobs.c.wanted, jobs.c.reason, jobs.c.started).where(of_it)
        ).first()
        try:
            record = store.study(name)
        except NoSuchStudyError:
            return None if job is None else tuple(job)
        counts = aggregates.counts(store, record.study_id)
        rounds, opening = store.rounds(record.study_id), store.opening(record.study_id)
        return (
            job and tuple(job), record.study_id, record.state, record.stopped, tuple(sorted(counts.items())),
            len(store.confirmations(record.study_id)), len(store.plans(record.study_id)),
            len(rounds), sum(r.verdicts is not None for r in rounds), opening is not None and opening.done,
        )  # fmt: skip


def is_complete(version: tuple[Any, ...] | None) -> bool:
    """Whether this is the version of a study that is complete."""
    return version is not None and "complete" in version


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
