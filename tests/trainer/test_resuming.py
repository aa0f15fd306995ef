"""What a stack counts, and that from what was saved of one another goes on as if it had never stopped."""

from __future__ import annotations

import numpy as np
import pytest

from tests.trainer.shared import MakeRows
from trainer.optimizers import OPTIMIZERS
from trainer.recipe import Recipe
from trainer.stack import Stack

EPOCHS = 4
SETTINGS: list[dict[str, float | str]] = [
    {"learning_rate": 0.01},
    {"learning_rate": 0.05, "dropout": 0.4, "weight_decay": 0.01, "warmup": 3.0, "init": "xavier"},
]


def stack_of(recipe: Recipe) -> Stack:
    return Stack(recipe, SETTINGS, 5, seed=3, epochs=EPOCHS)


@pytest.mark.parametrize(("size", "steps"), [(1, 30), (8, 4), (10, 3), (29, 2), (30, 1), (100, 1)])
def test_every_epoch_has_its_steps_and_sees_every_row(
    size: int, steps: int, make_rows: MakeRows
) -> None:
    rows, _ = make_rows("classification", 30, 1, 5)
    stack = stack_of(Recipe(3, hidden=(4,), batch_size=size))
    for epoch in range(1, 4):
        stack.epoch(stack.ready(rows, training=True))
        counts = stack.epochs_trained, stack.steps, stack.rows_seen
        assert counts == (epoch, epoch * steps, epoch * 30)


@pytest.mark.parametrize("hidden", [(6,), (200, 90)], ids=["at once", "in pieces"])
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_stack_goes_on_from_what_was_saved_as_if_it_had_never_stopped(
    optimizer: str, batch_norm: bool, hidden: tuple[int, ...], make_rows: MakeRows
) -> None:
    recipe = Recipe(
        3,
        hidden=hidden,
        optimizer=optimizer,
        batch_norm=batch_norm,
        schedule="cosine",
        batch_size=16,
    )
    given, _ = make_rows("classification", 40, 1, 5)
    without = stack_of(recipe)
    rows = without.ready(given, training=True)
    for _ in range(EPOCHS):
        without.epoch(rows)

    first, second = stack_of(recipe), stack_of(recipe)
    for _ in range(2):
        first.epoch(rows)
    saved = first.saved()
    first.epoch(rows)  # what was saved does not go on with it
    second.restore(saved)
    for _ in range(EPOCHS - 2):
        second.epoch(rows)
    np.testing.assert_array_equal(second.theta, without.theta)
    np.testing.assert_array_equal(second.statistics, without.statistics)
    assert second.steps == without.steps == 3 * EPOCHS
    assert np.isfinite(second.theta).all()
