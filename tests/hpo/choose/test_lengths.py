"""How many epochs the recommended settings should train: an earlier epoch has to be better beyond the noise."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpo.choose.lengths import recommended_epochs
from hpo.choose.types import Direction

RISES_AND_FALLS = [0.5, 0.7, 0.9, 0.8, 0.7]
CURVES = st.lists(
    st.lists(st.floats(-1e150, 1e150), min_size=1, max_size=6), min_size=0, max_size=5
)


def noisy(mean: list[float], trainings: int, noise: float, seed: int = 0) -> list[list[float]]:
    rng = np.random.default_rng(seed)
    own = rng.normal(0, 1, (trainings, 1))  # of a seed and a split: it moves a whole curve
    curves = np.array(mean) + own + rng.normal(0, noise, (trainings, len(mean)))
    return [[*map(float, curve)] for curve in curves]


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_an_earlier_epoch_that_is_clearly_better_is_recommended(sign: float) -> None:
    curves = [[sign * v for v in curve] for curve in noisy(RISES_AND_FALLS, 4, 0.01)]
    direction: Direction = "maximize" if sign > 0 else "minimize"
    assert recommended_epochs(curves, direction, 5) == 3
    other: Direction = "minimize" if sign > 0 else "maximize"
    assert recommended_epochs(curves, other, 5) == 1


def test_too_few_trainings_to_know_the_noise_train_to_the_end() -> None:
    curves = noisy(RISES_AND_FALLS, 2, 0.01)
    assert [recommended_epochs(curves[:n], "maximize", 5) for n in (0, 1, 2)] == [5, 5, 5]


def test_values_that_repeat_exactly_need_no_test() -> None:
    assert recommended_epochs([RISES_AND_FALLS] * 2, "maximize", 5) == 3
    assert recommended_epochs([[1.0, 2.0, 2.0]] * 2, "maximize", 3) == 3
    # The same gains of different curves are no exact values.
    other = [value + 1 for value in RISES_AND_FALLS]
    assert recommended_epochs([RISES_AND_FALLS, other], "maximize", 5) == 5


def test_luck_alone_seldom_shortens_a_training() -> None:
    level, count = 0.05, 300
    for trainings, epochs in itertools.product((3, 5, 8), (10, 40)):
        early = sum(
            recommended_epochs(noisy([0.0] * epochs, trainings, 1.0, seed), "maximize", epochs)
            < epochs
            for seed in range(count)
        )
        assert early / count < 2 * level, (trainings, epochs)


def test_a_training_that_ended_early_is_compared_at_its_own_end() -> None:
    curves = [*noisy(RISES_AND_FALLS, 3, 0.01), *noisy(RISES_AND_FALLS[:4], 1, 0.01, seed=1)]
    assert recommended_epochs(curves, "maximize", 9) == 3
    # A function that returns one score has curves of one epoch, whatever it trained.
    assert recommended_epochs([[0.3], [0.2], [0.4]], "maximize", 9) == 9


@given(curves=CURVES, direction=st.sampled_from(["maximize", "minimize"]))
def test_the_order_of_trainings_does_not_matter(
    curves: list[list[float]], direction: Direction
) -> None:
    found = recommended_epochs(curves, direction, 6)
    assert 1 <= found <= 6
    assert found == recommended_epochs(curves[::-1], direction, 6)
