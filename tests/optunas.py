"""Studies of plain Optuna, and a function with the same parameters for hpo to go on with."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import optuna


@contextlib.contextmanager
def optunas(storage: str, name: str = "theirs", **fields: Any) -> Iterator[optuna.Study]:
    """A study as plain Optuna makes it, or goes on with it, by a connection that is closed at the end."""
    database = optuna.storages.RDBStorage(storage)
    try:
        yield optuna.create_study(
            study_name=name, storage=database, load_if_exists=True,
            sampler=optuna.samplers.RandomSampler(seed=0), **fields,
        )  # fmt: skip
    finally:
        database.remove_session()
        database.engine.dispose()


def objective(trial: optuna.Trial) -> float:
    x = trial.suggest_float("x", 0, 1)
    loss = (x - 0.3) ** 2 + trial.suggest_int("n", 1, 8) / 8
    for step in range(2):
        trial.report(loss + 1 - step, step)
    return loss


def train(params: dict[str, Any], *, epochs: int, seed: int) -> Iterator[dict[str, float]]:
    for epoch in range(1, epochs + 1):
        yield {"loss": (params["x"] - 0.3) ** 2 + params["n"] / 8 + (seed % 7) / 100 / epoch}
