"""Resuming a stored study by its own plan, a changed plan, or a plan made for a study of Optuna's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from typing import Any

from hpo.choose.samplers import SAMPLERS
from hpo.choose.types import History
from hpo.errors import PlanError
from hpo.executors.chosen import check_place, check_trainable
from hpo.plan.adopt import FOLLOWING, adopting_plan, notices
from hpo.plan.changes import CONFIRM, Change, changed_plan, changes, data_changes, request
from hpo.plan.place import Place
from hpo.plan.plan import Plan, make_plan, to_json
from hpo.plan.space import to_mapping
from hpo.run.provenance import differences, provenance
from hpo.run.watcher import Watcher
from hpo.trainables.call import Train
from hpo.trainables.function import UNNAMED_METRIC
from hpo.trainables.named import path_of
from hpo.trainables.of_plan import trainable_of
from hpo.trainables.protocol import Trainable
from studies import extras
from studies.database.optunas import (
    added_by_optuna,
    check_added,
    read_optunas,
    record_adoption,
    record_growth,
    take_over_added,
)
from studies.database.records import StudyRecord
from studies.database.store import Store
from studies.database.writer import Writer
from studies.words import counted


@dataclass(frozen=True)
class Continuation:
    """A stored study, the plan to go on with, and how that differs from the stored plan."""

    record: StudyRecord
    plan: Plan
    changes: list[Change]
    lifts_stop: bool  # it was stopped before its last trial, and goes on now

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do."""
        return self.record.state == "complete" and not self.changes and not self.lifts_stop

    def check(self, store: Store, *, take_over: bool) -> None:
        """Check that the study can go on, before anything is written.

        Raises:
            PlanError: ranges change, and no trial would be drawn from them.
            studies.errors.LeaseError: a trial of Optuna's in it has not ended, and `take_over` is not set.
        """
        if any(change.field.startswith("space.") for change in self.changes):
            drawn = sum(r.size for r in store.rounds(self.record.study_id))
            confirming = len(store.confirmations(self.record.study_id))
            if self.plan.repeats is not None:
                confirming = self.plan.most_confirming(self.record.adopted)
            if self.plan.scorings - confirming <= drawn:
                raise PlanError(
                    "no trial is left to be drawn from other ranges: give trials, more than "
                    f"{self.plan.trials - self.record.adopted} in all"
                )
        check_added(store, self.record, len(self.plan.baseline), take_over=take_over)

    def with_request(self, history: History, trainings: int) -> Continuation:
        """The same, with so many trainings, each on all folds, that are to confirm the best of the trials so far."""
        begun = len(history.confirmed) + len(history.staged)
        confirmed = max(begun, *(r.confirmed + r.trainings for r in history.requests), 0)
        ended = self.record.state == "complete" or any(r.ended for r in history.requests)
        numbered, owed, folds = history.numbered, history.owed, self.plan.folds or 1
        asked = request(confirmed, trainings, numbered, owed, ended=ended, folds=folds)
        return replace(self, changes=[*self.changes, asked])

    def record_changes(self, writer: Writer, watcher: Watcher) -> None:
        """Record changes of the plan, versions and a machine that differ from those before, and what Optuna left."""
        if added := take_over_added(writer, self.record):
            line = (
                f"Optuna has added {counted(len(added), 'trial')}, which count as drawn elsewhere"
            )
            if waiting := sum(row.state == "WAITING" for row in added):
                line += f"; {waiting} of them wait to be trained by Optuna, and are left waiting"
            watcher.noticed(line)
        if self.changes or self.lifts_stop:
            for change in self.changes:
                watcher.noticed(change.means)
            lift = all(change.field != CONFIRM for change in self.changes)
            changed = [asdict(change) for change in self.changes]
            writer.change_plan(to_json(self.plan), changed, lift=lift)
        now = provenance()
        then = writer.store.environments(self.record.study_id)[-1].provenance
        if different := differences(then, now):
            watcher.noticed(f"the environment has changed: {'; '.join(different)}")
            writer.move_to(now)


