"""Searching, resuming and reproducing: what the command line, Python and a server all call.

Nothing here shows anything: a watcher hears what happens, and one that is not given hears it in silence.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from hpo.errors import PlanError
from studies import DEFAULT_STORAGE

if TYPE_CHECKING:
    from hpo.plan.changes import Change
    from hpo.plan.plan import Plan
    from hpo.run.cancel import Cancel
    from hpo.run.machine import Machine
    from hpo.run.reproducing import Reproduced
    from hpo.run.watcher import Watcher
    from hpo.trainables.asked import Asked
    from hpo.trainables.function import Train
    from hpo.trainables.protocol import Trainable
    from studies.database.records import StudyRecord
    from studies.database.store import Store
    from studies.database.writer import Writer
    from studies.study import Study
    from trainer.worker import Worker


def start(
    plan: Plan,
    *,
    name: str | None = None,
    storage: str = DEFAULT_STORAGE,
    workers: int | None = None,
    watcher: Watcher | None = None,
    cancel: Cancel | None = None,
    train: Train | None = None,
    worker: Worker | None = None,
) -> Study:
    """Run a plan as a new study. A name that is not given is the source's, numbered where it is taken.

    `train` is the function that the plan names, where that is at hand. `worker` is a process that exists already: it
    reads the data, and then trains.
    """
    from studies.study import Study

    check_new(plan, name, storage)
    trainable = _trainable(plan, worker=worker, train=train)
    with creating(plan, trainable, name=name, storage=storage, workers=workers) as writer:
        _run(plan, trainable, writer, workers, watcher, cancel, worker)
    return Study(writer.name, storage)


def check_new(plan: Plan, name: str | None, storage: str) -> None:
    """Whether a study of this plan and name can be created, as far as that is known before its data are read.

    Raises:
        PlanError: the plan needs what is not installed.
        studies.errors.StoreError: the name or the storage can't be used.
    """
    from studies.database.engine import check_creatable
    from studies.database.store import check_name

    if name is not None:
        check_name(name)
    check_creatable(storage)
    _check_sampler(plan.sampler)


@contextmanager
def creating(
    plan: Plan, trainable: Trainable, *, name: str | None, storage: str, workers: int | None
) -> Iterator[Writer]:
    """A new study, held for as long as the context lasts. Without a name it has its source's, numbered if taken."""
    from hpo.executors.threads import default_workers
    from hpo.plan.plan import to_json
    from hpo.run.provenance import provenance
    from hpo.trainables.function import NUMBER
    from studies.database.store import create_store
    from studies.errors import StudyExistsError

    with create_store(storage) as store:
        while True:
            free = name if name is not None else _free_name(_plain_name(plan), store.names())
            try:
                writer = store.create_study(
                    free,
                    direction=trainable.traits.direction,
                    plan=to_json(plan),
                    metric=trainable.metric or NUMBER,
                    data_hash=trainable.fingerprint,
                    provenance=provenance()
                    | {"data": dict(trainable.contents), "threads": workers or default_workers()},
                )
                break
            except StudyExistsError:
                if name is not None:
                    raise
                # Another search has just taken that name: the next one.
        with writer:
            yield writer


def resume(
    name: str,
    *,
    storage: str = DEFAULT_STORAGE,
    workers: int | None = None,
    take_over: bool = False,
    watcher: Watcher | None = None,
    cancel: Cancel | None = None,
    train: Train | str | None = None,
    **plan: Any,
) -> Study:
    """Go on with a stored study, by its stored plan, to the same end as if it had never stopped.

    Some fields of the stored plan can be changed: `trials` (in all, old ones included), `space` (a wider range or one
    more choice), `timeout`, `patience`, `max_failures`, `extend`, and the `source`, if the same data lie elsewhere. The
    watcher hears what each change means before it is written (see `hpo.plan.changes`). A study that was
    stopped by its `timeout` or its `patience` goes on if `trials`, `timeout` or `patience` is given. `train` is the
    study's function, or MODULE:FUNCTION, where that can't be imported by its name.

    A study that plain Optuna made is given a plan, if there is one for it (`hpo.plan.adopt`): then `train` and
    `trials` are needed, and with `take_over` trials that have not ended are recorded as failed.

    Raises:
        studies.errors.StoreError: there is no such study.
        studies.errors.LeaseError: another process holds it.
        PlanError: a change that a study can't have, fewer trials than its plan has, or other data.
    """
    from hpo.run.watcher import Watcher
    from studies.database.store import create_store, open_store
    from studies.study import Study

    watcher = watcher or Watcher()
    with open_store(storage) as store:
        by_optuna = store.study(name).plan is None
    if by_optuna:
        _adopt(name, storage, train, plan, take_over=take_over, watcher=watcher)
        plan = {}
    with create_store(storage) as store:
        going_on = _going_on(store, name, plan)
        trainable = _trainable(going_on.plan, train=train)
        _check_data(going_on.plan, trainable, going_on.record)
        if going_on.is_done:
            return Study(name, storage)
        going_on.check(store)
        with store.hold(name, take_over=take_over) as writer:
            going_on.record_changes(writer, watcher)
            _run(going_on.plan, trainable, writer, workers, watcher, cancel)
    return Study(name, storage)


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
        from studies.database.optunas import check_drawn

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
        from hpo.plan.plan import to_json
        from hpo.run.provenance import differences, provenance

        if self.changes or self.lifts_stop:
            for change in self.changes:
                watcher.noticed(change.means)
            writer.change_plan(to_json(self.plan), [asdict(change) for change in self.changes])
        here = provenance()
        then = writer.store.environments(self.record.study_id)[-1].provenance
        if others := differences(then, here):
            watcher.noticed(f"trained with others so far: {'; '.join(others)}")
            writer.move_to(here)


