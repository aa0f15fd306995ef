"""The functions for Python users: search, resume, confirm, reproduce, and ask and tell.

In a notebook, a search shows its progress in the cell's output; elsewhere it is silent.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeVar, Unpack

from hpo import operations
from hpo.errors import raised_as_ours
from studies import DEFAULT_STORAGE

if TYPE_CHECKING:
    from hpo.asking import Search
    from hpo.plan.fields import ConfirmFields, PlanChanges, PlanFields
    from hpo.run.cancel import Cancel
    from hpo.run.reproducing import Reproduced
    from hpo.run.watcher import Watcher
    from hpo.trainables.function import Train
    from studies.study import Study

T = TypeVar("T", bound="Train")


def population(train: T) -> T:
    """Mark a function that trains a list of K settings together and yields arrays (K,) of metrics.

    Each `yield` returns a mask of the trials that stay: `stay = yield {"accuracy": array}`.
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
    cancel: Cancel | None = None,
    **plan: Unpack[PlanFields],
) -> Study:
    """Search over a source of data, or with a function that trains, and return the stored study.

    `source` is digits, breast_cancer, wine, iris, diabetes, a .csv, .tsv or .parquet file (with `target`), or
    mnist:DIR; or a function (see `hpo.trainables.function`), then with a `space`. The other fields of a
    plan are in `hpo.plan.fields`: trials, rounds, epochs, seed, space, metric, direction, hidden, …

    Raises:
        PlanError, DataError: before anything is written.
        StorageError: the database can't be used, or has a study of that name.
        TooManyFailuresError: the function failed too often.
    """
    from hpo.plan.plan import make_plan
    from hpo.trainables.named import path_of

    train = None if isinstance(source, str) else source
    trained = {"source": source} if isinstance(source, str) else {"trainer": path_of(source)}
    return operations.start(
        make_plan({**trained, **plan}),
        name=name,
        storage=storage,
        workers=workers,
        watcher=_watcher(),
        cancel=cancel,
        train=train,
    )


@raised_as_ours()
def resume(
    name: str,
    *,
    storage: str = DEFAULT_STORAGE,
    workers: int | None = None,
    take_over: bool = False,
    cancel: Cancel | None = None,
    train: Train | str | None = None,
    **changes: Unpack[PlanChanges],
) -> Study:
    """Go on with a stored study, to the same end as if it had never stopped; see `hpo.operations.resume`."""
    return operations.resume(
        name,
        storage=storage,
        workers=workers,
        take_over=take_over,
        watcher=_watcher(),
        cancel=cancel,
        train=train,
        **changes,
    )


@raised_as_ours()
def confirm(
    name: str,
    trainings: int,
    *,
    storage: str = DEFAULT_STORAGE,
    workers: int | None = None,
    take_over: bool = False,
    cancel: Cancel | None = None,
    train: Train | str | None = None,
    **fields: Unpack[ConfirmFields],
) -> Study:
    """Train the best settings of a study, also of one that Optuna made, so many times more on fresh seeds and splits.

    No new settings are drawn; see `hpo.operations.confirm`.
    """
    return operations.confirm(
        name,
        trainings,
        storage=storage,
        workers=workers,
        take_over=take_over,
        watcher=_watcher(),
        cancel=cancel,
        train=train,
        **fields,
    )


@raised_as_ours()
def reproduce(
    name: str, trial: int, *, storage: str = DEFAULT_STORAGE, train: Train | None = None
) -> Reproduced:
    """Train a stored trial once more, alone, as its study's plan says, and compare every number. Nothing is written."""
    return operations.reproduce(name, trial, storage=storage, train=train)


def open(  # noqa: A001  # as in `with hpo.open("first") as search`
    name: str | None = None,
    *,
    storage: str = DEFAULT_STORAGE,
    take_over: bool = False,
    **plan: Unpack[PlanFields],
) -> Search:
    """Open a search that your own loop drives: ask for settings, and tell their results.

    >>> import hpo
    >>> def loss(x):
    ...     return (x - 0.3) ** 2
    >>> space = {"x": hpo.Float(0, 1)}
    >>> with hpo.open(
    ...     "mine", space=space, trials=30, metric="loss", direction="minimize"
    ... ) as search:
    ...     while task := search.ask():
    ...         search.tell(task, loss(**task.params))
    >>> search.study.recommended is not None
    True

    With fields of a plan (`space`, `trials`, `metric`, `direction`, …) it begins a new study; with a name alone it
    goes on with a stored one. The same results give the same study as `hpo.search` with a function.

    Raises:
        PlanError: a field is unknown or breaks its rule, or the study trains a network of hpo's.
        StorageError: the database can't be used, has no such study, or has one of that name already.
        HeldError: another process holds the study, and `take_over` is not set.
    """
    from hpo.asking import Search

    return Search(operations.asking(name, dict(plan), storage=storage, take_over=take_over))


def _watcher() -> Watcher | None:
    """What shows a search in the output of a notebook's cell; None outside a notebook."""
    ipython = sys.modules.get("IPython")  # a notebook has imported it
    if ipython is None or getattr(ipython.get_ipython(), "kernel", None) is None:
        return None
    from hpo.display.notebook import InNotebook

    return InNotebook()
