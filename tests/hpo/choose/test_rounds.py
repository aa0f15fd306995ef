"""How trials are shared out: evenly, in whole numbers, none lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hpo.choose.halving import batch_size
from hpo.choose.rounds import (
    ENOUGH,
    EVEN,
    EXPLORING,
    Batch,
    at_once,
    batch_numbers,
    batches,
    largest_batch,
    most_training,
    round_size,
)
from hpo.choose.types import Action, Round, Traits
from hpo.plan.plan import Plan, make_plan
from hpo.plan.space import Float, Space

STACKED, SINGLE = Traits("maximize", stacked=True), Traits("maximize")


def plan(**fields: object) -> Plan:
    return make_plan({"source": "wine", **fields})


def judged(number: int, size: int, action: Action) -> Round:
    return Round(number, size, {}, {"x": action}, {})


@given(trials=st.integers(1, 5000), rounds=st.integers(1, 50))
def test_rounds_share_the_trials_evenly_but_the_first_has_enough_to_judge(
    trials: int, rounds: int
) -> None:
    trials = max(trials, rounds)
    sizes: list[int] = []
    while sum(sizes) < trials:
        sizes.append(round_size(trials, rounds, sum(sizes), len(sizes)))
    assert sum(sizes) == trials
    assert len(sizes) == rounds
    assert max(sizes[1:], default=0) - min(sizes[1:], default=0) <= 1
    assert sizes[0] >= min(sizes)
    assert sizes[0] >= min(ENOUGH, trials - rounds + 1)  # it can be judged, if any
    if sizes[0] > sizes[-1] + 1:  # it has more than its share: as many as fill the ranges evenly
        assert sizes[0] == min(EVEN, trials - rounds + 1)


@given(st.integers(1, 99), st.integers(1, 99), st.integers(1, 9))
def test_trials_beyond_the_last_round_are_a_round_of_their_own(
    begun: int, more: int, rounds: int
) -> None:
    assert round_size(begun + more, rounds, begun, rounds) == more


def test_the_first_trials_explore_and_half_of_a_round_that_was_extended_without_a_model() -> None:
    rounds = [judged(0, 34, "extended"), judged(1, 33, "kept"), judged(2, 33, "kept")]
    planned = batches(plan(sampler="tpe"), STACKED, rounds)
    assert planned == [(10, True), (24, False), (16, True), (17, False), (33, False)]
    assert batch_numbers(planned) == [0] * 10 + [1] * 24 + [2] * 16 + [3] * 17 + [4] * 33
    assert batches(plan(), STACKED, rounds) == [(10, True), (24, False), (33, False), (33, False)]
    short = [judged(0, 1, "extended"), judged(1, 1, "kept")]
    assert batches(plan(sampler="tpe"), SINGLE, short) == [(1, True), (1, False)]


def test_with_halving_all_of_the_first_round_explores() -> None:
    rounds = [judged(0, 54, "narrowed"), judged(1, 27, "kept")]
    halved = plan(sampler="model", halving=3)
    assert batches(halved, SINGLE, rounds) == [(27, True), (27, True), (27, False)]


def test_half_of_a_round_explores_whose_ranges_its_user_made_wider() -> None:
    wide: Space = {"x": Float(0, 9)}
    rounds = [judged(0, 10, "kept"), Round(1, 10, wide)]
    assert batches(plan(), STACKED, rounds) == [(10, True), (5, True), (5, False)]


def test_a_function_explores_at_once_and_is_then_drawn_one_by_one() -> None:
    rounds = [Round(0, 20, {})]
    explore, learn = batches(plan(), SINGLE, rounds)
    assert (explore, learn) == ((10, True), (10, False))
    assert at_once(plan(), SINGLE, explore) == 10
    assert at_once(plan(ahead=8), SINGLE, learn) == 1
    assert at_once(plan(), STACKED, learn) == 10
    assert at_once(plan(halving=2), SINGLE, learn) == 10


def test_a_sampler_that_does_not_learn_explores_always() -> None:
    rounds = [judged(0, 10, "extended"), judged(1, 10, "kept")]
    assert batches(plan(sampler="sobol"), STACKED, rounds) == [(10, False), (10, False)]
    assert batches(plan(sampler="sobol"), SINGLE, rounds) == [(10, False), (10, False)]
    assert at_once(plan(sampler="sobol"), SINGLE, Batch(10, False)) == 10


def test_batches_are_large_where_many_settings_train_as_one_or_most_leave_at_rungs() -> None:
    assert largest_batch(plan(), STACKED, 200) == 50
    halved = plan(halving=3)
    assert largest_batch(halved, SINGLE, 4) == batch_size(3) == 27
    assert [most_training(plan(ahead=n), SINGLE) for n in (1, 2, 8)] == [1, 2, 8]
    assert most_training(plan(ahead=8, halving=3), SINGLE) == 34


actions = st.sampled_from(["narrowed", "kept", "extended"])


@given(
    st.lists(st.tuples(st.integers(1, 300), actions), max_size=5),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["model", "tpe", "sobol"]),
    st.integers(1, 20),
)
def test_batches_are_full_rounds_of_nearly_equal_parts_and_never_too_large(
    sizes_and_actions: list[tuple[int, Action]],
    stacked: bool,
    halved: bool,
    sampler: str,
    ahead: int,
) -> None:
    rounds = [judged(number, *pair) for number, pair in enumerate(sizes_and_actions)]
    asked = plan(halving=3 if halved else None, sampler=sampler, ahead=ahead)
    traits = Traits("maximize", stacked=stacked)
    planned = batches(asked, traits, rounds)
    total = sum(size for size, _ in sizes_and_actions)
    assert sum(batch.size for batch in planned) == len(batch_numbers(planned)) == total
    for number, current in enumerate(rounds):
        # What a round holds does not change when further rounds begin.
        before, until = (len(batches(asked, traits, rounds[:k])) for k in (number, number + 1))
        of_round = planned[before:until]
        learning = largest_batch(asked, traits, current.size)
        assert sum(batch.size for batch in of_round) == current.size
        for explores in (True, False):
            sizes = [batch.size for batch in of_round if batch.explores == explores]
            if sizes:
                most = max(learning, EXPLORING) if explores else learning
                assert 1 <= min(sizes) <= max(sizes) <= most
                assert max(sizes) - min(sizes) <= 1
                assert len(sizes) == -(-sum(sizes) // most)
