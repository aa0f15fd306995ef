"""How the trials of a plan are shared out: to rounds, and to the batches of a round."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from hpo.choose.narrowing import MIN_BEST, MIN_REST

if TYPE_CHECKING:
    from studies.database.records import Round

ENOUGH = MIN_BEST + MIN_REST  # trials to judge a range by
EVEN = 16  # Sobol points, at a power of two, fill every part of a range


def round_size(trials: int, rounds: int, trials_begun: int, rounds_begun: int) -> int:
    """How many trials the next round has: an even share of what is left, in whole numbers.

    Where that is too few for the first round to be judged, it has as many as fill the ranges evenly, if there are so
    many beside one for each later round: only so do few trials show that the range was wrong.
    """
    rounds_left = max(1, rounds - rounds_begun)
    left = trials - trials_begun
    size = -(-left // rounds_left)
    return size if rounds_begun or size >= ENOUGH else max(size, min(EVEN, left - rounds_left + 1))


class Batch(NamedTuple):
    """Trials that are suggested, trained and recorded together."""

    size: int
    explores: bool  # spread over the ranges, whatever was good so far


def batches(rounds: Sequence[Round], most: Callable[[int], int], *, learns: bool) -> list[Batch]:
    """The batches that the rounds begun so far have when they are full: of at most `most(size)` trials in a round of
    that size.

    Of a sampler that `learns` from earlier trials, all of the first round explores, and half of one whose ranges were
    extended, on evidence or by their user: nothing is known of where they go on. One that does not learn explores
    always, and need not be told.
    """
    made = []
    for last, current in zip((None, *rounds), rounds, strict=False):
        exploring = current.size if learns else 0
        if last is not None and learns:
            actions = {verdict["action"] for verdict in (last.verdicts or {}).values()}
            extended = "extended" in actions or current.ranges != last.next_ranges
            exploring = current.size // 2 if extended else 0
        for count, explores in ((exploring, True), (current.size - exploring, False)):
            parts = -(-count // most(current.size))
            made += [Batch((count + k) // parts, explores) for k in reversed(range(parts))]
    return made


def batch_numbers(begun: Sequence[Batch]) -> list[int]:
    """The number of the batch that each trial belongs to, in the order of trials."""
    return [number for number, batch in enumerate(begun) for _ in range(batch.size)]
