"""A source that is read, kept and split in a worker, so that this process need not import what reading takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from trainer.other_process import WorkerDiedError
from trainer.worker import Worker

if TYPE_CHECKING:
    from trainer.data import Draw, Fold, Splits, Which

MODULES = (
    "sklearn.datasets",
    "sklearn.model_selection",
    "sklearn.preprocessing",
    "trainer.data.splits",
)
"""What a worker that reads data should import at once."""


class RemoteDraw:
    """What `trainer.data.load` returns for these arguments, in a worker.

    Raises:
        trainer.errors.DataError: the source can't be read or used.
        RuntimeError: the worker died.
    """

    def __init__(self, worker: Worker, source: str, target: str | None, **options: Any) -> None:
        self._source = source
        self._there = self._ask(worker.keep, _reading, source, target, **options)

    def __call__(self, which: Which, fold: Fold | None = None) -> Splits:
        """One of its splits, or one of the folds of it."""
        splits: Splits = self.ask(_one_split, which, fold)
        return splits

    def ask(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What a function of the `Draw` there and of the arguments returns, called there."""
        return self._ask(self._there, function, *arguments)

    def _ask(self, request: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        try:
            return request(*arguments, **options)
        except WorkerDiedError as error:
            raise RuntimeError(f"{self._source} could not be read: {error}") from None


def _reading(source: str, target: str | None, **options: Any) -> Callable[..., Any]:
    """Read a source, and return what calls a function of its `Draw` and of arguments."""
    from trainer.data import load

    return load(source, target, **options).ask


def _one_split(draw: Draw, which: Which, fold: Fold | None) -> Splits:
    return draw(which, fold)
