"""Calls the callbacks of a search when a watcher hears of something."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from hpo.callbacks.protocol import METHODS, EndedTrial
from hpo.choose.types import Direction
from hpo.errors import PlanError
from hpo.plan.plan import Plan
from hpo.plan.space import Settings
from hpo.run.watcher import Watcher
from studies.database.engine import absolute
from studies.database.records import Result
from studies.study import Study

OTHERS = (
    "noticed", "round_started", "epoch_trained", "round_judged", "stage_started", "stage_finished", "stopped",
)  # fmt: skip


@contextmanager
def calling(callbacks: Sequence[Any], shown: Watcher, storage: str) -> Iterator[Watcher]:
    """A watcher that calls the callbacks and tells `shown` everything. At the end, callbacks hear of that, too.

    Raises:
        PlanError: one of them is no callback.
    """
    if not callbacks:
        yield shown
        return
    calls = Calls(callbacks, shown, storage)
    try:
        yield calls
    except Exception:
        calls.search_ended()
        raise
    calls.search_ended()  # not after a second Ctrl-C, which ends all at once


class Calls(Watcher):
    """Tells callbacks, and `shown`, what happens in one search."""

    def __init__(self, callbacks: Sequence[Any], shown: Watcher, storage: str) -> None:
        for callback in callbacks:
            if not any(callable(getattr(callback, method, None)) for method in METHODS):
                raise PlanError(
                    f"callbacks: {callback!r} has none of the methods {', '.join(METHODS)}: "
                    "see hpo.callbacks.protocol"
                )
        self._callbacks, self._shown = list(callbacks), shown
        self._storage, self._url = storage, absolute(storage)  # a function may change the folder
        self._study: Study | None = None
        self._failed: list[Any] = []
        for event in OTHERS:
            setattr(self, event, getattr(shown, event))

    def started(
        self, name: str, plan: Plan, direction: Direction, done: int, remaining: int
    ) -> None:
        """The search begins."""
        self._shown.started(name, plan, direction, done, remaining)
        self._study = Study(name, self._storage, self._url)
        began = [self._call(callback, "search_began", plan) for callback in self._callbacks]
        self._callbacks = [
            callback for callback, good in zip(self._callbacks, began, strict=True) if good
        ]

    def trials_finished(self, results: Sequence[Result], settings: Sequence[Settings]) -> None:
        """Trials have ended."""
        self._shown.trials_finished(results, settings)
        for result, params in zip(results, settings, strict=True):
            trial = _ended(result, params)
            for callback in self._callbacks:
                self._call(callback, "trial_ended", trial)

    def search_ended(self) -> None:
        """The search is over, if it began."""
        for callback in self._callbacks:
            self._call(callback, "search_ended")

    def _call(self, callback: Any, method: str, *arguments: Any) -> bool:
        """Call a method, if the callback has it. Returns whether nothing went wrong."""
        function = getattr(callback, method, None)
        if function is None or self._study is None:
            return True
        try:
            function(self._study, *arguments)
        except Exception as error:
            if not any(callback is failed for failed in self._failed):
                self._failed.append(callback)
                rest = "it hears no more" if method == METHODS[0] else "later errors are not shown"
                what = f"{type(error).__name__}: {' '.join(str(error).split())}".removesuffix(": ")
                self._show(
                    f"{type(callback).__name__}.{method} failed, the search goes on, and {rest}: {what}"
                )
            return False
        return True

    def _show(self, line: str) -> None:
        if type(self._shown) is not Watcher:
            self._shown.noticed(line)
            return
        with suppress(OSError, ValueError, AttributeError):  # there is no progress, and no stderr
            print(line, file=sys.stderr)


def _ended(result: Result, params: Settings) -> EndedTrial:
    known = result.attributes
    diverged = known.get("diverged_epoch")
    error = known.get("error") if diverged is None else f"diverged at epoch {diverged}"
    return EndedTrial(
        result.number, dict(params), result.state, result.value, result.curves, result.finished, error,
        known.get("output", ""),
    )  # fmt: skip