def _going_on(store: Store, name: str, given: dict[str, Any]) -> GoingOn:
    from hpo.plan.changes import changed_plan, changes

    record = store.study(name)
    stored = _plan_of(record)
    if given.get("metric") == record.metric:  # as it is, by its name
        given = given | {"metric": stored.metric}
    plan = changed_plan(stored, given)
    _check_sampler(plan.sampler)
    stopped = record.stopped is not None
    lifts_stop = stopped and bool(given.keys() & {"trials", "timeout", "patience"})
    return GoingOn(record, plan, changes(stored, plan), lifts_stop)


@contextmanager
def asking(
    name: str | None, given: dict[str, Any], *, storage: str, take_over: bool
) -> Iterator[tuple[Machine, str | None, Study]]:
    """A search whose settings are asked for: its machine, the metric that decides, and its study, held meanwhile.

    With fields of a plan it is a new study, else the one of that name.
    """
    from hpo.plan.plan import make_plan
    from hpo.run.watcher import Watcher
    from hpo.trainables.asked import ASKED
    from studies.database.store import create_store, open_store
    from studies.study import Study

    if given:
        plan = make_plan({"trainer": ASKED, **given})
        check_new(plan, name, storage)
        asked = _asked(plan)
        with creating(plan, asked, name=name, storage=storage, workers=None) as writer:
            yield _machine(plan, asked, writer, Watcher()), asked.score, Study(writer.name, storage)
        return
    if name is None:
        raise PlanError("give the name of a study, or a space and trials for a new one")
    open_store(storage).close()  # where there is no database, none is made
    with create_store(storage) as store:
        going_on = _going_on(store, name, {})
        asked = _asked(going_on.plan)
        going_on.check(store)
        with store.hold(name, take_over=take_over) as writer:
            going_on.record_changes(writer, Watcher())
            machine = _machine(going_on.plan, asked, writer, Watcher())
            yield machine, asked.score, Study(name, storage)


def _asked(plan: Plan) -> Asked:
    from hpo.trainables.asked import Asked

    if plan.trainer is None:
        raise PlanError(f"the study trains a network on {plan.source}: go on with hpo.resume")
    if plan.halving is not None:
        raise PlanError("halving: a search whose settings are asked for trains each to the end")
    return Asked(plan.metric, plan.direction or "maximize")


def _machine(plan: Plan, trainable: Trainable, writer: Writer, watcher: Watcher) -> Machine:
    from hpo.run.journal import Journal
    from hpo.run.machine import Machine

    began = time.monotonic()
    journal = Journal(plan, trainable, writer, watcher)
    return Machine(plan, trainable, journal, lambda: time.monotonic() - began)


def reproduce(
    name: str, trial: int, *, storage: str = DEFAULT_STORAGE, train: Train | None = None
) -> Reproduced:
    """Train a stored trial once more, alone, as its study's plan says, and compare every number. Nothing is written.

    Raises:
        studies.errors.StoreError: there is no such study.
        PlanError: it has no such trial, that trial is not done, or the data are not the study's.
    """
    from threadpoolctl import threadpool_limits

    from hpo.run.provenance import differences, provenance
    from hpo.run.reproducing import Reproduced, first_difference, how_it_ended, train_alone
    from studies.database import columns
    from studies.database.store import open_store

    with open_store(storage) as store, store.reading():
        record = store.study(name)
        found = store.trials(record.study_id, among=[trial])
        curves = {
            c.metric: c.points.tolist()
            for c in columns.curves(store, record.study_id, among=[trial])
        }
        environments = store.environments(record.study_id)
        known = sum(columns.counts(store, record.study_id).values())
    plan = _plan_of(record)
    if not found:
        has = f"it has 0 to {known - 1}" if known else "it has none yet"
        raise PlanError(f"no trial {trial} in study {name!r}: {has}")
    (stored,) = found
    if stored.finished is None:
        raise PlanError(f"trial {trial} of study {name!r} is not done yet")
    finished = stored.finished
    trainable = _trainable(plan, train=train)
    _check_data(plan, trainable, record)
    with threadpool_limits(1, user_api="blas"):
        left = stored.attributes.get("left_epoch")
        again = train_alone(trainable, plan, trial, stored.params, left)
    then = [e for e in environments if e.since <= finished] or environments[:1]
    ends = how_it_ended(stored.attributes), how_it_ended(again.attributes)
    return Reproduced(
        trial,
        max(map(len, curves.values()), default=0),
        sorted(curves),
        first_difference(curves, again.metrics),
        None if ends[0] == ends[1] else ends,
        differences(then[-1].provenance, provenance()),
    )


