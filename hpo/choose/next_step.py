"""What a search does next, as a pure function of its plan and its recorded history.

A search is: begin a round, draw and train its trials batch by batch, judge the ranges, and again; then race the better
settings on fresh seeds and splits; then open the test rows for the recommended one. There is one way through all of
that, whether the search is new or was killed a hundred times: look at the record, and do what comes next.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

from hpo.choose import stopping
from hpo.choose.racing import SMALLEST_STAGE, conclude, race
from hpo.choose.rounds import Batch, batch_numbers, batches, round_size
from hpo.choose.types import History, Round, SearchPlan, Traits
from hpo.plan.space import Space


@dataclass(frozen=True)
class StartRound:
    """Begin a round: its number from 0, how many trials it has, and what it draws from."""

    number: int
    size: int
    ranges: Space


@dataclass(frozen=True)
class Draw:
    """Draw the next batch of a round: its number among all batches, and what it is."""

    round: Round
    number: int
    batch: Batch


@dataclass(frozen=True)
class Judge:
    """Judge the ranges of a round that is full."""

    round: Round


@dataclass(frozen=True)
class Repeat:
    """Train a trial's settings once more, to know how noisy values are (`patience` is compared with that)."""

    trial: int


@dataclass(frozen=True)
class Race:
    """Train the settings of some trials again, all on one fresh seed and split."""

    trials: tuple[int, ...]


@dataclass(frozen=True)
class OpenTest:
    """Train the settings of the recommended trial on all rows but the test rows, and score them on those: once."""

    trial: int


@dataclass(frozen=True)
class Stop:
    """Draw no more, and record why."""

    reason: str


@dataclass(frozen=True)
class Done:
    """Nothing is left to do."""


Step: TypeAlias = StartRound | Draw | Judge | Repeat | Race | OpenTest | Stop | Done


def next_step(
    plan: SearchPlan, traits: Traits, history: History, *, time_to_race: bool = True
) -> Step:
    """What comes next, once nothing is training. Without `time_to_race`, no further stage begins."""
    current = history.rounds[-1] if history.rounds else None
    full = current is None or history.in_round == current.size
    if current is not None and full:
        if current.actions is None:
            return Judge(current)
        if (trial := _trial_to_repeat(plan, traits, history)) is not None:
            return Repeat(trial)
    if history.stopped is not None or (full and _all_drawn(plan, traits, history)):
        return _confirm(plan, traits, history, time_to_race)
    reason = stopping.nothing_is_gained(plan, history, traits.direction)
    if reason is not None:
        return Stop(reason)
    if current is not None and not full:
        planned = batches(plan, traits, history.rounds)
        number = batch_numbers(planned)[history.drawn]
        return Draw(current, number, planned[number])
    return _start_round(plan, traits, history)


def _all_drawn(plan: SearchPlan, traits: Traits, history: History) -> bool:
    return len(history.trials) >= plan.trials - confirming_budget(plan, traits, history)


def _start_round(plan: SearchPlan, traits: Traits, history: History) -> StartRound:
    number = len(history.rounds)
    to_draw = plan.trials - confirming_budget(plan, traits, history)
    size = round_size(to_draw, plan.rounds, len(history.trials), number)
    ranges = dict(plan.space)
    if history.rounds and (narrowed := history.rounds[-1].next_ranges) is not None:
        wider = {name: plan.space[name] for name in history.widened.get(number, ())}
        ranges = {**narrowed, **wider}
    return StartRound(number, size, ranges)


def _trial_to_repeat(plan: SearchPlan, traits: Traits, history: History) -> int | None:
    """The best trial of the first rounds, if `patience` has yet to know how noisy values are."""
    if plan.patience is None or len(history.rounds) < plan.patience:
        return None
    if len(history.confirmed) >= min(stopping.NOISE_TRAININGS, plan.confirming):
        return None
    if history.confirmed:
        return history.confirmed[0].trial
    return next(iter(history.ranked(traits.direction)), None)


def confirming_budget(plan: SearchPlan, traits: Traits, history: History) -> int:
    """How many trainings confirm: the plan's share, also of a search that has stopped before its last trial.

    Where trainings repeat a value exactly, as many as showed that, and one for what is best then.
    """
    if _repeats_exactly(traits, history):
        return min(len(history.confirmed) + 1, plan.confirming)
    if history.stopped is not None:
        drawn = len(history.trials) / (plan.trials - plan.confirming)
        return min(plan.confirming, math.ceil(drawn * plan.confirming))
    return min(plan.confirming, plan.trials - len(history.trials))


def _repeats_exactly(traits: Traits, history: History) -> bool:
    """Whether several trainings gave the very same values again: then there is nothing to confirm."""
    if traits.noisy is not None or len(history.confirmed) < SMALLEST_STAGE:
        return False
    return all(c.value == history.trials[c.trial].value for c in history.confirmed)


def _confirm(
    plan: SearchPlan, traits: Traits, history: History, time_to_race: bool
) -> Race | OpenTest | Done:
    trainings_left = confirming_budget(plan, traits, history) - len(history.confirmed)
    if trainings_left > 0 and time_to_race:
        if _repeats_exactly(traits, history):
            confirmed = {c.trial for c in history.confirmed}
            best = history.ranked(traits.direction)[:1]
            trials = [trial for trial in best if trial not in confirmed]
        else:
            trials = race(
                history.searched(), history.confirmed, traits.direction, trainings_left, plan.finalists
            )  # fmt: skip
        if trials:
            return Race(tuple(sorted(trials)))
    if not traits.tests or history.test_done:
        return Done()
    if history.tested is not None:
        return OpenTest(history.tested)
    finalists = conclude(history.searched(), history.confirmed, traits.direction).finalists
    if not finalists or finalists[0].mean is None:
        return Done()
    return OpenTest(finalists[0].trial)
