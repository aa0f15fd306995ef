"""Usual models that a search was compared with, as the user attribute `references` of its study."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import sqlalchemy as sa

from studies.database.attributes import user_attributes, write_user_attributes
from studies.database.connection import Database

KEY = "references"


@dataclass(frozen=True)
class Reference:
    """What a usual model scores on the rows of the network: `constant`, `linear` or `boosted`.

    `values` are on the validation rows, by stages; of a search that confirmed nothing, 0 is its own split. `gain` is
    how much better the settings of `trial`, which were recommended then, are in the same stages, with its 95 % interval
    where enough stages tell.
    `estimator` is the name of its class in scikit-learn, empty for the constant; `note` says what it was not fitted on.
    """

    model: str
    estimator: str
    values: Mapping[int, float]
    test: float | None = None
    trial: int | None = None
    gain: float | None = None
    gain_ci95: tuple[float, float] | None = None
    note: str = ""

    @property
    def mean(self) -> float | None:
        """The mean of its values; None if there are none."""
        return math.fsum(self.values.values()) / len(self.values) if self.values else None

    @property
    def better(self) -> bool | None:
        """Whether the recommended settings are better than it, or else worse, beyond the interval; None: neither."""
        ends = self.gain_ci95
        return None if ends is None or ends[0] <= 0 <= ends[1] else ends[0] > 0

    def as_mapping(self) -> dict[str, Any]:
        """One JSON-ready object."""
        return {
            "model": self.model,
            "estimator": self.estimator or None,
            "values": {str(stage): value for stage, value in self.values.items()},
            "mean": self.mean,
            "test": self.test,
            "trial": self.trial,
            "gain": self.gain,
            "gain_ci95": self.gain_ci95 and list(self.gain_ci95),
            "better": self.better,
            "note": self.note or None,
        }

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        """From what `as_mapping` returned."""
        ends = stored["gain_ci95"]
        return cls(
            stored["model"],
            stored["estimator"] or "",
            {int(stage): value for stage, value in stored["values"].items()},
            stored["test"],
            stored["trial"],
            stored["gain"],
            None if ends is None else (ends[0], ends[1]),
            stored["note"] or "",
        )


def references(store: Database, study_id: int) -> list[Reference]:
    """Those of a study of ours; none if it has not been compared."""
    return [Reference.of(stored) for stored in user_attributes(store, study_id).get(KEY, ())]


def write_references(
    store: Database, connection: sa.Connection, study_id: int, compared: Sequence[Reference]
) -> None:
    """Store them in place of earlier ones."""
    stored = [reference.as_mapping() for reference in compared]
    write_user_attributes(store, connection, study_id, {KEY: stored})
