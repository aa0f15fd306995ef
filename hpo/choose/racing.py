"""Stand-in until the recorded conclusions are merged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from hpo.choose.types import Confirmation, Direction
from studies.analysis import finalists as old
from studies.database.records import Confirmation as Stored
from studies.database.records import Finalist

PARTS, SMALLEST_STAGE = 4, 2
THEN = datetime(2000, 1, 1)


class Conclusion(NamedTuple):
    """What came of the race."""

    method: int
    finalists: list[Finalist]


def _stored(confirmed: Sequence[Confirmation]) -> list[Stored]:
    return [Stored(c.stage, c.trial, c.value, 0, None, THEN) for c in confirmed]


def conclude(
    searched: Mapping[int, float], confirmed: Sequence[Confirmation], direction: Direction
) -> Conclusion:
    """Rank."""
    return Conclusion(1, old.finalists(searched, _stored(confirmed), direction))


def race(
    searched: Mapping[int, float],
    confirmed: Sequence[Confirmation],
    direction: Direction,
    left: int,
    most: int | None = None,
) -> list[int]:
    """The trials whose settings train in the next stage, with `left` trainings left for this and all later ones."""
    found = old.scores(searched, _stored(confirmed), direction)
    ranked = sorted(found, key=lambda trial: (-found[trial], trial))
    size = max(SMALLEST_STAGE, left // PARTS)
    if most is not None:
        begun = {c.trial for c in confirmed}
        new = [trial for trial in ranked if trial not in begun][: max(0, most - len(begun))]
        ranked = [trial for trial in ranked if trial in begun or trial in new]
        size = len(ranked) if new else size
    return ranked[: min(size, left)]
