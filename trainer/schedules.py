"""Schedules: the factor by which a trial's learning rate is multiplied, step by step.

A schedule takes the time in epochs (a fraction inside an epoch), the epochs in all, and the trials' hyperparameters as
arrays (K, 1), and returns factors (K, 1). `factor` adds the warm-up.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from trainer.arrays import Array

Hyperparams = Mapping[str, Array]


def constant(time: float, epochs: int, hyperparams: Hyperparams) -> Array:
    """1."""
    return np.ones_like(hyperparams["schedule_factor"])


def step(time: float, epochs: int, hyperparams: Hyperparams) -> Array:
    """factorⁿ after n times `schedule_every` epochs."""
    steps = np.floor(time / hyperparams["schedule_every"] + 1e-9)  # 0.3 / 0.1 is 3
    powers: Array = hyperparams["schedule_factor"] ** steps
    return powers


def exponential(time: float, epochs: int, hyperparams: Hyperparams) -> Array:
    """factor^(time / `schedule_every`): as far down as `step`, without the steps."""
    powers: Array = hyperparams["schedule_factor"] ** (time / hyperparams["schedule_every"])
    return powers


def cosine(time: float, epochs: int, hyperparams: Hyperparams) -> Array:
    """½ (1 + cos(π time / epochs)): from 1 to 0 over the training (Loshchilov & Hutter 2017, eq. 5, no restart)."""
    factor = 0.5 * (1 + math.cos(math.pi * time / epochs))
    return np.full_like(hyperparams["schedule_factor"], factor)


SCHEDULES: dict[str, Callable[[float, int, Hyperparams], Array]] = {
    "constant": constant,
    "step": step,
    "exponential": exponential,
    "cosine": cosine,
}


def factor(
    schedule: str, steps: int, steps_an_epoch: int, epochs: int, hyperparams: Hyperparams
) -> Array:
    """The factors (K, 1) of the step that follows `steps` others; `hyperparams` are float64 (K, 1).

    Over its `warmup` epochs a trial's factor grows in even steps to that of the schedule, which runs from the start:
    the last step of the warm-up is the first at the full rate (Goyal et al. 2017, section 2.2).
    """
    scheduled = SCHEDULES[schedule](steps / steps_an_epoch, epochs, hyperparams)
    warm = np.maximum(hyperparams["warmup"] * steps_an_epoch, 1)
    result: Array = scheduled * np.minimum((steps + 1) / warm, 1)
    return result
