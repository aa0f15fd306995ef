"""What a reader of a study is told of its data: how many rows and columns, which classes, the sizes of the splits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from trainer.data.tables import Table

SHOWN = 20  # classes that are listed, the commonest


def overview(
    table: Table, sizes: Sequence[int], notes: Sequence[str], folds: int | None = None
) -> dict[str, Any]:
    """The facts of a table as plain values: `rows` with a label, `columns`, the `classes` with how many rows each has
    or what the `target` spans, how many rows each of the `splits` has, and the `notes`.

    `sizes` are those of the training, validation and test rows; of one of the `folds`, if there are some.
    """
    labels = table.labels
    facts: dict[str, Any] = {"rows": len(labels), "columns": table.rows.shape[1]}
    if table.classes is None:
        ends = {"least": labels.min(), "mean": labels.mean(), "most": labels.max()}
        facts["target"] = {name: float(value) for name, value in ends.items()}
    else:
        counts = np.bincount(labels.astype(np.intp), minlength=len(table.classes))
        order = np.argsort(-counts, kind="stable")
        facts["classes"] = {table.classes[k]: int(counts[k]) for k in order[:SHOWN]}
        if len(order) > SHOWN:
            facts["other_classes"] = len(order) - SHOWN
    facts["splits"] = dict(zip(("training", "validation", "test"), sizes, strict=True))
    if folds is not None:
        facts["folds"] = folds
        if table.classes is not None and len(table.classes) <= SHOWN:
            facts["labels"] = [*table.classes]  # in the order of their numbers
    return facts | {"notes": [*notes]}
