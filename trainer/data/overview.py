"""What a reader of a study is told of its data: rows and columns, classes, the sizes of the splits, each column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from trainer.data.encoding import MAX_CATEGORIES

if TYPE_CHECKING:
    import pandas as pd

    from trainer.data.columns import Column
    from trainer.data.tables import Table

SHOWN = 20  # classes that are listed, the commonest
DESCRIBED = 200  # columns that are described, the first
COMMONEST = 3  # texts of a column


def overview(
    table: Table, sizes: Sequence[int], notes: Sequence[str], folds: int | None = None
) -> dict[str, Any]:
    """The facts of a table as plain values: `rows` with a label, `columns`, the `task`, the `classes` with how many
    rows each has or what the `target` spans, how many rows each of the `splits` has, what is known of each column
    (`described`), why columns are `left_out`, and the `notes`.

    `sizes` are those of the training, validation and test rows, of one of the `folds` if there are some; there are none
    where it can't be split.
    """
    labels = table.labels
    facts: dict[str, Any] = {
        "rows": len(labels),
        "columns": table.rows.shape[1],
        "task": table.task,
    }
    if table.target is not None:
        facts["label"] = table.target
    if table.classes is None:
        ends = {"least": labels.min(), "mean": labels.mean(), "most": labels.max()}
        facts["target"] = {name: float(value) for name, value in ends.items()}
    else:
        counts = np.bincount(labels.astype(np.intp), minlength=len(table.classes))
        order = np.argsort(-counts, kind="stable")
        facts["classes"] = {table.classes[k]: int(counts[k]) for k in order[:SHOWN]}
        if len(order) > SHOWN:
            facts["other_classes"] = len(order) - SHOWN
    if sizes:
        facts["splits"] = dict(zip(("training", "validation", "test"), sizes, strict=True))
    if folds is not None:
        facts["folds"] = folds
        if table.classes is not None and len(table.classes) <= SHOWN:
            facts["labels"] = [*table.classes]  # in the order of their numbers
    if not isinstance(table.rows, np.ndarray):
        facts |= of_columns(table.columns, [cells for _, cells in table.rows.items()])
    return facts | {"left_out": dict(table.left_out), "notes": [*notes]}


def of_columns(columns: Sequence[Column], values: Iterable[pd.Series[Any]]) -> dict[str, Any]:
    """What is known of columns: how many are of which kind (`kinds`), the first of them `described`, and how many
    `categories` a column of text has at most.
    """
    kinds: dict[str, int] = {}
    for column in columns:
        kinds[column.kind] = kinds.get(column.kind, 0) + 1
    pairs = zip(columns[:DESCRIBED], values, strict=False)
    described = [_described(column, cells) for column, cells in pairs]
    return {"kinds": kinds, "categories": MAX_CATEGORIES, "described": described}


def _described(column: Column, cells: pd.Series[Any]) -> Mapping[str, Any]:
    facts: dict[str, Any] = {"name": column.name, "kind": column.kind}
    if column.kind == "text":
        counts = cells.value_counts()
        common = {str(text): int(count) for text, count in counts.iloc[:COMMONEST].items()}
        return facts | {
            "different": len(counts),
            "missing": len(cells) - int(counts.sum()),
            "commonest": common,
        }
    known = cells.dropna()
    facts |= {"different": int(known.nunique()), "missing": len(cells) - len(known)}
    for name, value in (("least", known.min()), ("mean", known.mean()), ("most", known.max())):
        facts[name] = float(value) if len(known) else None
    if column.format:
        facts["format"] = column.format
    return facts
