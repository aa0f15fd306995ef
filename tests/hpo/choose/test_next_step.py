"""What comes next, for every state that a record can be in. No database is needed: it is a function of plain data."""

# Law 1: choosing is pure.

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from hpo.choose.next_step import (
    Confirm,
    Done,
    Draw,
    Judge,
    OpenTest,
    Race,
    Repeat,
    StartRound,
    Step,
    Stop,
    next_step,
)
from hpo.choose.rounds import Batch
from hpo.choose.types import (
    Action,
    Confirmation,
    History,
    Observation,
    Request,
    Round,
    SearchPlan,
    Traits,
)
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


IN_USE = [{"x": 0.9}, {"x": 0.8}]

# The best of the first ten, trained again when these have ended.
MEASURED = [(9, 9.5), (8, 8.6), (7, 7.7)]
SMALLEST = [(0, 0.5), (1, 1.6), (2, 2.7)]  # where the metric is minimized
EXACT = [(0, 0.0), (1, 1.0)]
RACED_IN_USE = [(0, 0.3), (1, 1.1), (17, 17.9), (18, 18.2), (19, 19.1)]
RACED = [*MEASURED, (23, 23.5), (22, 22.5), (21, 21.1)]

STEPS: dict[str, tuple[SearchPlan, Traits, History, Step]] = {
    "a new search begins a round": (
        plan(), NETWORK, history(), StartRound(0, 12, SPACE),
    ),
    "a round draws its first batch, spread over its ranges": (
        plan(), NETWORK, history(0, 12, judged=False), Draw(Round(0, 12, SPACE), 0, Batch(10, True)),
    ),
    "a batch that was begun is completed": (
        plan(), FUNCTION, history(4, 12, judged=False), Draw(Round(0, 12, SPACE), 0, Batch(6, True)),
    ),
    "when the first have ended, the best of them measure the noise": (
        plan(), NETWORK, history(10, 12, judged=False), Repeat((7, 8, 9)),
    ),
    "of a function, two show whether there is any": (
        plan(), FUNCTION, history(10, 12, judged=False), Repeat((0, 1)),
    ),
    "and if there is, the best once more": (
        plan(), FUNCTION, history(10, 12, judged=False, confirmed=SMALLEST[:2]), Repeat((0,)),
    ),
    "if there is none, the search goes on": (
        plan(), FUNCTION, history(10, 12, judged=False, confirmed=EXACT),
        Draw(Round(0, 12, SPACE), 1, Batch(1, False)),
    ),
    "functions are drawn one by one": (
        plan(), FUNCTION, history(11, 15, judged=False, confirmed=SMALLEST),
        Draw(Round(0, 15, SPACE), 1, Batch(1, False)),
    ),
    "a network in large batches": (
        plan(), NETWORK, history(10, 12, judged=False, confirmed=MEASURED),
        Draw(Round(0, 12, SPACE), 1, Batch(2, False)),
    ),
    "a full round is judged": (
        plan(), NETWORK, history(12, 12, judged=False, confirmed=MEASURED), Judge(Round(0, 12, SPACE)),
    ),
    "the next round draws from what the verdicts led to": (
        plan(), NETWORK, history(12, 12, confirmed=MEASURED), StartRound(1, 12, NARROW),
    ),
    "a range that its user made wider is drawn from whole": (
        plan(), NETWORK, history(12, 12, confirmed=MEASURED, widened={1: {"x"}}), StartRound(1, 12, SPACE),
    ),
    "later rounds draw where it was good": (
        plan(), NETWORK, history(12, 12, 12, judged=False, confirmed=MEASURED),
        Draw(Round(1, 12, NARROW), 2, Batch(12, False)),
    ),
    "the best settings race when all trials are drawn, not those that measured the noise": (
        plan(), NETWORK, history(24, 12, 12, confirmed=MEASURED), Race((21, 22, 23)),
    ),
    "of a minimized metric, the smallest": (
        plan(), FUNCTION, history(24, 12, 12, confirmed=SMALLEST), Race((0, 1, 2)),
    ),
    "without a noise to measure, the race is all that confirms": (
        plan(trials=7, finalists=1), NETWORK, history(5, 3, 2), Race((4,)),
    ),
    "after the race the test rows are opened for the best": (
        plan(), NETWORK, history(24, 12, 12, confirmed=RACED), OpenTest(23),
    ),
    "opened once, for the trial that they were opened for": (
        plan(), NETWORK, history(24, 12, 12, confirmed=RACED, tested=22), OpenTest(22),
    ),
    "and that is the end": (
        plan(), NETWORK, history(24, 12, 12, confirmed=RACED, tested=23, test_done=True), Done(),
    ),
    "without test rows the race is the end": (
        plan(), replace(NETWORK, tests=False), history(24, 12, 12, confirmed=RACED), Done(),
    ),
    "where nothing succeeded there is nothing to race": (
        plan(), NETWORK,
        replace(history(0, 12, 12), trials={k: Observation({}, None) for k in range(24)}), Done(),
    ),
    "values that repeat exactly leave trainings to the search": (
        plan(), FUNCTION, history(24, 12, 12, confirmed=EXACT), StartRound(2, 3, NARROW),
    ),
    "of them only the best is confirmed once": (
        plan(), FUNCTION, history(27, 12, 12, 3, confirmed=[(1, 1.0), (2, 2.0)]), Race((0,)),
    ),
    "and then all is known": (
        plan(), FUNCTION, history(27, 12, 12, 3, confirmed=[(1, 1.0), (2, 2.0), (0, 0.0)]), Done(),
    ),
    "a search that was stopped races with its share": (
        plan(finalists=6), NETWORK, history(12, 12, stopped="enough", confirmed=MEASURED),
        Race((7, 8, 9, 10, 11)),
    ),
    "also in the middle of a round": (
        plan(finalists=6), NETWORK,
        history(13, 12, 12, judged=False, stopped="enough", confirmed=MEASURED),
        Race((7, 8, 9, 10, 11, 12)),
    ),
    "what hpo confirm asks for comes before the rest of a round": (
        plan(), NETWORK,
        history(10, 12, judged=False, confirmed=MEASURED, requests=[Request(3, 8, 10)]),
        Confirm((8, 9)),
    ),
    "and before a round is judged": (
        plan(), NETWORK,
        history(12, 12, judged=False, confirmed=MEASURED, requests=[Request(3, 20, 12)]),
        Confirm((7, 8, 9, 10, 11)),
    ),
    "it is beside what the plan confirms": (
        plan(), NETWORK, history(24, 12, 12, confirmed=RACED[:5], requests=[Request(3, 2, 10)]),
        Race((21, 22, 23)),
    ),
    "where values may repeat exactly, two trainings show it": (
        plan(finalists=0), FUNCTION, history(30, 15, 15, requests=[Request(0, 20, 30)]),
        Confirm((0, 1)),
    ),
    "and if they do, the others are left out": (
        plan(finalists=0), FUNCTION,
        history(30, 15, 15, confirmed=EXACT, requests=[Request(0, 20, 30)]), Done(),
    ),
    "settings that were drawn after it was asked for are not in it": (
        plan(), FUNCTION,
        history(12, 12, confirmed=[(8, 8.0), (9, 9.0)], requests=[Request(0, 9, 8)]), Confirm((0,)),
    ),
    "after it, a search that had ended early does not race on": (
        plan(), NETWORK,
        history(12, 12, stopped="time", confirmed=MEASURED, requests=[Request(3, 0, 12, ended=True)]),
        OpenTest(9),
    ),
    "unless its user has lifted the stop": (
        plan(), NETWORK,
        history(12, 12, confirmed=MEASURED, resumed_after=1, requests=[Request(3, 0, 12, ended=True)]),
        StartRound(1, 12, NARROW),
    ),
    "a study of Optuna's that is only confirmed draws nothing": (
        plan(trials=15, rounds=1), FUNCTION,
        history(15, 15, confirmed=SMALLEST, adopted=15, requests=[Request(0, 3, 15)]), Done(),
    ),
    "of a study of Optuna's, the best of all its trials measure the noise": (
        plan(trials=45, finalists=None, repeats=None), NETWORK, history(15, 15, adopted=15),
        Repeat((12, 13, 14)),
    ),
    "a first round has room for the settings in use": (
        plan(trials=36, finalists=1, repeats=1, baseline=[{"x": k / 17} for k in range(17)]), NETWORK, history(),
        StartRound(0, 17, SPACE),
    ),
    "they are of its first batch, which is as large as without them": (
        plan(baseline=IN_USE), NETWORK, history(0, 10, judged=False), Draw(Round(0, 10, SPACE), 0, Batch(10, True)),
    ),
    "and train again beside the best, however bad they are": (
        plan(baseline=IN_USE), NETWORK, history(10, 10), Repeat((0, 1, 9)),
    ),
    "unless there is no room for both": (
        plan(baseline=IN_USE), replace(FUNCTION, direction="maximize"), history(10, 10), Repeat((8, 9)),
    ),
    "they race to the end": (
        plan(baseline=IN_USE), NETWORK,
        history(20, 10, 10, confirmed=[(0, 0.1), (1, 1.2), (9, 9.5)]), Race((0, 1, 17, 18, 19)),
    ),
    "also in the last stage": (
        plan(baseline=IN_USE, trials=35, repeats=3), NETWORK,
        history(20, 10, 10, confirmed=[(0, 0.1), (1, 1.2), (9, 9.5), *RACED_IN_USE]), Race((0, 1, 18, 19)),
    ),
    "where values repeat exactly, once": (
        plan(baseline=IN_USE), replace(FUNCTION, direction="maximize"),
        history(24, 12, 12, confirmed=[(8, 8.0), (9, 9.0)]), StartRound(2, 1, NARROW),
    ),
    "hpo confirm trains them beside the best, too": (
        plan(baseline=IN_USE), NETWORK,
        history(20, 10, 10, confirmed=[(0, 0.1), (1, 1.2), (9, 9.5)], requests=[Request(3, 8, 20)]),
        Confirm((0, 1, 18, 19)),
    ),
    "a search with patience stops where a round brought no more": (
        plan(patience=1, rounds=3), FUNCTION, history(16, 8, 8, confirmed=SMALLEST),
        Stop(
            "1 round brought 0, not more than the noise of 0.0707, "
            "by which the values of one setting differ"
        ),
    ),
    "and goes on where it brought more": (
        plan(patience=1, rounds=3), NETWORK, history(16, 8, 8, confirmed=MEASURED),
        StartRound(2, 8, NARROW),
    ),
}  # fmt: skip


@pytest.mark.parametrize("state", STEPS)
def test_what_comes_next(state: str) -> None:
    asked, traits, seen, expected = STEPS[state]
    assert next_step(asked, traits, seen) == expected


def test_without_time_to_race_the_test_rows_are_next() -> None:
    seen = history(24, 12, 12, confirmed=RACED[:5])
    assert isinstance(next_step(plan(), NETWORK, seen), Race)
    assert next_step(plan(), NETWORK, seen, time_to_race=False) == OpenTest(23)


def test_the_same_record_has_the_same_next_step() -> None:
    for asked, traits, seen, _ in STEPS.values():
        before = deepcopy(seen)
        assert next_step(asked, traits, seen) == next_step(asked, traits, seen)
        assert seen == before
