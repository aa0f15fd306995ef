"""What a search does next, as a pure function of its plan and its recorded history.

A search repeats rounds: draw and train the trials batch by batch, then judge the ranges. Then it races the better
settings on fresh seeds and splits, and finally opens the test rows for the recommended ones. What `hpo confirm` asks
for comes before all that is left of the plan. A new search and one that was killed a hundred times follow the same
path, because each step depends on the record alone. Trials of a function are drawn while others still train; the last
of those count as training even if they have ended, so the search is the same in whatever order they end.
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
from hpo.choose.known import known
from hpo.choose.racing import race
from hpo.choose.rounds import Batch, at_once, batch_numbers, batches, round_size
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
    """Draw trials of a batch of a round; `number` counts the batches of all rounds."""

    round: Round
    number: int
    batch: Batch


@dataclass(frozen=True)
class Judge:
    """Judge the ranges of a round whose trials have all been drawn."""

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
) -> Step | None:
    """The next step; None if it depends on trials that are training. Without `time_to_race`, no further stage begins.

    Whatever trains settings again waits until no trial is training.
    """
    so_far = known(plan, traits, history)
    if so_far is None:
        return None
    if requested := requested_trials(plan, traits, history):
        return None if history.running else Confirm(requested)
    lifted = history.stopped is None and history.resumed_after
    ended = any(r.ended for r in history.requests) and not lifted
    step = _judge(so_far) if ended else _search(plan, traits, so_far)
    if isinstance(step, StartRound | Draw | Judge | Stop):
        return step
    if history.running:
        return None
    return step or _confirm(plan, traits, history, time_to_race and not ended)


def _judge(history: History) -> Judge | None:
    """Judge the last round if its trials have been drawn and it has not been judged."""
    current = history.rounds[-1] if history.rounds else None
    if current is None or current.actions is not None or history.in_round < current.size:
        return None
    return Judge(current)


def _search(
    plan: SearchPlan, traits: Traits, history: History
) -> StartRound | Draw | Judge | Stop | Repeat | None:
    """The next step of the search itself, by what is known; None if it is at its end."""
    current = history.rounds[-1] if history.rounds else None
    full = current is None or history.in_round == current.size
    if (judge := _judge(history)) is not None:
        return judge
    if history.stopped is not None:
        return None
    if repeated := trials_to_repeat(plan, traits, history):
        return Repeat(repeated)
    to_draw = plan.scorings - confirming_budget(plan, traits, history)
    if full and history.drawn >= to_draw:
        return None
    reason = stopping.nothing_is_gained(plan, traits, history)
    if reason is not None:
        return Stop(reason)
    if current is not None and not full:
        planned = batches(plan, traits, history.rounds)
        to_come = batch_numbers(planned)[history.drawn :]
        batch = planned[to_come[0]]._replace(size=to_come.count(to_come[0]))  # the rest of it
        return Draw(current, to_come[0], batch._replace(size=at_once(plan, traits, batch)))
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
    size = round_size(to_draw, plan.rounds, history.drawn, number)
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
