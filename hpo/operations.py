"""Searching, resuming and reproducing: what the command line and Python call."""

from __future__ import annotations

import sys
from dataclasses import asdict
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

from hpo.errors import PlanError, raised_as_ours
from studies import DEFAULT_STORAGE

if TYPE_CHECKING:
    from hpo.display.watcher import Watcher
    from hpo.plan.plan import Plan
    from hpo.run.reproducing import Reproduced
    from hpo.trainables.function import Train
    from hpo.trainables.network import Trainable
    from studies.database.records import StudyRecord
    from studies.database.writer import Writer
    from studies.study import Study
    from trainer.worker import Worker


T = TypeVar("T", bound="Train")


def population(train: T) -> T:
    """Say that a function takes a list of settings, all trained at once, and yields arrays of one number for each.

    It may be sent a mask of those that stay: `stay = yield {"accuracy": array}`.
    """
    train.hpo_population = True  # type: ignore[attr-defined]  # a function takes attributes
    return train


@raised_as_ours()
def search(
    source: str | Train,
    *,
    name: str | None = None,
    storage: str = DEFAULT_STORAGE,
    workers: int | None = None,
    **plan: Any,
) -> Study:
    """Search over a source of data, or with a function that trains, and return the stored study.

    `source` is digits, breast_cancer, wine, iris, diabetes, a .csv, .tsv or .parquet file (with `target`), or
    mnist:DIR; or a function (see `hpo.trainables.function`), then with a `space`. All else is a field of
    `hpo.plan.plan.Plan`: trials, rounds, epochs, seed, space, metric, direction, hidden, …

    Raises:
        PlanError, DataError: before anything is written.
        StorageError: the database can't be used, or has a study of that name.
        TooManyFailuresError: the function failed too often.
    """
    from hpo.plan.plan import make_plan
    from hpo.trainables.named import path_of

    if isinstance(source, str):
        return start(
            make_plan({"source": source, **plan}), name=name, storage=storage, workers=workers
        )
    made = make_plan({"trainer": path_of(source), **plan})
    return start(made, name=name, storage=storage, workers=workers, train=source)


