"""Whether the best trial learned what holds for new rows: training against validation, epoch by epoch, and in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from studies.analysis.frames import Direction, Floats, in_order
from studies.words import number

FEW = 4  # epochs: fewer have no course
LEAST = 0.02  # of what validation gained: less is no getting better that anybody would train on for
AHEAD = 0.5  # of what validation gained: training that is further ahead knows its own rows best
LAST = 0.2  # of the epochs: who gets better until there has not been seen to stop


@dataclass(frozen=True)
class Generalization:
    """How far the best trial's training metric runs ahead of its validation metric.

    kind: "overfitting", validation stopped getting better while training went on, or is far ahead; "underfitting",
    both were still getting better at the last epoch; "fine", neither; "too short", there are too few epochs to tell.
    gap: by how much training is better than validation after the last epoch; negative where it is worse.
    best_epoch: after which validation was best. since: the first epoch from which on validation gained nothing more
    that can be told from its jitter.
    """

    trial: int
    kind: Literal["overfitting", "underfitting", "fine", "too short"]
    epochs: int
    train: float
    validation: float
    gap: float
    best_epoch: int
    since: int
    said: str


def split_columns(epochs: pd.DataFrame, metric: str) -> tuple[str, str] | None:
    """The columns of the metric on the validation and on the training rows; None where there are not both.

    A trainer of the user's may call its metric validation_loss or val_loss itself.
    """
    for validation in (f"validation_{metric}", metric):
        for prefix in ("validation_", "val_"):
            train = f"train_{validation.removeprefix(prefix)}"
            if validation.startswith(prefix) and {validation, train} <= set(epochs):
                return validation, train
    return None


def best_with_curves(
    trials: pd.DataFrame, epochs: pd.DataFrame, *, metric: str, direction: Direction, most: int = 1
) -> list[pd.DataFrame]:
    """Of the best complete trials that have a number for both splits after some epoch: epoch, validation, train and
    gap (how much better training is), best trial first; the frames' `attrs` name the trial.
    """
    columns = split_columns(epochs, metric)
    if columns is None:
        return []
    sign = 1.0 if direction == "maximize" else -1.0
    made: list[pd.DataFrame] = []
    order = [int(n) for n in in_order(trials, direction)["number"].head(most)]
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
            made.append(curve)
    return made


def generalization(
    trials: pd.DataFrame, epochs: pd.DataFrame, *, metric: str, direction: Direction
) -> Generalization | None:
    """What the curves of the best complete trial say; None where it has none for both splits."""
    found = best_with_curves(trials, epochs, metric=metric, direction=direction)
    if not found:
        return None
    curve, sign = found[0], 1.0 if direction == "maximize" else -1.0
    epoch = curve["epoch"].to_numpy(int)
    validation, train = curve["validation"].to_numpy(float), curve["train"].to_numpy(float)
    better, trained = sign * validation, sign * train
    tolerance = max(2 * _jitter(better), LEAST * float(np.ptp(better)))
    best = int(np.argmax(better))
    stopped = int(np.argmax(better >= better[best] - tolerance))
    late = len(epoch) - 1 - max(1, round(LAST * len(epoch)))
    unfinished = stopped > late
    went_on = float(trained[-1] - trained[stopped]) > tolerance
    gap = float(curve["gap"].iloc[-1])
    shown = {name: number(float(v), 4) for name, v in
             (("train", train[-1]), ("validation", validation[-1]), ("best", validation[best]))}  # fmt: skip
    ends = f"{metric} {shown['train']} in training and {shown['validation']} in validation"
    last = int(epoch[-1])
    kind: Literal["overfitting", "underfitting", "fine", "too short"]
    if len(epoch) < FEW:
        kind = "too short"
        count = "one epoch is" if len(epoch) == 1 else f"{len(epoch)} epochs are"
        said = f"{count.capitalize()} too few to tell over- from underfitting: {ends}."
    elif unfinished and trained[-1] - trained[late] > tolerance:
        kind = "underfitting"
        said = (
            f"Validation was still getting better at the last epoch, {last}, and so was training: more epochs may help "
            f"({ends})."
        )
    elif unfinished:
        kind = "fine"
        said = (
            f"Validation was still getting better at the last epoch, {last}, with nothing more to learn in training: "
            f"more epochs may help a little ({ends})."
        )
    elif went_on and gap > tolerance and better[best] - better[-1] > tolerance:
        kind = "overfitting"
        said = (
            f"Overfitting: validation was best at epoch {epoch[best]} ({shown['best']}) and got worse while training "
            f"went on; after epoch {last} {ends}."
        )
    elif went_on and gap > tolerance:
        kind = "overfitting"
        said = (
            f"Slight overfitting: validation stopped getting better at epoch {epoch[stopped]} while training went on; "
            f"after epoch {last} {ends}."
        )
    elif gap > max(tolerance, AHEAD * float(np.ptp(better))):
        kind = "overfitting"
        said = (
            f"Overfitting: from epoch {epoch[stopped]} on validation gained nothing more, and training ends far ahead "
            f"of it ({ends})."
        )
    else:
        kind = "fine"
        ahead = "ahead of" if gap > tolerance else "behind" if gap < -tolerance else "level with"
        said = (
            f"Neither over- nor underfitting: from epoch {epoch[stopped]} on validation gained nothing more, and "
            f"training ends {ahead} it ({ends})."
        )
    return Generalization(
        int(curve.attrs["trial"]), kind, last, float(train[-1]), float(validation[-1]), gap,
        int(epoch[best]), int(epoch[stopped]), said,
    )  # fmt: skip


def _jitter(curve: Floats) -> float:
    """The standard deviation of what goes up and down from epoch to epoch, whatever the curve's course.

    Second differences know nothing of a straight course, and of independent noise have six times its variance; their
    median leaves out the steep beginning (1.4826: from the median of a normal deviation's size to its deviation).
    """
    if len(curve) < FEW:
        return 0.0
    return 1.4826 * float(np.median(np.abs(np.diff(curve, 2)))) / 6**0.5
