"""Ours: one call, with the same workers as the call before."""

from __future__ import annotations

from functools import cache
from typing import Any

from numpy.typing import NDArray

import trainer
from scripts.bench.trainer.peers import Variant
from scripts.bench.trainer.tasks import SEED, Task


@cache
def _workers(threads: int) -> trainer.Workers:
    return trainer.Workers(threads)  # they end with this process


def train(task: Task, variant: Variant) -> NDArray[Any]:
    """Validation accuracy (E, K). How many trials make a stack is the trainer's own choice."""
    settings = [
        {"learning_rate": rate, "weight_decay": decay, "momentum": task.momentum}
        for rate, decay in zip(
            task.learning_rates.tolist(), task.weight_decays.tolist(), strict=True
        )
    ]
    curves = trainer.train_population(
        task.X,
        task.y,
        task.X_validation,
        task.y_validation,
        settings=settings,
        hidden=task.hidden,
        activation="relu",
        optimizer=task.optimizer,
        epochs=task.epochs,
        batch_size=task.batch_size,
        seed=SEED,
        threads=_workers(variant.threads),
        dtype="float32",
        score_training=task.score_training,
    )
    return curves["validation_accuracy"]
