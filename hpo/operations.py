"""Searching, resuming, asking and reproducing: what the command line, Python and a server all call.

Nothing here shows anything: a watcher hears what happens, and one that is not given hears it in silence.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Unpack

from threadpoolctl import threadpool_limits

from hpo.errors import PlanError
from hpo.executors.processes import Processes
from hpo.executors.threads import Threads, default_workers
from hpo.plan.fields import PlanChanges
from hpo.plan.plan import Plan, make_plan, to_json
from hpo.run.cancel import Cancel
from hpo.run.journal import Journal
from hpo.run.loop import run
from hpo.run.machine import Machine
from hpo.run.provenance import differences, provenance
from hpo.run.reproducing import Reproduced, first_difference, how_it_ended, train_alone
from hpo.run.resuming import adopt, check_data, check_sampler, going_on_with, stored_plan
from hpo.run.watcher import Watcher
from hpo.trainables.asked import ASKED
from hpo.trainables.function import NUMBER, Train
from hpo.trainables.of_plan import asked_of, study_name, trainable_of
from hpo.trainables.protocol import Trainable
from studies import DEFAULT_STORAGE
from studies.database import aggregates, columns
from studies.database.engine import check_creatable
from studies.database.store import check_name, create_store, open_store
from studies.database.writer import Writer
from studies.errors import StudyExistsError
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
    check_new(plan, name, storage)
    trainable = trainable_of(plan, worker=worker, train=train)
    with creating(plan, trainable, name=name, storage=storage, workers=workers) as writer:
        _run(plan, trainable, writer, workers, watcher, cancel, worker)
    return Study(writer.name, storage)


def check_new(plan: Plan, name: str | None, storage: str) -> None:
    """Whether a study of this plan and name can be created, as far as that is known before its data are read.

    Raises:
        PlanError: the plan needs what is not installed.
        studies.errors.StoreError: the name or the storage can't be used.
    """
    if name is not None:
        check_name(name)
    check_creatable(storage)
    check_sampler(plan.sampler)


@contextmanager
def creating(
    plan: Plan, trainable: Trainable, *, name: str | None, storage: str, workers: int | None
) -> Iterator[Writer]:
    """A new study, held for as long as the context lasts. Without a name it has its source's, numbered if taken."""
    with create_store(storage) as store:
        while True:
            free = name if name is not None else _free_name(study_name(plan), store.names())
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
    **changed: Unpack[PlanChanges],
) -> Study:
    """Go on with a stored study, by its stored plan, to the same end as if it had never stopped.

    Some fields of the stored plan can be changed: `trials` (in all, old ones included), `space` (a wider range or one
    more choice), `timeout`, `patience`, `max_failures`, `extend`, and the `source`, if the same data lie elsewhere. The
    watcher hears what each change means before it is written (see `hpo.plan.changes`). A study that was
    stopped by its `timeout` or its `patience` goes on if `trials`, `timeout` or `patience` is given. `train` is the
    study's function, or its name (`hpo.trainables.named`), where that can't be imported by its name.

    A study that plain Optuna made is given a plan, if there is one for it (`hpo.plan.adopt`): then `train` and
    `trials` are needed, and with `take_over` trials that have not ended are recorded as failed.

    Raises:
        studies.errors.StoreError: there is no such study.
        studies.errors.LeaseError: another process holds it.
        PlanError: a change that a study can't have, fewer trials than its plan has, or other data.
    """
    plan: Mapping[str, Any] = changed
    watcher = watcher or Watcher()
    with open_store(storage) as store:
        by_optuna = store.study(name).plan is None
    if by_optuna:
        adopt(name, storage, train, plan, take_over=take_over, watcher=watcher)
        plan = {}
    with create_store(storage) as store:
        going_on = going_on_with(store, name, plan)
        trainable = trainable_of(going_on.plan, train=train)
        check_data(going_on.plan, trainable, going_on.record)
        if going_on.is_done:
            return Study(name, storage)
        going_on.check(store)
        with store.hold(name, take_over=take_over) as writer:
            going_on.record_changes(writer, watcher)
            _run(going_on.plan, trainable, writer, workers, watcher, cancel)
    return Study(name, storage)


@contextmanager
def asking(
    name: str | None, given: Mapping[str, Any], *, storage: str, take_over: bool
) -> Iterator[tuple[Machine, str | None, Study]]:
    """A search whose settings are asked for: its machine, the metric that decides, and its study, held meanwhile.

    With fields of a plan it is a new study, else the one of that name.
    """
    if given:
        plan = make_plan({"trainer": ASKED, **given})
        check_new(plan, name, storage)
        asked = asked_of(plan)
        with creating(plan, asked, name=name, storage=storage, workers=None) as writer:
            yield _machine(plan, asked, writer, Watcher()), asked.score, Study(writer.name, storage)
        return
    if name is None:
        raise PlanError("give the name of a study, or a space and trials for a new one")
    open_store(storage).close()  # where there is no database, none is made
    with create_store(storage) as store:
        going_on = going_on_with(store, name, {})
        asked = asked_of(going_on.plan)
        going_on.check(store)
        with store.hold(name, take_over=take_over) as writer:
            going_on.record_changes(writer, Watcher())
            machine = _machine(going_on.plan, asked, writer, Watcher())
            yield machine, asked.score, Study(name, storage)


def reproduce(
    name: str, trial: int, *, storage: str = DEFAULT_STORAGE, train: Train | None = None
) -> Reproduced:
    """Train a stored trial once more, alone, as its study's plan says, and compare every number. Nothing is written.

    Raises:
        studies.errors.StoreError: there is no such study.
        PlanError: it has no such trial, that trial is not done, or the data are not the study's.
    """
    with open_store(storage) as store, store.reading():
        record = store.study(name)
        found = store.trials(record.study_id, among=[trial])
        curves = {
            c.metric: c.points.tolist()
            for c in columns.curves(store, record.study_id, among=[trial])
        }
        environments = store.environments(record.study_id)
        known = sum(aggregates.counts(store, record.study_id).values())
    plan = stored_plan(record)
    if not found:
        has = f"it has 0 to {known - 1}" if known else "it has none yet"
        raise PlanError(f"no trial {trial} in study {name!r}: {has}")
    (stored,) = found
    if stored.finished is None:
        raise PlanError(f"trial {trial} of study {name!r} is not done yet")
    finished = stored.finished
    trainable = trainable_of(plan, train=train)
    check_data(plan, trainable, record)
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


def _machine(plan: Plan, trainable: Trainable, writer: Writer, watcher: Watcher) -> Machine:
    began = time.monotonic()
    journal = Journal(plan, trainable, writer, watcher)
    return Machine(plan, trainable, journal, lambda: time.monotonic() - began)


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
    watcher, cancel = watcher or Watcher(), cancel or Cancel()
    cancel.study = writer.name
    machine = _machine(plan, trainable, writer, watcher)
    count, trained = workers or default_workers(), watcher.epoch_trained
    if plan.trainer is None:
        run(machine, Processes(trainable, count, trained, worker), cancel)
    else:
        run(machine, Threads(trainable, count, trained), cancel)


def _free_name(plain: str, taken: list[str]) -> str:
    name, number = plain, 2
    while name in taken:
        name, number = f"{plain}-{number}", number + 1
    return name
