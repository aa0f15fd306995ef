"""Why a search ends early: its time is over, or its last rounds brought no more than the noise."""

from __future__ import annotations

from typing import Any

import pytest

from hpo.choose.stopping import (
    nothing_is_gained,
    time_for_confirming_is_over,
    time_for_drawing_is_over,
    too_many_failures,
)
from hpo.choose.types import Confirmation, Direction, History, Observation, Round, Traits
from hpo.plan.plan import Plan, make_plan


def plan(**fields: Any) -> Plan:
    return make_plan({"source": "wine", "trials": 100, **fields})


def history(
    *rounds: list[float | None],
    luck: tuple[float, ...] = (),
    judged: bool = True,
    left: int | None = None,
) -> History:
    """Rounds with these values, the last judged or not; the trial `left` has left at a rung.

    In one stage the first trials were better by `luck` than in the search.
    """
    values = [value for values in rounds for value in values]
    return History(
        trials={
            k: Observation({}, v, left_epoch=1 if k == left else None) for k, v in enumerate(values)
        },
        rounds=[
            Round(k, len(values), {}, {} if judged or k < len(rounds) - 1 else None)
            for k, values in enumerate(rounds)
        ],
        confirmed=[Confirmation(1, k, (values[k] or 0.0) + more) for k, more in enumerate(luck)],
    )


def reason(
    asked: Plan, seen: History, direction: Direction = "maximize", *, fresh_splits: bool = False
) -> str | None:
    return nothing_is_gained(asked, Traits(direction, fresh_splits=fresh_splits), seen)


# --- time ---


def test_the_search_has_its_share_of_the_time() -> None:
    ten = plan(timeout=10.0, finalists=10, repeats=4)  # 40 of 100 trainings confirm
    begun, traits = history([0.5, 0.6] * 10), Traits("maximize")
    assert time_for_drawing_is_over(ten, traits, begun, 5.99) is None
    why = time_for_drawing_is_over(ten, traits, begun, 6.0)
    assert why == "the time was over: 20 trials in 6 s, the share of the search in 10 s"
    assert time_for_drawing_is_over(plan(timeout=10.0, finalists=0), traits, begun, 9.9) is None
    assert time_for_drawing_is_over(plan(), traits, begun, 1e9) is None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([], "too short to begin a trial"),
        ([0.5], "the first trial took longer"),
        ([0.5] * 4, "the first 4 trials, drawn "),
    ],
)
def test_a_timeout_that_is_too_short_says_so(values: list[float | None], words: str) -> None:
    begun = history(values) if values else history()
    why = time_for_drawing_is_over(plan(timeout=1e-3), Traits("maximize"), begun, 1.0)
    assert why is not None
    assert why.startswith("a timeout of 0.001 s is too short")
    assert words in why


def test_confirming_has_all_of_the_time() -> None:
    ten = plan(timeout=10.0, finalists=10, repeats=4)
    begun = history([0.5, 0.6], luck=(0.5,))
    assert time_for_confirming_is_over(ten, begun, 9.99) is None
    assert "1 training had confirmed after 10 s" in str(
        time_for_confirming_is_over(ten, begun, 10.0)
    )
    assert time_for_confirming_is_over(plan(), begun, 1e9) is None


# --- failures ---


def test_a_search_gives_up_after_more_failures_than_allowed_or_where_all_fail() -> None:
    failing = history([0.5, None, None])
    failing.errors = {1: "KeyError: 'x'", 2: "ValueError: y"}
    assert too_many_failures(plan(), failing) is None
    assert too_many_failures(plan(max_failures=2), failing) is None
    why = too_many_failures(plan(max_failures=1), failing)
    assert why == "2 of 3 trainings failed, the last with ValueError: y"
    hopeless = history([None] * 10)
    hopeless.errors = dict.fromkeys(range(10), "KeyError: 'x'")
    assert str(too_many_failures(plan(), hopeless)).startswith("all of 10 ")


# --- patience ---


def test_rounds_that_bring_no_more_than_the_noise_are_the_last() -> None:
    flat = history([0.5, 0.6], [0.5, 0.61], luck=(0.0, 0.2))
    assert reason(plan(patience=1), flat) == (
        "1 round brought 0.01, not more than the noise of 0.1, "
        "by which the values of one setting differ"
    )
    assert reason(plan(), flat) is None
    gain = history([0.5, 0.6], [0.5, 0.75], luck=(0.0, 0.2))
    assert reason(plan(patience=1), gain) is None
    assert reason(plan(patience=1), gain, fresh_splits=True) is not None


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_a_gain_beyond_the_noise_goes_on(direction: Direction) -> None:
    sign = 1 if direction == "maximize" else -1
    rounds: list[list[float | None]] = [[sign * 0.5, sign * 0.2], [sign * 0.1, sign * 0.9]]
    luck = (0.0, 0.15)
    assert reason(plan(patience=1), history(*rounds, luck=luck), direction) is None
    worse: list[list[float | None]] = [rounds[0], [sign * 0.1, sign * 0.3]]
    assert reason(plan(patience=1), history(*worse, luck=luck), direction)


def test_patience_is_a_number_of_rounds_together() -> None:
    # Each brings 0.05, less than the noise of 0.075; two of them bring more.
    rising: list[list[float | None]] = [[0.5], [0.55], [0.6]]
    luck = (0.0, 0.15)
    assert reason(plan(patience=1), history(*rising, luck=luck)) is not None
    assert reason(plan(patience=2), history(*rising, luck=luck)) is None
    still: list[list[float | None]] = [[0.5], [0.5], [0.5]]
    said = reason(plan(patience=2), history(*still, luck=luck))
    assert said is not None
    assert said.startswith("2 rounds brought 0, ")


@pytest.mark.parametrize("rounds", [1, 2])
def test_so_many_rounds_must_have_followed_the_first(rounds: int) -> None:
    still: list[list[float | None]] = [[0.5]] * rounds
    assert (reason(plan(patience=1), history(*still)) is None) == (rounds == 1)
    assert reason(plan(patience=2), history(*still)) is None


def test_a_round_that_is_not_judged_is_not_over() -> None:
    assert reason(plan(patience=1), history([0.5], [0.5], judged=False)) is None
    assert reason(plan(patience=1), history([0.5], [0.5])) is not None


def test_what_left_early_or_failed_is_no_gain() -> None:
    assert reason(plan(patience=1), history([0.5], [0.9])) is None
    assert reason(plan(patience=1), history([0.5], [0.9], left=1)) is not None
    assert reason(plan(patience=1), history([0.5], [None])) is not None


def test_where_nothing_has_succeeded_before_nothing_is_known() -> None:
    assert reason(plan(patience=1), history([None], [None])) is None
    assert reason(plan(patience=1), history([None], [0.5])) is None
    assert reason(plan(patience=1), history([0.5], [0.5], left=0)) is None
