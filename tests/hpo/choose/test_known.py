"""What the next step rests on does not depend on which of the last trials have ended."""

# Law 1: choosing is pure.
# Law 2: the same seed gives the same study.

from __future__ import annotations

import dataclasses

from hypothesis import assume, given
from hypothesis import strategies as st

from hpo.choose.known import known
from hpo.choose.next_step import Confirm, OpenTest, Race, Repeat, next_step
from hpo.choose.rounds import EXPLORING
from hpo.choose.types import Confirmation, History, Observation, Round, Traits
from hpo.plan.plan import Plan, make_plan
from hpo.plan.space import Float, Space

SPACE: Space = {"x": Float(0.0, 1.0)}
FUNCTION, NETWORK = Traits("minimize"), Traits("minimize", stacked=True, noisy=True)


def plan(ahead: int) -> Plan:
    return make_plan({"trainer": "my:train", "space": SPACE, "trials": 60, "ahead": ahead})


def history(drawn: int, running: set[int], confirmed: int, adopted: int = 0) -> History:
    """So many trials with the values 0, 1, 2, …, of which some still train."""
    return History(
        trials={n: Observation({"x": n / 100}, float(n)) for n in range(drawn) if n not in running},
        running={n: {"x": n / 100} for n in sorted(running)},
        rounds=[Round(0, 50, SPACE)],
        confirmed=[Confirmation(1, n, n + 0.1 * n) for n in range(confirmed)],
        adopted=adopted,
    )


drawn_and_running = st.integers(0, 50).flatmap(
    lambda drawn: st.tuples(
        st.just(drawn), st.sets(st.integers(0, drawn - 1)) if drawn else st.just(set())
    )
)


@given(drawn_and_running, st.integers(1, 12), st.integers(0, 3))
def test_it_depends_on_trial_n_minus_ahead_and_those_before_it(
    state: tuple[int, set[int]], ahead: int, confirmed: int
) -> None:
    drawn, running = state
    confirmed = min(confirmed, drawn)
    running -= set(range(confirmed))
    needed = max(drawn - ahead + 1, min(drawn, EXPLORING))
    seen = known(plan(ahead), FUNCTION, history(drawn, running, confirmed))
    if any(n < needed for n in running):
        assert seen is None
        return
    assert seen is not None
    assert set(seen.trials) == set(range(max(needed, confirmed)))
    assert seen == known(plan(ahead), FUNCTION, history(drawn, set(), confirmed))
    assert seen.drawn == drawn
    assert list(seen.running) == list(range(max(needed, confirmed), drawn))


@given(drawn_and_running, st.integers(1, 12), st.sampled_from([0, 3]))
def test_the_next_step_is_the_same_or_waits_whichever_of_the_last_have_ended(
    state: tuple[int, set[int]], ahead: int, confirmed: int
) -> None:
    drawn, running = state
    confirmed = min(confirmed, drawn)
    now = next_step(plan(ahead), FUNCTION, history(drawn, running, confirmed))
    later = next_step(plan(ahead), FUNCTION, history(drawn, set(), confirmed))
    assert later is not None
    assert now in (None, later)
    if running and isinstance(later, Repeat | Race | Confirm | OpenTest):
        assert now is None


@given(drawn_and_running, st.integers(1, 12))
def test_a_population_is_drawn_when_all_before_it_have_ended(
    state: tuple[int, set[int]], ahead: int
) -> None:
    drawn, running = state
    now = history(drawn, running, 0)
    assert known(plan(ahead), NETWORK, now) is (None if running else now)


@given(st.integers(0, 40), st.integers(1, 12))
def test_what_optuna_made_is_known(adopted: int, ahead: int) -> None:
    now = history(adopted, set(), 0, adopted=adopted)
    assert known(plan(ahead), FUNCTION, now) == now


@given(st.integers(12, 40), st.integers(1, 12))
def test_trials_that_optuna_added_are_known_and_do_not_count(drawn: int, ahead: int) -> None:
    assume(drawn - ahead >= EXPLORING)
    ours = history(drawn + 5, set(), 0)
    for added in (set(range(5)), set(range(drawn, drawn + 5)), {0, 7, drawn, drawn + 2, drawn + 4}):
        seen = known(plan(ahead), FUNCTION, dataclasses.replace(ours, elsewhere=added))
        assert seen is not None
        assert added <= seen.trials.keys()
        assert len(seen.running) == ahead - 1
        assert seen.drawn == drawn
