"""What a search does next, as a pure function of its plan and its recorded history.

A search repeats rounds: draw and train the trials batch by batch, then judge the ranges. Then it races the better
settings on fresh seeds and splits, and finally opens the test rows for the recommended ones. What `hpo confirm` asks
for comes before all that is left of the plan. A new search and one that was killed a hundred times follow the same
path, because each step depends on the record alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from hpo.choose import stopping
from hpo.choose.concluding import conclude
from hpo.choose.confirming import (
    CHECKED,
    confirming_budget,
    measuring,
    raced_before,
    repeated_best,
    trials_to_repeat,
)
from hpo.choose.racing import race
from hpo.choose.rounds import Batch, batch_numbers, batches, round_size
from hpo.choose.types import History, Round, SearchPlan, Traits
from hpo.plan.space import Space


@dataclass(frozen=True)
class StartRound:
    """Begin round `number` (from 0) with `size` trials drawn from `ranges`."""

    number: int
    size: int
    ranges: Space


@dataclass(frozen=True)
class Draw:
    """Draw the next batch of a round; `number` counts the batches of all rounds."""

    round: Round
    number: int
    batch: Batch


@dataclass(frozen=True)
class Judge:
    """Judge the ranges of a round whose trials are all done."""

    round: Round


@dataclass(frozen=True)
class Repeat:
    """Train the best settings of the first batch again, all on one fresh seed and split, to measure the noise."""

    trials: tuple[int, ...]


@dataclass(frozen=True)
class Race:
    """Train the settings of some trials again, all on one fresh seed and split."""

    trials: tuple[int, ...]


@dataclass(frozen=True)
class Confirm:
    """Train the settings of some trials again, all on one fresh seed and split, because `hpo confirm` asked for it."""

    trials: tuple[int, ...]


@dataclass(frozen=True)
class OpenTest:
    """Train the recommended trial's settings on all rows but the test rows, and score them once on the test rows."""

    trial: int


@dataclass(frozen=True)
class Stop:
    """Draw no more, and record why."""

    reason: str


@dataclass(frozen=True)
class Done:
    """Nothing is left to do."""


Step: TypeAlias = StartRound | Draw | Judge | Repeat | Race | Confirm | OpenTest | Stop | Done


def next_step(
    plan: SearchPlan, traits: Traits, history: History, *, time_to_race: bool = True
) -> Step:
    """The next step while nothing is training. Without `time_to_race`, no further stage begins."""
    current = history.rounds[-1] if history.rounds else None
    full = current is None or history.in_round == current.size
    if requested := requested_trials(plan, traits, history):
        return Confirm(requested)
    if current is not None and full and current.actions is None:
        return Judge(current)
    lifted = history.stopped is None and history.resumed_after
    if any(r.ended for r in history.requests) and not lifted:
        return _confirm(plan, traits, history, time_to_race=False)
    if history.stopped is None and (repeated := trials_to_repeat(plan, traits, history)):
        return Repeat(repeated)
    to_draw = plan.trials - confirming_budget(plan, traits, history)
    if history.stopped is not None or (full and history.ended >= to_draw):
        return _confirm(plan, traits, history, time_to_race)
    reason = stopping.nothing_is_gained(plan, traits, history)
    if reason is not None:
        return Stop(reason)
    if current is not None and not full:
        planned = batches(plan, traits, history.rounds)
        to_come = batch_numbers(planned)[history.drawn :]
        # An older version may have drawn a part of this batch.
        batch = planned[to_come[0]]._replace(size=to_come.count(to_come[0]))
        return Draw(current, to_come[0], batch)
    return _start_round(plan, history, to_draw)


def requested_trials(plan: SearchPlan, traits: Traits, history: History) -> tuple[int, ...]:
    """The trials that train again in the next stage that a request asks for; none if it would show nothing new.

    Where only trying shows whether values are noisy, the first stage is as small as shows it.
    """
    owed = history.owed
    if not owed:
        return ()
    trials = history.requests[-1].trials
    if (unconfirmed := repeated_best(plan, traits, history, trials)) is not None:
        return tuple(unconfirmed)
    if traits.noisy is None and not history.confirmed:
        owed = min(owed, CHECKED)
    # Of equal settings, which Optuna may draw, one trial races: that which has confirmed, or the best.
    racing: dict[str, int] = {}
    for trial in [*(c.trial for c in history.confirmed), *history.ranked(traits.direction)]:
        if trial < trials:
            racing.setdefault(repr(sorted(history.trials[trial].settings.items())), trial)
    values = history.searched()
    searched = {trial: values[trial] for trial in sorted(racing.values())}
    confirmed = [c for c in history.confirmed if c.trial in searched]
    baselines = range(len(plan.baseline))
    return tuple(sorted(race(searched, confirmed, traits.direction, owed, baselines=baselines)))


def _start_round(plan: SearchPlan, history: History, to_draw: int) -> StartRound:
    number = len(history.rounds)
    size = round_size(to_draw, plan.rounds, history.ended, number)
    size = size if number else max(size, len(plan.baseline))
    ranges = dict(plan.space)
    if history.rounds and (narrowed := history.rounds[-1].next_ranges) is not None:
        wider = {name: plan.space[name] for name in history.widened.get(number, ())}
        ranges = {**narrowed, **wider}
    return StartRound(number, size, ranges)


def _confirm(
    plan: SearchPlan, traits: Traits, history: History, time_to_race: bool
) -> Race | OpenTest | Done:
    baselines = range(len(plan.baseline))
    by_plan = len(history.confirmed) - history.requested
    trainings_left = confirming_budget(plan, traits, history) - by_plan
    if trainings_left > 0 and time_to_race:
        trials = repeated_best(plan, traits, history)
        if trials is None:
            again, before = raced_before(plan, history), history.before
            trials = race(
                history.searched(), history.confirmed, traits.direction, trainings_left, plan.finalists,
                before.confirmed if again else len(measuring(plan, history)), baselines,
            )  # fmt: skip
            if history.extended_after and before.confirmed == len(history.confirmed):
                # The best of the added trials takes part in the first stage after them: `before` is known by that.
                new = [
                    t for t in history.ranked(traits.direction) if history.place(t) >= before.drawn
                ]
                if new and set(new).isdisjoint(trials):
                    trials = [*trials[:-1], new[0]]
        if trials:
            return Race(tuple(sorted(trials)))
    if not traits.tests or history.test_done:
        return Done()
    if history.tested is not None:
        return OpenTest(history.tested)
    finalists = conclude(
        history.searched(), history.confirmed, traits.direction, baselines=baselines
    ).finalists
    if not finalists or finalists[0].mean is None:
        return Done()
    return OpenTest(finalists[0].trial)
