"""Whether short training predicts long training: the order of trials after some epochs against their order later."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from studies.database.records import TrialState
from studies.words import counted

if TYPE_CHECKING:
    import pandas as pd

MIN_TRIALS = 4  # whose order says anything
MAX_RUNGS = 4  # a pruner that may stop a trial after any epoch has no rungs
MIN_TO_TELL = 8  # trials, from which a rank correlation is told in words
PREDICTS = 0.5  # a rank correlation below this is hardly one
CLOSE = 0.75  # from this on, two orders are much the same


class Agreement(NamedTuple):
    """How well the order of trials after `epoch` epochs agrees with that after `later`, from -1 to 1 (Spearman)."""

    epoch: int
    later: int
    trials: int
    correlation: float

    @property
    def kind(self) -> Literal["alike", "roughly", "unlike", "opposite", "unclear", "few"]:
        """What can be told from so many trials: of a correlation by chance, or of few trials, not much.

        The limits are the 95 % interval by Fisher's transformation, with the variance for ranks of Fieller, Hartley
        and Pearson (Biometrika 1957).
        """
        if self.trials < MIN_TO_TELL:
            return "few"
        middle = math.atanh(max(-1 + 1e-12, min(1 - 1e-12, self.correlation)))
        half = 1.96 * math.sqrt(1.06 / (self.trials - 3))
        low, high = math.tanh(middle - half), math.tanh(middle + half)
        if self.correlation >= PREDICTS and low > 0:
            return "alike" if self.correlation >= CLOSE else "roughly"
        if self.correlation <= -PREDICTS and high < 0:
            return "opposite"
        return "unlike" if high < PREDICTS else "unclear"

    @property
    def misleads(self) -> bool:
        """Whether short training tells little of long training, as far as so many trials can show it."""
        return self.kind in ("unlike", "opposite")


def compared_epochs(lengths: Mapping[tuple[TrialState, int], int]) -> list[int]:
    """The epochs after which the orders of trials are compared: those at which trials left early, and the last.

    If none left, or they left after any number of epochs, these are thirds of the last epoch, rounded down as halving
    does. `lengths` says how many trials of each state were trained for how many epochs.
    """
    last = max((epochs for _, epochs in lengths), default=0)
    if last < 1:
        return []
    pruned = {epochs: count for (state, epochs), count in lengths.items() if state == "pruned"}
    rungs = sorted(e for e, count in pruned.items() if count >= MIN_TRIALS and 0 < e < last)
    if not 0 < len(rungs) <= MAX_RUNGS:
        rungs = sorted({max(1, last // part) for part in (27, 9, 3)} - {last})
    return [*rungs, last]


def rank_agreement(scores: Mapping[int, Mapping[int, float]]) -> list[Agreement]:
    """Each epoch compared with the next, over the trials that got there; fewer than 4 tell nothing.

    `scores` has, for each epoch, the scores that trials had after it, by their numbers.
    """
    agreements = []
    for epoch, later in pairwise(sorted(scores)):
        both = [(scores[epoch][k], late) for k, late in scores[later].items() if k in scores[epoch]]
        early, late = zip(*both, strict=True) if both else ((), ())
        if len(both) >= MIN_TRIALS and len(set(early)) > 1 and len(set(late)) > 1:
            correlation = float(np.corrcoef(_ranks(early), _ranks(late))[0, 1])
            agreements.append(Agreement(epoch, later, len(both), correlation))
    return agreements


def _ranks(scores: Sequence[float]) -> NDArray[np.float64]:
    """The rank of each score (N,), from 1; equal scores share the mean of theirs."""
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks: NDArray[np.float64] = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return ranks


def sentence(agreements: Sequence[Agreement]) -> str:
    """Whether short training predicted long training, in words and with the rank correlations."""
    clauses = []
    before = None  # how the clause before compares: the same words are not repeated
    for a in agreements:
        first = a is agreements[0]
        subject = f"Scores after {counted(a.epoch, 'epoch')}" if first else f"those after {a.epoch}"
        those, how = "scores" if first else "those", a.kind
        clause = {
            "alike": f"rank trials much as {those} after {a.later} do",
            "roughly": f"rank trials roughly as {those} after {a.later} do",
            "unlike": f"say little about the order after {a.later}",
            "opposite": f"rank trials almost in the opposite order to {those} after {a.later}",
            "unclear": f"may or may not rank trials as {those} after {a.later} do",
            "few": f"can't be compared with {those} after {a.later}, which only {a.trials} trials reached",
        }[how]
        if how == before and how in ("alike", "roughly"):
            clause = f"as those after {a.later}"
        elif how == before == "unlike":
            clause = f"little about that after {a.later}"
        clauses.append(f"{subject} {clause}" + ("" if how == "few" else f" ({a.correlation:.2f})"))
        before = how
    *others, last = clauses
    return f"{', '.join(others)}, and {last}." if others else f"{last}."


# --- the same from frames ---


def score_column(epochs: pd.DataFrame, metric: str) -> str | None:
    """The column of the metric that trials are judged by: on validation rows, or the trainer's own."""
    return next((c for c in (f"validation_{metric}", metric) if c in epochs), None)


def compared_scores(
    trials: pd.DataFrame, epochs: pd.DataFrame, metric: str
) -> dict[int, dict[int, float]]:
    """For each of the compared epochs the finite scores that trials had after it, by their numbers."""
    column = score_column(epochs, metric)
    if column is None:
        return {}
    epochs = epochs[epochs[column].notna()]
    lengths = epochs.groupby("trial")["epoch"].max()
    states = trials.set_index("number")["state"].reindex(lengths.index)
    at = compared_epochs(Counter(zip(states.tolist(), lengths.tolist(), strict=True)))
    scores: dict[int, dict[int, float]] = {}
    for epoch in at:
        rows = epochs[(epochs["epoch"] == epoch) & np.isfinite(epochs[column])]
        scores[epoch] = dict(zip(rows["trial"].tolist(), rows[column].tolist(), strict=True))
    return scores
