"""Parts: rows that are set apart from others, with the classes as they are in all, by groups, or by time."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from trainer.data.tables import Table
from trainer.errors import DataError

Positions = NDArray[np.intp]
FEWEST = 3  # groups: one each to train, validate and test on
EARLIEST = 0.5  # of the rows that are searched on, fresh windows begin no earlier


def apart(
    table: Table, positions: Positions, share: float | int, state: int, what: str
) -> tuple[Positions, Positions]:
    """All positions but a share or number of them, and those, drawn by `state`.

    Rows of a group stay together. Otherwise the classes are in both parts as they are in all.

    Raises:
        DataError: there are too few rows or groups.
    """
    if table.groups is not None and isinstance(share, float):
        return _by_groups(table, table.groups[positions], positions, share, state)
    from sklearn.model_selection import train_test_split

    strata = table.labels[positions] if table.task == "classification" else None
    try:
        rest, taken = train_test_split(
            positions, test_size=share, random_state=state, stratify=strata
        )
    except ValueError as error:
        raise DataError(
            f"{table.name}: can't set {what} rows apart from {len(positions)} rows: {error}"
        ) from None
    return rest, taken


def _by_groups(
    table: Table, groups: NDArray[np.intp], positions: Positions, share: float, state: int
) -> tuple[Positions, Positions]:
    """The one of scikit-learn's folds, which have whole groups and much the same classes, that is nearest the share."""
    from sklearn.model_selection import StratifiedGroupKFold

    different = len(np.unique(groups))
    if different < 2:  # one to set apart, and one that stays
        raise DataError(
            f"{table.name}: all {len(groups)} rows are of one group, and can't be split"
        )
    strata = table.labels[positions] if table.task == "classification" else np.zeros(len(groups))
    count = min(round(1 / share), different, int(np.bincount(strata.astype(np.intp)).max()))
    folds = StratifiedGroupKFold(max(2, count), shuffle=True, random_state=state)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", UserWarning
        )  # that a class is in fewer groups than there are folds
        parts = [p for p in folds.split(positions, strata, groups) if len(p[0]) and len(p[1])]
    rest, taken = min(parts, key=lambda part: abs(len(part[1]) - share * len(positions)))
    return positions[rest], positions[taken]


def check_groups(table: Table) -> None:
    """Check that the rows are of enough groups.

    Raises:
        DataError: there are fewer than three.
    """
    if table.groups is not None and (count := len(np.unique(table.groups))) < FEWEST:
        raise DataError(
            f"{table.name}: {count} groups are too few: {FEWEST} are needed, to train, validate and test on"
        )


def latest(
    table: Table, positions: Positions, share: float, window: np.random.Generator | None = None
) -> tuple[Positions, Positions]:
    """The positions before the latest share of them by time, and those. Rows of one time stay together if they can.

    A `window` draws an end before which the latest are taken, so that both parts are earlier.
    """
    assert table.times is not None  # noqa: S101  # it is asked for only then
    positions = positions[np.argsort(table.times[positions], kind="stable")]
    size = max(1, round(share * len(positions)))
    end = len(positions)
    if window is not None:
        first = max(int(EARLIEST * len(positions)), min(2 * size, end))
        end = int(window.integers(first, end + 1))
        size = max(1, min(size, end - 1))
    times = table.times[positions[:end]]
    begin = end - size
    earlier = int(np.searchsorted(times, times[begin], side="left"))
    return (
        (positions[:earlier], positions[earlier:end])
        if earlier
        else (positions[:begin], positions[begin:end])
    )
