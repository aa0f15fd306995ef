"""Ask and tell: a search driven by a loop of the user's."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Self

from hpo.errors import NothingToAskError, raised_as_ours
from hpo.run.machine import Machine, Wait
from hpo.trainables.asked import outcome_of
from hpo.trainables.task import Outcome, Task, TrialError
from studies.study import Study

Reported = float | Mapping[str, float] | Iterable[Mapping[str, float]] | BaseException
"""The result of a task: a number, metrics, metrics epoch by epoch, or the error that ended it."""


class Search:
    """A search to use in a `with`, which holds its study. `study` reads what is stored so far.

    Several threads may ask and tell at once.
    """

    study: Study

    def __init__(self, opened: AbstractContextManager[tuple[Machine, str | None, Study]]) -> None:
        self._opened, self._lock = opened, threading.Lock()

    @raised_as_ours()
    def __enter__(self) -> Self:
        self._machine, self._score, self.study = self._opened.__enter__()
        return self

    @raised_as_ours()
    def __exit__(self, *error: object) -> None:
        self._opened.__exit__(*error)  # type: ignore[arg-type]  # what `with` gives

    @raised_as_ours()
    def ask(self) -> Task | None:
        """The next task: train `task.params` for `task.epochs` epochs with `task.seed`; None when the plan is done.

        Several tasks may be in training at once.

        Raises:
            NothingToAskError: the next task depends on the results of those in training.
        """
        with self._lock:
            step = self._machine.ask()
        if isinstance(step, Wait):
            raise NothingToAskError("tell one of the tasks that were asked for before asking again")
        return step if isinstance(step, Task) else None

    @raised_as_ours()
    def tell(self, task: Task, reported: Reported) -> None:
        """Record the result of a task. Tasks may end in any order, each once.

        Raises:
            PlanError: the result is no metric, or has more epochs than the task.
        """
        outcome = self._outcome(task, reported)
        with self._lock:
            self._machine.tell(task, [outcome])

    def _outcome(self, task: Task, reported: Reported) -> Outcome:
        if isinstance(reported, BaseException):
            return outcome_of(task, [], self._score, error=TrialError.of(reported))
        single = isinstance(reported, Mapping | str) or not isinstance(reported, Iterable)
        epochs = [reported] if single else list(reported)  # type: ignore[arg-type]  # an iterable
        return outcome_of(task, epochs, self._score)
