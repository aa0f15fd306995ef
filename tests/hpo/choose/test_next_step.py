"""What comes next, for every state that a record can be in. No database is needed: it is a function of plain data."""

# Law 1: choosing is pure.

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from hpo.choose.next_step import (
    Done,
    Draw,
    Judge,
    OpenTest,
    Race,
    Repeat,
    StartRound,
    Step,
    Stop,
    confirming_budget,
    next_step,
)
from hpo.choose.rounds import Batch
from hpo.choose.types import Action, Confirmation, History, Observation, Round, SearchPlan, Traits
from hpo.plan.plan import Plan, make_plan
from hpo.plan.space import Float, Space

SPACE: Space = {"x": Float(0.0, 1.0)}
NARROW: Space = {"x": Float(0.25, 0.5)}
NETWORK = Traits("maximize", stacked=True, noisy=True, tests=True)
FUNCTION = Traits("minimize")


def plan(**fields: Any) -> Plan:
    """24 trials in two rounds, and 6 that confirm."""
    given = {"trainer": "my:train", "space": SPACE, "trials": 30, "rounds": 2}
    return make_plan({**given, "finalists": 3, "repeats": 2, **fields})


def history(
    values: int = 0,
    *rounds: int,
    judged: bool = True,
    action: Action = "narrowed",
    confirmed: Sequence[tuple[int, float | None]] = (),
    **facts: Any,
) -> History:
    """So many trials with the values 0, 1, 2, …, in rounds of these sizes; the last judged or not."""
    begun = [
        Round(k, size, NARROW if k else SPACE, {"x": action}, NARROW)
        if judged or k < len(rounds) - 1
        else Round(k, size, NARROW if k else SPACE)
        for k, size in enumerate(rounds)
    ]
    return History(
        trials={k: Observation({"x": k / 100}, float(k)) for k in range(values)},
        rounds=begun,
        confirmed=[Confirmation(1, trial, value) for trial, value in confirmed],
        **facts,
    )


TWICE = [(trial, trial + 0.5) for trial in (23, 22)]
THREE_TIMES = [(23, 23.5), (22, 22.5), (23, 23.1), (22, 22.2), (23, 23.3), (22, 22.1)]

STEPS: dict[str, tuple[SearchPlan, Traits, History, Step]] = {
    "a new search begins a round": (
        plan(), NETWORK, history(), StartRound(0, 12, SPACE),
    ),
    "a round draws its first batch, spread over its ranges": (
        plan(), NETWORK, history(0, 12, judged=False), Draw(Round(0, 12, SPACE), 0, Batch(12, True)),
    ),
    "functions are drawn in small batches": (
        plan(), FUNCTION, history(4, 12, judged=False), Draw(Round(0, 12, SPACE), 1, Batch(4, True)),
    ),
    "a full round is judged": (
        plan(), NETWORK, history(12, 12, judged=False), Judge(Round(0, 12, SPACE)),
    ),
    "the next round draws from what the verdicts led to": (
        plan(), NETWORK, history(12, 12), StartRound(1, 12, NARROW),
    ),
    "a range that its user made wider is drawn from whole": (
        plan(), NETWORK, history(12, 12, widened={1: {"x"}}), StartRound(1, 12, SPACE),
    ),
    "later rounds draw where it was good": (
        plan(), NETWORK, history(12, 12, 12, judged=False),
        Draw(Round(1, 12, NARROW), 1, Batch(12, False)),
    ),
    "the best settings race when all trials are drawn": (
        plan(), NETWORK, history(24, 12, 12), Race((21, 22, 23)),
    ),
    "of a minimized metric, the smallest": (
        plan(), FUNCTION, history(24, 12, 12), Race((0, 1, 2)),
    ),
    "after the race the test rows are opened for the best": (
        plan(), NETWORK, history(24, 12, 12, confirmed=THREE_TIMES), OpenTest(23),
    ),
    "opened once, for the trial that they were opened for": (
        plan(), NETWORK, history(24, 12, 12, confirmed=THREE_TIMES, tested=22), OpenTest(22),
    ),
    "and that is the end": (
        plan(), NETWORK, history(24, 12, 12, confirmed=THREE_TIMES, tested=23, test_done=True), Done(),
    ),
    "without test rows the race is the end": (
        plan(), replace(NETWORK, tests=False), history(24, 12, 12, confirmed=THREE_TIMES), Done(),
    ),
    "where nothing succeeded there is nothing to race": (
        plan(), NETWORK,
        replace(history(0, 12, 12), trials={k: Observation({}, None) for k in range(24)}), Done(),
    ),
    "values that repeat exactly leave trainings to the search": (
        plan(), FUNCTION, history(24, 12, 12, confirmed=[(0, 0.0), (1, 1.0)]), StartRound(2, 3, NARROW),
    ),
    "a search that was stopped races with its share": (
        plan(), NETWORK, history(12, 12, stopped="enough"), Race((9, 10, 11)),
    ),
    "also in the middle of a round": (
        plan(), NETWORK, history(12, 12, 12, judged=False, stopped="enough"), Race((9, 10, 11)),
    ),
    "patience first measures the noise of the best": (
        plan(patience=1), NETWORK, history(12, 12), Repeat(11),
    ),
    "four times": (
        plan(patience=1), NETWORK, history(12, 12, confirmed=[(11, 11.5)] * 3), Repeat(11),
    ),
    "then goes on": (
        plan(patience=1), NETWORK, history(12, 12, confirmed=[(11, 11.5)] * 4), StartRound(1, 12, NARROW),
    ),
    "and stops where a round brought no more": (
        plan(patience=1, rounds=3), FUNCTION,
        history(16, 8, 8, confirmed=[(0, 0.5), (0, 0.6), (0, 0.5), (0, 0.6)]),
        Stop(
            "1 round brought 0, not more than the noise of 0.0577, "
            "the standard deviation of one setting's values"
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("state", STEPS)
def test_what_comes_next(state: str) -> None:
    asked, traits, seen, expected = STEPS[state]
    assert next_step(asked, traits, seen) == expected


def test_without_time_to_race_the_test_rows_are_next() -> None:
    seen = history(24, 12, 12, confirmed=TWICE)
    assert isinstance(next_step(plan(), NETWORK, seen), Race)
    assert next_step(plan(), NETWORK, seen, time_to_race=False) == OpenTest(23)


def test_what_confirms_is_the_plans_share_as_far_as_trainings_are_left() -> None:
    assert confirming_budget(plan(), NETWORK, history(24, 12, 12)) == 6
    assert confirming_budget(plan(), NETWORK, history(27, 12, 15)) == 3
    assert confirming_budget(plan(), NETWORK, history(8, 8, stopped="enough")) == 2
    assert confirming_budget(plan(finalists=0), NETWORK, history(24, 12, 12)) == 0
