"""How trials are shared out: evenly, in whole numbers, none lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hpo.choose.rounds import ENOUGH, EVEN, batch_numbers, batches, round_size
from studies.database.records import Round


def judged(number: int, size: int, action: str) -> Round:
    return Round(number, size, {}, {"x": {"action": action}}, {})


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


def test_the_first_round_explores_and_half_of_one_that_was_extended() -> None:
    rounds = [judged(0, 34, "extended"), judged(1, 33, "kept"), judged(2, 33, "kept")]
    begun = batches(rounds, lambda _: 50, learns=True)
    assert begun == [(34, True), (16, True), (17, False), (33, False)]
    assert batch_numbers(begun) == [0] * 34 + [1] * 16 + [2] * 17 + [3] * 33
    assert batches([judged(0, 1, "extended"), judged(1, 1, "kept")], lambda _: 8, learns=True) == [
        (1, True),
        (1, False),
    ]


def test_half_of_a_round_explores_whose_ranges_its_user_made_wider() -> None:
    wide = {"x": {"low": 0.0, "high": 9.0}}
    rounds = [judged(0, 10, "kept"), Round(1, 10, wide, None, None)]
    assert batches(rounds, lambda _: 50, learns=True) == [(10, True), (5, True), (5, False)]


def test_a_round_that_was_begun_is_shared_out_before_it_is_judged() -> None:
    assert batches([Round(0, 10, {}, None, None)], lambda _: 8, learns=True) == [
        (5, True),
        (5, True),
    ]


actions = st.sampled_from(["narrowed", "kept", "extended"])


@given(st.lists(st.tuples(st.integers(1, 300), actions), max_size=5), st.integers(1, 60))
def test_batches_are_full_rounds_of_nearly_equal_parts_and_never_too_large(
    told: list[tuple[int, str]], most: int
) -> None:
    rounds = [judged(number, size, action) for number, (size, action) in enumerate(told)]
    left = batches(rounds, lambda _: most, learns=True)
    assert sum(batch.size for batch in left) == sum(size for size, _ in told)
    assert len(batch_numbers(left)) == sum(size for size, _ in told)
    for number, current in enumerate(rounds):
        # What a round holds does not change when further rounds begin.
        of_it = left[
            len(batches(rounds[:number], lambda _: most, learns=True)) : len(
                batches(rounds[: number + 1], lambda _: most, learns=True)
            )
        ]
        assert sum(batch.size for batch in of_it) == current.size
        for explores in (True, False):
            sizes = [batch.size for batch in of_it if batch.explores == explores]
            if sizes:
                assert 1 <= min(sizes) <= max(sizes) <= most
                assert max(sizes) - min(sizes) <= 1
                assert len(sizes) == -(-sum(sizes) // most)
