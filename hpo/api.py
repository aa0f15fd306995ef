"""The functions for Python users: search, resume, confirm, reproduce, train, and ask and tell.

Progress is shown as the command shows it: live on a terminal, in a notebook in the cell's output, elsewhere by plain
lines on stderr. Ctrl-C ends a search in an orderly way, with a line that says how to resume it.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Unpack

from hpo import operations
from hpo.callbacks.calling import calling
from hpo.errors import CancelledError, PlanError, raised_as_ours
from hpo.plan.place import make_place
from hpo.run.cancel import Cancel
from hpo.run.watcher import Watcher
from studies import DEFAULT_STORAGE

if TYPE_CHECKING:
    from hpo.asking import Search
    from hpo.display.inspected import Inspected
    from hpo.plan.fields import ConfirmFields, PlanChanges, PlanFields
    from hpo.run.reproducing import Reproduced
    from hpo.trainables.call import Train
    from studies.study import Study
    from trainer.data import InMemory
    from trainer.model import Model

T = TypeVar("T", bound="Train")


def population(train: T) -> T:
    """Mark a function that trains a list of K settings together and yields arrays (K,) of metrics.

    Each `yield` returns a mask of the trials that stay: `stay = yield {"accuracy": array}`.
    """
    train.hpo_population = True  # type: ignore[attr-defined]  # a function takes attributes
    return train


@raised_as_ours()
def search(
    source: str | Path | Train | Any = None,
    y: Any = None,
    *,
    name: str | None = None,
    if_exists: Literal["error", "resume", "new"] = "error",
    storage: str = DEFAULT_STORAGE,
    workers: int | None = None,
    executor: str | None = None,
    devices: str | Sequence[str] = (),
    folder: str | Path | None = None,
    callbacks: Sequence[Any] = (),
    cancel: Cancel | None = None,
    progress: bool | None = None,
    **plan: Unpack[PlanFields],
) -> Study:
    """Search over data, or with a function that trains, and return the stored study.

    `source` is digits, breast_cancer, wine, iris, diabetes, a .csv, .tsv, .txt (also .gz), .parquet or .npz file (with
    `target`), openml:NAME, or mnist:DIR; or rows in memory, a DataFrame or an array, with their labels as `y` or in the
    column `target`; or a function (see `hpo.trainables.function`), then with a `space`. Or leave it out, and give the
    command line of a `program` (see `hpo.trainables.program`). The other fields of a plan are in
    `hpo.plan.fields`: trials, rounds, epochs, seed, space, metric, direction, hidden, …

    If the storage has a study of that `name`, "resume" goes on with it, by the fields that are passed; its rounds are
    kept. "new" numbers the name. Without a name, that of the source is taken, and numbered.

    Where it trains changes no number: `workers` at once, in `executor` processes (the default for functions) or
    threads. `devices` and a `folder` are for functions that ask for them.

    `callbacks` hear of each trial that has ended; those in `hpo.callbacks` log to MLflow, Weights & Biases and
    TensorBoard.

    `progress` is shown unless it is False; None shows none in a thread other than the main one.

    Raises:
        PlanError, DataError: before anything is written.
        StorageError: the database can't be used, or has a study of that name.
        TooManyFailuresError: the function failed too often, or in all trials; the first error is the cause.
        KeyboardInterrupt: after Ctrl-C. The study can be resumed.
    """
    from hpo.plan.plan import make_plan
    from hpo.trainables.named import path_of

    if if_exists not in ("error", "resume", "new"):
        raise PlanError(f"if_exists: {if_exists!r} is not one of error, resume, new")
    place = make_place(workers, executor, devices, folder)
    source = str(source) if isinstance(source, Path) else source
    train = source if callable(source) else None
    data = None if isinstance(source, str) or train else _in_memory(source, y)
    if data is None and y is not None:
        raise PlanError("y: labels go with rows, hpo.search(X, y)")
    if if_exists == "resume" and name is not None and _is_stored(name, storage):
        fields: Any = {field: value for field, value in plan.items() if field != "rounds"}
        with _shown(storage, cancel, progress, train, data, callbacks) as run:
            return operations.resume(
                name,
                storage=storage,
                place=place,
                train=train,
                data=data,
                **run,
                **fields,
            )
    trained: dict[str, Any] = {
        "source": source if data is None else data.source(plan.get("target"))
    }
    if train is not None:
        trained = {"trainer": path_of(train)}
    made = make_plan({**trained, **plan})
    with _shown(storage, cancel, progress, train, data, callbacks) as run:
        return operations.start(
            made, name=name, storage=storage, place=place, train=train, data=data,
            numbered=if_exists == "new", **run,
        )  # fmt: skip


@raised_as_ours()
def inspect(source: str | Path | Any, y: Any = None, **plan: Unpack[PlanFields]) -> Inspected:
    """What is understood of a source or of rows in memory, before anything is trained: facts, which print as a table.

    >>> import hpo
    >>> print(hpo.inspect("iris"))
    iris · 150 rows, 4 columns
    classification, 3 classes:
      setosa 33 %, versicolor 33 %, virginica 33 %
    90 rows train, 30 validate, 30 test
    The columns have no names; all are numbers.

    Raises:
        PlanError, DataError: the data can't be read or used.
    """
    from hpo.display.inspected import Inspected
    from hpo.inspecting import inspect as facts_of
    from hpo.plan.plan import make_plan

    data = None if isinstance(source, str | Path) else _in_memory(source, y)
    name = str(source) if data is None else data.source(plan.get("target"))
    facts = facts_of(make_plan({"source": name, **plan}), data)
    return Inspected(facts, name if data is None else "the data")


@raised_as_ours()
def resume(
    name: str,
    *,
    storage: str = DEFAULT_STORAGE,
    workers: int | None = None,
    executor: str | None = None,
    devices: str | Sequence[str] = (),
    folder: str | Path | None = None,
    callbacks: Sequence[Any] = (),
    take_over: bool = False,
    cancel: Cancel | None = None,
    progress: bool | None = None,
    train: Train | str | None = None,
    X: Any = None,
    y: Any = None,
    **changes: Unpack[PlanChanges],
) -> Study:
    """Go on with a stored study, to the same end as if it had never stopped; see `hpo.operations.resume`.

    A function that can't be imported, and data that were in memory, are passed again: as `train`, or as `X` and `y`.
    """
    data, place = _in_memory(X, y), make_place(workers, executor, devices, folder)
    with _shown(storage, cancel, progress, train, data, callbacks) as run:
        return operations.resume(
            name, storage=storage, place=place, take_over=take_over, train=train, data=data, **run, **changes,
        )  # fmt: skip


@raised_as_ours()
def confirm(
    name: str,
    trainings: int,
    *,
    storage: str = DEFAULT_STORAGE,
    workers: int | None = None,
    executor: str | None = None,
    devices: str | Sequence[str] = (),
    folder: str | Path | None = None,
    callbacks: Sequence[Any] = (),
    take_over: bool = False,
    cancel: Cancel | None = None,
    progress: bool | None = None,
    train: Train | str | None = None,
    X: Any = None,
    y: Any = None,
    **fields: Unpack[ConfirmFields],
) -> Study:
    """Train the best settings of a study, also of one that Optuna made, so many times more on fresh seeds and splits.

    No new settings are drawn; see `hpo.operations.confirm`, and `resume` for `train`, `X` and `y`.
    """
    data, place = _in_memory(X, y), make_place(workers, executor, devices, folder)
    with _shown(storage, cancel, progress, train, data, callbacks) as run:
        return operations.confirm(
            name, trainings, storage=storage, place=place, take_over=take_over, train=train, data=data, **run, **fields,
        )  # fmt: skip


@raised_as_ours()
def reproduce(
    name: str,
    trial: int,
    *,
    storage: str = DEFAULT_STORAGE,
    train: Train | None = None,
    X: Any = None,
    y: Any = None,
) -> Reproduced:
    """Train a stored trial once more, alone, as its study's plan says, and compare every number. Nothing is written."""
    return operations.reproduce(name, trial, storage=storage, train=train, data=_in_memory(X, y))


