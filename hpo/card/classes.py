"""How good probabilities of classes are, from held-out rows: confusion, precision and recall, and calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.arrays import Array

BIN = 30  # rows of the table that a bin of the calibration curve has at least
MOST_BINS = 10
DRAWS = 400  # of what a calibrated model would show by chance


@dataclass(frozen=True)
class OneClass:
    """A class on held-out rows: how many of the table's `rows` are of it, what share of its rows are recognized (its
    recall; None if there are none), and what share of those that are taken for it are of it (its precision; None if
    none are).

    `mistaken_for` is the class that most of its rows are taken for by mistake, with their share; None if none are.
    """

    name: str
    rows: int
    recall: float | None
    precision: float | None
    mistaken_for: tuple[str, float] | None


@dataclass(frozen=True)
class Bin:
    """Answers of about the same probability: its mean, and the share of them that are right."""

    probability: float
    right: float
    answers: int


@dataclass(frozen=True)
class Calibration:
    """Whether the probability of the class that is named is the share of answers that are right.

    `error` is the mean distance of the two over the answers, bin by bin (the expected calibration error); `by_chance`
    are the 95 % ends of what it would be for a calibrated model with as many rows. `probability` and `right` are the
    means of all answers.
    """

    bins: list[Bin]
    error: float
    by_chance: tuple[float, float]
    probability: float
    right: float

    @property
    def is_off(self) -> bool:
        """Whether the error is larger than chance explains."""
        return self.error > self.by_chance[1]


@dataclass(frozen=True)
class ClassFacts:
    """How classes are told apart on `answers` for `rows` of the table. `confusion` (C, C) counts answers, true class by
    named class, in the order of `classes`.
    """

    answers: int
    rows: int
    confusion: NDArray[np.intp]
    classes: list[OneClass]
    calibration: Calibration


def class_facts(
    labels: Array, probabilities: Array, positions: Array, names: Sequence[str]
) -> ClassFacts:
    """The facts of N answers: the true classes (N,), the probabilities (N, C), and which row of the table each is of
    (N,), since a row may be answered for several times.
    """
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    count = len(names)
    named = probabilities.argmax(axis=1)
    confusion = confusion_matrix(labels, named, labels=range(count))
    precision, recall, *_ = precision_recall_fscore_support(
        labels, named, labels=range(count), zero_division=np.nan
    )
    rows = np.bincount(_first(labels, positions).astype(np.intp), minlength=count)
    wrong = confusion * (1 - np.eye(count, dtype=int))
    classes = []
    for k, name in enumerate(names):
        other = int(wrong[k].argmax())
        mistaken = (
            (names[other], float(wrong[k, other] / confusion[k].sum())) if wrong[k, other] else None
        )
        classes.append(
            OneClass(name, int(rows[k]), _known(recall[k]), _known(precision[k]), mistaken)
        )
    return ClassFacts(
        answers=len(labels),
        rows=int(rows.sum()),
        confusion=confusion,
        classes=classes,
        calibration=calibration(named == labels, probabilities.max(axis=1), positions),
    )


def _known(share: float) -> float | None:
    return None if np.isnan(share) else float(share)


def _first(values: Array, positions: Array) -> Array:
    """The values of each row of the table once."""
    return values[np.unique(positions, return_index=True)[1]]


def calibration(right: Array, probability: Array, positions: Array) -> Calibration:
    """The calibration of N answers, by bins that have about as many answers each.

    What chance makes of it is drawn with one random number for each row of the table, so that answers for the same row
    are right or wrong together.
    """
    from sklearn.calibration import calibration_curve

    rows, of_row = np.unique(positions, return_inverse=True)
    bins = int(np.clip(len(rows) // BIN, 1, MOST_BINS))
    shares, means = calibration_curve(
        right, probability, pos_label=True, n_bins=bins, strategy="quantile"
    )
    ends = np.percentile(probability, np.linspace(0, 100, bins + 1))
    which = np.searchsorted(ends[1:-1], probability)
    counts = np.bincount(which, minlength=bins)
    counts = counts[counts > 0]  # where many probabilities are the same, bins are empty
    luck = np.random.default_rng(0).random((DRAWS, len(rows)))
    drawn = [_error(draw[of_row] < probability, probability, which) for draw in luck]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Calibration(
        bins=[
            Bin(float(mean), float(share), int(n))
            for mean, share, n in zip(means, shares, counts, strict=True)
        ],
        error=_error(right, probability, which),
        by_chance=(float(low), float(high)),
        probability=float(probability.mean()),
        right=float(right.mean()),
    )


def _error(right: Array, probability: Array, which: NDArray[np.intp]) -> float:
    """The mean over N answers of |share right − mean probability| of their bin."""
    return float(np.abs(np.bincount(which, right - probability)).sum() / len(which))
