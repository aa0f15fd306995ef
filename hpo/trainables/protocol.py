"""What a search can train: a network of ours, or anything else behind the same protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from hpo.choose.types import Traits
from hpo.plan.space import Settings
from hpo.trainables.task import Task, Training


class Trainable(Protocol):
    """Something that a search can train."""

    @property
    def traits(self) -> Traits:
        """What choosing has to know of it."""

    @property
    def metric(self) -> str | None:
        """The name of what is optimized, such as accuracy; None: the only metric there is."""

    @property
    def score(self) -> str | None:
        """Which of the metrics of an epoch decides, such as validation_accuracy; None: the only one."""

    @property
    def notes(self) -> Sequence[str]:
        """What its user should know before it begins, such as rows of a table that are left out."""

    @property
    def fingerprint(self) -> str:
        """A hash by which a study recognizes its data; empty where there are none to recognize."""

    @property
    def contents(self) -> Mapping[str, Any]:
        """What a study remembers of its data, to be able to say what is different about others; may be empty."""

    def populations(self, settings: Sequence[Settings]) -> list[list[int]]:
        """Positions of the settings that train together; fixed by the settings, never by the number of workers."""

    def training(self, task: Task) -> Training:
        """The training of a task, ready to be run anywhere."""
