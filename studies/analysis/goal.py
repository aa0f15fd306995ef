"""What a study optimizes."""

from __future__ import annotations

from dataclasses import dataclass

from studies.database.records import Direction


@dataclass(frozen=True)
class Goal:
    """What a study with one objective optimizes.

    `split` names the rows that the metric is measured on; it is empty if a user's trainer or Optuna chose them.
    """

    metric: str
    direction: Direction
    split: str = "validation"

    @property
    def measured(self) -> str:
        """The metric with its split: "validation accuracy"."""
        return f"{self.split} {self.metric}".strip()

    @property
    def maximize(self) -> bool:
        """Whether larger values are better."""
        return self.direction == "maximize"
