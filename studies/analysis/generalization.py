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
MIN_GAIN = 0.02  # of what there is to gain: validation has it all but for this
MIN_RISE = 0.005  # of the same, in the last epochs: nobody would train on for less
FAR_AHEAD = 0.5  # of what validation gained: a larger gap is overfitting, whatever the course
LAST = 0.3  # of the epochs, by which it is told whether a curve still gets better at its end
CHANCE = 0.01  # that a curve which does not get better looks as if it did

Kind = Literal["overfitting", "underfitting", "fine", "too short"]


@dataclass(frozen=True)
class Generalization:
    """How far the best trial's training metric is ahead of its validation metric.

    kind: "overfitting", validation stopped getting better while training went on, or is far behind; "underfitting",
    both were still getting better over the last epochs; "fine", neither; "too short", there are too few epochs to tell.
    gap: by how much training is better than validation after the last epoch; negative if it is worse.
    best_epoch: the epoch after which validation was best.
    since: the first epoch after which validation gained hardly anything more, or no more than its jitter.
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
    jitter, to_gain = _jitter(score), _to_gain(validation, goal)
    tolerance = max(2 * jitter, MIN_GAIN * to_gain)
    best = int(np.argmax(score))
    stopped = int(np.argmax(score >= score[best] - tolerance))
    window = max(MIN_EPOCHS, round(LAST * len(epoch)))
    last, gap = int(epoch[-1]), float(curve["gap"].iloc[-1])
    went_on = float(trained[-1] - trained[stopped]) > tolerance
    ends = (
        f"trial {curve.attrs['trial']}: {goal.metric} {number(train[-1], 4)} in training and "
        f"{number(validation[-1], 4)} in validation"
    )
    drop = score[best] - score[best + 1 :]
    worse = (
        best + 1 < len(score)
        and drop[-1] > tolerance
        and drop.mean() > max(3 * jitter, MIN_GAIN * to_gain)
    )
    at_best = f"validation was best at epoch {epoch[best]} ({number(validation[best], 4)})"
    kind: Kind
    if len(epoch) < MIN_EPOCHS:
        kind = "too short"
        count = "One epoch is" if len(epoch) == 1 else f"{len(epoch)} epochs are"
        sentence = f"{count} too few to tell over- from underfitting ({ends})."
    elif _rise(score[-window:]) > max(2 * jitter, MIN_RISE * to_gain):
        gained = f"Validation was still getting better over the last {window} epochs"
        if _rise(trained[-window:]) > MIN_RISE * to_gain:
            kind = "underfitting"
            sentence = f"{gained}, and so was training: more epochs may help ({ends})."
        else:
            kind = "fine"
            sentence = f"{gained}, but training was not: more epochs may help a little ({ends})."
    elif went_on and gap > tolerance and worse:
        kind = "overfitting"
        sentence = f"Overfitting: {at_best} and got worse while training went on (after epoch {last}, {ends})."
    else:
        more = float(score[stopped:].max() - score[stopped])
        gained, moved = "nothing more", more > MIN_GAIN * to_gain
        if moved:
            gained = f"{number(more, 2)} more, which is within what it moves from epoch to epoch"
        elif more:
            gained = f"only {number(more, 2)} more"
        since = f"after epoch {epoch[stopped]} validation gained {gained}"
        if worse:
            since, moved = f"{at_best} and got worse after it", False
        if went_on and gap > tolerance:
            kind = "overfitting"
            sentence = f"Slight overfitting: {since} while training went on ({ends})."
        elif gap > max(tolerance, FAR_AHEAD * float(np.ptp(score))):
            kind = "overfitting"
            sentence = f"Overfitting: {since}, and training ends far ahead of it ({ends})."
        else:
            kind = "fine"
            ends_at = "level with it"
            if abs(gap) > tolerance:
                ends_at = "ahead of it" if gap > 0 else "behind it"
            elif abs(gap) > MIN_GAIN * to_gain:  # and no more than the jitter
                moves = "than that" if moved else "than validation moves from epoch to epoch"
                ends_at = f"no further from it {moves}"
            sentence = (
                f"Neither over- nor underfitting: {since}, and training ends {ends_at} ({ends})."
            )
    return Generalization(
        int(curve.attrs["trial"]), kind, last, float(train[-1]), float(validation[-1]), gap,
        int(epoch[best]), int(epoch[stopped]), sentence,
    )  # fmt: skip


def _to_gain(validation: Floats, goal: Goal) -> float:
    """What a gain is measured by: what validation gained so far, or the last value, or what an accuracy lacks of 1,
    whichever is least. The first epochs alone would hide what the later ones gain.
    """
    end = float(validation[-1])
    least = min(float(np.ptp(validation)), abs(end) or float("inf"))
    return min(least, 1 - end) if goal.metric.endswith("accuracy") and 0 < end < 1 else least


def _rise(scores: Floats) -> float:
    """By how much a curve got better along a straight line, if that is no chance of its noise; else 0."""
    from scipy import stats

    line = stats.linregress(np.arange(len(scores)), scores, alternative="greater")
    return float(line.slope) * (len(scores) - 1) if line.pvalue < CHANCE else 0.0


def _jitter(curve: Floats) -> float:
    """The standard deviation of a curve's noise from epoch to epoch, whatever its course.

    Second differences vanish on a straight line, and those of independent noise have six times its variance. The first
    third, and their median, leave out the steep beginning (1.4826 turns the median of absolute normal deviations into
    their standard deviation).
    """
    if len(curve) < MIN_EPOCHS:
        return 0.0
    later = curve[min(len(curve) // 3, len(curve) - MIN_EPOCHS) :]
    return 1.4826 * float(np.median(np.abs(np.diff(later, 2)))) / 6**0.5
