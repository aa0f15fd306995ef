"""Searching, resuming, confirming, asking and reproducing: the operations behind the command line, Python and a server.

Nothing is displayed here; a watcher receives the events.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Unpack

from hpo.choose.confirming import repeated_best
from hpo.errors import NoTrialSucceededError, PlanError
from hpo.executors.chosen import check_place, check_trainable, executor_of, workers_of
from hpo.plan.fields import ConfirmFields, PlanChanges
from hpo.plan.network import with_conditions
from hpo.plan.place import HERE, Place
from hpo.plan.plan import Plan, make_plan
from hpo.run.cancel import Cancel
from hpo.run.comparing import expect
from hpo.run.confirming import WASTED, after_confirming, check_confirmable
from hpo.run.creating import check_new, creating
from hpo.run.history import read_history
from hpo.run.journal import Journal
from hpo.run.loop import run
from hpo.run.machine import Machine
from hpo.run.provenance import differences, provenance
from hpo.run.reproducing import Reproduced, first_difference, how_it_ended, train_alone
from hpo.run.resuming import (
    Continuation,
    adopt,
    adopt_growth,
    check_data,
    continuation,
    stored_plan,
)
from hpo.run.watcher import Watcher
from hpo.trainables.asked import ASKED
from hpo.trainables.call import Train
from hpo.trainables.of_plan import asked_of, trainable_of
from hpo.trainables.protocol import Trainable
from studies import DEFAULT_STORAGE
from studies.analysis.one_trial import one_trial
from studies.database.engine import absolute
from studies.database.folders import study_folder
from studies.database.records import StudyRecord
from studies.database.store import Store, create_store, open_store
from studies.database.writer import Writer
from studies.study import Study
from trainer.worker import Worker

if TYPE_CHECKING:
    from trainer.data import InMemory


def start(
    plan: Plan,
    *,
    name: str | None = None,
    storage: str = DEFAULT_STORAGE,
    place: Place = HERE,
    watcher: Watcher | None = None,
    cancel: Cancel | None = None,
    train: Train | None = None,
    worker: Worker | None = None,
    data: InMemory | None = None,
    numbered: bool = False,
) -> Study:
    """Run a plan as a new study. The default name is the source's, numbered if taken; other names if `numbered`.

    `train` is the function that the plan names, if it is loaded already, and `data` are those of its source,
    if they are in memory. `worker` is a process that already exists; it reads the data and then trains.

    Raises:
        NoTrialSucceededError: the study is done, and all its trials failed or diverged.
    """
    url = absolute(storage)  # a function may change the folder
    plan = plan if plan.trainer else with_conditions(plan)
    check_new(plan, name, url)
    check_place(plan, place)
    trainable = trainable_of(plan, worker=worker, train=train, data=data, place=place)
    for line in check_trainable(trainable, place):
        (watcher or Watcher()).noticed(line)
    with creating(
        plan, trainable, name=name, storage=url, place=place, numbered=numbered
    ) as writer:
        expect(plan, trainable)
        _run(plan, trainable, writer, place, watcher, cancel, worker)
    return Study(writer.name, storage, url)


def resume(
    name: str,
    *,
    storage: str = DEFAULT_STORAGE,
    place: Place = HERE,
    take_over: bool = False,
    watcher: Watcher | None = None,
    cancel: Cancel | None = None,
    train: Train | str | None = None,
    data: InMemory | None = None,
    **changed: Unpack[PlanChanges],
) -> Study:
    """Go on with a stored study, by its stored plan, to the same end as if it had never stopped.

    These fields of the plan can be changed: `trials` (in all, old ones included), `space` (a wider range or one more
    choice), `timeout`, `patience`, `max_failures`, `extend`, and the `source`, if the same data are stored elsewhere.
    The watcher is notified of the meaning of each change before it is written (see `hpo.plan.changes`). A study that
    was stopped by `timeout` or `patience` goes on if `trials`, `timeout` or `patience` is passed. `train` is the
    study's function, or another name for it (`hpo.trainables.named`), if it can't be imported by its stored name, and
    `data` are the study's, if they were passed from memory.

    A study of plain Optuna gets a plan, if one can be made for it (`hpo.plan.adopt`). It needs `train` and `trials`,
    which are then and later those that are added. With `take_over`, its trials that have not ended are recorded as
    failed.

    Raises:
        studies.errors.StoreError: there is no such study.
        studies.errors.LeaseError: another process holds it.
        PlanError: a field can't be changed so, or the data differ.
    """
    watcher, url = watcher or Watcher(), absolute(storage)
    with open_store(url) as store:
        record = store.study(name)
    with _going_on(record, url, train, data, changed, take_over, watcher, place) as going_on:
        store, resumed, trainable = going_on
        if resumed.is_done:
            return Study(record.name, storage, url)
        resumed.check(store, take_over=take_over)
        with store.hold(record.name, take_over=take_over) as writer:
            resumed.record_changes(writer, watcher)
            _run(resumed.plan, trainable, writer, place, watcher, cancel)
    return Study(record.name, storage, url)


def confirm(
    name: str,
    trainings: int,
    *,
    storage: str = DEFAULT_STORAGE,
    place: Place = HERE,
    take_over: bool = False,
    watcher: Watcher | None = None,
    cancel: Cancel | None = None,
    train: Train | str | None = None,
    data: InMemory | None = None,
    **fields: Unpack[ConfirmFields],
) -> Study:
    """Let the best settings of a stored study race for `trainings` more trainings, on fresh seeds and splits.

    No new settings are drawn, and these trainings are beside those of the plan. If the search was stopped half way, the
    rest of its plan remains for `resume`; if this is stopped, `resume` goes on with it first. Where values repeat
    exactly, the best settings are trained once and the other trainings are left out. `timeout` does not apply.

    A study of plain Optuna needs `train`, and may need its `metric`, `epochs` and `seed`.

    Raises:
        studies.errors.StoreError: there is no such study.
        studies.errors.LeaseError: another process holds it.
        PlanError: no trial has succeeded, a field can't be changed so, or the data differ.
    """
    if not isinstance(trainings, int) or trainings < 1:
        raise PlanError(f"trainings: {trainings!r} is not a whole number of at least 1")
    watcher, url = watcher or Watcher(), absolute(storage)
    with open_store(url) as store:
        record = store.study(name)
        check_confirmable(store, record)
    with _going_on(
        record, url, train, data, fields, take_over, watcher, place, confirm=True
    ) as going_on:
        store, resumed, trainable = going_on
        resumed.check(store, take_over=take_over)
        if (folds := resumed.plan.folds or 1) > trainings:
            raise PlanError(
                f"trainings: {trainings} are too few: each setting is trained on {folds} folds: give at least {folds}"
            )
        with store.hold(record.name, take_over=take_over) as writer:
            history = read_history(writer, resumed.plan, trainable.traits)
            if repeated_best(resumed.plan, trainable.traits, history) == [] and not history.staged:
                watcher.noticed(WASTED)
                return Study(record.name, storage, url)
            resumed.with_request(history, trainings // folds).record_changes(writer, watcher)
            machine = _run(
                resumed.plan,
                trainable,
                writer,
                place,
                watcher,
                cancel,
                until_confirmed=True,
            )
            for line in after_confirming(resumed.plan, trainable.traits, machine.history):
                watcher.noticed(line)
    return Study(record.name, storage, url)


@contextmanager
def _going_on(
    record: StudyRecord,
    storage: str,
    train: Train | str | None,
    data: InMemory | None,
    fields: Mapping[str, Any],
    take_over: bool,
    watcher: Watcher,
    place: Place,
    *,
    confirm: bool = False,
) -> Iterator[tuple[Store, Continuation, Trainable]]:
    """A stored study to go on with, its plan changed by `fields`, and its trainable with the same data as before.

    A study of plain Optuna gets a plan first, by which hpo confirms or else searches.
    """
    if record.plan is None:
        adopt(
            record.name, storage, train, fields, place,
            take_over=take_over, watcher=watcher, confirm=confirm,
        )  # fmt: skip
        fields = {}
    with create_store(storage) as store:
        adopt_growth(store, record.name, take_over=take_over, watcher=watcher)
        resumed = continuation(store, record.name, fields)
        check_place(resumed.plan, place)
        trainable = trainable_of(resumed.plan, train=train, data=data, place=place)
        check_data(resumed.plan, trainable, resumed.record)
        for line in check_trainable(trainable, place):
            watcher.noticed(line)
        yield store, resumed, trainable


@contextmanager
def asking(
    name: str | None, fields: Mapping[str, Any], *, storage: str,
    take_over: bool = False, by_epoch: bool = False, owner: str | None = None,
) -> Iterator[tuple[Machine, str | None, Study]]:  # fmt: skip
    """The machine of a search for `hpo.open`, the metric that decides, and its study, held while the context lasts.

    With fields of a plan it is a new study, of the `owner` or the current user, else the stored one of that name.
    `by_epoch` says that epochs are reported while a task trains, as halving needs.
    """
    url = absolute(storage)  # the loop may change the folder
    if fields:
        plan = make_plan({"trainer": ASKED, **fields})
        check_new(plan, name, url)
        asked = asked_of(plan, by_epoch=by_epoch)
        with creating(plan, asked, name=name, storage=url, place=HERE, owner=owner) as writer:
            study = Study(writer.name, storage, url)
            yield _machine(plan, asked, writer, Watcher()), asked.score, study
        return
    if name is None:
        raise PlanError("give the name of a study, or a space and trials for a new one")
    open_store(url).close()  # without creating a missing database
    with create_store(url) as store:
        resumed = continuation(store, name, {})
        asked = asked_of(resumed.plan, by_epoch=by_epoch)
        resumed.check(store, take_over=take_over)
        with store.hold(name, take_over=take_over) as writer:
            resumed.record_changes(writer, Watcher())
            machine = _machine(resumed.plan, asked, writer, Watcher())
            yield machine, asked.score, Study(writer.name, storage, url)


def reproduce(
    name: str,
    trial: int,
    *,
    storage: str = DEFAULT_STORAGE,
    train: Train | None = None,
    data: InMemory | None = None,
) -> Reproduced:
    """Train a stored trial once more, alone, as its study's plan says, and compare every number. Nothing is written.

    Raises:
        studies.errors.StoreError: there is no such study or trial.
        PlanError: that trial is not done, or the data are not the study's.
    """
    with open_store(storage) as store, store.reading():
        one = one_trial(store, name, trial)
        environments = store.environments(one.record.study_id)
    plan, stored, curves = stored_plan(one.record), one.trial, one.curves
    if (finished := stored.finished) is None:
        raise PlanError(f"trial {trial} of study {one.record.name!r} is not done yet")
    trainable = trainable_of(plan, train=train, data=data)
    check_data(plan, trainable, one.record)
    again = train_alone(trainable, plan, stored)
    then = [e for e in environments if e.since <= finished] or environments[:1]
    ends = how_it_ended(stored.attributes), how_it_ended(again.attributes)
    return Reproduced(
        trial,
        one.epochs,
        sorted(curves),
        first_difference(curves, again.metrics),
        None if ends[0] == ends[1] else ends,
        differences(then[-1].provenance, provenance()),
    )


def _machine(
    plan: Plan,
    trainable: Trainable,
    writer: Writer,
    watcher: Watcher,
    *,
    until_confirmed: bool = False,
) -> Machine:
    began = time.monotonic()
    journal = Journal(plan, trainable, writer, watcher)
    return Machine(
        plan, trainable, journal, lambda: time.monotonic() - began, until_confirmed=until_confirmed
    )


def _run(
    plan: Plan,
    trainable: Trainable,
    writer: Writer,
    place: Place,
    watcher: Watcher | None,
    cancel: Cancel | None,
    worker: Worker | None = None,
    *,
    until_confirmed: bool = False,
) -> Machine:
    """Run a search whose study is held, to its end or until what `hpo confirm` asked for is done."""
    watcher, cancel = watcher or Watcher(), cancel or Cancel()
    cancel.study = writer.name
    machine = _machine(plan, trainable, writer, watcher, until_confirmed=until_confirmed)
    count = workers_of(plan, trainable, place)
    if place.workers is not None and place.workers > count:
        watcher.noticed(
            f"at most {count} of {place.workers} workers train at once, since ahead is {plan.ahead}; "
            "a new study can be begun with more"
        )
    if "folder" in trainable.asks_for:
        folder = study_folder(writer.store, writer.study_id, writer.name, place.folder)
        writer.keep_folder(str(folder))
        trainable.folder = folder
    executor = executor_of(
        plan, trainable, place, watcher.epoch_trained, noticed=watcher.noticed, worker=worker
    )
    run(machine, executor, cancel)
    trials = machine.history.trials.values()
    if trials and not until_confirmed and all(t.value is None for t in trials):
        raise NoTrialSucceededError(
            f"no trial of study {writer.name!r} succeeded: all {len(trials)} failed or diverged"
        ) from machine.first_error
    return machine
