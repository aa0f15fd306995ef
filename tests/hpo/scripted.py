"""A trainable that trains nothing: it yields the curves of a script, in the populations of a script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hpo.choose.types import Direction, Traits
from hpo.executors.protocol import Ended, Executor, Paused
from hpo.plan.space import Settings
from hpo.trainables.protocol import Trainable
from hpo.trainables.session import Session
from hpo.trainables.task import Curves, Outcome, Task, Training, TrialError
from trainer.references import Reference


class Scripted:
    """Trial k has the curve `curves[k]`. All fail at the epoch `fails_at`, and trials `fail` after their first."""

    metric, score = "accuracy", "validation_accuracy"
    notes: Sequence[str] = ()
    contents: Mapping[str, Any] = {}
    overview: Mapping[str, Any] = {}
    asks_for: Sequence[str] = ()
    folder: Path | None = None
    fingerprint = ""

    def __init__(
        self,
        *curves: Sequence[float],
        parts: list[list[int]] | None = None,
        direction: Direction = "maximize",
        fails_at: int | None = None,
        fail: Sequence[int] = (),
    ) -> None:
        self.traits = Traits(direction, stacked=True, noisy=True)
        self.curves, self.fails_at, self.fail = curves, fails_at, fail
        self.parts = parts or [list(range(len(curves)))]
        self.epochs = [0] * len(curves)
        self.masks: list[list[bool]] = []
        self.opened: list[int] = []
        self.closed: list[int] = []

    def populations(self, settings: Sequence[Settings]) -> list[list[int]]:
        """The parts of the script."""
        return self.parts

    def references(self, *_: object) -> Sequence[Reference]:
        """None: there are no data."""
        return ()

    def training(self, task: Task) -> Training:
        """The script of a task."""
        return Training(self._train, (task.trials, task.epochs))

    def _train(self, trials: Sequence[int], epochs: int) -> Curves:
        self.opened.append(trials[0])
        try:
            for epoch in range(min(epochs, *(len(self.curves[k]) for k in trials))):
                if epoch + 1 == self.fails_at or (epoch and set(trials) & set(self.fail)):
                    raise TrialError.of(RuntimeError(f"epoch {epoch + 1}"))
                for k in trials:
                    self.epochs[k] += 1
                mask = yield {self.score: np.array([self.curves[k][epoch] for k in trials])}
                if mask is not None:
                    self.masks.append(mask.tolist())
        finally:
            self.closed.append(trials[0])


def tasks_of(
    trainable: Trainable,
    settings: Sequence[Settings],
    *,
    epochs: int,
    seed: int = 0,
    split: Any = 0,
    pauses: Sequence[int] = (),
) -> list[Task]:
    """Settings as the tasks that they train in."""
    return [
        Task(
            tuple(part),
            tuple(settings[k] for k in part),
            epochs,
            seed,
            split,
            tuple(pauses),
        )
        for part in trainable.populations(settings)
    ]


def trained(executor: Executor, tasks: Sequence[Task]) -> list[Outcome]:
    """The outcomes of all tasks in the order of their trials; at pauses everybody stays."""
    outcomes: dict[int, Outcome] = {}
    for task in tasks:
        executor.start(task)
    while len(outcomes) < sum(len(task.trials) for task in tasks):
        for event in executor.events(1.0):
            if isinstance(event, Paused):
                executor.go_on(event.task, [True] * len(event.task.trials))
            elif isinstance(event, Ended):
                outcomes |= zip(event.task.trials, event.outcomes, strict=True)
    return [outcomes[trial] for trial in sorted(outcomes)]


def trained_alone(
    trainable: Trainable, settings: Settings, *, epochs: int, seed: int, split: Any = 0
) -> Outcome:
    """What comes of one setting by itself."""
    task = Task((0,), (settings,), epochs, seed, split)
    session = Session(task, trainable.training(task).here(), trainable.score)
    session.advance(epochs)
    return session.outcomes()[0]
