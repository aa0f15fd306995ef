"""Hyperparameter search that narrows its ranges round by round, on evidence.

>>> import hpo
>>> study = hpo.search("digits", trials=60, storage="sqlite:///hpo.db", name="first")
>>> study.best.value, study.rounds_frame()

>>> def train(params, *, epochs, seed):
...     for epoch in range(epochs):
...         yield {"accuracy": 1 - (params["x"] - 0.3) ** 2}
>>> study = hpo.search(train, space={"x": hpo.Float(0, 1)}, epochs=5, trials=60)

`search` runs a plan and returns the stored study; `resume` goes on with one. Ranges are given as `Float`, `Int` and
`Categorical`. What a function that trains can look like is told in `hpo.functions`; one that takes many settings at
once is marked with `population`. What was stored is read with the package `studies`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from hpo.space import Categorical, Float, Int

if TYPE_CHECKING:
    from hpo.config import Plan
    from hpo.functions import Train
    from hpo.trainables import Trainable
    from hpo.watcher import Watcher
    from studies.study import Study
    from studies.writer import Writer
    from trainer.data import Draw

__all__ = ["Categorical", "Float", "Int", "population", "resume", "search"]

DEFAULT_STORAGE = "sqlite:///hpo.db"


T = TypeVar("T", bound="Train")


def population(train: T) -> T:
    """Say that a function takes a list of settings, all trained at once, and yields arrays of one number for each.

    It may be sent a mask of those that stay: `stay = yield {"accuracy": array}`.
    """
    train.hpo_population = True  # type: ignore[attr-defined]  # a function takes attributes
    return train


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
    mnist:DIR; or a function (see `hpo.functions`), then with a `space`. All else is a field of `hpo.config.Plan`:
    trials, rounds, epochs, seed, space, metric, direction, hidden, …

    Raises:
        hpo.config.PlanError, trainer.data.DataError: before anything is written.
        studies.engine.StoreError: the database can't be used, or has a study of that name.
        hpo.loop.TooManyFailuresError: the function failed too often.
    """
    from hpo.config import make_plan
    from hpo.functions import path_of

    if isinstance(source, str):
        return start(
            make_plan({"source": source, **plan}), name=name, storage=storage, workers=workers
        )
    made = make_plan({"trainer": path_of(source), **plan})
    return start(made, name=name, storage=storage, workers=workers, train=source)


def start(
    plan: Plan,
    *,
    name: str | None = None,
    storage: str = DEFAULT_STORAGE,
    workers: int | None = None,
    watcher: Watcher | None = None,
    load: Callable[..., Draw] | None = None,
    train: Train | None = None,
) -> Study:
    """Run a plan as a new study. A name that is not given is the source's, numbered where it is taken.

    `load` takes the place of `trainer.data.load` where the data are being read elsewhere already; `train` is the
    function that the plan names, where that is at hand.
    """
    from hpo.config import check_sampler, to_json
    from hpo.functions import NUMBER
    from hpo.provenance import provenance
    from studies.engine import check_creatable
    from studies.store import check_name, create_store

    if name is not None:
        check_name(name)
    check_creatable(storage)
    check_sampler(plan.sampler)
    trainable = _trainable(plan, load=load, train=train)
    with create_store(storage) as store:
        writer = store.create_study(
            name if name is not None else _free_name(_plain_name(plan), store.names()),
            direction=trainable.direction,
            plan=to_json(plan),
            metric=trainable.metric or NUMBER,
            data_hash=trainable.fingerprint,
            provenance=provenance(),
        )
        return _run(plan, trainable, writer, storage, workers, watcher)


