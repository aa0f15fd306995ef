"""A study at one moment: how many trials it has, the best of them, its rounds, its finalists and the test rows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from studies.analysis.baselines import Baseline, baselines_of
from studies.analysis.finalists import conclude_now
from studies.analysis.goal import Goal
from studies.analysis.out_of_fold import OutOfFold, out_of_fold
from studies.database import aggregates, tables
from studies.database.engine import masked
from studies.database.records import (
    ENDED,
    Confirmation,
    Direction,
    Finalist,
    Opening,
    PlanVersion,
    Round,
    StudyRecord,
    Trial,
    TrialState,
)
from studies.database.references import Reference, references
from studies.database.store import Store


@dataclass(frozen=True)
class Summary:
    """A study as its database had it at one moment, without the rows of its trials."""

    storage: str  # its URL, a password left out
    record: StudyRecord
    trials: Mapping[TrialState, int]  # how many there are of each state
    epochs_trained: int  # in the search and in confirming, by every network
    best: Trial | None = None  # the complete trial with the best finite value
    front: list[Trial] = field(default_factory=list)  # of several objectives: those no other beats
    errors: Counter[str] = field(default_factory=Counter)  # of trainings, with how often each came
    diverged: int = 0  # trials
    rounds: list[Round] = field(default_factory=list)
    searched: dict[int, float] = field(
        default_factory=dict
    )  # trials' values, if some are confirmed
    finalists: list[Finalist] = field(default_factory=list)  # best first
    note: str = ""  # on how they were ranked, where the search has not recorded that
    confirmations: list[Confirmation] = field(default_factory=list)
    opening: Opening | None = None  # of the test rows
    references: list[Reference] = field(default_factory=list)  # usual models on the same rows
    plans: list[PlanVersion] = field(default_factory=list)  # empty if the plan never changed
    predicted: OutOfFold | None = None  # of the recommended settings, on folds that confirmed them

    @property
    def plan(self) -> dict[str, Any]:
        """The plan of the search as plain data; empty for a study of plain Optuna."""
        return self.record.plan or {}

    @property
    def data(self) -> dict[str, Any]:
        """What is recorded of the data that the network was searched on; empty if nothing is."""
        return (self.record.data or {}) if self.plan.get("source") else {}

    @property
    def objectives(self) -> list[str]:
        """The names of the objectives, each with an arrow: the direction in which it is better."""
        names = self.record.metrics or [f"value {k}" for k in range(len(self.record.directions))]
        arrows = ("↑" if d == "maximize" else "↓" for d in self.record.directions)
        return [f"{name} {arrow}" for name, arrow in zip(names, arrows, strict=False)]

    @property
    def seed(self) -> int | None:
        """The seed of the search; None for a study of plain Optuna."""
        return self.plan.get("seed")

    @property
    def folds(self) -> int | None:
        """On how many folds each setting is trained; None: on one split."""
        return self.plan.get("folds")

    @property
    def by_name(self) -> bool:
        """Whether a shell can go on with it. The function may have no name by which it is found."""
        module, _, function = (self.plan.get("trainer") or "").rpartition(":")
        return "<" not in function and module not in ("__main__", "hpo")

    @property
    def can_train(self) -> bool:
        """Whether `hpo train` can train a network with its settings: its data are not only in a Python process."""
        source = self.plan.get("source") or "memory:"
        return self.chosen is not None and not source.startswith("memory:")

    @property
    def goal(self) -> Goal:
        """What is optimized; the first objective if there are several."""
        split = "validation" if self.plan.get("source") else ""
        return Goal(self.record.metric, self.record.direction, split)

    @property
    def ranges(self) -> dict[str, Any]:
        """The range of each parameter that the last verdicts lead to."""
        return (self.rounds[-1].next_ranges or self.rounds[-1].ranges) if self.rounds else {}

    @property
    def recommended(self) -> Finalist | None:
        """The finalist with the best mean; None if nothing was confirmed."""
        return self.finalists[0] if self.finalists and self.finalists[0].mean is not None else None

    @property
    def fewer_epochs(self) -> int | None:
        """How many epochs a training with the recommended settings should have, if fewer than the plan says."""
        epochs = None if self.recommended is None else self.recommended.epochs
        return epochs if epochs is not None and epochs < self.plan.get("epochs", 0) else None

    @property
    def baselines(self) -> list[Baseline]:
        """The settings in use before the search, in the order of the plan, compared with the recommended ones."""
        return baselines_of(self.plan, self.finalists, self.searched)

    @property
    def chosen(self) -> tuple[int, Mapping[str, Any]] | None:
        """The trial whose settings to use, and the settings: the recommended ones, else those of the best trial."""
        if self.recommended is not None:
            return self.recommended.trial, self.recommended.params
        return None if self.best is None else (self.best.number, self.best.params)

    @property
    def ended(self) -> dict[TrialState, int]:
        """How many trials are complete, pruned and failed."""
        return {state: self.trials.get(state, 0) for state in ENDED}

    @property
    def trainings(self) -> int:
        """How many trainings were begun, in the search and in confirming: with folds, one on each."""
        return (sum(self.ended.values()) + self.confirming) * (self.folds or 1)

    @property
    def confirming(self) -> int:
        """How many times settings were trained again to confirm them, or are about to be."""
        return sum(len(finalist.values) for finalist in self.finalists)

    @property
    def test(self) -> float | None:
        """The metric on the test rows; None if they were not opened, or gave no value."""
        return None if self.opening is None else self.opening.value

    def as_mapping(self) -> dict[str, Any]:
        """One JSON-ready object, as `hpo show --json` prints it; docs/json.md describes its fields."""
        record, best, first = self.record, self.best, self.recommended
        directions: dict[str, Any] = {"direction": record.direction}
        if record.several:  # there is no one direction in which a trial could be the best
            directions = {"direction": None, "directions": list(record.directions)}
        test = None
        if self.opening is not None and self.opening.value is not None:
            opened = self.opening.opened.isoformat(timespec="seconds") + "Z"
            test = {"metric": record.metric, "value": self.opening.value, "opened_at": opened}
            if self.opening.ci95 is not None:  # studies of an older hpo have none
                test["ci95"] = list(self.opening.ci95)
        beside: dict[str, Any] = {"data": self.data} if self.data else {}
        if self.predicted is not None:
            beside["out_of_fold"] = asdict(self.predicted)
        if record.several:
            beside["front"] = [
                {"trial": t.number, "values": list(t.values), "params": t.params}
                for t in self.front
            ]
        if self.baselines:
            beside |= {"baseline": [baseline.as_mapping() for baseline in self.baselines]}
        if self.references:
            beside |= {"references": [reference.as_mapping() for reference in self.references]}
        return {
            "study": record.name,
            "storage": self.storage,
            "state": record.state,
            "metric": record.metric,
            **directions,
            "seed": self.seed,
            "trials": self.ended,
            "epochs_trained": self.epochs_trained,
            "best": best and {"trial": best.number, "value": best.value, "params": best.params},
            "rounds": [
                {"round": r.round, "ranges": r.ranges, "verdicts": r.verdicts or {}}
                for r in self.rounds
            ],
            "ranges": self.ranges,
            "finalists": [
                {**_recommendation(f), "values": f.values, "tied": f.tied} for f in self.finalists
            ],
            "recommended": first and _recommendation(first),
            **beside,
            "test": test,
        }


def _recommendation(finalist: Finalist) -> dict[str, Any]:
    epochs = {} if finalist.epochs is None else {"epochs": finalist.epochs}
    return {
        "trial": finalist.trial,
        "params": finalist.params,
        "mean": finalist.mean,
        "ci95": finalist.ci95 and list(finalist.ci95),
        **epochs,
    }


def summarize(store: Store, name: str) -> Summary:
    """The study of that name in an open database.

    Raises:
        studies.errors.StoreError: there is no such study.
    """
    record = store.study(name)
    study_id, confirmations = record.study_id, store.confirmations(record.study_id)
    searched: dict[int, float] = {}
    confirmed: list[Finalist] = []
    note = ""
    if confirmations:
        t = tables.confirmations
        among = sa.select(t.c.trial).where(t.c.study_id == study_id).distinct()
        params = {trial.number: trial.params for trial in store.trials(study_id, among=among)}
        searched = aggregates.searched(store, study_id)
        conclusion = store.conclusion(study_id) or conclude_now(
            searched, confirmations, record.direction
        )
        if conclusion is not None:
            note = conclusion.note
            confirmed = [replace(f, params=params[f.trial]) for f in conclusion.finalists]
    best, beaten_by_none = None, list[Trial]()
    if record.several:
        beaten_by_none = front(store.trials(study_id), record.directions)
    elif row := aggregates.best_trials(store, study_id).get(study_id):
        (best,) = store.trials(study_id, among=[row.number])
    return Summary(
        storage=masked(store.url),
        record=record,
        trials=aggregates.counts(store, study_id),
        epochs_trained=(
            aggregates.epochs_trained(store, study_id) + sum(c.epochs for c in confirmations)
        )
        * ((record.plan or {}).get("folds") or 1),
        best=best,
        front=beaten_by_none,
        errors=aggregates.errors(store, study_id),
        diverged=aggregates.diverged(store, study_id),
        rounds=store.rounds(study_id),
        searched=searched,
        finalists=confirmed,
        note=note,
        confirmations=confirmations,
        opening=store.opening(study_id),
        references=references(store, study_id) if (record.plan or {}).get("source") else [],
        plans=store.plans(study_id),
        predicted=out_of_fold(
            store.out_of_fold(study_id, confirmed[0].trial) if confirmed else [],
            (record.data or {}).get("labels", []),
        ),
    )


def front(trials: Iterable[Trial], directions: Sequence[Direction]) -> list[Trial]:
    """Of a study with several objectives, the complete trials that no other beats in one without losing in another.

    The best in the first objective comes first.
    """
    signs = [-1.0 if direction == "maximize" else 1.0 for direction in directions]

    def costs(trial: Trial) -> list[float]:
        values = (math.nan if value is None else value for value in trial.values)
        return [sign * value for sign, value in zip(signs, values, strict=True)]

    def beats(one: list[float], other: list[float]) -> bool:
        return one != other and all(a <= b for a, b in zip(one, other, strict=True))

    complete = [(t, costs(t)) for t in trials if t.state == "complete" and t.values]
    unbeaten = [(own, t) for t, own in complete if not any(beats(c, own) for _, c in complete)]
    return [t for _, t in sorted(unbeaten, key=lambda pair: (pair[0], pair[1].number))]
