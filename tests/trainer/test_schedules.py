"""Schedules: factors by hand, trial by trial, and the warm-up before them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.trainer.shared import Array
from trainer.schedules import SCHEDULES, factor


def numbers_of(**given: list[float]) -> dict[str, Array]:
    """Numbers (K, 1) as a stack has them, with the defaults for those that are not given."""
    trials = len(next(iter(given.values())))
    numbers = {"schedule_factor": 0.1, "schedule_every": 10.0, "warmup": 0.0}
    return {
        name: np.array(given.get(name, [default] * trials))[:, None]
        for name, default in numbers.items()
    }


def factors(schedule: str, time: float, epochs: int = 8, **given: list[float]) -> list[float]:
    found = SCHEDULES[schedule](time, epochs, numbers_of(**given))
    assert found.shape == (len(next(iter(given.values()))), 1)
    assert found.dtype == np.float64
    return found[:, 0].tolist()  # type: ignore[no-any-return]


@pytest.mark.parametrize("time", [0, 0.5, 3, 100])
def test_constant_is_one_for_ever(time: float) -> None:
    assert factors("constant", time, schedule_factor=[0.1, 0.5]) == [1, 1]


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        (0, [1, 1, 1]),
        (1.99, [1, 1, 0.5]),
        (2, [0.1, 1, 0.5]),
        (2.5, [0.1, 0.5, 0.25]),
        (4, [0.01, 0.5, 0.125]),
        (7.5, [0.001, 0.125, 0.5**6]),
    ],
)
def test_step_falls_by_the_factor_every_so_many_epochs(time: float, expected: list[float]) -> None:
    found = factors("step", time, schedule_factor=[0.1, 0.5, 0.5], schedule_every=[2.0, 2.5, 1.25])
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        (0, [1, 1]),
        (1, [math.sqrt(0.1), 0.81]),
        (2, [0.1, 0.81**2]),
        (0.5, [0.1**0.25, 0.9]),
        (5, [0.1**2.5, 0.9**10]),
    ],
)
def test_exponential_falls_as_far_without_the_steps(time: float, expected: list[float]) -> None:
    found = factors("exponential", time, schedule_factor=[0.1, 0.9], schedule_every=[2.0, 0.5])
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("time", "expected"),
    [(0, 1), (2, 0.5 + math.sqrt(0.5) / 2), (4, 0.5), (6, 0.5 - math.sqrt(0.5) / 2), (8, 0)],
)
def test_cosine_falls_from_one_to_nothing_over_the_training(time: float, expected: float) -> None:
    found = factors("cosine", time, epochs=8, schedule_factor=[0.1, 0.5])
    assert found == pytest.approx([expected, expected], abs=1e-15)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_schedule_begins_at_one_and_never_rises(schedule: str) -> None:
    numbers = numbers_of(schedule_factor=[0.1, 0.5, 1.0], schedule_every=[1.0, 3.0, 2.0])
    found = np.stack([factor(schedule, step, 4, 5, numbers)[:, 0] for step in range(20)])
    assert (found[0] == 1).all()
    assert (np.diff(found, axis=0) <= 0).all()
    assert (found > 0).all()


# --- the factor of a step ---


def test_time_runs_within_an_epoch() -> None:
    numbers = numbers_of(schedule_factor=[0.5], schedule_every=[1.0])
    found = [factor("exponential", steps, 4, 10, numbers).item() for steps in (0, 1, 2, 4, 8)]
    assert found == pytest.approx([1, 0.5**0.25, 0.5**0.5, 0.5, 0.25], rel=1e-12)
    whole = [factor("step", steps, 4, 10, numbers).item() for steps in range(9)]
    assert whole == [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25]


def test_the_last_step_of_the_warm_up_is_the_first_at_the_full_rate() -> None:
    numbers = numbers_of(warmup=[0.0, 0.25, 1.0, 1.5, 2.0])
    found = np.stack([factor("constant", steps, 4, 10, numbers)[:, 0] for steps in range(9)])
    expected = np.ones((5, 9))
    # A quarter of an epoch is one step, which is no warm-up at all.
    expected[2, :3] = [1 / 4, 2 / 4, 3 / 4]
    expected[3, :5] = [1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6]
    expected[4, :7] = [1 / 8, 2 / 8, 3 / 8, 4 / 8, 5 / 8, 6 / 8, 7 / 8]
    np.testing.assert_allclose(found.T, expected, rtol=1e-15)


def test_the_schedule_runs_under_the_warm_up() -> None:
    numbers = numbers_of(schedule_factor=[0.5], schedule_every=[1.0], warmup=[2.0])
    found = [factor("step", steps, 2, 10, numbers).item() for steps in range(6)]
    assert found == [1 / 4, 2 / 4, 0.5 * 3 / 4, 0.5, 0.25, 0.25]
