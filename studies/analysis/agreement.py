"""Short training against long: after which epochs to compare trials, and what they had after each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from studies.analysis.summary import MIN_TRIALS, Agreement, rank_agreement

MOST = 4  # epochs that are compared with the next


def compared_epochs(trials: pd.DataFrame, epochs: pd.DataFrame) -> list[int]:
    """The epochs after which trials left, as halving has them leave, and the last; else thirds of the last epoch."""
    if epochs.empty:
        return []
    last = int(epochs["epoch"].max())
    left = trials.loc[trials["state"] == "pruned", "epochs"].dropna().astype(int)
    counted = left[left > 0].value_counts()
    rungs = sorted(int(epoch) for epoch in counted[counted >= MIN_TRIALS].index if epoch < last)
    if not 0 < len(rungs) <= MOST:  # a pruner that stops trials anywhere has no rungs
        rungs = sorted({-(-last // part) for part in (27, 9, 3)} - {last})
    return [*rungs, last]


def scores_after(
    epochs: pd.DataFrame, column: str, at: Sequence[int]
) -> dict[int, dict[int, float]]:
    """Of each of these epochs, the finite scores that trials had after it, by their numbers."""
    made: dict[int, dict[int, float]] = {}
    for epoch in at:
        rows = epochs[epochs["epoch"] == epoch]
        values = rows[column].to_numpy(float)
        finite = np.isfinite(values)
        numbers = rows["trial"].to_numpy(int)[finite]
        made[epoch] = dict(zip(numbers.tolist(), values[finite].tolist(), strict=True))
    return made


def agreements(trials: pd.DataFrame, epochs: pd.DataFrame, metric: str) -> list[Agreement]:
    """How well the order of trials after each of the compared epochs agrees with that after the next."""
    column = next((c for c in (f"validation_{metric}", metric) if c in epochs), None)
    if column is None:
        return []
    at = compared_epochs(trials, epochs)
    return rank_agreement(scores_after(epochs, column, at), at)
