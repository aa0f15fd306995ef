"""Epochs for K trials at once.

`fit` is a generator. After each epoch it yields a mapping of (K,) arrays; it may be sent a boolean mask (K,) of the
trials that stay (None: all of them), and is closed when training should stop. A trial whose loss or weights stop
being finite leaves at that epoch. What has left is NaN from the next epoch on, and costs nothing any more.

A trial's curve is the same to the last bit whether it is trained alone or in a stack of any size (given BLAS on one
thread): products run per trial, sums over rows are products, elementwise functions know no neighbours, and initial
weights and minibatches are drawn from the seed alone.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer import arrays
from trainer.losses import LOSSES
from trainer.metrics import METRICS
from trainer.network import Network, Workspace
from trainer.optimizers import OPTIMIZERS, keep_trials, spread

Array = NDArray[Any]

PER_TRIAL: dict[str, float] = {"learning_rate": 0.01, "weight_decay": 0.0, "momentum": 0.9}
"""Numbers that each trial of a population may have its own of, with the value used where none is given."""

EVALUATION_ROWS = 128
"""Rows scored at a time: small enough for the cache. It must not depend on K, or a trial would feel its neighbours."""

_INITIAL, _ORDER = 0, 1  # purposes of the random streams that grow from a seed


@dataclass(frozen=True)
class Rows:
    """Some rows of a data set: X (N, I) and y (N,), class numbers or standardized targets."""

    X: Array
    y: Array


@dataclass(frozen=True)
class Recipe:
    """What all trials of one population share: everything that decides the shape of an array."""

    task: str
    outputs: int
    hidden: tuple[int, ...] = (50,)
    activation: str = "relu"
    optimizer: str = "momentum"
    init: str = "he"
    batch_size: int = 32
    dtype: str = "float32"
    target_scale: float = 1.0  # standard units of y to the user's, for a metric that has units


def fit(
    recipe: Recipe,
    settings: Sequence[Mapping[str, float]],
    train: Rows,
    validation: Rows,
    *,
    epochs: int,
    seed: int,
) -> Generator[dict[str, Array], NDArray[np.bool_] | None, None]:
    """Train K settings and yield after each epoch {train_loss, train_M, validation_loss, validation_M}, each (K,).

    M is accuracy or rmse by the recipe's task. Losses are without the weight-decay term. The training figures are
    measured after the epoch, like the validation figures, on as many evenly spaced training rows as there are
    validation rows (all of them where there are fewer).

    `settings` holds for each trial some of learning_rate, weight_decay (λ of ½ λ Σ W², weights only) and momentum.
    """
    dtype = np.dtype(recipe.dtype)
    X, y = train.X.astype(dtype, copy=False), _labels(recipe, train.y, dtype)
    seen = np.unique(np.linspace(0, len(X) - 1, min(len(X), len(validation.X))).astype(np.intp))
    scored = {
        "train": (np.ascontiguousarray(X[seen]), y[seen]),
        "validation": (
            validation.X.astype(dtype, copy=False),
            _labels(recipe, validation.y, dtype),
        ),
    }
    network = Network((X.shape[1], *recipe.hidden, recipe.outputs), recipe.activation)
    population = _Population(recipe, network, settings, seed, dtype)
    count = len(settings)
    alive = np.arange(count)

    for epoch in range(epochs):
        with np.errstate(all="ignore"):  # divergence is a result here, not a fault
            population.epoch(X, y, np.random.default_rng(_stream(seed, _ORDER, epoch)))
            figures = population.score(scored)
            finite = np.isfinite(population.theta).all(axis=1)
        for name in ("train_loss", "validation_loss"):
            finite &= np.isfinite(figures[name])
        yielded = {name: np.full(count, np.nan) for name in figures}
        for name, values in figures.items():
            yielded[name][alive] = np.where(finite, values, np.nan)
        stay = yield yielded
        keep = finite if stay is None else finite & stay[alive]
        if not keep.any():
            return
        if not keep.all():
            alive = alive[keep]
            population.keep(np.flatnonzero(keep))


def _stream(seed: int, *key: int) -> np.random.SeedSequence:
    return np.random.SeedSequence(seed, spawn_key=key)


def _labels(recipe: Recipe, y: Array, dtype: np.dtype[Any]) -> Array:
    return y.astype(np.intp if recipe.task == "classification" else dtype, copy=False)


class _Population:
    """The stacked state of the trials still in training."""

    def __init__(
        self,
        recipe: Recipe,
        network: Network,
        settings: Sequence[Mapping[str, float]],
        seed: int,
        dtype: np.dtype[Any],
    ) -> None:
        self.recipe, self.network = recipe, network
        self.optimizer = OPTIMIZERS[recipe.optimizer]
        self.loss, self.metric = LOSSES[recipe.task], METRICS[recipe.task]
        rng = np.random.default_rng(_stream(seed, _INITIAL))
        self.theta = network.initial(recipe.init, rng, len(settings), dtype)
        self.state = self.optimizer.init(self.theta)
        self.numbers = {
            name: np.array([[s.get(name, default)] for s in settings], dtype)
            for name, default in PER_TRIAL.items()
        }
        self._allocate()

    def _allocate(self) -> None:
        self.gradient = arrays.zeros_like(self.theta)
        parameters = self.theta.shape[1]
        self.spread = {name: spread(v, parameters) for name, v in self.numbers.items()}
        self.decay: Array | None = None  # λ of every parameter (K, P), 0 for biases
        if self.numbers["weight_decay"].any():
            self.decay = arrays.zeros_like(self.theta)
            self.decay[:, : self.network.weights] = self.numbers["weight_decay"]
            self.decayed = arrays.zeros_like(self.theta)
        self._workspaces: dict[tuple[int, bool], Workspace] = {}

    def _workspace(self, rows: int, *, training: bool) -> Workspace:
        key = (rows, training)
        if key not in self._workspaces:
            gradient = self.gradient if training else None
            self._workspaces[key] = Workspace(self.network, self.theta, gradient, rows)
        return self._workspaces[key]

    def keep(self, positions: NDArray[np.intp]) -> None:
        """Drop all trials but those at `positions` of the stack."""
        self.theta = arrays.rows(self.theta, positions)
        self.state = keep_trials(self.state, positions)
        self.numbers = {name: values[positions] for name, values in self.numbers.items()}
        self._allocate()

    def epoch(self, X: Array, y: Array, rng: np.random.Generator) -> None:
        """One pass over the rows in an order drawn from `rng`, a step for every minibatch."""
        order = rng.permutation(len(X))
        for rows in _chunks(order, self.recipe.batch_size):
            self.step(X[rows], y[rows])

    def step(self, X: Array, y: Array) -> None:
        """One minibatch: forward, loss, backward, weight decay, update."""
        workspace = self._workspace(len(X), training=True)
        outputs = workspace.forward(X)
        self.loss(outputs, y)
        workspace.backward(X, outputs)
        if self.decay is not None:
            np.multiply(self.theta, self.decay, out=self.decayed)
            self.gradient += self.decayed
        self.optimizer.update(self.theta, self.gradient, self.state, self.spread)

    def score(self, scored: Mapping[str, tuple[Array, Array]]) -> dict[str, Array]:
        """Mean loss and metric of the current networks on each named set of rows, as float64 (K,)."""
        figures = {}
        for name, (X, y) in scored.items():
            loss = np.zeros(len(self.theta))
            metric = np.zeros(len(self.theta))
            for part in _chunks(np.arange(len(X)), EVALUATION_ROWS):
                rows = slice(part[0], part[-1] + 1)
                workspace = self._workspace(len(part), training=False)
                outputs = workspace.forward(X[rows])
                metric += _row_sums(self.metric.rows(outputs, y[rows]))
                loss += _row_sums(self.loss(outputs, y[rows]))
            figures[f"{name}_loss"] = loss / len(X)
            finished = self.metric.finish(metric / len(X))
            if self.recipe.task == "regression":
                finished = finished * self.recipe.target_scale
            figures[f"{name}_{self.metric.name}"] = finished
        return figures


def _row_sums(values: Array) -> NDArray[np.float64]:
    """Σ over the B rows of values (K, B), as (K,), in float64.

    Contiguous first: the order in which NumPy adds follows the strides, and those of an indexed array follow K.
    """
    sums: NDArray[np.float64] = np.ascontiguousarray(values, dtype=np.float64).sum(axis=1)
    return sums


def _chunks(index: Array, size: int) -> Iterator[Array]:
    for start in range(0, len(index), size):
        yield index[start : start + size]