def _check_sampler(sampler: str | None) -> None:
    """Whether what a sampler takes is installed."""
    from importlib.util import find_spec

    from hpo.choose.samplers import SAMPLERS
    from studies import extras

    if sampler is not None and (needs := SAMPLERS[sampler].needs) and find_spec(needs) is None:
        raise PlanError(f"sampler {sampler!r} needs {needs}: {extras.command(sampler)}")


def _plan_of(record: StudyRecord) -> Plan:
    from hpo.plan.plan import make_plan

    if record.plan is None:
        raise PlanError(
            f"study {record.name!r} was made by Optuna alone: it has no plan to go on with"
        )
    return make_plan(record.plan, "the stored plan")


def _check_data(plan: Plan, trainable: Trainable, record: StudyRecord) -> None:
    from hpo.plan.changes import data_changes

    if trainable.fingerprint != record.data_hash:
        said = data_changes(record.provenance.get("data", {}), trainable.contents)
        raise PlanError(
            f"the data of {plan.source} are not those study {record.name!r} was begun with "
            f"({'; '.join(said) or 'their hash differs'}): start a new study"
        )


def _adopt(
    name: str,
    storage: str,
    train: Train | str | None,
    given: dict[str, Any],
    *,
    take_over: bool,
    watcher: Watcher,
) -> None:
    """Give a study of Optuna's a plan to go on with."""
    from hpo.plan.adopt import adopting_plan, notices
    from hpo.plan.plan import to_json
    from hpo.plan.space import to_mapping
    from hpo.run.provenance import provenance
    from hpo.trainables.function import NUMBER, path_of
    from studies.database.optunas import read_optunas, record_adoption

    train = train or given.get("trainer")
    for field in given.keys() - {"trials", "trainer"}:
        raise PlanError(
            f"{field}: the plan of a study that Optuna made follows from it; only trainer and trials are given"
        )
    study = read_optunas(name, storage)
    path = train if isinstance(train, str) or train is None else path_of(train)
    plan = adopting_plan(study, path, given.get("trials"))
    trainable = _trainable(plan, train=train)
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


def _run(
    plan: Plan,
    trainable: Trainable,
    writer: Writer,
    workers: int | None,
    watcher: Watcher | None,
    cancel: Cancel | None,
    worker: Worker | None = None,
) -> None:
    """Drive a search whose study is held, to its end."""
    from hpo.executors.processes import Processes
    from hpo.executors.threads import Threads, default_workers
    from hpo.run.cancel import Cancel
    from hpo.run.loop import run
    from hpo.run.watcher import Watcher

    watcher, cancel = watcher or Watcher(), cancel or Cancel()
    cancel.study = writer.name
    machine = _machine(plan, trainable, writer, watcher)
    count, trained = workers or default_workers(), watcher.epoch_trained
    if plan.trainer is None:
        run(machine, Processes(trainable, count, trained, worker), cancel)
    else:
        run(machine, Threads(trainable, count, trained), cancel)


def _trainable(
    plan: Plan, *, worker: Worker | None = None, train: Train | str | None = None
) -> Trainable:
    if plan.trainer is not None:
        from hpo.trainables.asked import ASKED
        from hpo.trainables.function import Function, find

        if train is None and plan.trainer == ASKED:
            raise PlanError("the study's settings are asked for: go on with hpo.open in Python")
        return Function(
            find(train or plan.trainer) if train is None or isinstance(train, str) else train,
            plan.metric,
            plan.direction or "maximize",
            halving=plan.halving is not None,
        )
    from hpo.trainables.network import mlp
    from trainer.data.remote import RemoteDraw

    if train is not None:
        raise PlanError(f"the study's plan trains a network on {plan.source}, no function of yours")
    return mlp(plan) if worker is None else mlp(plan, partial(RemoteDraw, worker))


def _plain_name(plan: Plan) -> str:
    from trainer.data import name_of

    if plan.trainer is not None:
        return plan.trainer.rpartition(":")[2].rpartition(".")[2]
    return name_of(plan.source or "")


def _free_name(plain: str, taken: list[str]) -> str:
    name, number = plain, 2
    while name in taken:
        name, number = f"{plain}-{number}", number + 1
    return name
