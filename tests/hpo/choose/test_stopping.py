"""Why a search ends early: its time is over, or its last rounds brought no more than the noise."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from hpo.choose.stopping import noise, reason
from hpo.choose.suggest import Direction, Observation
from hpo.plan.plan import Plan, make_plan
from hpo.run.history import History
from studies.database.records import Confirmation, Round

DONE = datetime(2024, 2, 29)


def plan(**fields: Any) -> Plan:
    return make_plan({"source": "wine", "trials": 100, **fields})


def history(
    *rounds: list[float | None],
    luck: tuple[float | None, ...] = (),
    direction: Direction = "maximize",
    judged: bool = True,
    left: int | None = None,
) -> History:
    """Rounds with these values, the last judged or not; the trial `left` has left at a rung. Trial 0 has `luck`."""
    values = [value for values in rounds for value in values]
    verdicts: list[Any] = [{} for _ in rounds]
    if rounds and not judged:
        verdicts[-1] = None
    return History(
        direction=direction,
        trials=[
            Observation({}, value, left=1 if k == left else None) for k, value in enumerate(values)
        ],
        pending=[],
        rounds=[
            Round(k, len(values), {}, verdict, None)
            for k, (values, verdict) in enumerate(zip(rounds, verdicts, strict=True))
        ],
        in_round=len(rounds[-1]) if rounds else 0,
        errors=[],
        confirmed=[Confirmation(k, 0, v, 1, None, DONE) for k, v in enumerate(luck, start=1)],
        staged=[],
        opening=None,
        resumed_after=0,
        widened={},
        stopped=None,
    )


# --- time ---


def test_the_search_has_its_share_of_the_time() -> None:
    ten = plan(timeout=10.0, finalists=10, repeats=4)  # 40 of 100 trainings confirm
    begun = history([0.5, 0.6])
    assert reason(ten, begun, 5.99) is None
    assert reason(ten, begun, 6.0) == (
        "the time was over: 2 trials in 6 s, the share of the search in 10 s"
    )
    assert reason(plan(timeout=10.0, finalists=0), begun, 9.9) is None
    assert reason(plan(), begun, 1e9) is None


def test_the_time_can_be_over_before_the_first_round() -> None:
    assert reason(plan(timeout=1e-9), history(), 1e-6) is not None


# --- patience ---


def test_rounds_that_bring_no_more_than_the_noise_are_the_last() -> None:
    flat = history([0.5, 0.6], [0.5, 0.61], luck=(0.5, 0.6))
    assert reason(plan(patience=1), flat, 0) == (
        "1 round brought 0.01, not more than the noise of 0.0707, "
        "the standard deviation of one setting's values"
    )
    assert reason(plan(), flat, 0) is None


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_a_gain_beyond_the_noise_goes_on(direction: Direction) -> None:
    sign = 1 if direction == "maximize" else -1
    rounds: list[list[float | None]] = [[sign * 0.5, sign * 0.2], [sign * 0.1, sign * 0.9]]
    luck = (0.5, 0.6)
    assert reason(plan(patience=1), history(*rounds, luck=luck, direction=direction), 0) is None
    worse: list[list[float | None]] = [rounds[0], [sign * 0.1, sign * 0.3]]
    assert reason(plan(patience=1), history(*worse, luck=luck, direction=direction), 0)


def test_patience_is_a_number_of_rounds_together() -> None:
    # Each brings 0.05, less than the noise of 0.0707; two of them bring more.
    rising: list[list[float | None]] = [[0.5], [0.55], [0.6]]
    luck = (0.5, 0.6)
    assert reason(plan(patience=1), history(*rising, luck=luck), 0) is not None
    assert reason(plan(patience=2), history(*rising, luck=luck), 0) is None
    still: list[list[float | None]] = [[0.5], [0.5], [0.5]]
    said = reason(plan(patience=2), history(*still, luck=luck), 0)
    assert said is not None
    assert said.startswith("2 rounds brought 0, ")


@pytest.mark.parametrize("rounds", [1, 2])
def test_so_many_rounds_must_have_followed_the_first(rounds: int) -> None:
    still: list[list[float | None]] = [[0.5]] * rounds
    assert (reason(plan(patience=1), history(*still), 0) is None) == (rounds == 1)
    assert reason(plan(patience=2), history(*still), 0) is None


def test_a_round_that_is_not_judged_is_not_over() -> None:
    assert reason(plan(patience=1), history([0.5], [0.5], judged=False), 0) is None
    assert reason(plan(patience=1), history([0.5], [0.5]), 0) is not None


def test_what_left_early_or_failed_is_no_gain() -> None:
    assert reason(plan(patience=1), history([0.5], [0.9]), 0) is None
    assert reason(plan(patience=1), history([0.5], [0.9], left=1), 0) is not None
    assert reason(plan(patience=1), history([0.5], [None]), 0) is not None


def test_where_nothing_has_succeeded_before_nothing_is_known() -> None:
    assert reason(plan(patience=1), history([None], [None]), 0) is None
    assert reason(plan(patience=1), history([None], [0.5]), 0) is None
    assert reason(plan(patience=1), history([0.5], [0.5], left=0), 0) is None


def test_the_time_is_told_first() -> None:
    said = reason(plan(patience=1, timeout=1.0), history([0.5], [0.5]), 2)
    assert said is not None
    assert said.startswith("the time was over")


# --- noise ---


def test_the_noise_is_that_of_the_setting_that_was_trained_again_first() -> None:
    def confirmed(stage: int, trial: int, value: float | None) -> Confirmation:
        return Confirmation(stage, trial, value, 1, None, DONE)

    first = [confirmed(1, 7, 1.0), confirmed(2, 7, 3.0), confirmed(3, 7, None)]
    others = [confirmed(3, 2, 100.0), confirmed(4, 2, -100.0)]
    assert noise([*first, *others]) == pytest.approx(2**0.5)
    assert noise(first[:1]) == 0
    assert noise([]) == 0
