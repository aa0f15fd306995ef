"""Functions that train, and a plan to search over them by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from numpy.typing import NDArray

import hpo

Array = NDArray[Any]
Params = Mapping[str, Any]

X = {"x": hpo.Float(0, 1)}
# The search alone, without what confirms.
PLAN: dict[str, Any] = {"space": X, "trials": 30, "epochs": 3, "finalists": 0}


def score(params: Params) -> float:
    return 1 - float(params["x"] - 0.3) ** 2


def generator(params: Params, *, epochs: int, seed: int) -> Iterator[dict[str, float]]:
    assert seed >= 0
    for epoch in range(epochs):
        yield {"accuracy": score(params) - 0.1 / (epoch + 1)}
