"""Trainings that change what threads share: their numbers are those of one thread, and the search is left alone."""

from __future__ import annotations

import os
import random
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from hpo.executors.threads import Threads
from hpo.trainables.function import Function
from hpo.trainables.task import Outcome
from tests.hpo.scripted import tasks_of, trained
from tests.hpo.trainables.functions import Params

EPOCHS = 4


class Torch(SimpleNamespace):
    """As much of PyTorch as its generator needs; PyTorch itself is large."""

    def __init__(self) -> None:
        own = np.random.RandomState(0)
        super().__init__(
            cuda=SimpleNamespace(is_initialized=lambda: False),
            manual_seed=own.seed,
            rand=own.rand,
            get_rng_state=lambda: _Tensor(own.get_state()),
            set_rng_state=lambda tensor: own.set_state(tensor.state),
        )


class _Tensor(SimpleNamespace):
    def __init__(self, state: object) -> None:
        array = np.array(repr(state).encode())
        super().__init__(state=state, cpu=lambda: SimpleNamespace(numpy=lambda: array))


TORCH = Torch()
GENERATORS: dict[str, tuple[Callable[[int], object], Callable[[], float]]] = {
    "random": (random.seed, random.random),
    "numpy": (np.random.seed, np.random.rand),
    "torch": (TORCH.manual_seed, TORCH.rand),
}


def outcomes(train: Callable[..., object], workers: int, *pauses: int) -> list[Outcome]:
    notes: list[str] = []
    function = Function(train, "a", "maximize", halving=bool(pauses))
    with Threads(function, workers, noticed=notes.append) as threads:
        tasks = tasks_of(function, [{"x": k} for k in range(5)], epochs=EPOCHS, pauses=pauses)
        ended = trained(threads, tasks)
    assert [o.error for o in ended] == [None] * 5
    assert len(notes) == (workers > 1)
    return ended


@pytest.mark.parametrize("which", GENERATORS)
@pytest.mark.parametrize("pauses", [(), (1, 2)], ids=["whole", "halved"])
def test_a_global_generator_gives_the_same_on_any_number_of_workers(
    which: str, pauses: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", TORCH)
    seed, draw = GENERATORS[which]

    def train(params: Params, *, epochs: int) -> Iterator[dict[str, float]]:
        seed(params["x"])
        for _ in range(epochs):
            yield {"a": draw()}

    alone = [seed(k) or [draw() for _ in range(EPOCHS)] for k in range(5)]
    for workers in (1, 3):
        assert [o.metrics["a"] for o in outcomes(train, workers, *pauses)] == alone


def test_one_that_is_first_used_late_and_beside_others_begins_again() -> None:
    draw = random.random
    together = threading.Barrier(2, timeout=10)

    def train(params: Params, *, epochs: int) -> Iterator[dict[str, float]]:
        for epoch in range(epochs):
            if epoch == 1:
                random.seed(params["x"])
                if not together.broken and params["x"] < 2:
                    together.wait()  # both have seeded before either draws
                    together.abort()
            yield {"a": draw() if epoch else 0.0}

    drawn = [random.seed(k) or [draw() for _ in range(3)] for k in range(5)]
    assert [list(o.metrics["a"])[1:] for o in outcomes(train, 2)] == drawn


def test_a_generator_of_its_own_takes_no_turns() -> None:
    together = threading.Barrier(2, timeout=10)  # broken if nobody else comes

    def train(params: Params) -> Iterator[dict[str, float]]:
        yield {"a": np.random.default_rng(params["x"]).random()}
        together.wait()

    function = Function(train, "a", "maximize")
    with Threads(function, 2) as threads:
        tasks = tasks_of(function, [{"x": k} for k in range(2)], epochs=EPOCHS)
        assert [o.error for o in trained(threads, tasks)] == [None] * 2


@pytest.mark.parametrize("workers", [1, 3])
def test_each_has_the_folder_that_it_went_to_and_the_search_its_own(
    workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def train(params: Params, *, epochs: int) -> Iterator[dict[str, float]]:
        Path(f"{params['x']}").mkdir()
        os.chdir(f"{params['x']}")
        for _ in range(epochs):
            yield {"a": float(Path.cwd().name)}

    ended = outcomes(train, workers, 2)
    assert [o.metrics["a"] for o in ended] == [[float(k)] * EPOCHS for k in range(5)]
    assert Path.cwd() == tmp_path
