"""Functions that the fixture studies search over. Each is deterministic: the noise follows from the seed."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import hpo


def noise(seed: int) -> float:
    """A number from -1 to 1 that follows from a seed."""
    return (seed * 7919 % 2001 - 1000) / 1000


def valley(params: dict[str, Any], *, epochs: int, seed: int) -> Generator[dict[str, float]]:
    """A loss after each epoch. Large rates diverge, narrow and deep networks raise an error."""
    rate, width, shape = params["rate"], params["width"], params["shape"]
    if width < 6 and shape == "deep":
        raise ValueError(f"a deep network of width {width} is not supported: <b>use more</b>")
    slope, floor = {"flat": (1.0, 0.0), "deep": (1.5, 0.1), "odd": (1.0, 20.0)}[shape]
    weight = 4.0
    for epoch in range(epochs):
        weight -= rate * 2 * slope * weight
        loss = weight * weight * slope + floor + abs(width - 20) / 40 + noise(seed + epoch) / 50
        yield {"loss": loss if loss < 1e4 else float("nan"), "weight": weight, "error": 1 / width}


def bowl(params: dict[str, Any], *, seed: int) -> float:
    """A score, best at x = 3 and y = 10, with noise that follows from the seed and from the setting."""
    x, y = params["x"], params["y"]
    luck = noise(seed + round(1000 * x))
    return float(10 - (x - 3) ** 2 - (y - 10) ** 2 / 25 + luck / 5)


def exact(params: dict[str, Any]) -> dict[str, float]:
    """A score without noise, at the end."""
    x, y = params["x"], params["y"]
    return {"score": -((x - 0.25) ** 2) - (y + 0.5) ** 2 / 2 + x * y / 10}


@hpo.population
def crowd(
    settings: Sequence[dict[str, Any]], *, epochs: int, seed: int
) -> Generator[dict[str, NDArray[np.float64]], NDArray[np.bool_] | None]:
    """Many settings at once, each nearer to its own floor after each epoch."""
    worse = {"good": 0.0, "fair": 0.5, "poor": 2.0}
    floor = np.array([(s["a"] - 0.6) ** 2 + s["b"] / 100 + worse[s["kind"]] for s in settings])
    speed = np.array([0.5 + s["b"] / 40 for s in settings])
    value = np.full(len(settings), 4.0)
    for epoch in range(epochs):
        value = floor + (value - floor) * (1 - speed / 2)
        yield {"mae": value + noise(seed + epoch) / 200}
