"""Whether the best trial learned what holds for new rows: training against validation, epoch by epoch, and in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from studies.analysis.frames import Floats, in_order
from studies.analysis.goal import Goal
from studies.words import number

MIN_EPOCHS = 4  # with fewer, a curve has no course
MIN_GAIN = 0.02  # of what validation gained: nobody would train on for less
FAR_AHEAD = 0.5  # of what validation gained: a larger gap is overfitting, whatever the course
LAST = 0.2  # of the epochs: a curve that got better within these had not stopped

Kind = Literal["overfitting", "underfitting", "fine", "too short"]


@dataclass(frozen=True)
class Generalization:
    """How far the best trial's training metric is ahead of its validation metric.

    kind: "overfitting", validation stopped getting better while training went on, or is far behind; "underfitting",
    both were still getting better at the last epoch; "fine", neither; "too short", there are too few epochs to tell.
    gap: by how much training is better than validation after the last epoch; negative if it is worse.
    best_epoch: the epoch after which validation was best.
    since: the first epoch after which validation gained no more than its jitter.
    """

    trial: int
    kind: Kind
    epochs: int
    train: float
    validation: float
    gap: float
    best_epoch: int
    since: int
    sentence: str


def split_columns(epochs: pd.DataFrame, metric: str) -> tuple[str, str] | None:
    """The columns of the metric on the validation and on the training rows; None if one of them is missing.

    A user's trainer may itself call its metric validation_loss or val_loss.
    """
    for validation in (f"validation_{metric}", metric):
        for prefix in ("validation_", "val_"):
            train = f"train_{validation.removeprefix(prefix)}"
            if validation.startswith(prefix) and {validation, train} <= set(epochs):
                return validation, train
    return None


def best_with_curves(
    trials: pd.DataFrame, epochs: pd.DataFrame, *, goal: Goal, most: int = 1
) -> list[pd.DataFrame]:
    """The curves of the best complete trials, best first, with the epochs after which both splits have a number.

    Columns: epoch, validation, train and gap (by how much training is better); the frames' `attrs` name the trial.
    """
    columns = split_columns(epochs, goal.metric)
    if columns is None:
        return []
    sign = 1.0 if goal.maximize else -1.0
    curves: list[pd.DataFrame] = []
    order = [int(n) for n in in_order(trials, goal.direction)["number"].head(most)]
    by_trial = dict(iter(epochs[epochs["trial"].isin(order)].groupby("trial")))
    for trial in order:
        rows = by_trial.get(trial, epochs.head(0))
        validation, train = (rows[c].to_numpy(float) for c in columns)
        at = np.isfinite(validation) & np.isfinite(train)
        if at.any():
            curve = pd.DataFrame(
                {
                    "epoch": rows["epoch"].to_numpy(float)[at],
                    "validation": validation[at],
                    "train": train[at],
                    "gap": sign * (train - validation)[at],
                }
            )
            curve.attrs["trial"] = trial
            curves.append(curve)
    return curves


def generalization(
    trials: pd.DataFrame, epochs: pd.DataFrame, *, goal: Goal
) -> Generalization | None:
    """What the curves of the best complete trial show; None if it has none for both splits."""
    curves = best_with_curves(trials, epochs, goal=goal)
    if not curves:
        return None
    curve, sign = curves[0], 1.0 if goal.maximize else -1.0
    epoch = curve["epoch"].to_numpy(int)
    validation, train = curve["validation"].to_numpy(float), curve["train"].to_numpy(float)
    score, trained = sign * validation, sign * train  # larger is better
    tolerance = max(2 * _jitter(score), MIN_GAIN * float(np.ptp(score)))
    best = int(np.argmax(score))
    stopped = int(np.argmax(score >= score[best] - tolerance))
    late = len(epoch) - 1 - max(1, round(LAST * len(epoch)))
    went_on = float(trained[-1] - trained[stopped]) > tolerance
    gap = float(curve["gap"].iloc[-1])
    ends = f"{goal.metric} {number(train[-1], 4)} in training and {number(validation[-1], 4)} in validation"
    last = int(epoch[-1])
    kind: Kind
    if len(epoch) < MIN_EPOCHS:
        kind = "too short"
        count = "One epoch is" if len(epoch) == 1 else f"{len(epoch)} epochs are"
        sentence = f"{count} too few to tell over- from underfitting: {ends}."
    elif stopped > late and trained[-1] - trained[late] > tolerance:
        kind = "underfitting"
        sentence = (
            f"Validation was still getting better at the last epoch, {last}, and so was training: more epochs may help "
            f"({ends})."
        )
    elif stopped > late:
        kind = "fine"
        sentence = (
            f"Validation was still getting better at the last epoch, {last}, but training was not: more epochs may "
            f"help a little ({ends})."
        )
    elif went_on and gap > tolerance and score[best] - score[-1] > tolerance:
        kind = "overfitting"
        sentence = (
            f"Overfitting: validation was best at epoch {epoch[best]} ({number(validation[best], 4)}) and got worse "
            f"while training went on (after epoch {last}: {ends})."
        )
    elif went_on and gap > tolerance:
        kind = "overfitting"
        sentence = (
            f"Slight overfitting: validation stopped getting better at epoch {epoch[stopped]} while training went on "
            f"(after epoch {last}: {ends})."
        )
    elif gap > max(tolerance, FAR_AHEAD * float(np.ptp(score))):
        kind = "overfitting"
        sentence = (
            f"Overfitting: after epoch {epoch[stopped]} validation gained no more than its jitter, and training ends "
            f"far ahead of it ({ends})."
        )
    else:
        kind = "fine"
        ahead = "ahead of" if gap > tolerance else "behind" if gap < -tolerance else "level with"
        sentence = (
            f"Neither over- nor underfitting: after epoch {epoch[stopped]} validation gained no more than its jitter, "
            f"and training ends {ahead} it ({ends})."
        )
    return Generalization(
        int(curve.attrs["trial"]), kind, last, float(train[-1]), float(validation[-1]), gap,
        int(epoch[best]), int(epoch[stopped]), sentence,
    )  # fmt: skip


def _jitter(curve: Floats) -> float:
    """The standard deviation of a curve's noise from epoch to epoch, whatever its course.

    Second differences vanish on a straight line, and those of independent noise have six times its variance; their
    median leaves out the steep beginning (1.4826 turns the median of absolute normal deviations into their standard
    deviation).
    """
    if len(curve) < MIN_EPOCHS:
        return 0.0
    return 1.4826 * float(np.median(np.abs(np.diff(curve, 2)))) / 6**0.5
