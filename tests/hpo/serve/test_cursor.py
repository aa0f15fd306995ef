"""A viewer that comes back with its cursor, however often, has every event once; any text may be sent as a cursor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from hpo.serve.live.cursor import LONGEST, Cursor, Ended, steps

NUMBERS = st.sets(st.integers(0, 200))
COUNTS = ("rounds", "stages", "tested")


@st.composite
def growing(draw: st.DrawFn) -> list[Cursor]:
    """A record at several moments, the last of them with another state."""
    record, records = Cursor("0123abcd", state="queued"), []
    for state in draw(st.lists(st.sampled_from(["running", "paused", "failed-0000ffff"]))):
        counts = {c: getattr(record, c) + draw(st.integers(0, 2)) for c in COUNTS}
        counts["tested"] = min(counts["tested"], 1)
        ended = record.ended | Ended.of(draw(NUMBERS))
        concluded = draw(st.integers(record.concluded, counts["stages"]))
        record = replace(record, ended=ended, concluded=concluded, state=state, **counts)
        records.append(record)
    return [*records, replace(record, state="done")]


@given(growing(), st.lists(st.integers(0, 10)))
def test_a_viewer_that_is_cut_off_again_and_again_has_every_event_once(
    records: Sequence[Cursor], cuts: Sequence[int]
) -> None:
    cursor = str(Cursor("0123abcd"))
    kinds: list[tuple[str, int]] = []
    ends = iter(cuts)
    for record in [*records, *[records[-1]] * (len(cuts) + 1)]:
        seen = Cursor.read(cursor)
        assert seen is not None
        assert seen.is_of(record)
        most = next(ends, None)
        for count, (kind, number, after) in enumerate(steps(seen, record)):
            if count == most:
                break
            kinds.append((kind, number))
            cursor = str(after)
        else:
            assert Cursor.read(cursor) == record
    lasting = [event for event in kinds if event[0] not in ("state", "recommended")]
    assert len(lasting) == len(set(lasting))
    last = records[-1]
    assert {n for kind, n in lasting if kind == "trial"} == set(last.ended.minus(Ended()))
    assert [n for kind, n in lasting if kind == "round"] == [*range(last.rounds)]
    assert [n for kind, n in lasting if kind == "stage"] == [*range(1, last.stages + 1)]
    assert sum(kind == "test" for kind, _ in kinds) == last.tested
    concluded = [n for kind, n in kinds if kind == "recommended"]
    assert concluded == sorted(set(concluded))
    assert (concluded or [0])[-1] == last.concluded
    assert kinds[-1] == ("state", 0)


@given(NUMBERS, NUMBERS)
def test_numbers_that_have_ended_are_a_set(one: set[int], other: set[int]) -> None:
    a, b = Ended.of(one), Ended.of(other)
    assert set(a.minus(Ended())) == one
    assert a | b == Ended.of(one | other)
    assert list(a.minus(b)) == sorted(one - other)
    assert (a <= b) == (one <= other)
    assert {n for n in range(210) if n in a} == one
    fresh = min(set(range(202)) - one)
    assert a.plus(fresh) == Ended.of({*one, fresh})


def test_a_cursor_is_short_while_trials_end_in_about_the_order_of_their_numbers() -> None:
    ended = Ended.of({*range(1_000_000), 1_000_003})
    assert str(ended) == "1000000-8"


@given(st.text() | st.from_regex(r"[0-9a-f]{8}\.[0-9-]+\.r\d+\.s\d+\.c\d+\.t[01]\.\w*"))
def test_any_text_is_a_cursor_or_none_and_what_is_read_is_written_alike(text: str) -> None:
    cursor = Cursor.read(text)
    if cursor is not None:
        assert Cursor.read(str(cursor)) == cursor
        assert not cursor.is_of(Cursor(""))


def test_a_cursor_that_is_no_earlier_moment_of_a_record_is_not_of_it() -> None:
    record = Cursor("0123abcd", Ended.of([0, 1, 3]), 2, 1, 1, 0, "running")
    assert Cursor("0123abcd").is_of(record)
    assert replace(record, state="done").is_of(record)  # states come and go
    assert not Cursor("89abcdef").is_of(record)
    for ahead in (
        {"ended": Ended.of([2])}, {"ended": Ended(10**8)}, {"rounds": 3}, {"stages": 2}, {"tested": 1},
    ):  # fmt: skip
        assert not replace(record, **ahead).is_of(record)


def test_a_huge_cursor_is_none() -> None:
    record = Cursor("0123abcd", Ended(0, 2 << 4 * 1000))
    assert Cursor.read(str(record)) == record
    assert Cursor.read(str(Cursor("0123abcd", Ended(0, 2 << 4 * LONGEST)))) is None
