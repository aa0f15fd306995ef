"""The example with PyTorch: the same study on 1, 2 and 4 workers, and after a kill in the middle of a trial."""

# Law 2: the same seed gives the same study.

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

import hpo
from hpo.trainables.named import find
from tests.running import Tables

pytest.importorskip("torch")
FILE = Path(__file__).parents[2] / "scripts/examples/pytorch.py"


def searched(train: Any, storage: str, workers: int) -> None:
    module = sys.modules[train.__module__]
    hpo.search(
        train, space=module.SPACE, metric="accuracy", epochs=3, trials=12, storage=storage, name="s", ahead=4,
        workers=workers, executor="processes", progress=False,
    )  # fmt: skip


@pytest.mark.slow
def test_seeding_pytorch_gives_the_same_study_on_any_number_of_workers(
    tmp_path: Path, tables: Tables
) -> None:
    train = find(f"{FILE}:train")
    for workers in (1, 2, 4):
        for turn in range(3 if workers == 2 else 1):
            searched(train, f"sqlite:///{tmp_path}/{workers}-{turn}.db", workers)
    first, *others = [tables("s", f"sqlite:///{file}") for file in sorted(tmp_path.glob("*.db"))]
    assert len(others) == 4
    assert all(other == first for other in others)


@pytest.mark.slow
def test_a_trial_that_is_killed_goes_on_from_its_checkpoint_to_the_same_bits(
    tmp_path: Path, tables: Tables
) -> None:
    train = find(f"{FILE}:train")

    def killed_once(params: Any, *, epochs: int, seed: int, folder: Path, device: Any) -> Any:
        for epoch, metrics in enumerate(
            train(params, epochs=epochs, seed=seed, folder=folder, device=device)
        ):
            yield metrics
            if epoch == 1 and not (folder / "killed").exists():
                (folder / "killed").touch()
                os.kill(os.getpid(), signal.SIGKILL)

    killed_once.__module__ = train.__module__
    one, other = (f"sqlite:///{tmp_path}/{name}.db" for name in ("one", "other"))
    searched(train, one, 2)
    searched(killed_once, other, 2)
    assert tables("s", one) == tables("s", other)
