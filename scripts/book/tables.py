"""Book beside ours: the rows of a table, on the terminal and in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from rich.console import Console
from rich.table import Table

HEAD = ("", "book", "ours", "holds")


@dataclass(frozen=True)
class Claim:
    """What the book says, and whether it holds here, with the numbers that say so.

    `timed` is one that rests on seconds, which a busy machine can turn: no test relies on it.
    """

    says: str
    holds: bool
    evidence: str
    book: str = ""
    timed: bool = False

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """As a row of the table."""
        return self.says, self.book, self.evidence, "yes" if self.holds else "no"


@dataclass(frozen=True)
class Number:
    """A number of the book's beside ours."""

    what: str
    book: str
    ours: str

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """As a row of the table."""
        return self.what, self.book, self.ours, ""


Line = Claim | Number


def spread(values: ArrayLike, decimals: int = 3) -> str:
    """The mean over seeds and the standard deviation between them."""
    numbers = np.asarray(values, float).ravel()
    mean = f"{numbers.mean():.{decimals}f}"
    return mean if len(numbers) == 1 else f"{mean} ± {numbers.std(ddof=1):.{decimals}f}"


def seconds(number: float) -> str:
    """A time as a person says it."""
    for unit, name in ((1.0, "s"), (1e-3, "ms")):
        if number >= unit:
            return f"{number / unit:.3g} {name}"
    return f"{number / 1e-6:.3g} µs"


def show(console: Console, lines: Sequence[Line]) -> None:
    """Print them as a table that fits 80 columns."""
    table = Table(*HEAD[:3], header_style="bold", box=None, pad_edge=False)
    table.columns[0].ratio, table.columns[2].ratio = 5, 4
    table.columns[1].min_width = 6
    table.add_column(HEAD[3], justify="right", no_wrap=True)
    table.expand = True
    for line in lines:
        *cells, holds = line.cells
        style = "" if not holds else "green" if holds == "yes" else "bold red"
        cells[0] = f"{cells[0]}" if holds else f"  {cells[0]}"
        table.add_row(*cells, f"[{style}]{holds}[/]" if style else holds)
    console.print(table)


def markdown(lines: Sequence[Line]) -> str:
    """The same as a table in Markdown; claims are bold, the numbers below each are what it rests on."""
    written = [f"| {' | '.join(HEAD)} |", "|---|---|---|---|"]
    for line in lines:
        what, book, ours, holds = line.cells
        what, holds = (f"**{what}**", f"**{holds}**") if holds else (what, "")
        written.append(f"| {what} | {book} | {ours} | {holds} |")
    return "\n".join(written)
