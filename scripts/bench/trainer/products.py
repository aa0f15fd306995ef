"""The limit: the matrix products of our training and nothing else, on stacks that fit the cache.

Of each step, for L layers: L products forward, L for the gradients of the weights, L−1 for those of the inputs; and
those of scoring after each epoch. NumPy's matmul with one BLAS thread, into arrays that are there already; the
stacks are shared out to Python threads. Nothing is learned.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from scripts.bench.trainer.peers import Variant
from scripts.bench.trainer.tasks import Task, initial_weights
from trainer.stack import EVALUATION_ROWS

Array = NDArray[Any]


def train(task: Task, variant: Variant) -> Array:
    """No accuracies: an empty array."""
    stacks = [
        min(variant.stack, task.trials - start) for start in range(0, task.trials, variant.stack)
    ]
    with threadpool_limits(1), ThreadPoolExecutor(variant.threads) as pool:
        list(pool.map(lambda trials: _multiply(task, trials), stacks))
    return np.empty((0, 0))


def _multiply(task: Task, trials: int) -> None:
    weights = [np.tile(w, (trials, 1, 1)) for w in initial_weights(task)]
    dweights = [np.empty_like(w) for w in weights]
    outputs, scored = (
        [np.empty((trials, rows, o), np.float32) for o in task.sizes[1:]]
        for rows in (task.batch_size, EVALUATION_ROWS)
    )
    douts = [np.ones_like(z) for z in outputs]
    for _ in range(task.epochs):
        for X in _parts(task.X, task.batch_size):
            _forward(X, weights, outputs)
            _backward(X, weights, outputs, douts, dweights)
        for X in _parts(task.X_validation, EVALUATION_ROWS):
            _forward(X, weights, scored)
        if task.score_training:
            for X in _parts(task.X[: len(task.X_validation)], EVALUATION_ROWS):
                _forward(X, weights, scored)


def _parts(X: Array, rows: int) -> Iterator[Array]:
    return (X[start : start + rows] for start in range(0, len(X), rows))


def _forward(X: Array, weights: list[Array], outputs: list[Array]) -> None:
    a = X
    for weight, z in zip(weights, outputs, strict=True):
        a = np.matmul(a, weight, out=z[:, : len(X)])


def _backward(
    X: Array, weights: list[Array], outputs: list[Array], douts: list[Array], dweights: list[Array]
) -> None:
    rows = len(X)
    inputs = [X, *(z[:, :rows] for z in outputs[:-1])]
    for layer in range(len(weights) - 1, -1, -1):
        dz = douts[layer][:, :rows]
        np.matmul(inputs[layer].swapaxes(-1, -2), dz, out=dweights[layer])
        if layer:
            transposed = weights[layer].swapaxes(-1, -2)
            np.matmul(dz, transposed, out=douts[layer - 1][:, :rows])