def resume(
    name: str,
    *,
    storage: str = DEFAULT_STORAGE,
    trials: int | None = None,
    timeout: float | None = None,
    workers: int | None = None,
    take_over: bool = False,
    watcher: Watcher | None = None,
    train: Train | str | None = None,
) -> Study:
    """Go on with a stored study, by its stored plan, until it has `trials` trials in all (default: the plan's).

    A study that was killed ends as it would have ended if left alone. One that was stopped by its `timeout` or its
    `patience` goes on if `trials` or another `timeout` is given. `train` is the study's function, or MODULE:FUNCTION,
    where that can't be imported by its name.

    A study that plain Optuna made is given a plan, if there is one for it (`hpo.adopt`): then `train` and `trials` are
    needed, and with `take_over` trials that have not ended are recorded as failed.

    Raises:
        studies.engine.StoreError: there is no such study.
        studies.lease.LeaseError: another process holds it.
        hpo.config.PlanError: fewer trials than the plan has, or the data are not those the study was begun with.
    """
    from hpo.config import PlanError, check_sampler, make_plan, to_json
    from studies.foreign import check_drawn
    from studies.store import create_store, open_store
    from studies.study import Study

    with open_store(storage) as store:
        by_optuna = store.study(name).plan is None
    if by_optuna:
        _adopt(name, storage, train, trials, take_over=take_over, watcher=watcher)
        trials = None
    with create_store(storage) as store:
        record = store.study(name)
        if record.plan is None:
            raise PlanError(f"study {name!r} was made by Optuna alone just now: try again")
        plan = stored = make_plan(record.plan, "the stored plan")
        if trials is not None:
            plan = plan.extended_to(trials)
        if timeout is not None:
            plan = make_plan(plan.model_dump() | {"timeout": timeout})
        check_sampler(plan.sampler)
        trainable = _trainable(plan, train=train)
        if trainable.fingerprint != record.data_hash:
            raise PlanError(
                f"the data of {plan.source} are not those study {name!r} was begun with "
                f"(hash {trainable.fingerprint[:12]}, then {str(record.data_hash)[:12]}): start a new study"
            )
        asked = trials is not None or timeout is not None
        if record.state == "complete" and plan == stored and not (asked and record.stopped):
            return Study(name, storage)
        check_drawn(store, record)
        writer = store.hold(name, take_over=take_over)
        if plan != stored or (asked and record.stopped):
            writer.change_plan(to_json(plan))
        return _run(plan, trainable, writer, storage, workers, watcher)


def _adopt(
    name: str,
    storage: str,
    train: Train | str | None,
    trials: int | None,
    *,
    take_over: bool,
    watcher: Watcher | None,
) -> None:
    """Give a study of Optuna's a plan to go on with."""
    from hpo.adopt import adopting_plan, told
    from hpo.config import to_json
    from hpo.functions import NUMBER, path_of
    from hpo.provenance import provenance
    from hpo.space import to_mapping
    from studies.foreign import read_optunas, record_adoption

    study = read_optunas(name, storage)
    path = train if isinstance(train, str) or train is None else path_of(train)
    plan = adopting_plan(study, path, trials)
    trainable = _trainable(plan, train=train)
    if not take_over:
        study.check_ended()
    for line in told(study, plan):
        if watcher is not None:
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
    storage: str,
    workers: int | None,
    watcher: Watcher | None,
) -> Study:
    from hpo.executors import default_workers
    from hpo.loop import run
    from hpo.watcher import Watcher
    from studies.study import Study

    with writer:
        run(
            plan,
            trainable,
            writer,
            workers=workers or default_workers(),
            watcher=watcher or Watcher(),
        )
    return Study(writer.name, storage)


def _trainable(
    plan: Plan, *, load: Callable[..., Draw] | None = None, train: Train | str | None = None
) -> Trainable:
    if plan.trainer is not None:
        from hpo.functions import Function, find

        return Function(
            find(train or plan.trainer) if train is None or isinstance(train, str) else train,
            plan.metric,
            plan.direction or "maximize",
            halving=plan.halving is not None,
        )
    import trainer.data
    from hpo.config import PlanError
    from hpo.trainables import mlp

    if train is not None:
        raise PlanError(f"the study's plan trains a network on {plan.source}, no function of yours")
    return mlp(plan, load or trainer.data.load)


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
