"""How the trials of a plan are divided into rounds, and those of a round into batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hpo.choose import halving
from hpo.choose.samplers import SAMPLERS
from hpo.choose.types import Round, SearchPlan, Traits

ENOUGH = 12  # trials of a first round, if the plan has so many
EVEN = 16  # trials of a first round whose even share would be fewer than ENOUGH
EXPLORING = 10
"""The trials that spread evenly over the first ranges before a sampler learns from them; more choose worse on measured
tables (scripts/bench/RESULTS.md)."""

LARGEST_BATCH = 50


def round_size(trials: int, rounds: int, trials_begun: int, rounds_begun: int) -> int:
    """The number of trials in the next round: an even share of those not begun yet, rounded up.

    If that is too few to judge the first round by, it gets enough to fill the ranges evenly, as long as one trial
    remains for each later round. Otherwise few trials could not show that a range was wrong.
    """
    rounds_left = max(1, rounds - rounds_begun)
    trials_left = trials - trials_begun
    size = -(-trials_left // rounds_left)
    if rounds_begun or size >= ENOUGH:
        return size
    return max(size, min(EVEN, trials_left - rounds_left + 1))


def largest_batch(plan: SearchPlan, traits: Traits, size: int) -> int:
    """The largest number of trials in a batch of a round of `size`.

    A population trains together. Settings of a function of a user's may take minutes each, so a sampler that learns
    draws them one by one. The others draw a few at once, which fill the ranges evenly.
    """
    if traits.stacked:
        largest = min(LARGEST_BATCH, size)
    elif plan.halving is not None:
        largest = plan.ahead
    else:
        largest = size if SAMPLERS[plan.draws_by].learns else max(plan.ahead, EXPLORING)
    return largest if plan.halving is None else max(largest, halving.batch_size(plan.halving))


def lag(plan: SearchPlan, traits: Traits) -> int:
    """How many of the last trials may still train when the next are drawn, which then do not depend on them."""
    return 0 if traits.stacked else plan.ahead - 1


def most_training(plan: SearchPlan, traits: Traits) -> int:
    """How many trials of a function can train at once, after the first batch."""
    together = 1 if plan.halving is None else halving.batch_size(plan.halving)
    return together + lag(plan, traits)


class Batch(NamedTuple):
    """Trials of a round that are drawn in the same way: all at once, or one by one."""

    size: int
    explores: bool  # spread evenly over the ranges, without regard to earlier trials


def at_once(plan: SearchPlan, traits: Traits, batch: Batch) -> int:
    """How many trials of a batch are drawn at once: one, where the next can learn from it."""
    learns = SAMPLERS[plan.draws_by].learns and not batch.explores
    return 1 if learns and not traits.stacked and plan.halving is None else batch.size


def batches(plan: SearchPlan, traits: Traits, rounds: Sequence[Round]) -> list[Batch]:
    """All batches of the rounds that have begun.

    With a sampler that learns from earlier trials, the first trials explore, with halving all of the first round, and
    so does half of a round whose ranges the user widened, or, for samplers without a model, a verdict extended, since
    nothing is known of the new part. A sampler that does not learn always explores by itself.
    """
    sampler = SAMPLERS[plan.draws_by]
    planned = []
    for last, current in zip((None, *rounds), rounds, strict=False):
        size = current.size
        if not sampler.learns:
            exploring = 0
        elif last is None:
            exploring = size if plan.halving is not None else min(size, EXPLORING)
        else:
            extended = "extended" in (last.actions or {}).values() and not sampler.by_model
            exploring = size // 2 if extended or current.ranges != last.next_ranges else 0
        learning = largest_batch(plan, traits, size)
        for count, largest, explores in (
            (exploring, max(learning, EXPLORING), True),
            (size - exploring, learning, False),
        ):
            parts = -(-count // largest)
            planned += [Batch((count + k) // parts, explores) for k in reversed(range(parts))]
    return planned


def batch_numbers(planned: Sequence[Batch]) -> list[int]:
    """The number of each trial's batch, in the order of trials."""
    return [number for number, batch in enumerate(planned) for _ in range(batch.size)]
