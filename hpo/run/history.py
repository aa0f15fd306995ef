"""Reads the recorded history of a search from its study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hpo.choose.rounds import batch_numbers, batches
from hpo.choose.types import (
    LARGEST_VALUE,
    Confirmation,
    History,
    Observation,
    Request,
    Round,
    SearchPlan,
    Traits,
)
from hpo.plan.changes import CONFIRM
from hpo.plan.conditions import applying, fits
from hpo.plan.space import Space, from_mapping
from studies.database.records import Trial
from studies.database.writer import Writer

ELSEWHERE = -1
"""In place of a batch: the trials that Optuna added."""


def read_history(writer: Writer, plan: SearchPlan, traits: Traits) -> History:
    """Read the history of the study that a writer holds."""
    store, study_id = writer.store, writer.study_id
    record, trials, rounds, confirmations, opening, plans = store.read(
        lambda: (
            store.study(writer.name),
            store.trials(study_id),
            store.rounds(study_id),
            store.confirmations(study_id),
            store.opening(study_id),
            store.plans(study_id),
        )
    )
    widened: dict[int, set[str]] = {}
    for version in plans:
        names = (change["field"].partition("space.")[2] for change in version.changes)
        widened.setdefault(version.rounds, set()).update(filter(None, names))
    requests: list[Request] = []
    for version in plans:
        asked = [Request(**c["after"]) for c in version.changes if c["field"] == CONFIRM]
        requests = [r if asked else replace(r, ended=False) for r in requests] + asked
    elsewhere = {t.number for t in trials if "round" not in t.attributes}
    running = [t for t in trials if t.state == "running" and t.number not in elsewhere]
    history = History(
        running={t.number: t.params for t in running},
        split=max(map(split_of, running), default=0),
        elsewhere=elsewhere,
        rounds=[
            Round(
                r.round,
                r.size,
                _space(r.ranges),
                None if r.verdicts is None else {n: v["action"] for n, v in r.verdicts.items()},
                None if r.next_ranges is None else _space(r.next_ranges),
            )
            for r in rounds
        ],
        confirmed=[
            Confirmation(c.stage, c.trial, _finite(c.value))
            for c in confirmations
            if c.finished is not None
        ],
        stage=max((c.stage for c in confirmations), default=0),
        staged=[c.trial for c in confirmations if c.finished is None],
        tested=None if opening is None else opening.trial,
        test_done=opening is not None and opening.done,
        stopped=record.stopped,
        resumed_after=record.resumed_after,
        extended_after=max(
            (v.rounds for v in plans if any(c["field"] == "trials" for c in v.changes)), default=0
        ),
        widened=widened,
        adopted=record.adopted,
        requests=requests,
    )
    batch_of = batch_numbers(batches(plan, traits, history.rounds))
    for trial in trials:
        drawn_here = trial.number not in history.elsewhere
        if trial.state == "running" or not (drawn_here or fits(plan.space, trial.params)):
            continue
        batch = batch_of[history.place(trial.number)] if drawn_here else ELSEWHERE
        params = trial.params if drawn_here else applying(plan.space, trial.params)
        history.trials[trial.number] = Observation(
            params, _finite(trial.value), batch, _left_epoch(trial)
        )
        if drawn_here and "error" in trial.attributes:
            history.errors[trial.number] = trial.attributes["error"]
    return history


def split_of(trial: Trial) -> int:
    """The split that a trial of the search trained on: 0 for all trials of an older hpo, and for functions."""
    split: int = trial.attributes.get("split", 0)
    return split


def _space(ranges: Mapping[str, Any]) -> Space:
    return {name: from_mapping(fields) for name, fields in ranges.items()}


def _finite(value: float | None) -> float | None:
    """The value, or None in place of an infinity, which Optuna allows, or of one that nothing can be computed with."""
    return value if value is not None and abs(value) <= LARGEST_VALUE else None


def _left_epoch(trial: Trial) -> int | None:
    """The epoch at which a trial left; 0 if Optuna pruned it, since Optuna's steps need not be epochs."""
    epoch: int | None = trial.attributes.get("left_epoch")
    return 0 if epoch is None and trial.state == "pruned" else epoch
