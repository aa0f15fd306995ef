"""Remarks: what the user should know of how columns were understood, in a sentence for each kind of thing."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from trainer.data.cells import Cells
from trainer.data.dates import ISO, as_days, shown
from trainer.data.encoding import MAX_CATEGORIES

if TYPE_CHECKING:
    import pandas as pd

    from trainer.data.columns import Understood

NAMED = 3  # cells or columns that a note names
FEW_ROWS, MANY_ROWS = 20, 100
"""With fewer rows than the first, or of whole numbers that do not count 1, 2, 3 … with fewer than the second, it is no
wonder that no value is there twice."""
MANY = 20  # different texts, most of them with digits, which may be meant as numbers


def dropping(names: Iterable[str]) -> str:
    """The options that leave out some columns, as one pastes them into a shell."""
    return " ".join(f"--drop {shlex.quote(name)}" for name in names)


def of_notation(where: str, read: Mapping[str, Cells]) -> list[str]:
    """A note for each way of writing numbers, with its columns and an example."""
    columns: dict[str, list[str]] = {}
    for name, cells in read.items():
        if cells.notation:
            columns.setdefault(cells.notation, []).append(name)
    notes = []
    for notation, names in columns.items():
        text, value = read[names[0]].example or ("", 0.0)
        notes.append(
            f"{where}: numbers with {notation} in {named(names)}: {text!r} is read as {value:.12g}"
        )
    return notes


def of_columns(where: str, columns: Sequence[Understood], rows: int) -> list[str]:
    """What the user should know of how columns were understood."""
    notes = of_notation(where, {u.column.name: u.cells for u in columns if u.cells is not None})
    by_word: dict[str, dict[str, int]] = {}
    for u in columns:
        if u.cells is not None and not u.column.words:
            for word, count in u.cells.missing.items():
                by_word.setdefault(word, {})[u.column.name] = count
    notes += [
        f"{where}: {word!r} is taken for missing, in {sum(counts.values())} cells of {named(counts)}"
        for word, counts in by_word.items()
    ]
    notes += _first(
        where,
        [
            f"{where}: column {u.column.name!r} is taken for {u.column.kind}s, and {sum(u.cells.odd.values())} of its "
            f"cells, which are none, for missing: {listed(u.cells.odd)}"
            for u in columns
            if u.column.kind != "text" and u.cells is not None and u.cells.odd
        ],
    )
    notes += _of_dates(where, columns)
    notes += _of_text(where, [u for u in columns if u.column.kind == "text" and not u.format], rows)
    return notes + _of_little_use(where, columns, rows)


def _of_dates(where: str, columns: Sequence[Understood]) -> list[str]:
    """Which columns hold dates, and whether they became numbers; a note for each format, with an example."""
    alike: dict[tuple[str, str], list[Understood]] = {}
    for u in columns:
        if u.format or u.column.kind == "date":
            alike.setdefault((u.column.kind, u.format), []).append(u)
    notes = []
    for (kind, form), dated in alike.items():
        names, example = [u.column.name for u in dated], ""
        holds, are = ("hold", "are") if len(names) > 1 else ("holds", "is")
        if form:
            text, days = _first_date(dated[0], form)
            date = shown(days, form)
            example = f", such as {text!r}" + ("" if date in text else f" for {date}")
        of_day = form not in ("", ISO) and "%d" not in form
        taken = "parts of a day" if of_day else "days since the beginning of 1970"
        done = (
            f"read as {taken}"
            if kind == "date"
            else f"taken for text: --dates reads them as {taken}"
        )
        notes.append(f"{where}: {named(names)} {holds} dates{example}, and {are} {done}")
    return notes


def _first_date(u: Understood, form: str) -> tuple[str, float]:
    assert u.texts is not None  # noqa: S101  # it has a format
    days = as_days(u.texts.words, form)
    first = int(np.flatnonzero(~np.isnan(days))[0])
    return u.texts.words[first], float(days[first])


def _of_text(where: str, columns: Sequence[Understood], rows: int) -> list[str]:
    """Columns of text that may be meant as numbers, or have many different texts."""
    nearly, named_rows, many = [], [], []
    for u in columns:
        assert u.cells is not None and u.texts is not None  # noqa: S101, PT018  # it is text
        name, odd, cells = u.column.name, u.cells.odd, u.texts.rows
        digits = sum(any(map(str.isdigit, text)) for text in odd)
        if 2 * sum(odd.values()) <= cells:
            nearly.append(
                f"{where}: column {name!r} is taken for text, since {sum(odd.values())} of {cells} cells are no "
                f"numbers: {listed(odd)}"
            )
        elif identifies(u, rows):
            named_rows.append(
                f"{where}: column {name!r} is taken for text, and it is another in every row, so nothing can be "
                f"learned from it: {dropping([name])}"
            )
        elif len(odd) > MAX_CATEGORIES or (len(odd) > MANY and 2 * digits > len(odd)):
            many.append(u)
    notes = _first(where, nearly) + _first(where, named_rows)
    for few in many if len(many) <= NAMED else ():
        assert few.cells is not None  # noqa: S101
        notes.append(
            f"{where}: column {few.column.name!r} is taken for text with {len(few.cells.odd)} different values: "
            f"{listed(few.cells.odd)}"
        )
    if len(many) > NAMED:
        counts = [len(u.cells.odd) for u in many if u.cells is not None]
        notes.append(
            f"{where}: {named(u.column.name for u in many)} are taken for text with {min(counts)} to {max(counts)} "
            f"different values"
        )
    return notes


def _of_little_use(where: str, columns: Sequence[Understood], rows: int) -> list[str]:
    """Columns that are the same in every row, and whole numbers that are another in every row."""
    constant = [u.column.name for u in columns if is_constant(u.values)]
    counting = [u.column.name for u in columns if u.column.kind == "number" and identifies(u, rows)]
    notes = []
    if constant:
        notes.append(
            f"{where}: {named(constant)}: the same in every row, so nothing can be learned from it"
        )
    if counting:
        notes.append(
            f"{where}: {named(counting)}: a whole number that is another in every row, so it may only identify rows: "
            f"{dropping(counting[:NAMED])}"
        )
    return notes


def identifies(u: Understood, rows: int) -> bool:
    """Whether a column has another text or whole number in every row, as names and counters have."""
    if rows < FEW_ROWS:
        return False
    if u.column.kind == "text":
        assert u.cells is not None  # noqa: S101  # it is text
        return not u.format and len(u.cells.odd) == rows
    if u.column.kind != "number" or (u.cells is not None and u.cells.notation):
        return False
    values = u.values.to_numpy(float, na_value=np.nan)
    if (
        not (values[:MANY] == np.round(values[:MANY])).all()
        or not (values == np.round(values)).all()
    ):
        return False
    if len(np.unique(values)) < rows:
        return False
    return rows >= MANY_ROWS or float(np.ptp(values)) == rows - 1


def is_constant(values: pd.Series[Any]) -> bool:
    """Whether a column has the same value in every row."""
    return bool(values.notna().iloc[0]) and bool(
        (values == values.iloc[0]).fillna(value=False).all()
    )


def _first(where: str, notes: list[str]) -> list[str]:
    """The first of some notes of one kind, and how many more there are."""
    if len(notes) <= NAMED + 1:
        return notes
    return [*notes[:NAMED], f"{where}: the same of {len(notes) - NAMED} more columns"]


def named(names: Iterable[str]) -> str:
    """The first of some columns: `columns 'a', 'b', 'c' and 4 more`."""
    names = [*map(repr, names)]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED + 1 else ""
    shown = names[:NAMED] if more else names
    return f"column{'s' * (len(names) > 1)} {', '.join(shown)}{more}"


def listed(counts: Mapping[str, int]) -> str:
    """The first of some texts with their counts: `'-' (12), '?' (3) and 2 more`."""
    shown = [f"{text[:40]!r} ({count})" for text, count in [*counts.items()][:NAMED]]
    return ", ".join(shown) + (f" and {len(counts) - NAMED} more" if len(counts) > NAMED else "")
