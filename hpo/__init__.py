"""Hyperparameter search that narrows its ranges round by round, on evidence.

>>> import hpo
>>> study = hpo.search("digits", trials=60, storage="sqlite:///hpo.db", name="first")
>>> study.best.value, study.rounds_frame()

`search` runs a plan and returns the stored study; `resume` goes on with one. Ranges are given as `Float`, `Int` and
`Categorical`. What was stored is read with the package `studies`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hpo.space import Categorical, Float, Int

if TYPE_CHECKING:
    from hpo.config import Plan
    from hpo.loop import Watcher
    from hpo.trainables import Trainable
    from studies.study import Study
    from studies.writer import Writer
    from trainer.data import Splits

__all__ = ["Categorical", "Float", "Int", "resume", "search"]

DEFAULT_STORAGE = "sqlite:///hpo.db"


def search(
    source: str,
    *,
    name: str | None = None,
    storage: str = DEFAULT_STORAGE,
    workers: int | None = None,
    **plan: Any,
) -> Study:
    """Search over a source of data and return the stored study.

    `source` is digits, breast_cancer, wine, iris, diabetes, a .csv, .tsv or .parquet file (with `target`), or
    mnist:DIR. All else is a field of `hpo.config.Plan`: trials, rounds, epochs, seed, space, hidden, …

    Raises:
        hpo.config.PlanError, trainer.data.DataError: before anything is written.
        studies.engine.StoreError: the database can't be used, or has a study of that name.
    """
    from hpo.config import make_plan

    made = make_plan({"source": source, **plan})
    return start(made, name=name, storage=storage, workers=workers)


def start(
    plan: Plan,
    *,
    name: str | None = None,
    storage: str = DEFAULT_STORAGE,
    workers: int | None = None,
    watcher: Watcher | None = None,
    load: Callable[..., Splits] | None = None,
) -> Study:
    """Run a plan as a new study. A name that is not given is the source's, numbered where it is taken.

    `load` takes the place of `trainer.data.load` where the data are being read elsewhere already.
    """
    import trainer.data
    from hpo.config import to_json
    from hpo.provenance import provenance
    from hpo.trainables import mlp
    from studies.engine import check_creatable
    from studies.store import check_name, create_store

    if name is not None:
        check_name(name)
    check_creatable(storage)
    trainable = mlp(plan, load or trainer.data.load)
    with create_store(storage) as store:
        writer = store.create_study(
            name if name is not None else _free_name(plan.source, store.names()),
            direction=trainable.direction,
            plan=to_json(plan),
            metric=trainable.metric,
            data_hash=trainable.data.fingerprint,
            provenance=provenance(),
        )
        return _run(plan, trainable, writer, storage, workers, watcher)


def resume(
    name: str,
    *,
    storage: str = DEFAULT_STORAGE,
    trials: int | None = None,
    workers: int | None = None,
    take_over: bool = False,
    watcher: Watcher | None = None,
) -> Study:
    """Go on with a stored study, by its stored plan, until it has `trials` trials in all (default: the plan's).

    A study that was killed ends as it would have ended if left alone.

    Raises:
        studies.engine.StoreError: there is no such study.
        studies.lease.LeaseError: another process holds it.
        hpo.config.PlanError: fewer trials than the plan has, or the data are not those the study was begun with.
    """
    from hpo.config import PlanError, make_plan, to_json
    from hpo.trainables import mlp
    from studies.store import create_store, open_store

    open_store(storage).close()
    with create_store(storage) as store:
        record = store.study(name)
        if record.plan is None:
            raise PlanError(
                f"study {name!r} was made by Optuna alone: it has no plan to go on with"
            )
        plan = stored = make_plan(record.plan, "the stored plan")
        if trials is not None:
            plan = stored.extended_to(trials)
        trainable = mlp(plan)
        if trainable.data.fingerprint != record.data_hash:
            raise PlanError(
                f"the data of {plan.source} are not those study {name!r} was begun with "
                f"(hash {trainable.data.fingerprint[:12]}, then {str(record.data_hash)[:12]}): start a new study"
            )
        writer = store.hold(name, take_over=take_over)
        if plan != stored:
            writer.change_plan(to_json(plan))
        return _run(plan, trainable, writer, storage, workers, watcher)


def _run(
    plan: Plan,
    trainable: Trainable,
    writer: Writer,
    storage: str,
    workers: int | None,
    watcher: Watcher | None,
) -> Study:
    from hpo.executors import default_workers
    from hpo.loop import Watcher, run
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


def _free_name(source: str, taken: list[str]) -> str:
    from trainer.data import name_of

    name, number = name_of(source), 2
    while name in taken:
        name, number = f"{name_of(source)}-{number}", number + 1
    return name
