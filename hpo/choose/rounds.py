"""How the trials of a plan are shared out: to rounds, and to the batches of a round."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hpo.choose import halving
from hpo.choose.narrowing import MIN_BEST, MIN_REST
from hpo.choose.samplers import SAMPLERS
from hpo.choose.types import Round, SearchPlan, Traits

ENOUGH = MIN_BEST + MIN_REST  # trials to judge a range by
EVEN = 16  # Sobol points, at a power of two, fill every part of a range

LARGEST_BATCH = 50
SMALLEST_BATCH, BATCHES_IN_ROUND = 4, 4
"""Where every setting trains by itself, and may take minutes, batches are small: the sampler learns from each."""


def round_size(trials: int, rounds: int, trials_begun: int, rounds_begun: int) -> int:
    """How many trials the next round has: an even share of what is left, in whole numbers.

    Where that is too few for the first round to be judged, it has as many as fill the ranges evenly, if there are so
    many beside one for each later round: only so do few trials show that the range was wrong.
    """
    rounds_left = max(1, rounds - rounds_begun)
    trials_left = trials - trials_begun
    size = -(-trials_left // rounds_left)
    if rounds_begun or size >= ENOUGH:
        return size
    return max(size, min(EVEN, trials_left - rounds_left + 1))


def largest_batch(plan: SearchPlan, traits: Traits, size: int) -> int:
    """How many trials of a round of `size` are drawn together, at the most."""
    if traits.stacked:
        most = min(LARGEST_BATCH, size)
    else:
        most = min(LARGEST_BATCH, max(SMALLEST_BATCH, size // BATCHES_IN_ROUND))
    return most if plan.halving is None else max(most, halving.batch_size(plan.halving))


class Batch(NamedTuple):
    """Trials that are drawn, trained and recorded together."""

    size: int
    explores: bool  # spread over the ranges, whatever was good so far


def batches(plan: SearchPlan, traits: Traits, rounds: Sequence[Round]) -> list[Batch]:
    """The batches that the rounds begun so far have when they are full.

    Of a sampler that learns from earlier trials, all of the first round explores, and half of one whose ranges were
    extended, on evidence or by their user: nothing is known of what lies there. A sampler that does not learn explores
    always, and need not be told.
    """
    learns = SAMPLERS[plan.draws_by].learns
    planned = []
    for last, current in zip((None, *rounds), rounds, strict=False):
        exploring = current.size if learns else 0
        if last is not None and learns:
            extended = "extended" in (last.actions or {}).values()
            exploring = current.size // 2 if extended or current.ranges != last.next_ranges else 0
        most = largest_batch(plan, traits, current.size)
        for count, explores in ((exploring, True), (current.size - exploring, False)):
            parts = -(-count // most)
            planned += [Batch((count + k) // parts, explores) for k in reversed(range(parts))]
    return planned


def batch_numbers(planned: Sequence[Batch]) -> list[int]:
    """The number of the batch that each trial belongs to, in the order of trials."""
    return [number for number, batch in enumerate(planned) for _ in range(batch.size)]
