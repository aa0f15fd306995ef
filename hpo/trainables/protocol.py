"""The protocol of everything that a search can train."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from hpo.choose.types import Traits
from hpo.plan.space import Settings
from hpo.trainables.task import Task, Training, Which

if TYPE_CHECKING:
    from trainer.references import Reference as Reference  # what a journal records


class Trainable(Protocol):
    """Something that a search can train."""

    @property
    def traits(self) -> Traits:
        """What choosing needs to know about it."""

    @property
    def metric(self) -> str | None:
        """The optimized metric, such as accuracy; None: the only metric there is."""

    @property
    def score(self) -> str | None:
        """The name of its value among an epoch's metrics, such as validation_accuracy; None: the only one."""

    @property
    def notes(self) -> Sequence[str]:
        """Notes for the user before it begins, such as that rows of a table are left out."""

    @property
    def fingerprint(self) -> str:
        """A hash that identifies its data; empty if it has none."""

    @property
    def contents(self) -> Mapping[str, Any]:
        """A description of its data, to explain how other data differ; may be empty."""

    @property
    def overview(self) -> Mapping[str, Any]:
        """What readers of the study are told of its data: see `trainer.data.overview`; empty if it has none."""

    @property
    def asks_for(self) -> Collection[str]:
        """Which of `hpo.trainables.call.OPTIONS` it takes."""

    folder: Path | None
    """Where the folders of its trials are, if it asks for them; None: they are temporary."""

    def populations(self, settings: Sequence[Settings]) -> list[list[int]]:
        """Indices of the settings that train together; they depend on the settings, never on the number of workers."""

    def training(self, task: Task) -> Training:
        """The training of a task, ready to be run anywhere."""

    def references(
        self, splits: Sequence[Which], known: Mapping[str, Sequence[Which]], seed: int
    ) -> Sequence[Reference]:
        """What usual models score on these splits of its data, where that is not known of them; none without data."""
