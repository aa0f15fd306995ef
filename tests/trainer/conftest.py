"""What the trainer's tests share: training to the end, the parameters on the way, networks and losses written out from
their formulas, made-up rows, tables in files.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import log_softmax
from threadpoolctl import threadpool_limits

from tests.trainer.shared import Array, MakeRows
from tests.trainer.trainings import until
from trainer.fit import fit
from trainer.network import Network
from trainer.recipe import Recipe, Rows
from trainer.stack import Stack
from trainer.worker import Worker


@pytest.fixture(scope="session")
def train() -> Callable[..., dict[str, Array]]:
    """Train a population: its curves, each (epochs, K), with NaN for epochs that were not trained any more.

    BLAS is held to one thread, as a search holds it. `stay` has masks to send, by the epoch after which.
    """

    def run(
        recipe: Recipe,
        settings: Sequence[Mapping[str, float | str]],
        rows: tuple[Rows, Rows],
        *,
        epochs: int = 3,
        seed: int = 0,
        stay: Mapping[int, NDArray[np.bool_]] | None = None,
    ) -> dict[str, Array]:
        masks = stay or {}
        figures: list[dict[str, Array]] = []
        with threadpool_limits(1, user_api="blas"):
            generator = fit(recipe, settings, *rows, epochs=epochs, seed=seed)
            with suppress(StopIteration):
                while True:
                    figures.append(generator.send(masks.get(len(figures) - 1)))
        assert len(figures) <= epochs
        nothing = {name: np.full(len(settings), np.nan) for name in figures[0]}
        figures += [nothing] * (epochs - len(figures))
        return {name: np.stack([figure[name] for figure in figures]) for name in nothing}

    return run


class _Watched(Stack):
    """A stack that keeps a copy of its parameters from before each step."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.path: list[Array] = []

    def step(self, X: Array, y: Array, weights: Array | None = None) -> None:
        self.path.append(self.theta.copy())
        super().step(X, y, weights)


@pytest.fixture(scope="session")
def path_of() -> Callable[..., list[Array]]:
    """The parameters (K, P) that a training starts from, then a copy of them after each of its steps."""

    def run(
        recipe: Recipe,
        settings: Sequence[Mapping[str, float | str]],
        rows: Rows,
        *,
        epochs: int = 3,
        seed: int = 0,
    ) -> list[Array]:
        stack = _Watched(recipe, settings, rows.X.shape[1], seed=seed, epochs=epochs)
        with threadpool_limits(1, user_api="blas"), np.errstate(all="ignore"):
            for _ in range(epochs):
                stack.epoch(stack.ready(rows, training=True))
        return [*stack.path, stack.theta.copy()]

    return run


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "relu": lambda z: np.where(z > 0, z, 0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "tanh": np.tanh,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "gelu": lambda z: z / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3))),
    "identity": lambda z: z,
}


@pytest.fixture(scope="session")
def activations() -> Mapping[str, Callable[[Array], Array]]:
    """Each activation as its formula."""
    return ACTIVATIONS


@pytest.fixture(scope="session")
def outputs_of() -> Callable[..., tuple[Array, list[Array]]]:
    """Outputs (N, C) of one trial with the parameters theta (P,), and what its activations are given, by formulas.

    Batch normalization is by the rows' own mean and variance, or by the `running` ones of each layer. Dropout is by
    `masks` (N, O), one of each hidden layer.
    """

    def outputs(
        network: Network,
        theta: Array,
        X: Array,
        *,
        masks: Sequence[Array] | None = None,
        running: Sequence[tuple[Array, Array]] | None = None,
    ) -> tuple[Array, list[Array]]:
        blocks, start = [], 0
        for inputs, units in pairwise(network.sizes):
            end = start + units * (inputs + 1)
            blocks.append(theta[start:end].reshape(units, inputs + 1).T)
            start = end
        a, given = X, []
        for layer, block in enumerate(blocks[:-1]):
            z = a @ block[:-1]
            if network.batch_norm:
                mean, variance = (z.mean(axis=0), z.var(axis=0)) if not running else running[layer]
                gamma, beta = theta[start : start + 2 * z.shape[1]].reshape(2, -1)
                start += 2 * z.shape[1]
                z = gamma * (z - mean) / np.sqrt(variance + 1e-5) + beta
            else:
                z = z + block[-1]
            given.append(z)
            a = ACTIVATIONS[network.activation](z) * (1 if masks is None else masks[layer])
        return a @ blocks[-1][:-1] + blocks[-1][-1], given

    return outputs


