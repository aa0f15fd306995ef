"""Rungs are whole numbers that rise and fall as they should, and who stays is settled to the last tie."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpo.choose.halving import RUNGS, batch_size, cost, rung_epochs, rungs, staying
from hpo.choose.types import Direction

sizes, epochs_, etas = st.integers(1, 2000), st.integers(1, 10**6), st.integers(2, 20)
directions: st.SearchStrategy[Direction] = st.sampled_from(["maximize", "minimize"])
some = st.lists(st.floats() | st.sampled_from([0.0, -0.0, 0.5, 0.25]), max_size=30)


def test_the_rungs_of_a_full_batch_are_thirds_of_the_epochs_and_of_the_trials() -> None:
    assert rungs(27, 81, 3) == [(3, 9), (9, 3), (27, 1)]
    assert rungs(27, 20, 3) == [(2, 9), (6, 3)]  # 20 is less than 27: no rung at 0 epochs
    assert rungs(8, 50, 2) == [(6, 4), (12, 2), (25, 1)]
    assert rungs(1, 81, 3) == []
    assert rungs(27, 2, 3) == []
    assert batch_size(3) == 27


@given(epochs_, etas)
def test_the_epochs_of_rungs_rise_and_come_before_the_end(epochs: int, eta: int) -> None:
    found = rung_epochs(epochs, eta)
    assert len(found) <= RUNGS
    assert all(earlier < later for earlier, later in pairwise([0, *found, epochs]))
    # Every division is of whole numbers: where nothing is rounded, nothing is lost.
    assert rung_epochs(epochs * eta**RUNGS, eta) == [epochs * eta**k for k in range(RUNGS)]


@given(sizes, epochs_, etas)
def test_at_every_rung_some_leave_and_some_stay(size: int, epochs: int, eta: int) -> None:
    table = rungs(size, epochs, eta)
    going = [size, *(rung.stay for rung in table)]
    assert all(1 <= after < before for before, after in pairwise(going))
    assert all(after == max(1, before // eta) for before, after in pairwise(going))
    assert {rung.epoch for rung in table} <= {*rung_epochs(epochs, eta)}
    assert all(earlier.epoch < later.epoch for earlier, later in pairwise(table))


@given(epochs_, etas)
def test_halving_never_costs_more_than_training_to_the_end(epochs: int, eta: int) -> None:
    share = cost(epochs, eta)
    assert 0 < share <= 1
    assert (share < 1) == (epochs >= eta)  # below that, there is no rung


def test_the_cost_is_what_a_batch_trains() -> None:
    # 27 for 3 epochs, 9 for 6 more, 3 for 18 more, 1 for 54 more.
    assert cost(81, 3) == (27 * 3 + 9 * 6 + 3 * 18 + 54) / (27 * 81)


@given(some, st.integers(0, 40), directions)
def test_exactly_the_best_stay_and_the_earlier_of_equals(
    scores: list[float], stay: int, direction: Direction
) -> None:
    kept = staying(scores, stay, direction)
    here = [k for k, score in enumerate(scores) if not math.isnan(score)]
    assert len(kept) == len(scores)
    assert sum(kept) == min(stay, len(here))
    assert not any(kept[k] for k in range(len(scores)) if k not in here)
    for k in here:
        for other in here:
            if kept[k] and not kept[other]:
                if direction == "maximize":
                    assert scores[k] >= scores[other]
                else:
                    assert scores[k] <= scores[other]
                assert k < other or scores[k] != scores[other]


@pytest.mark.parametrize(("direction", "best"), [("maximize", 3), ("minimize", 1)])
def test_the_direction_says_which_end_is_best(direction: Direction, best: int) -> None:
    kept = staying([0.5, 0.1, math.nan, 0.9, 0.9, 0.1], 1, direction)
    assert [k for k, stays in enumerate(kept) if stays] == [best]
