"""First weights: normal, with a standard deviation chosen from a layer's number of inputs and outputs.

Biases start at 0. The draw has no K in its shape: all trials of a population start from the same weights, so that
two settings are compared on equal luck, and a trial's start does not depend on its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


def he(inputs: int, outputs: int) -> float:
    """√(2 / inputs): keeps the variance of activations through ReLU layers (He et al. 2015, eq. 10)."""
    del outputs
    return float(np.sqrt(2.0 / inputs))


def xavier(inputs: int, outputs: int) -> float:
    """√(2 / (inputs + outputs)), for sigmoid and tanh (Glorot & Bengio 2010, eq. 12)."""
    return float(np.sqrt(2.0 / (inputs + outputs)))


def lecun(inputs: int, outputs: int) -> float:
    """√(1 / inputs): keeps the variance of what a layer without an activation passes on (LeCun et al. 1998, eq. 16)."""
    del outputs
    return float(np.sqrt(1.0 / inputs))


def zeros(inputs: int, outputs: int) -> float:
    """0: to see why not. All units of a layer stay alike for ever (*Deep Learning from Scratch*, 6.2.1)."""
    del inputs, outputs
    return 0.0


INITIALIZERS: dict[str, Callable[[int, int], float]] = {
    "he": he,
    "xavier": xavier,
    "lecun": lecun,
    "zeros": zeros,
}


def initial_weights(
    sizes: Sequence[int], init: str, rng: np.random.Generator
) -> list[NDArray[np.float64]]:
    """One (I, O) array of weights for each layer of `sizes` = (inputs, hidden …, outputs), in order."""
    deviation = INITIALIZERS[init]
    return [
        rng.standard_normal((inputs, outputs)) * deviation(inputs, outputs)
        for inputs, outputs in pairwise(sizes)
    ]
