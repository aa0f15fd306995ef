"""A user asks for more trials after a race: the best of the new ones race, too, whatever the earlier race has cost."""

from __future__ import annotations

from typing import Any

from hpo.choose.confirming import RACING, REPEATED, confirming_budget
from hpo.choose.next_step import Race, next_step
from hpo.choose.types import Confirmation, History, Observation, Round, Traits
from hpo.plan.plan import Plan, make_plan
from hpo.plan.space import Float, Space

NETWORK = Traits("maximize", stacked=True, noisy=True)
SPACE: Space = {"x": Float(0.0, 1.0)}


def plan(trials: int, **fields: Any) -> Plan:
    return make_plan({"trainer": "my:train", "space": SPACE, "trials": trials, **fields})


def raced(trials: int, confirmed: int) -> History:
    """Three rounds of twenty, whose best raced, and the better trials that a user added after that."""
    values = [*map(float, range(60)), *(200.0 + k for k in range(trials - 60))]
    noise = [Confirmation(1, 9 - k, 9 - k + gap) for k, gap in enumerate((-2.0, 2.0, -2.0, 2.0))]
    race = [Confirmation(2 + k, 50 + k % 10, 50.0 + k % 10) for k in range(confirmed - REPEATED)]
    return History(
        trials={k: Observation({"x": k / 1000}, value) for k, value in enumerate(values)},
        confirmed=[*noise, *race],
        rounds=[Round(k, 20, SPACE, actions={}) for k in range(3)],
        extended_after=3,
    )


def test_what_a_user_adds_after_a_race_confirms_as_a_search_of_its_own() -> None:
    asked = plan(200)
    assert confirming_budget(asked, NETWORK, raced(60, 40)) == 40 + RACING
    assert confirming_budget(asked, NETWORK, raced(154, 40)) == 40 + RACING
    # Nobody had raced, so it is one search; the noise was measured once.
    assert confirming_budget(asked, NETWORK, raced(60, REPEATED)) == REPEATED + RACING
    # As many as the plan says race once more, or their share if that is more than half of what is added.
    for trials, again in ((200, 40), (150, 13)):
        asked = plan(trials, finalists=5, repeats=8)
        assert confirming_budget(asked, NETWORK, raced(60, 40)) == 40 + again


def test_the_best_of_the_added_trials_takes_part_in_the_first_stage_after_them() -> None:
    for asked in (plan(160), plan(200, finalists=5, repeats=8)):
        seen = raced(100, 40)
        seen.rounds.append(Round(3, 40, asked.space, actions={}))
        seen.trials[99] = Observation({"x": 0.5}, -1.0)  # nor are the others better
        for number in range(60, 99):
            seen.trials[number] = Observation({"x": 0.5}, -2.0)
        budget = confirming_budget(asked, NETWORK, seen)
        seen.trials |= {n: Observation({"x": 0.5}, -3.0) for n in range(100, asked.trials - budget)}
        seen.rounds[-1] = Round(3, len(seen.trials) - 60, asked.space, actions={})
        step = next_step(asked, NETWORK, seen)
        assert isinstance(step, Race)
        assert 99 in step.trials
        seen.confirmed += [Confirmation(99, trial, 0.0) for trial in step.trials]
        assert seen.before.confirmed == 40
        assert confirming_budget(asked, NETWORK, seen) == budget