@pytest.fixture(scope="session")
def losses_of() -> Callable[..., Array]:
    """The losses (…, B) of outputs (…, B, C), by formulas; the targets are as each loss takes them."""

    def losses(loss: str, outputs: Array, y: Array, smoothing: float = 0.0) -> Array:
        count = outputs.shape[-1]
        if loss == "squared_error":
            return np.asarray(((outputs - y.reshape(-1, count)) ** 2).sum(axis=-1) / 2)
        if loss == "binary_cross_entropy":
            wanted = (1 - smoothing) * y.reshape(-1, count) + smoothing / 2
            return np.asarray((np.logaddexp(0, outputs) - wanted * outputs).sum(axis=-1))
        shares = np.eye(count)[y] if y.ndim == 1 else y
        wanted = (1 - smoothing) * shares + smoothing / count
        return np.asarray(-(wanted * log_softmax(outputs, axis=-1)).sum(axis=-1))

    return losses


@pytest.fixture(scope="session")
def make_targets() -> Callable[..., Array]:
    """Targets of rows as a loss takes them: labels (N,), or (N, C) of shares, of yes and no, or of quantities."""

    def make(loss: str, outputs: int, rows: int, rng: np.random.Generator) -> Array:
        if loss == "sparse_categorical_cross_entropy":
            return rng.integers(0, outputs, rows)
        if loss == "categorical_cross_entropy":
            return rng.dirichlet(np.ones(outputs), rows)
        if loss == "binary_cross_entropy":
            return rng.integers(0, 2, (rows, outputs))
        return rng.standard_normal((rows, outputs))

    return make


@pytest.fixture(scope="session")
def make_rows() -> MakeRows:
    """Training and validation rows that can be learned: class centres or a linear target, and noise."""

    def make(
        task: str, train: int, validation: int, inputs: int, *, classes: int = 3, seed: int = 0
    ) -> tuple[Rows, Rows]:
        rng = np.random.default_rng(seed)
        count = train + validation
        X = rng.standard_normal((count, inputs))
        y: Array
        if task == "classification":
            y = rng.integers(0, classes, count)
            X += 2 * rng.standard_normal((classes, inputs))[y]
        else:
            y = X @ rng.standard_normal(inputs) + 0.1 * rng.standard_normal(count)
        return Rows(X[:train], y[:train]), Rows(X[train:], y[train:])

    return make


@pytest.fixture
def classes(make_rows: MakeRows) -> tuple[Rows, Rows]:
    """60 and 40 rows of three classes."""
    return make_rows("classification", 60, 40, 5)


@pytest.fixture
def worker() -> Iterator[Worker]:
    """A second process that is ready to train."""
    with Worker("trainer.fit") as worker:
        until(worker.ready)
        yield worker


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    """Write a file and return its path: its bytes, or a header and rows of cells to join by `sep`."""

    def to(
        name: str, *content: Any, sep: str = ",", end: str = "\n", encoding: str = "utf-8"
    ) -> str:
        path = tmp_path / name
        if len(content) == 1 and isinstance(content[0], bytes):
            path.write_bytes(content[0])
        else:
            lines = (sep.join(str(cell) for cell in line) + end for line in content)
            path.write_bytes("".join(lines).encode(encoding))
        return str(path)

    return to


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data, if it is at hand."""
    beside = Path(__file__).parents[3] / "shared" / "data"
    folder = Path(os.environ.get("HPO_SHARED_DATA") or beside)
    if not folder.is_dir():
        pytest.skip(
            f"no real data at hand: there is no folder {folder}, and HPO_SHARED_DATA names none"
        )
    return folder
