"""How the trials of a plan are divided into rounds, and those of a round into batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hpo.choose import halving
from hpo.choose.narrowing import MIN_BEST, MIN_REST
from hpo.choose.samplers import SAMPLERS
from hpo.choose.types import Round, SearchPlan, Traits

ENOUGH = MIN_BEST + MIN_REST  # trials to judge a range by
EVEN = 16  # Sobol points fill every part of a range if they are a power of two

LARGEST_BATCH = 50
SMALLEST_BATCH, BATCHES_IN_ROUND = 4, 4
"""Settings that train one by one may take minutes, so batches are small, and the sampler learns from each."""


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
    """The largest number of trials that are drawn together in a round of `size`."""
    wanted = size if traits.stacked else max(SMALLEST_BATCH, size // BATCHES_IN_ROUND)
    largest = min(LARGEST_BATCH, wanted)
    return largest if plan.halving is None else max(largest, halving.batch_size(plan.halving))


class Batch(NamedTuple):
    """Trials that are drawn, trained and recorded together."""

    size: int
    explores: bool  # spread evenly over the ranges, without regard to earlier trials


def batches(plan: SearchPlan, traits: Traits, rounds: Sequence[Round]) -> list[Batch]:
    """All batches of the rounds that have begun.

    With a sampler that learns from earlier trials, the first round explores, and so does half of a round whose ranges
    were extended, by a verdict or by the user, since nothing is known of the new part. A sampler that does not learn
    always explores by itself.
    """
    learns = SAMPLERS[plan.draws_by].learns
    planned = []
    for last, current in zip((None, *rounds), rounds, strict=False):
        exploring = current.size if learns else 0
        if last is not None and learns:
            extended = "extended" in (last.actions or {}).values()
            exploring = current.size // 2 if extended or current.ranges != last.next_ranges else 0
        largest = largest_batch(plan, traits, current.size)
        for count, explores in ((exploring, True), (current.size - exploring, False)):
            parts = -(-count // largest)
            planned += [Batch((count + k) // parts, explores) for k in reversed(range(parts))]
    return planned


def batch_numbers(planned: Sequence[Batch]) -> list[int]:
    """The number of each trial's batch, in the order of trials."""
    return [number for number, batch in enumerate(planned) for _ in range(batch.size)]