@raised_as_ours()
def train(
    name: str,
    *,
    storage: str = DEFAULT_STORAGE,
    trial: int | None = None,
    every_row: bool = False,
    ensemble: int = 1,
    card: str | Path | None = None,
    X: Any = None,
    y: Any = None,
) -> Model:
    """Train a network with the settings that a study recommends, and return it as a model; see `hpo.models.choose`.

    >>> model = hpo.train("penguins", card="penguins.html")  # or .md: see `hpo.card`
    >>> model.predict(new_rows)
    >>> trainer.save(model, "penguins.hpo")
    """
    from hpo import models
    from hpo.card.writing import write_card

    chosen = models.choose(
        name, storage=storage, trial=trial, every_row=every_row, ensemble=ensemble, data=_in_memory(X, y),
    )  # fmt: skip
    if card is not None:
        write_card(chosen, Path(card))
    return chosen.model


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


def _in_memory(X: Any, y: Any) -> InMemory | None:
    if X is None:
        if y is not None:
            raise PlanError("y: its rows are missing: give X, too")
        return None
    if not (isinstance(X, list | tuple) or hasattr(X, "__array__") or hasattr(X, "to_pandas")):
        raise PlanError(
            f"{str(X)[:60]} is neither the name of a source nor a function that trains, nor rows of data"
        )
    from trainer.data import InMemory

    return InMemory(X, y)


