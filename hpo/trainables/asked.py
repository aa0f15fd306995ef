"""What is trained by whoever asks for it: a loop of the user's by `hpo.open`, or clients of a service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpo.choose.types import Direction, Traits
from hpo.errors import PlanError
from hpo.plan.space import Settings
from hpo.trainables.call import metrics_of
from hpo.trainables.function import UNNAMED_METRIC
from hpo.trainables.session import Session
from hpo.trainables.task import Curves, Outcome, Task, Training, TrialError
from trainer.fields import bounds_of

if TYPE_CHECKING:
    from trainer.references import Reference

ASKED = "hpo:open"
"""The `trainer` in the plan of such a study."""


class Asked:
    """Settings that the user trains one by one, and reports."""

    notes: Sequence[str] = ()
    fingerprint = ""
    contents: Mapping[str, Any] = {}
    overview: Mapping[str, Any] = {}
    asks_for: Sequence[str] = ()
    folder: Path | None = None

    def __init__(self, metric: str | None, direction: Direction) -> None:
        self.metric = self.score = metric
        self.traits = Traits(direction, bounds=bounds_of(metric))

    def populations(self, settings: Sequence[Settings]) -> list[list[int]]:
        """Every setting by itself."""
        return [[k] for k in range(len(settings))]

    def training(self, task: Task) -> Training:
        """The user trains, so this is never called."""
        raise RuntimeError(f"trials {task.trials} are trained by the user of hpo.open")

    def references(self, *_: object) -> Sequence[Reference]:
        """None, because its data are the user's."""
        return ()


def outcome_of(
    task: Task,
    epochs: Sequence[object],
    score: str | None,
    *,
    error: TrialError | None = None,
    left_epoch: int | None = None,
    output: str = "",
) -> Outcome:
    """The outcome of a task of one trial, from what was reported of each epoch: a number, or a mapping of metrics.

    `score` names the metric that decides, and None is the only one. The training ended with `error`, if there is one,
    or left at the rung of `left_epoch`.

    Raises:
        PlanError: what was reported is no metric, or has more epochs than the task.
    """
    if len(epochs) > task.epochs:
        raise PlanError(
            f"trial {task.trial}: {len(epochs)} epochs were reported, but it has {task.epochs}"
        )

    def curves() -> Curves:
        for metrics in epochs:
            yield metrics_of(metrics, score or UNNAMED_METRIC, 1)
        if error is not None:
            raise error

    session = Session(task, curves(), score)
    try:
        session.advance(left_epoch or task.epochs)
        if left_epoch is not None:
            session.advance(left_epoch, [False])
    except (TypeError, ValueError) as wrong:
        raise PlanError(f"trial {task.trial}: {wrong}") from None
    return replace(session.outcomes()[0], output=output)
