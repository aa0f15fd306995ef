"""What everyone is given to train: rows, a network, and the learning rate and weight decay of each trial.

`digits`: 100 trials of 64-50-10 on scikit-learn's digits. `book`: the search of *Deep Learning from Scratch*, 6.5.2,
100 trials of 784-100×6-10 on 400 rows of MNIST. Also what is drawn for every peer outside of it: He's first weights
and the order of the rows in each epoch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trainer import data
from trainer.errors import DataError

Array = NDArray[Any]

NAMES = ("digits", "book")
CLASSES = 10
SEED = 0

ADAM_BETA1, ADAM_BETA2, ADAM_EPSILON = 0.9, 0.999, 1e-8
ADAM_RATES = (1e-4, 1e-2)


class Order(NamedTuple):
    """Which task: plain words, so that every worker can make it for itself."""

    name: str
    optimizer: str  # "momentum" (of 0 in the book: plain SGD) or "adam"
    trials: int
    mnist: str  # the folder with MNIST's files
    score_training: bool = True

    @property
    def title(self) -> str:
        """What its figures are called."""
        title = f"{self.name}, {self.optimizer}"
        return title if self.score_training else f"{title}, the same work"


@dataclass(frozen=True)
class Task:
    """K trials to train: everything that decides what comes out, but for luck."""

    X: Array  # (N, I) float32
    y: Array  # (N,) class numbers
    X_validation: Array
    y_validation: Array
    hidden: tuple[int, ...]
    optimizer: str  # "sgd", "momentum" or "adam"
    learning_rates: Array  # (K,) float32
    weight_decays: Array  # (K,) float32
    momentum: float
    epochs: int
    batch_size: int
    score_training: bool = True  # whether ours and the products score training rows, too
    note: str = ""  # for the user to hear

    @property
    def trials(self) -> int:
        """K."""
        return len(self.learning_rates)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Inputs, hidden units, outputs."""
        return (self.X.shape[1], *self.hidden, CLASSES)


def make(order: Order) -> Task:
    """The task that is meant by an order."""
    task = _digits(order) if order.name == "digits" else _book(order)
    return replace(task, score_training=order.score_training)


def initial_weights(task: Task) -> list[Array]:
    """He's first weights (I, O) of each layer, the same for all trials; biases begin at 0."""
    rng = np.random.default_rng(SEED)
    return [
        (rng.standard_normal((i, o)) * math.sqrt(2 / i)).astype(np.float32)
        for i, o in pairwise(task.sizes)
    ]


def row_orders(task: Task) -> Array:
    """The order of the training rows in each epoch, (E, N), the same for all trials."""
    rng = np.random.default_rng(SEED + 1)
    return np.stack([rng.permutation(len(task.X)) for _ in range(task.epochs)])


def _digits(order: Order) -> Task:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    X, y = load_digits(return_X_y=True)
    X, X_validation, y, y_validation = train_test_split(
        X, y, test_size=0.2, stratify=y, random_state=SEED
    )
    scaler = StandardScaler().fit(X)
    adam = order.optimizer == "adam"
    rates, decays = _settings(order.trials, ADAM_RATES if adam else (1e-3, 10**-0.5), (1e-8, 1e-2))
    return Task(
        X=scaler.transform(X).astype(np.float32),
        y=y,
        X_validation=scaler.transform(X_validation).astype(np.float32),
        y_validation=y_validation,
        hidden=(50,),
        optimizer=order.optimizer,
        learning_rates=rates,
        weight_decays=decays,
        momentum=0.9,
        epochs=10,
        batch_size=32,
    )


def _book(order: Order) -> Task:
    note = ""
    try:
        table = data.read(f"mnist:{order.mnist}")
        X, y = np.asarray(table.rows[:500]) / np.float32(255), table.labels[:500]
    except DataError as error:
        note = f"{error}: random rows of ten kinds in its place"
        rng = np.random.default_rng(SEED)
        y = rng.integers(CLASSES, size=500)
        X = rng.random((CLASSES, 784), np.float32)[y] / 2 + rng.random((500, 784), np.float32) / 2
    adam = order.optimizer == "adam"
    rates, decays = _settings(order.trials, ADAM_RATES if adam else (1e-6, 1e-2), (1e-8, 1e-4))
    return Task(
        X=X[:400],
        y=y[:400],
        X_validation=X[400:],
        y_validation=y[400:],
        hidden=(100,) * 6,
        optimizer="adam" if adam else "sgd",
        learning_rates=rates,
        weight_decays=decays,
        momentum=0.0,
        epochs=50,
        batch_size=100,
        note=note,
    )


def _settings(
    trials: int, rates: tuple[float, float], decays: tuple[float, float]
) -> tuple[Array, Array]:
    """Learning rates and weight decays, (K,) each, drawn evenly on a log scale."""
    rng = np.random.default_rng(SEED)

    def drawn(low: float, high: float) -> Array:
        return np.exp(rng.uniform(math.log(low), math.log(high), trials)).astype(np.float32)

    return drawn(*rates), drawn(*decays)
