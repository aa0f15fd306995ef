"""What several experiments train by: the book's own minibatches, and seeds side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from trainer.recipe import Recipe, Rows
from trainer.stack import Stack

Array = NDArray[Any]
Floats = NDArray[np.float64]
T = TypeVar("T")

THREADS = 2


def each(function: Callable[[int], T], seeds: int) -> list[T]:
    """What the function makes of each seed from 0 on, two at a time, on BLAS of one thread."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(function, range(seeds)))


def minibatches(rows: int, size: int, seed: int) -> Iterator[NDArray[np.intp]]:
    """Positions of rows as the book draws them: with replacement, so that an epoch is only a number of iterations."""
    rng = np.random.default_rng(seed)
    while True:
        yield rng.integers(rows, size=size)


def losses(
    recipe: Recipe,
    settings: Sequence[Mapping[str, float | str]],
    X: Array,
    y: Array,
    *,
    iterations: int,
    every: int,
    seed: int,
) -> Floats:
    """Train a population by the book's minibatches; the loss of each `every`th before it is learned from.

    (iterations / every, K). All trials see the same minibatches, and so do all calls with the same seed.
    """
    stack = Stack(recipe, settings, X.shape[1], seed=seed, epochs=1)
    told = []
    drawn = minibatches(len(X), recipe.batch_size, seed)
    with np.errstate(all="ignore"):  # what diverges is told as such
        for iteration in range(iterations):
            at = next(drawn)
            batch = Rows(X[at], y[at])
            if iteration % every == 0:
                told.append(stack.score(batch)[0])
            stack.step(batch.X, batch.y)
    return np.array(told)


def smooth(curve: Floats, window: int) -> Floats:
    """The mean of each value and those before it, `window` of them, along the first axis."""
    sums = np.cumsum(np.concatenate([np.zeros_like(curve[:1]), curve]), axis=0)
    end = np.arange(1, len(curve) + 1)
    start = np.maximum(end - window, 0)
    counts = (end - start).reshape(-1, *[1] * (curve.ndim - 1))
    return np.asarray((sums[end] - sums[start]) / counts)
