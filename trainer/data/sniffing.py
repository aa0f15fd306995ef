"""Sniffing: the layout of a file of text, told by its first rows.

A separator is right if it gives all rows as many cells, quotes considered. Where several do, as in a file of `;` with
decimal commas, it is the one whose cells hold no other separator, then the one with the most cells.
"""

from __future__ import annotations

import csv
import io
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from typing import Any

from trainer.data.layout import SEPARATORS, Layout
from trainer.data.texts import MISSING

ROWS = 200  # of the beginning of a file, that tell its separator
NO_CHARACTER = "\x1f"
"""What separates cells where nothing does."""

_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")
_EXCELS = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)


@dataclass(frozen=True)
class Sniffed:
    """A layout, how many cells a row has, and whether the header looks like a row of data."""

    layout: Layout
    width: int
    data_in_header: bool


def sniffed(
    text: str, is_all: bool, *, header: bool, tabs: bool = False, likely: Layout | None = None
) -> Sniffed:
    """The layout of a file that begins with `text`; its encoding and decimal mark are left as they are in `Layout`.

    `tabs` says that its name promises tabs. Where its rows do not tell, its layout is the `likely` one.
    """
    lines = [*io.StringIO(text, newline="")]
    skipped, comments, separator = _before(lines)
    if separator is None and header and comments and _names_columns(lines, skipped, is_all):
        skipped, comments = skipped - 1, comments - 1
    lines = lines[skipped:]
    candidates = [
        _candidate(lines, is_all, mark, quote, header)
        for quote in _quotes(lines)
        for mark in ([separator] if separator else "\t,;|" if tabs else SEPARATORS)
    ]
    best = max(candidates, key=_Candidate.rank)  # the first of several
    if separator is None and best.share < 1 and likely is not None:
        best = _candidate(lines, is_all, likely.separator or NO_CHARACTER, likely.quote, header)
    if tabs and best.share < 1:
        best = _candidate(lines, is_all, "\t", '"', header)
    layout = Layout(
        separator="" if best.separator == NO_CHARACTER or best.width < 2 else best.separator,
        quote=best.quote,
        header=header,
        row_names=best.row_names,
        skipped=skipped,
        comments=comments,
    )
    return Sniffed(layout, best.width, header and _is_data(best.rows))


@contextmanager
def cells_of_any_size() -> Iterator[None]:
    """Lets Python's csv read cells of more than 131,072 characters, such as documents."""
    limit = csv.field_size_limit(sys.maxsize)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def widths_of(lines: Iterable[str], separator: str, quote: str) -> Iterator[tuple[int, int]]:
    """The line, from 1, that each row begins in, and how many cells it has; blank lines are no rows."""
    rest, before = iter(lines), 0
    for line in rest:
        taken, width = 1, line.count(separator) + 1 if separator else 1
        if quote in line:  # the row may go on in the next lines
            reader = _reader(chain([line], rest), separator, quote)
            width, taken = len(next(reader)), reader.line_num
        if width > 1 or line.strip():
            yield before + 1, width
        before += taken


def _reader(lines: Iterable[str], separator: str, quote: str) -> Any:
    return csv.reader(
        lines, delimiter=separator or NO_CHARACTER, quotechar=quote, skipinitialspace=True
    )


@dataclass(frozen=True)
class _Candidate:
    separator: str
    quote: str
    rows: Sequence[Sequence[str]]
    width: int  # of most rows
    share: float  # of rows with that many cells
    row_names: bool
    clean: float  # the share of cells without another separator

    def rank(self) -> tuple[float, ...]:
        whole = self.width > 1 and self.share == 1
        first = len(self.rows[0]) if self.rows else 0
        return whole, whole and not self.row_names, self.share * (self.width > 1), self.clean, first


