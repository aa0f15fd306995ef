"""The trainable of `hpo.open`, where the user's own loop does the training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpo.choose.types import Direction, Traits
from hpo.plan.space import Settings
from hpo.trainables.task import Task, Training

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
        self.traits = Traits(direction)

    def populations(self, settings: Sequence[Settings]) -> list[list[int]]:
        """Every setting by itself."""
        return [[k] for k in range(len(settings))]

    def training(self, task: Task) -> Training:
        """The user trains, so this is never called."""
        raise RuntimeError(f"trials {task.trials} are trained by the user of hpo.open")

    def references(self, *_: object) -> Sequence[Reference]:
        """None, because its data are the user's."""
        return ()