def continuation(store: Store, name: str, changed: Mapping[str, Any]) -> Continuation:
    """The continuation of a study by its stored plan with some fields changed.

    Raises:
        PlanError: a field can't be changed so.
    """
    record = store.study(name)
    stored = stored_plan(record)
    if changed.get("metric") == record.metric:  # the plan may hold None for the default metric
        changed = {**changed, "metric": stored.metric}
    plan = changed_plan(stored, changed, record.adopted)
    check_sampler(plan.sampler)
    lifts_stop = record.stopped is not None and changed.keys() & {"trials", "timeout", "patience"}
    untrained = record.adopted > 0 and not (
        len(store.rounds(record.study_id)) > 1
        or any(c.finished for c in store.confirmations(record.study_id))
    )
    differences = changes(stored, plan, record.adopted, untrained=untrained)
    return Continuation(record, plan, differences, bool(lifts_stop))


def stored_plan(record: StudyRecord) -> Plan:
    """The recorded plan of a study.

    Raises:
        PlanError: the study has none, because plain Optuna made it.
    """
    if record.plan is None:
        raise PlanError(f"study {record.name!r} was made by Optuna alone: it has no plan of hpo's")
    return make_plan({"understanding": 1, **record.plan}, "the stored plan")


def check_data(plan: Plan, trainable: Trainable, record: StudyRecord) -> None:
    """Check that the data are those the study was begun with.

    Raises:
        PlanError: they differ; the message says how.
    """
    if trainable.fingerprint != record.data_hash:
        if plan.source is None:
            raise PlanError(
                f"estimator, folds, scores or data are not those study {record.name!r} was begun with: "
                "start a new study"
            )
        different = data_changes(record.provenance.get("data", {}), trainable.contents)
        what = plan.source
        what = "that were passed" if what.startswith("memory:") else f"of {what}"
        raise PlanError(
            f"the data {what} are not those study {record.name!r} was begun with "
            f"({'; '.join(different) or 'their hash differs'}): start a new study"
        )


def check_sampler(sampler: str | None) -> None:
    """Check that the package that a sampler needs is installed."""
    needs = SAMPLERS[sampler].needs if sampler is not None else None
    if needs is not None and find_spec(needs) is None:
        raise PlanError(f"sampler {sampler!r} needs {needs}: {extras.command(str(sampler))}")


def adopt(
    name: str,
    storage: str,
    train: Train | str | None,
    fields: Mapping[str, Any],
    place: Place,
    *,
    take_over: bool,
    watcher: Watcher,
    confirm: bool = False,
) -> None:
    """Give a study of Optuna's a plan to go on with, or only to confirm its best."""
    train = train or fields.get("trainer")
    study = read_optunas(name, storage)
    path = train if isinstance(train, str) or train is None else path_of(train)
    plan = adopting_plan(study, {**fields, "trainer": path}, confirm=confirm)
    check_place(plan, place)
    trainable = trainable_of(plan, train=train, place=place)
    check_trainable(trainable, place)
    if not take_over:
        study.check_ended()
    for line in notices(study, plan):
        watcher.noticed(line)
    record_adoption(
        storage,
        study,
        plan=to_json(plan),
        metric=trainable.metric or UNNAMED_METRIC,
        data_hash=trainable.fingerprint,
        ranges={name: to_mapping(p) for name, p in plan.space.items()},
        provenance=provenance(),
    )


def adopt_growth(store: Store, name: str, *, take_over: bool, watcher: Watcher) -> None:
    """Let the trials that Optuna has added to an adopted study belong to its first round, if we have added none.

    Raises:
        PlanError: its space can't be searched by hpo any more.
        studies.errors.LeaseError: another process holds it, or it has trials that have not ended.
    """
    record = store.study(name)
    if not record.adopted or len(store.rounds(record.study_id)) > 1:
        return
    if not (added := added_by_optuna(store, record)):
        return
    study, stored = read_optunas(name, store.url), stored_plan(record)
    kept = {field: getattr(stored, field) for field in stored.model_fields_set - {*FOLLOWING}}
    asked = stored.trials - record.adopted
    plan = adopting_plan(study, {**kept, "trials": asked}, confirm=not asked)
    if not take_over:
        study.check_ended()
    watcher.noticed(f"Optuna has added {counted(len(added), 'trial')} to the first round")
    with store.hold(name, take_over=take_over) as writer:
        record_growth(
            writer,
            study,
            plan=to_json(plan),
            ranges={name: to_mapping(p) for name, p in plan.space.items()},
        )
