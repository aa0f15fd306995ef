"""Folds: all rows that are no test rows, divided into K parts, each of which validates what trains on the others."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trainer.data.tables import Table
from trainer.errors import DataError

Positions = NDArray[np.intp]


class Fold(NamedTuple):
    """Fold `number`, from 0, `of` so many."""

    number: int
    of: int


def fold_apart(
    table: Table, positions: Positions, fold: Fold, state: int
) -> tuple[Positions, Positions]:
    """The positions that train and those that validate in one fold. `state` decides how rows are divided.

    Every class has its share of each fold. Rows of a group are in one fold, and classes only as evenly as that allows.

    Raises:
        DataError: a class has fewer rows than there are folds, or there are fewer than two rows or a group for each; or
            the table has times, of which folds know nothing.
    """
    from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

    if table.times is not None:
        raise DataError(
            f"folds = {fold.of}: folds would train on later rows than they validate on: leave out --folds or --time"
        )

    labels, count = table.labels[positions], len(positions)
    if table.classes is not None:
        sizes = np.bincount(labels, minlength=len(table.classes))
        fewest = int(np.where(sizes > 0, sizes, count).argmin())
        if sizes[fewest] < fold.of:
            raise DataError(
                f"folds = {fold.of}: class {table.classes[fewest]!r} has {sizes[fewest]} rows beside the test rows, "
                f"and each fold needs one: give {_at_most(int(sizes[fewest]))}"
            )
    if count < 2 * fold.of:
        raise DataError(
            f"folds = {fold.of}: {table.name} has {count} rows beside the test rows, and each fold needs two: "
            f"give {_at_most(count // 2)}"
        )
    if table.groups is None:
        divided = KFold if table.classes is None else StratifiedKFold
        parts = divided(fold.of, shuffle=True, random_state=state).split(positions, labels)
    else:
        groups = table.groups[positions]
        if (different := len(np.unique(groups))) < fold.of:
            raise DataError(
                f"folds = {fold.of}: {table.name} has {different} groups beside the test rows, and each fold needs "
                f"one: give {_at_most(different)}"
            )
        by_group = GroupKFold if table.classes is None else StratifiedGroupKFold
        split = by_group(fold.of, shuffle=True, random_state=state)
        parts = split.split(positions, labels, groups)
    training, validation = [*parts][fold.number]
    return positions[training], positions[validation]


def _at_most(folds: int) -> str:
    return f"{folds} folds or fewer" if folds > 2 else "2 folds" if folds == 2 else "no folds"