@raised_as_ours()
def start(
    plan: Plan,
    *,
    name: str | None = None,
    storage: str = DEFAULT_STORAGE,
    workers: int | None = None,
    watcher: Watcher | None = None,
    worker: Worker | None = None,
    train: Train | None = None,
) -> Study:
    """Run a plan as a new study. A name that is not given is the source's, numbered where it is taken.

    `worker` is a process that reads the data and then trains; `train` is the function that the plan names, where that
    is at hand.
    """
    from hpo.executors.threads import default_workers
    from hpo.plan.plan import to_json
    from hpo.run.provenance import provenance
    from hpo.trainables.function import NUMBER
    from studies.database.engine import check_creatable
    from studies.database.store import check_name, create_store
    from studies.errors import StudyExistsError
    from studies.study import Study

    if name is not None:
        check_name(name)
    check_creatable(storage)
    _check_sampler(plan.sampler)
    trainable = _trainable(plan, worker=worker, train=train)
    watcher = watcher or _own_watcher(storage)
    with create_store(storage) as store:
        while True:
            made = name if name is not None else _free_name(_plain_name(plan), store.names())
            try:
                writer = store.create_study(
                    made,
                    direction=trainable.direction,
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
            _run(plan, trainable, writer, workers, watcher, worker)
    return Study(made, storage)


@raised_as_ours()
def resume(
    name: str,
    *,
    storage: str = DEFAULT_STORAGE,
    workers: int | None = None,
    take_over: bool = False,
    watcher: Watcher | None = None,
    train: Train | str | None = None,
    **plan: Any,
) -> Study:
    """Go on with a stored study, by its stored plan, to the same end as if it had never stopped.

    What is given of `plan` takes the place of what is stored: `trials` (in all, old ones included), a wider range or
    one more choice in `space`, `timeout`, `patience`, `max_failures`, `extend`, or the `source` where the same data lie
    elsewhere. The watcher hears what each means before it is written (see `hpo.plan.changes`). A study that was
    stopped by its `timeout` or its `patience` goes on if `trials`, `timeout` or `patience` is given. `train` is the
    study's function, or its name (`hpo.trainables.named`), where that can't be imported by its name.

    A study that plain Optuna made is given a plan, if there is one for it (`hpo.plan.adopt`): then `train` and
    `trials` are needed, and with `take_over` trials that have not ended are recorded as failed.

    Raises:
        StorageError: there is no such study.
        HeldError: another process holds it.
        PlanError: a change that a study can't have, fewer trials than its plan has, or other data.
    """
    from hpo.plan.changes import changed_plan, changes
    from hpo.plan.plan import to_json
    from hpo.run.provenance import differences, provenance
    from studies.database.optunas import check_drawn
    from studies.database.store import create_store, open_store
    from studies.study import Study

    watcher = watcher or _own_watcher(storage)
    with open_store(storage) as store:
        by_optuna = store.study(name).plan is None
    if by_optuna:
        _adopt(name, storage, train, plan, take_over=take_over, watcher=watcher)
        plan = {}
    with create_store(storage) as store:
        record = store.study(name)
        stored = _plan_of(record)
        if plan.get("metric") == record.metric:  # as it is, by its name
            plan["metric"] = stored.metric
        after = changed_plan(stored, plan)
        made = changes(stored, after)
        _check_sampler(after.sampler)
        trainable = _trainable(after, train=train)
        _check_data(after, trainable, record)
        goes_on = record.stopped is not None and plan.keys() & {"trials", "timeout", "patience"}
        if record.state == "complete" and not made and not goes_on:
            return Study(name, storage)
        if any(change.field.startswith("space.") for change in made):
            drawn = sum(r.size for r in store.rounds(record.study_id))
            if after.trials - after.confirming <= drawn:
                raise PlanError(
                    f"no trial is left to be drawn from other ranges: give trials, more than {after.trials} in all"
                )
        check_drawn(store, record)
        with store.hold(name, take_over=take_over) as writer:
            if made or goes_on:
                for change in made:
                    watcher.noticed(change.means)
                writer.change_plan(to_json(after), [asdict(change) for change in made])
            here, then = provenance(), store.environments(record.study_id)[-1].provenance
            if others := differences(then, here):
                watcher.noticed(f"trained with others so far: {'; '.join(others)}")
                writer.move_to(here)
            _run(after, trainable, writer, workers, watcher)
    return Study(name, storage)


@raised_as_ours()
def reproduce(
    name: str, trial: int, *, storage: str = DEFAULT_STORAGE, train: Train | None = None
) -> Reproduced:
    """Train a stored trial once more, alone, as its study's plan says, and compare every number. Nothing is written.

    Raises:
        StorageError: there is no such study.
        PlanError: it has no such trial, that trial is not done, or the data are not the study's.
    """
    from hpo.executors.threads import threads
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
    with threads(1):
        again = train_alone(trainable, plan, stored.params, stored.attributes.get("left_epoch"))
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
    if sampler == "gp" and find_spec("torch") is None:
        from studies import extras

        raise PlanError(f"sampler 'gp' needs PyTorch: {extras.command('gp')}")


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
    from hpo.plan.adopt import adopting_plan, told
    from hpo.plan.plan import to_json
    from hpo.plan.space import to_mapping
    from hpo.run.provenance import provenance
    from hpo.trainables.function import NUMBER
    from hpo.trainables.named import path_of
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
    for line in told(study, plan):
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
    watcher: Watcher,
    worker: Worker | None = None,
) -> None:
    from hpo.executors.threads import default_workers
    from hpo.run.loop import run
    from hpo.trainables.network import MLP
    from trainer.workers import Workers

    workers = workers or default_workers()
    with Workers(workers, first=worker) as side_by_side:
        if isinstance(trainable, MLP):
            trainable.workers = side_by_side
        run(plan, trainable, writer, workers=workers, watcher=watcher)


def _own_watcher(storage: str) -> Watcher:
    """Who hears a search that nobody else watches: in a notebook it is shown, in a script it is silent."""
    from hpo.display.watcher import Watcher

    ipython = sys.modules.get("IPython")  # a notebook has imported it
    if ipython is None or getattr(ipython.get_ipython(), "kernel", None) is None:
        return Watcher()
    from hpo.display.notebook import InNotebook

    return InNotebook(storage)


def _trainable(
    plan: Plan, *, worker: Worker | None = None, train: Train | str | None = None
) -> Trainable:
    if plan.trainer is not None:
        from hpo.trainables.function import Function
        from hpo.trainables.named import find

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
    if worker is None:
        return mlp(plan)
    return mlp(plan, partial(RemoteDraw, worker))


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
