"""What the recommended settings predict for rows that their networks have not trained on, summed up over all folds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from studies.words import counted, number

LEVELS = ("0.05", "0.25", "0.5", "0.75", "0.95")
"""The quantiles of errors, as `trainer.folds` has them."""
MOST = 5  # classes in sentences


@dataclass(frozen=True)
class OutOfFold:
    """Predictions for every row that is no test row, once in each of some fresh `divisions` into folds.

    Of `classes`, `counts` has a row for each: how often its rows were predicted to be of which class, in all divisions.
    Of quantities, `errors` has quantiles of prediction less truth, as means over the divisions.
    """

    divisions: int
    classes: list[str] = field(default_factory=list)
    counts: list[list[int]] = field(default_factory=list)
    errors: dict[str, float] = field(default_factory=dict)

    def sentences(self) -> list[str]:
        """What was predicted, in a heading and a line for each class, those that are recognized worst first."""
        where = f"Predicted out of fold, in {counted(self.divisions, 'fresh division')}"
        if self.errors:
            ends = [number(self.errors[level], 3) for level in LEVELS]
            return [
                f"{where}: half of the errors lie in {ends[1]} … {ends[3]}, nine in ten in {ends[0]} … {ends[4]}."
            ]
        seen = [k for k, row in enumerate(self.counts) if sum(row)]
        worst = sorted(seen, key=lambda k: self.counts[k][k] / sum(self.counts[k]))
        some = f", the {MOST} worst of {len(seen)} classes" if len(seen) > MOST else ""
        return [f"{where}{some}:", *map(self._of_class, worst[:MOST])]

    def _of_class(self, k: int) -> str:
        row = self.counts[k]
        others = [other for other in range(len(row)) if other != k and row[other]]
        line = f"{self.classes[k]}: {row[k] / sum(row):.1%} right"
        if others:
            most = max(others, key=lambda other: row[other])
            line += f", {row[most] / sum(row):.1%} taken for {self.classes[most]}"
        return line


def out_of_fold(stored: Sequence[Sequence[float]], classes: Sequence[str]) -> OutOfFold | None:
    """What is stored of some divisions; None if nothing is. Without `classes` they are quantities."""
    if not stored:
        return None
    columns = [*zip(*stored, strict=True)]
    if not classes:
        means = (math.fsum(column) / len(stored) for column in columns)
        return OutOfFold(len(stored), errors=dict(zip(LEVELS, means, strict=True)))
    total, size = [int(sum(column)) for column in columns], len(classes)
    counts = [total[k * size : (k + 1) * size] for k in range(size)]
    return OutOfFold(len(stored), [*classes], counts)
