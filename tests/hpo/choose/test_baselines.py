"""The settings in use today: the first trials, in every stage to the end, and compared on equal stages."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpo.choose.concluding import conclude
from hpo.choose.halving import staying
from hpo.choose.next_step import (  # fmt: skip
    Done,
    Draw,
    Judge,
    OpenTest,
    Race,
    Repeat,
    StartRound,
    Stop,
    next_step,
)
from hpo.choose.racing import race
from hpo.choose.rounds import batch_numbers, batches
from hpo.choose.types import Confirmation, History, Observation, Round, Traits
from hpo.plan.plan import Plan, make_plan


def plan(baselines: int, **fields: Any) -> Plan:
    given = {"trainer": "my:train", "space": {"x": "0:1"}, **fields}
    return make_plan({**given, "baseline": [{"x": 0.9 + k / 1000} for k in range(baselines)]})


def searched(asked: Plan, traits: Traits, noise: float, seed: int) -> tuple[History, list[Any]]:
    """The history of a whole search for a large x, whose settings are drawn at random; and its stages."""
    rng, history, stages = np.random.default_rng(seed), History(), []

    def value(trial: int) -> float:
        return float(history.trials[trial].settings["x"] or 0) + noise * rng.normal()

    while True:
        match step := next_step(asked, traits, history):
            case StartRound():
                history.rounds.append(Round(step.number, step.size, step.ranges))
            case Draw():
                of = batch_numbers(batches(asked, traits, history.rounds))
                for trial in range(history.drawn, history.drawn + step.batch.size):
                    own = [*asked.baseline[trial : trial + 1], {"x": float(rng.random()) * 0.8}][0]
                    history.trials[trial] = Observation(own, None, of[trial])
                    drawn = Observation(own, value(trial), of[trial])
                    history.trials[trial] = drawn
            case Judge():
                judged = Round(
                    step.round.number, step.round.size, step.round.ranges, {"x": "kept"}, step.round.ranges
                )  # fmt: skip
                history.rounds[-1] = judged
            case Repeat() | Race():
                history.stage += 1
                stages.append((step, asked.trials - history.trainings))
                history.confirmed += [
                    Confirmation(history.stage, trial, value(trial)) for trial in step.trials
                ]
            case OpenTest() | Stop() | Done():
                return history, stages


@settings(max_examples=40, deadline=None)
@given(
    baselines=st.integers(1, 3),
    trials=st.integers(24, 90),
    noisy=st.sampled_from([None, True]),
    noise=st.sampled_from([0.0, 0.01, 1.0]),
    finalists=st.sampled_from([None, 1, 3]),
    stacked=st.booleans(),
    seed=st.integers(0, 9),
)
def test_a_baseline_is_in_the_budget_and_in_every_stage(
    baselines: int,
    trials: int,
    noisy: bool | None,
    noise: float,
    finalists: int | None,
    stacked: bool,
    seed: int,
) -> None:
    asked = plan(baselines, trials=trials, finalists=finalists)
    traits = Traits("minimize", stacked=stacked, noisy=noisy)
    history, stages = searched(asked, traits, noise, seed)
    assert history.trainings <= asked.trials
    assert [history.trials[k].settings for k in range(baselines)] == [*asked.baseline]
    if noise == 0.0 and noisy is None:
        assert {c.trial for c in history.confirmed} >= set(range(baselines))
    elif stages:
        raced = [step.trials for step, _ in stages if isinstance(step, Race)]
        with_room = [t for t in raced if len(t) > baselines]
        assert raced[: len(with_room)] == with_room
        assert sum(map(len, raced[len(with_room) :])) <= baselines  # no room for all and one more
        assert all(set(range(baselines)) <= {*trials} for trials in with_room)


def values(seed: int, stages: int, better: float) -> tuple[dict[int, float], list[Confirmation]]:
    """Trials 0, the baseline, and 1 and 2, which are `better`, in so many stages."""
    rng = np.random.default_rng(seed)
    effect = {0: 0.5, 1: 0.5 + better, 2: 0.5 + better}
    search = {trial: mean + 0.01 * rng.normal() for trial, mean in effect.items()}
    done = [
        Confirmation(stage, trial, mean + shift + 0.01 * rng.normal())
        for stage in range(1, stages + 1)
        for shift in [rng.normal()]  # of the stage's split
        for trial, mean in effect.items()
    ]
    return search, done


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_the_gain_is_measured_on_equal_stages(direction: Any) -> None:
    sign = 1.0 if direction == "maximize" else -1.0
    search, done = values(0, 6, sign * 0.1)
    concluded = conclude(search, done, direction, baselines=range(1)).finalists
    by_trial = {f.trial: f for f in concluded}
    first, baseline = concluded[0], by_trial[0]
    assert first.trial != 0
    assert (first.gain, first.gain_ci95) == (None, None)
    own = {c.stage: c.value for c in done if c.trial == first.trial}
    gaps = [sign * ((own[c.stage] or 0) - (c.value or 0)) for c in done if c.trial == 0]
    assert baseline.gain == pytest.approx(math.fsum(gaps) / 6)
    assert baseline.gain_ci95 is not None
    low, high = baseline.gain_ci95
    assert (low + high) / 2 == pytest.approx(baseline.gain)
    assert 0 < low < 0.1 < high < 0.2  # however far the stages move all values


def test_the_interval_holds_the_truth_though_the_better_of_two_was_chosen() -> None:
    missed = []
    for seed in range(200):
        search, done = values(seed, 4, 0.0)
        finalists = conclude(search, done, "maximize", baselines=range(1)).finalists
        ends = next((f.gain_ci95 for f in finalists if f.trial == 0), None)
        missed.append(ends is not None and ends[0] > 0)
    assert sum(missed) <= 0.05 * len(missed)


def test_exact_values_are_compared_as_they_are() -> None:
    done = [Confirmation(1, 0, 0.5), Confirmation(1, 1, 0.75), Confirmation(2, 2, 1.0)]
    baseline = conclude({0: 0.5, 1: 0.75, 2: 1.0}, done, "maximize", baselines=range(1)).finalists[
        -1
    ]
    assert (baseline.trial, baseline.gain, baseline.gain_ci95) == (0, 0.5, (0.5, 0.5))


def test_what_never_trained_in_one_stage_or_only_once_is_not_judged() -> None:
    apart = [Confirmation(1, 0, 0.5), Confirmation(2, 1, 0.7)]
    once = [Confirmation(1, 0, 0.5), Confirmation(1, 1, 0.7)]
    search = {0: 0.4, 1: 0.6}
    ends = [
        conclude(search, done, "maximize", baselines=range(1)).finalists[-1]
        for done in (apart, once)
    ]
    assert [(f.trial, f.gain, f.gain_ci95) for f in ends] == [
        (0, None, None), (0, pytest.approx(0.2), None),
    ]  # fmt: skip


def test_a_baseline_that_is_the_best_is_recommended() -> None:
    search, done = values(0, 4, -0.1)
    assert conclude(search, done, "maximize", baselines=range(1)).finalists[0].trial == 0


def test_many_trainings_of_a_baseline_do_not_put_others_behind_it() -> None:
    search, done = values(3, 9, 0.005)
    late = [c for c in done if c.trial == 0 or c.stage > 6]
    assert conclude(search, late, "maximize").finalists[0].trial == 0
    assert conclude(search, late, "maximize", baselines=range(1)).finalists[0].trial != 0


def test_no_place_is_left_for_a_stage_without_it() -> None:
    values = {0: 0.0, 1: 1.0, 2: 2.0, 3: 3.0}
    assert race(values, [], "maximize", 7, baselines=range(1)) == [0, 3, 2]
    assert race(values, [], "maximize", 4, baselines=range(1)) == [0, 3, 2, 1]
    assert race(values, [], "maximize", 7, 1, baselines=range(1)) == [0, 3]
    assert race(values, [], "maximize", 1, baselines=range(1)) == [3]
    failed = [Confirmation(1, 0, None)]
    assert race(values, failed, "maximize", 7, baselines=range(1)) == [3, 2]


def test_it_stays_at_a_rung_unless_it_has_left() -> None:
    scores = [0.1, 0.9, 0.5, math.nan]
    assert staying(scores, 1, "maximize", {0, 3}) == [True, True, False, False]