def _is_stored(name: str, storage: str) -> bool:
    from studies.database.engine import sqlite_path
    from studies.database.store import open_store

    path = sqlite_path(storage)
    if path is not None and not path.exists():
        return False
    with open_store(storage) as store:
        return name in store.names()


@contextmanager
def _shown(
    storage: str,
    cancel: Cancel | None,
    progress: bool | None,
    train: Train | str | None,
    data: InMemory | None,
    callbacks: Sequence[Any],
) -> Iterator[dict[str, Any]]:
    """What a search is run with, so that it is shown, and ends after its epoch when Ctrl-C is pressed.

    Ctrl-C before a study exists, or for a second time, ends it at once. A handler of the user's own stays in place.
    """
    cancel = cancel or Cancel()
    interrupted = False

    def interrupt(*_: object) -> None:
        nonlocal interrupted
        if interrupted or cancel.study is None:
            raise KeyboardInterrupt
        interrupted = True
        cancel.request()

    main = threading.current_thread() is threading.main_thread()
    ours = main and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if ours:
        signal.signal(signal.SIGINT, interrupt)
    try:
        with (
            watcher_of(progress) as shown,
            calling(callbacks, shown, storage) as watcher,
        ):
            yield {"watcher": watcher, "cancel": cancel}
    except (CancelledError, KeyboardInterrupt) as error:
        if isinstance(error, CancelledError) and not interrupted:
            raise
        if cancel.study is not None:
            from hpo.display.commands import resume_call

            again = [] if data is None else ["X=frame" if data.y is None else "X=X, y=y"]
            if callable(train):
                again = [f"train={getattr(train, '__name__', 'train')}"]
            line = f"Stopped. To go on: {resume_call(cancel.study, storage, again)}"
            with suppress(OSError):
                print(line, file=sys.stderr)
        raise KeyboardInterrupt from None
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def watcher_of(progress: bool | None) -> Watcher:
    """What shows a search: in the output of a notebook's cell, on a terminal, or by lines on stderr."""
    main = threading.current_thread() is threading.main_thread()
    if progress is False or (progress is None and not main):
        return Watcher()
    ipython = sys.modules.get("IPython")  # a notebook has imported it
    if ipython is not None and getattr(ipython.get_ipython(), "kernel", None) is not None:
        from hpo.display.notebook import InNotebook

        return InNotebook()
    from rich.console import Console

    from hpo.display.terminal import Progress

    return Progress(Console(stderr=True, highlight=False), quiet=False, verbose=False)
