"""What several of the trainer's tests need: names of types, small networks, and which numbers are weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.network import Network
from trainer.recipe import Recipe, Rows

Array = NDArray[Any]
Curves = dict[str, Array]
Setting = Mapping[str, float]
Settings = list[dict[str, float | str]]

# The fixtures of conftest.py.
Train = Callable[..., Curves]
PathOf = Callable[..., list[Array]]
MakeRows = Callable[..., tuple[Rows, Rows]]
MakeTargets = Callable[..., Array]
LossesOf = Callable[..., Array]
OutputsOf = Callable[..., tuple[Array, list[Array]]]

CLASSES = Recipe(3, hidden=(8,), batch_size=16)
QUANTITY = Recipe(1, loss="squared_error", metric="rmse", hidden=(8,), batch_size=16)
LINE = replace(QUANTITY, hidden=(), optimizer="sgd", batch_size=4)
TAME: dict[str, float] = {"learning_rate": 0.01}
WILD: dict[str, float] = {"learning_rate": 1e30}

STEP = 1e-5  # of numeric gradients
WORST = 1e-6  # relative error allowed


def relative_error(one: Array, other: Array) -> float:
    return float(np.linalg.norm(one - other) / (np.linalg.norm(one) + np.linalg.norm(other)))


def weights_of(network: Network) -> NDArray[np.bool_]:
    """Which of P numbers are weights."""
    marked = np.zeros((1, network.parameter_count))
    for layer in network.views(marked):
        layer.weight[...] = 1
    return np.asarray(marked[0] == 1)
