"""First weights: normal, with a standard deviation chosen from a layer's number of inputs and outputs.

Biases start at 0. The draw has no K in its shape: all trials of a population start from the same draw, each scaled
by its own standard deviation, so that two settings are compared on equal luck, and a trial's start does not depend
on its neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

Deviation = Callable[[int, int], float]


def he(inputs: int, outputs: int) -> float:
    """√(2 / inputs): keeps the variance of activations through ReLU layers (He et al. 2015, eq. 10)."""
    return math.sqrt(2 / inputs)


def xavier(inputs: int, outputs: int) -> float:
    """√(2 / (inputs + outputs)), for sigmoid and tanh (Glorot & Bengio 2010, eq. 12)."""
    return math.sqrt(2 / (inputs + outputs))


def lecun(inputs: int, outputs: int) -> float:
    """√(1 / inputs): keeps the variance of what a layer without an activation passes on (LeCun et al. 1998, eq. 16)."""
    return math.sqrt(1 / inputs)


def zeros(inputs: int, outputs: int) -> float:
    """0, to show why not: all units of a layer stay alike for ever (*Deep Learning from Scratch*, 6.2.1)."""
    return 0.0


def _normal(inputs: int, outputs: int, deviation: float) -> float:
    return deviation


INITIALIZERS: dict[str, Deviation] = {"he": he, "xavier": xavier, "lecun": lecun, "zeros": zeros}

NORMAL = "normal:"  # followed by a standard deviation, as in normal:0.01
INITS = f"{', '.join(INITIALIZERS)} or {NORMAL}STD with a standard deviation, such as {NORMAL}0.01"


def deviation(init: str) -> Deviation:
    """The standard deviation of first weights, as a function of a layer's inputs and outputs.

    Raises:
        ValueError: `init` is not one of `INITS`.
    """
    if init in INITIALIZERS:
        return INITIALIZERS[init]
    if init.startswith(NORMAL):
        try:
            value = float(init.removeprefix(NORMAL))
        except ValueError:
            value = math.nan
        if 0 <= value < math.inf:
            return partial(_normal, deviation=value)
    raise ValueError(f"init {init!r} is not one of {INITS}")
