"""How far a viewer has followed a search, as the id of an event.

    3f9c21ab.18-5.r2.s1.c1.t0.running

says: of the record with that mark, the trials 0 … 17, 18 and 20 have ended, the verdicts of two rounds, the results
of one stage and what was concluded from it were sent, the test rows not, and the last state was `running`. So a
server remembers nothing of its viewers. When one comes back, also after a restart, `steps` says what the record has
beyond its cursor.

All parts but the state only ever grow. A cursor that is ahead of the record is not of this record: it was restored
from a backup, or somebody wrote the cursor by hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, Self

Kind = Literal["trial", "round", "stage", "recommended", "test", "state"]

LONGEST = 20_000  # characters of a cursor; a server accepts headers of 64 kB


@dataclass(frozen=True)
class Ended:
    """A set of trials by number: all those below `low`, and `low + i` where bit i of `bits` is 1 (bit 0 never is)."""

    low: int = 0
    bits: int = 0

    @classmethod
    def of(cls, numbers: Iterable[int]) -> Self:
        """The set of these numbers."""
        numbers = list(numbers)
        flags = bytearray(max(numbers, default=0) // 8 + 1)
        for number in numbers:
            flags[number >> 3] |= 1 << (number & 7)
        return cls.normal(0, int.from_bytes(flags, "little"))

    @classmethod
    def normal(cls, low: int, bits: int) -> Self:
        """The set of the numbers below `low` and those that the bits name, bit 0 among them."""
        ones = (~bits & (bits + 1)).bit_length() - 1
        return cls(low + ones, bits >> ones)

    def __contains__(self, number: int) -> bool:
        return number < self.low or bool(self.bits >> (number - self.low) & 1)

    def _from(self, low: int) -> int:
        """The members from `low` on, as bits."""
        if low >= self.low:
            return self.bits >> (low - self.low)
        return self.bits << (self.low - low) | ((1 << (self.low - low)) - 1)

    def __or__(self, other: Self) -> Self:
        low = min(self.low, other.low)
        return self.normal(low, self._from(low) | other._from(low))

    def plus(self, number: int) -> Self:
        """The set with one number more, which is not below `low`."""
        return self.normal(self.low, self.bits | 1 << (number - self.low))

    def minus(self, other: Self) -> Iterator[int]:
        """The numbers that the other set lacks, in order."""
        flags = bin(self._from(other.low) & ~other.bits)[:1:-1]
        place = flags.find("1")
        while place >= 0:
            yield other.low + place
            place = flags.find("1", place + 1)

    def __le__(self, other: Self) -> bool:
        """Whether the other set has all these numbers."""
        return self.low <= other.low and not self._from(other.low) & ~other.bits

    def __str__(self) -> str:
        return f"{self.low}-{self.bits:x}" if self.bits else str(self.low)


_FORM = re.compile(
    r"([0-9a-f]{8})\.([0-9]{1,9})(?:-([0-9a-f]+))?"
    r"\.r([0-9]{1,6})\.s([0-9]{1,6})\.c([0-9]{1,6})\.t([01])\.([a-z]{0,20}(?:-[0-9a-f]{8})?)"
)


@dataclass(frozen=True)
class Cursor:
    """What was sent to a viewer, or what the record has.

    `mark` tells a record from a later one of the same name. `rounds` are judged, `stages` have ended, what was
    concluded rests on the first `concluded` of them, and `tested` is 1 once the test rows have been scored. `state`
    is empty before the first.
    """

    mark: str
    ended: Ended = Ended()
    rounds: int = 0
    stages: int = 0
    concluded: int = 0
    tested: int = 0
    state: str = ""

    @classmethod
    def read(cls, text: str) -> Self | None:
        """The cursor that `str` has written; None if it is none."""
        form = _FORM.fullmatch(text) if len(text) <= LONGEST else None
        if form is None:
            return None
        mark, low, bits, rounds, stages, concluded, tested, state = form.groups()
        ended = Ended.normal(int(low), int(bits or "0", 16))
        return cls(mark, ended, int(rounds), int(stages), int(concluded), int(tested), state)

    def __str__(self) -> str:
        return (
            f"{self.mark}.{self.ended}.r{self.rounds}.s{self.stages}"
            f".c{self.concluded}.t{self.tested}.{self.state}"
        )

    def is_of(self, record: Self) -> bool:
        """Whether the record may have had this cursor at an earlier time."""
        return (
            self.mark == record.mark
            and self.ended <= record.ended
            and self.rounds <= record.rounds
            and self.stages <= record.stages
            and self.concluded <= record.concluded
            and self.tested <= record.tested
        )


def steps(seen: Cursor, record: Cursor) -> Iterator[tuple[Kind, int, Cursor]]:
    """What a record has beyond what was seen of it: the kind of each event, its number, and the cursor after it.

    The state comes last, since nothing follows once it says that the search has ended.
    """
    for number in record.ended.minus(seen.ended):
        seen = replace(seen, ended=seen.ended.plus(number))
        yield "trial", number, seen
    for number in range(seen.rounds, record.rounds):
        seen = replace(seen, rounds=number + 1)
        yield "round", number, seen
    for number in range(seen.stages + 1, record.stages + 1):
        seen = replace(seen, stages=number)
        yield "stage", number, seen
    if seen.concluded < record.concluded:
        seen = replace(seen, concluded=record.concluded)
        yield "recommended", record.concluded, seen
    if seen.tested < record.tested:
        seen = replace(seen, tested=record.tested)
        yield "test", 0, seen
    if seen.state != record.state:
        seen = replace(seen, state=record.state)
        yield "state", 0, seen