def _candidate(
    lines: Sequence[str], is_all: bool, separator: str, quote: str, header: bool
) -> _Candidate:
    rows: list[list[str]] = []
    with cells_of_any_size(), suppress(csv.Error):
        for row in _reader(lines, separator, quote):
            rows += [row] if len(row) > 1 or "".join(row).strip() else []
            if len(rows) > ROWS:
                break
    if len(rows) > 1 and (len(rows) > ROWS or not is_all):
        rows.pop()  # it may be cut off
    first = len(rows[0]) if rows else 0
    widths = Counter(map(len, rows[1:] if header else rows))
    width = max(widths, key=widths.__getitem__) if widths else first
    share = widths[width] / widths.total() if widths else 1.0
    row_names = header and width == first + 1 and _are_names(rows[1:], lines[-1].startswith(quote))
    if row_names and first == 1:  # or numbers with decimal commas, in one column
        row_names = not all(_is_number(line) for line in lines[1:] if line.strip())
    if header and first != width and not row_names:
        share = 0.5 * share if first > 1 else 0.0
    cells = [cell for row in rows for cell in row]
    clean = sum(_is_clean(cell, separator) for cell in cells) / max(1, len(cells))
    return _Candidate(
        separator, quote, rows, first if share == 0 else width, share, row_names, clean
    )


def _are_names(rows: Sequence[Sequence[str]], quoted: bool) -> bool:
    """Whether the first cells of rows name these, as R writes it: each another, in quotes, or text, or 1, 2, 3."""
    names = [row[0] for row in rows]
    if len({*names}) < len(names):
        return False
    return quoted or not any(map(_is_number, names)) or names[:2] in (["1"], ["1", "2"])


def _is_clean(cell: str, separator: str) -> bool:
    others = [mark for mark in SEPARATORS if mark != separator and mark in cell]
    return not others or (others == [","] and _NUMBER.fullmatch(cell.strip()) is not None)


def _before(lines: Sequence[str]) -> tuple[int, int, str | None]:
    """How many lines come before the header, how many of them are comments, and the separator that they name."""
    separator, comments, last = None, 0, 0
    for number, line in enumerate(lines, start=1):
        if number == 1 and (excels := _EXCELS.fullmatch(line)):
            separator, last = excels[1], number
        elif line.startswith("#"):
            comments, last = comments + 1, number
        elif line.strip():
            break
    return last, comments, separator


def _names_columns(lines: Sequence[str], skipped: int, is_all: bool) -> bool:
    """Whether the last line that begins with # is the header: as wide as the rows after it, which have no other."""
    below = [_candidate(lines[skipped - 1 :], is_all, mark, '"', True) for mark in SEPARATORS]
    best = max(below, key=_Candidate.rank)
    rows = best.rows[1:]
    if best.share < 1 or best.row_names or not rows:
        return False
    return _is_data(rows) or (best.width > 1 and not _is_header(rows))


def _quotes(lines: Sequence[str]) -> str:
    """The quotes that the file may have: single ones only where each that begins a cell has one that ends it."""
    text = "\n".join(line.rstrip("\r\n") for line in lines[: ROWS + 1])
    marks = re.escape(SEPARATORS)
    begin = len(re.findall(rf"(?:^|[{marks}]) *'", text, re.MULTILINE))
    end = len(re.findall(rf"' *(?=[{marks}]|$)", text, re.MULTILINE))
    double = re.search(rf'(?:^|[{marks}]) *"', text, re.MULTILINE)
    return "'" if begin and begin == end and not double else '"'


def _is_number(cell: str) -> bool:
    return _NUMBER.fullmatch(cell.strip()) is not None


def _is_data(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row is one like those below it: numbers where they have numbers, or else the same texts."""
    if of_numbers := _columns_of_numbers(rows):
        return all(_is_number(cell) or _is_missing(cell) for cell in of_numbers)
    again = [
        cell in [row[k] for row in rows[1:] if k < len(row)]
        for k, cell in enumerate(rows[0] if rows else ())
        if not _is_missing(cell)
    ]
    return len(again) > 0 and sum(again) > len(again) / 2


def _is_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row has a text where those below it have numbers."""
    return any(not _is_number(cell) and not _is_missing(cell) for cell in _columns_of_numbers(rows))


def _columns_of_numbers(rows: Sequence[Sequence[str]]) -> list[str]:
    """The cells of the first row that are above numbers."""
    cells = []
    for k, cell in enumerate(rows[0] if rows else ()):
        below = [row[k] for row in rows[1:] if k < len(row) and not _is_missing(row[k])]
        if below and all(map(_is_number, below)):
            cells.append(cell)
    return cells


def _is_missing(cell: str) -> bool:
    return not cell.strip() or cell.strip().lower() in MISSING
