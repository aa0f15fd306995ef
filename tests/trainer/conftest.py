"""What the trainer's tests share: training to the end, the parameters on the way, made-up rows, tables in files."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from trainer.fit import Recipe, Rows, fit
from trainer.optimizers import OPTIMIZERS

Array = NDArray[Any]


@pytest.fixture(scope="session")
def train() -> Callable[..., dict[str, Array]]:
    """Train a population: its curves, each (epochs, K), with NaN for epochs that were not trained any more.

    BLAS is held to one thread, as a search holds it. `stay` has masks to send, by the epoch after which.
    """

    def run(
        recipe: Recipe,
        settings: Sequence[Mapping[str, float]],
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


@pytest.fixture
def thetas(monkeypatch: pytest.MonkeyPatch) -> list[Array]:
    """The parameters (K, P) that the next `fit` starts from, then a copy of them after each of its steps."""
    seen: list[Array] = []

    def watched(name: str) -> None:
        optimizer = OPTIMIZERS[name]

        def init(theta: Array) -> dict[str, Any]:
            seen.append(theta.copy())
            return optimizer.init(theta)

        def update(
            theta: Array, gradient: Array, state: dict[str, Any], numbers: Mapping[str, Array]
        ) -> None:
            optimizer.update(theta, gradient, state, numbers)
            seen.append(theta.copy())

        monkeypatch.setitem(OPTIMIZERS, name, optimizer._replace(init=init, update=update))

    for name in list(OPTIMIZERS):
        watched(name)
    return seen


@pytest.fixture(scope="session")
def make_rows() -> Callable[..., tuple[Rows, Rows]]:
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
