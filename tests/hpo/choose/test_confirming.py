"""What is confirmed follows from the noise: exact values need hardly anything, noisy ones a share of the trainings."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpo.choose.concluding import conclude
from hpo.choose.confirming import (
    PARTS,
    RACING,
    REPEATED,
    confirming_budget,
    measuring,
    noise,
    repeated_best,
    trials_to_repeat,
)
from hpo.choose.next_step import Done, Draw, Judge, Race, Repeat, StartRound, next_step
from hpo.choose.rounds import EXPLORING
from hpo.choose.types import (
    Confirmation,
    Direction,
    History,
    Observation,
    Request,
    Round,
    Traits,
)
from hpo.plan.plan import Plan, make_plan
from hpo.plan.space import Float

FUNCTION = Traits("maximize")
NETWORK = Traits("maximize", stacked=True, noisy=True)


def plan(trials: int = 100, **fields: Any) -> Plan:
    space = {"x": Float(0.0, 1.0)}
    return make_plan({"trainer": "my:train", "space": space, "trials": trials, **fields})


def history(
    values: Sequence[float | None],
    confirmed: Sequence[tuple[int, int, float | None]] = (),
    **facts: Any,
) -> History:
    """Trials with these values, and trainings that confirm: stage, trial and value."""
    trials = {k: Observation({"x": k / 100}, value) for k, value in enumerate(values)}
    return History(trials=trials, confirmed=[Confirmation(*c) for c in confirmed], **facts)


TEN = [float(k) for k in range(EXPLORING)]
EXACT: list[tuple[int, int, float | None]] = [(1, 9, 9.0), (1, 8, 8.0)]


def with_gaps(*gaps: float) -> list[tuple[int, int, float | None]]:
    """The best of TEN again, better by these gaps than in the search."""
    return [(1, 9 - k, 9 - k + gap) for k, gap in enumerate(gaps)]


# --- which train again to measure the noise ---


def test_nothing_is_repeated_before_the_first_trials_have_ended() -> None:
    assert trials_to_repeat(plan(), NETWORK, history(TEN[:-1])) == ()


def test_the_best_of_the_first_trials_measure_the_noise() -> None:
    assert trials_to_repeat(plan(), NETWORK, history(TEN)) == (6, 7, 8, 9)
    assert trials_to_repeat(plan(), NETWORK, history([*TEN, 99.0])) == (6, 7, 8, 9)
    smallest = Traits("minimize", noisy=True)
    assert trials_to_repeat(plan(), smallest, history(TEN)) == (0, 1, 2, 3)
    assert trials_to_repeat(plan(), NETWORK, history(TEN, with_gaps(1, 2, 3, 4))) == ()


def test_two_show_whether_a_function_has_any_noise() -> None:
    assert trials_to_repeat(plan(), FUNCTION, history(TEN)) == (8, 9)
    assert trials_to_repeat(plan(), FUNCTION, history(TEN, EXACT)) == ()
    assert len(trials_to_repeat(plan(), FUNCTION, history(TEN, with_gaps(0.0, 0.5)))) == 2


def test_a_small_search_spends_little_on_the_noise() -> None:
    assert [len(trials_to_repeat(plan(n), NETWORK, history(TEN))) for n in (15, 16, 24, 32)] == [
        1, 2, 3, 4,
    ]  # fmt: skip
    assert trials_to_repeat(plan(finalists=0), NETWORK, history(TEN)) == ()


def test_trials_that_failed_or_left_at_a_rung_measure_nothing() -> None:
    seen = history([*TEN[:7], None, 8.0, 9.0])
    seen.trials[9] = Observation({}, 9.0, left_epoch=1)
    assert trials_to_repeat(plan(), NETWORK, seen) == (4, 5, 6, 8)
    assert trials_to_repeat(plan(), NETWORK, history([None] * EXPLORING)) == ()


def test_only_the_first_trainings_of_the_first_trials_measured_the_noise() -> None:
    race: list[tuple[int, int, float | None]] = [(2, 9, 9.0), (2, 40, 0.0), (2, 3, 0.0)]
    trials = [float(k) for k in range(60)]
    assert len(measuring(plan(), history(trials, with_gaps(1, 2, 3, 4) + race))) == REPEATED
    assert len(measuring(plan(), history(trials, with_gaps(1, 2, 3)))) == 3
    assert len(measuring(plan(), history(trials, [(1, 40, 0.0), (1, 9, 0.0)]))) == 0
    assert len(measuring(plan(finalists=0), history(trials))) == 0


# --- the noise ---


def test_the_noise_is_not_known_before_two_settings_have_trained_in_one_stage() -> None:
    assert noise(plan(), history(TEN)) is None
    assert noise(plan(), history(TEN, [(1, 9, 9.5)])) is None
    assert noise(plan(), history(TEN, [(1, 9, 9.5), (2, 8, 8.6)])) is None
    assert noise(plan(), history(TEN, [(1, 9, 9.5), (1, 8, None)])) is None


def test_the_noise_comes_from_the_gaps_inside_a_stage() -> None:
    gaps = (0.1, 0.5, 0.2, 0.8)
    # Each gap is the difference of two values, with the noise of both.
    expected = statistics.stdev(gaps) / math.sqrt(2)
    assert noise(plan(), history(TEN, with_gaps(*gaps))) == pytest.approx(expected)
    lucky = with_gaps(*(gap + 100 for gap in gaps))
    assert noise(plan(), history(TEN, lucky)) == pytest.approx(expected)
    later: list[tuple[int, int, float | None]] = [(3, 0, 1e6), (3, 1, -1e6)]
    assert noise(plan(), history(TEN, with_gaps(*gaps) + later)) == pytest.approx(expected)
    assert noise(plan(), history(TEN, EXACT)) == 0


def test_the_noise_is_found_on_average() -> None:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(400):
        first, again = 0.3 * rng.standard_normal((2, EXPLORING))
        trials = [k + float(x) for k, x in enumerate(first)]
        stage = rng.standard_normal()
        confirmed = [(1, k, k + stage + float(again[k])) for k in range(6, 10)]
        found.append((noise(plan(), history(trials, confirmed)) or 0.0) ** 2)
    assert math.sqrt(np.mean(found)) == pytest.approx(0.3, rel=0.1)


# --- the budget ---


def test_before_the_noise_is_known_the_budget_is_the_plans() -> None:
    assert confirming_budget(plan(), NETWORK, history([])) == plan().confirming == 40
    assert confirming_budget(plan(finalists=0), NETWORK, history(TEN)) == 0


def test_the_larger_the_noise_beside_what_was_gained_the_more_confirms_up_to_the_plans_share() -> (
    None
):
    def budget(gap: float, gained: float = 1.0) -> int:
        trials = [*TEN, *([TEN[-1] + gained] * (60 - EXPLORING))]
        facts: dict[str, Any] = {"rounds": [Round(k, 20, plan().space) for k in range(3)]}
        confirmed = with_gaps(-gap, gap, -gap, gap)
        return confirming_budget(plan(), NETWORK, history(trials, confirmed, **facts))

    budgets = [budget(gap) for gap in (0.0, 0.2, 0.4, 0.8, 9.0)]
    assert budgets == sorted(budgets)
    assert budgets[0] == REPEATED + RACING
    assert budgets[0] < budgets[2] < budgets[3] < 40
    assert budgets[-1] == 40
    assert budget(0.8, gained=2.0) == budget(0.4)
    # Nothing was gained since the first trials: another setting is worth less than a safer choice.
    assert budget(0.01, gained=0.0) == 40


def test_repeats_that_the_plan_asks_for_are_not_changed_by_the_noise() -> None:
    asked = plan(finalists=5, repeats=4)
    assert confirming_budget(asked, NETWORK, history(TEN, with_gaps(0, 0, 0, 0))) == 20
    assert confirming_budget(asked, NETWORK, history(TEN, with_gaps(-9, 9, -9, 9))) == 20


def test_the_share_is_of_what_is_added_to_optunas_trials() -> None:
    trials, asked = [float(k) for k in range(500)], plan(540)
    facts: dict[str, Any] = {"adopted": 500, "rounds": [Round(0, 500, asked.space)]}
    seen = history(trials, **facts)
    assert confirming_budget(asked, NETWORK, seen) == 16
    assert trials_to_repeat(asked, NETWORK, seen) == (496, 497, 498, 499)
    quiet = [(1, 499 - k, 499 - k + gap) for k, gap in enumerate((0.0, 1.0, 0.0, 1.0))]
    noisy = [(1, 499 - k, 499 - k + gap) for k, gap in enumerate((0.0, 999.0, 0.0, 999.0))]
    assert confirming_budget(asked, NETWORK, history(trials, quiet, **facts)) == REPEATED + 5
    assert confirming_budget(asked, NETWORK, history(trials, noisy, **facts)) == 16
    assert confirming_budget(plan(500, rounds=1), NETWORK, seen) == 0


def test_requests_take_nothing_from_the_plan() -> None:
    seen = history(TEN, with_gaps(-9, 9, -9, 9))
    budget = confirming_budget(plan(), NETWORK, seen)
    seen.requests = [Request(4, 50, 10)]
    assert (seen.owed, seen.requested, seen.trainings) == (50, 0, 14)
    seen.confirmed += [Confirmation(2, 9, 9.0)] * 30
    assert (seen.owed, seen.requested, seen.trainings) == (20, 30, 14)
    assert confirming_budget(plan(), NETWORK, seen) == budget
    seen.confirmed += [Confirmation(3, 9, 9.0)] * 30
    assert (seen.owed, seen.requested, seen.trainings) == (0, 50, 24)


def test_no_more_confirms_than_trainings_are_left() -> None:
    asked = plan(finalists=5, repeats=4)
    assert confirming_budget(asked, NETWORK, history([0.0] * 80)) == 20
    assert confirming_budget(asked, NETWORK, history([0.0] * 93)) == 7


def test_a_search_that_stopped_early_confirms_with_the_same_share() -> None:
    asked = plan(finalists=5, repeats=4)
    assert confirming_budget(asked, NETWORK, history([0.0] * 40, stopped="enough")) == 10


def test_values_that_repeat_exactly_are_confirmed_at_the_best_alone() -> None:
    seen = history([*TEN, 99.0], EXACT)
    assert confirming_budget(plan(), FUNCTION, seen) == 3
    assert repeated_best(plan(), FUNCTION, seen) == [10]
    seen.confirmed.append(Confirmation(2, 10, 99.0))
    assert confirming_budget(plan(), FUNCTION, seen) == 3
    assert repeated_best(plan(), FUNCTION, seen) == []
    assert confirming_budget(plan(), FUNCTION, history(TEN, EXACT)) == 3  # the last may be the best


def test_what_trains_with_noise_is_never_taken_to_repeat_exactly() -> None:
    assert repeated_best(plan(), NETWORK, history(TEN, EXACT)) is None
    assert repeated_best(plan(), FUNCTION, history(TEN, with_gaps(0.0, 0.1))) is None
    assert repeated_best(plan(), FUNCTION, history(TEN, EXACT[:1])) is None


@settings(deadline=None)
@given(
    st.integers(6, 200),
    st.lists(st.floats(-1e9, 1e9) | st.none(), max_size=40),
    st.lists(st.floats(-1e9, 1e9) | st.none(), max_size=6),
    st.sampled_from([FUNCTION, NETWORK]),
    st.sampled_from([None, "enough"]),
)
def test_the_budget_is_within_the_plans_and_holds_what_has_confirmed(
    trials: int,
    values: list[float | None],
    again: list[float | None],
    traits: Traits,
    stopped: str | None,
) -> None:
    asked = plan(trials, rounds=2)
    values = values[: trials - asked.confirming]
    best = history(values).ranked("maximize")
    confirmed = [(1, k, v) for k, v in zip(best, again, strict=False)][: asked.confirming]
    seen = history(values, confirmed, stopped=stopped)
    assert 0 <= confirming_budget(asked, traits, seen) <= asked.confirming
    wanted = trials_to_repeat(asked, traits, seen)
    assert len(wanted) + len(confirmed) <= max(len(confirmed), trials // PARTS)
    assert set(wanted) <= set(best)


# --- whole searches ---


def searched(
    asked: Plan, traits: Traits, value: Callable[[float], float], noise_: float, seed: int
) -> History:
    """The history of a whole search that draws at random."""
    rng = np.random.default_rng(seed)
    seen = History()

    def train(x: float) -> float:
        return value(x) + noise_ * float(rng.standard_normal())

    for _ in range(2 * asked.trials):
        match step := next_step(asked, traits, seen):
            case StartRound():
                seen.rounds.append(Round(step.number, step.size, step.ranges))
            case Draw():
                for _ in range(step.batch.size):
                    x = float(rng.random())
                    seen.trials[len(seen.trials)] = Observation({"x": x}, train(x))
            case Judge():
                last = step.round
                seen.rounds[-1] = Round(
                    last.number, last.size, last.ranges, {"x": "kept"}, last.ranges
                )
            case Repeat() | Race():
                seen.stage += 1
                for trial in step.trials:
                    x = float(seen.trials[trial].settings["x"] or 0.0)
                    seen.confirmed.append(Confirmation(seen.stage, trial, train(x)))
            case Done():
                return seen
    raise AssertionError(step)


@pytest.mark.parametrize("trials", [30, 60, 150])
@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_a_function_without_noise_is_confirmed_by_at_most_three_trainings(
    direction: Direction, trials: int
) -> None:
    traits = Traits(direction)
    for seed in range(5):
        seen = searched(plan(trials), traits, lambda x: (x - 0.3) ** 2, 0.0, seed)
        assert len(seen.confirmed) <= 3
        assert trials - 1 <= seen.trainings <= trials
        best = conclude(seen.searched(), seen.confirmed, direction).finalists[0]
        assert best.trial == seen.ranked(direction)[0]


@pytest.mark.parametrize("trials", [30, 60, 150])
@pytest.mark.parametrize("noise_", [0.01, 0.1, 1.0])
def test_what_is_recommended_of_a_noisy_function_was_mostly_trained_three_times_or_more(
    noise_: float, trials: int
) -> None:
    counts = []
    for seed in range(10):
        seen = searched(plan(trials), FUNCTION, lambda x: -((x - 0.3) ** 2), noise_, seed)
        best = conclude(seen.searched(), seen.confirmed, "maximize").finalists[0]
        counts.append(1 + len(best.values))  # in the search and in stages
        assert seen.trainings == trials
    assert sum(count >= 3 for count in counts) >= 8
    assert min(counts) >= 2


@pytest.mark.parametrize(("finalists", "repeats"), [(1, 1), (1, 2), (3, 1), (3, 2), (5, 3)])
def test_so_many_finalists_as_the_plan_asks_for_train_again_and_the_best_is_one(
    finalists: int, repeats: int
) -> None:
    asked = plan(60, finalists=finalists, repeats=repeats)
    for traits in (FUNCTION, NETWORK):
        seen = searched(asked, traits, lambda x: -((x - 0.3) ** 2), 0.001, 0)
        again = {c.trial for c in seen.confirmed}
        assert len(again) >= finalists
        assert seen.ranked("maximize")[0] in again
        assert len(seen.confirmed) == finalists * repeats


@settings(deadline=None, max_examples=60)
@given(st.integers(4, 60), st.sampled_from([0.0, 0.1, 1.0]), st.integers(0, 99), st.booleans())
def test_a_search_of_any_size_ends_with_the_trainings_of_its_plan(
    trials: int, noise_: float, seed: int, stacked: bool
) -> None:
    traits = NETWORK if stacked else FUNCTION
    seen = searched(plan(trials, rounds=2), traits, lambda x: -((x - 0.3) ** 2), noise_, seed)
    assert trials - 1 <= seen.trainings <= trials
