"""Going on with a stored study: by its own plan or a changed one, or by a plan made for a study of Optuna's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from typing import Any

from hpo.choose.samplers import SAMPLERS
from hpo.errors import PlanError
from hpo.plan.adopt import adopting_plan, notices
from hpo.plan.changes import Change, changed_plan, changes, data_changes
from hpo.plan.plan import Plan, make_plan, to_json
from hpo.plan.space import to_mapping
from hpo.run.provenance import differences, provenance
from hpo.run.watcher import Watcher
from hpo.trainables.function import NUMBER, Train
from hpo.trainables.named import path_of
from hpo.trainables.of_plan import trainable_of
from hpo.trainables.protocol import Trainable
from studies import extras
from studies.database.optunas import check_drawn, read_optunas, record_adoption
from studies.database.records import StudyRecord
from studies.database.store import Store
from studies.database.writer import Writer


@dataclass(frozen=True)
class GoingOn:
    """A stored study, the plan to go on with, and what that changes about the stored one."""

    record: StudyRecord
    plan: Plan
    changes: list[Change]
    lifts_stop: bool  # it was stopped before its last trial, and is to go on all the same

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do."""
        return self.record.state == "complete" and not self.changes and not self.lifts_stop

    def check(self, store: Store) -> None:
        """Whether it can go on, before anything is written.

        Raises:
            PlanError: ranges change, and no trial is left to be drawn from them.
        """
        if any(change.field.startswith("space.") for change in self.changes):
            drawn = sum(r.size for r in store.rounds(self.record.study_id))
            if self.plan.trials - self.plan.confirming <= drawn:
                raise PlanError(
                    "no trial is left to be drawn from other ranges: give trials, more than "
                    f"{self.plan.trials} in all"
                )
        check_drawn(store, self.record)

    def record_changes(self, writer: Writer, watcher: Watcher) -> None:
        """Record the plan where it changes, and the versions and machine where they are others than before."""
        if self.changes or self.lifts_stop:
            for change in self.changes:
                watcher.noticed(change.means)
            writer.change_plan(to_json(self.plan), [asdict(change) for change in self.changes])
        here = provenance()
        then = writer.store.environments(self.record.study_id)[-1].provenance
        if others := differences(then, here):
            watcher.noticed(f"trained with others so far: {'; '.join(others)}")
            writer.move_to(here)


def going_on_with(store: Store, name: str, given: Mapping[str, Any]) -> GoingOn:
    """What is to be done to go on with a study by its plan, changed in the fields that are given.

    Raises:
        PlanError: a field can't be changed so.
    """
    record = store.study(name)
    stored = stored_plan(record)
    if given.get("metric") == record.metric:  # as it is, by its name
        given = {**given, "metric": stored.metric}
    plan = changed_plan(stored, given)
    check_sampler(plan.sampler)
    stopped = record.stopped is not None
    lifts_stop = stopped and bool(given.keys() & {"trials", "timeout", "patience"})
    return GoingOn(record, plan, changes(stored, plan), lifts_stop)


def stored_plan(record: StudyRecord) -> Plan:
    """The plan that a study was recorded with.

    Raises:
        PlanError: it has none, since plain Optuna made it.
    """
    if record.plan is None:
        raise PlanError(
            f"study {record.name!r} was made by Optuna alone: it has no plan to go on with"
        )
    return make_plan(record.plan, "the stored plan")


def check_data(plan: Plan, trainable: Trainable, record: StudyRecord) -> None:
    """Check that the data are those the study was begun with.

    Raises:
        PlanError: they are not; the message says what is different.
    """
    if trainable.fingerprint != record.data_hash:
        said = data_changes(record.provenance.get("data", {}), trainable.contents)
        raise PlanError(
            f"the data of {plan.source} are not those study {record.name!r} was begun with "
            f"({'; '.join(said) or 'their hash differs'}): start a new study"
        )


def check_sampler(sampler: str | None) -> None:
    """Check that what a sampler needs is installed."""
    needs = SAMPLERS[sampler].needs if sampler is not None else None
    if needs is not None and find_spec(needs) is None:
        raise PlanError(f"sampler {sampler!r} needs {needs}: {extras.command(str(sampler))}")


def adopt(
    name: str,
    storage: str,
    train: Train | str | None,
    given: Mapping[str, Any],
    *,
    take_over: bool,
    watcher: Watcher,
) -> None:
    """Give a study of Optuna's a plan to go on with."""
    train = train or given.get("trainer")
    for field in given.keys() - {"trials", "trainer"}:
        raise PlanError(
            f"{field}: the plan of a study that Optuna made follows from it; only trainer and trials are given"
        )
    study = read_optunas(name, storage)
    path = train if isinstance(train, str) or train is None else path_of(train)
    plan = adopting_plan(study, path, given.get("trials"))
    trainable = trainable_of(plan, train=train)
    if not take_over:
        study.check_ended()
    for line in notices(study, plan):
        watcher.noticed(line)
    record_adoption(
        storage,
        study,
        plan=to_json(plan),
        metric=trainable.metric or NUMBER,
        data_hash=trainable.fingerprint,
        ranges={name: to_mapping(p) for name, p in plan.space.items()},
        provenance=provenance(),
    )
