"""What is trained by whoever asks for settings and tells what came of them (`hpo.open`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hpo.choose.types import Direction, Traits
from hpo.plan.space import Settings
from hpo.trainables.task import Task, Training

ASKED = "hpo:open"
"""The trainer of a plan whose settings are asked for."""


class Asked:
    """Trained elsewhere, one setting at a time."""

    notes: Sequence[str] = ()
    fingerprint = ""
    contents: Mapping[str, Any] = {}

    def __init__(self, metric: str | None, direction: Direction) -> None:
        self.metric = self.score = metric
        self.traits = Traits(direction)

    def populations(self, settings: Sequence[Settings]) -> list[list[int]]:
        """Every setting by itself."""
        return [[k] for k in range(len(settings))]

    def training(self, task: Task) -> Training:
        """Nothing here can train it."""
        raise RuntimeError(f"trials {task.trials} are trained by whoever asked for them")
