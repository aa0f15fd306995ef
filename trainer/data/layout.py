"""Layouts: how a file of text holds its cells, as it was taken to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

NAMES = {
    ",": "commas",
    ";": "semicolons",
    "\t": "tabs",
    "|": "bars",
    "": "nothing: it has one column",
}
SEPARATORS = ",;\t|"
"""What can separate cells; where several would do, an earlier one is taken."""

HEADER_HINT = "its first line looks like data, not like names of columns: --no-header says so"
"""What is said where the header looks like a row."""


@dataclass(frozen=True)
class Layout:
    """How a file of text holds its cells. All fields are plain values, so `dataclasses.asdict` of it can be stored.

    `separator` is empty where a line is one cell. `skipped` lines come before the header, or before the first row:
    `comments` of them begin with #, and others are blank or are the line `sep=;` that Excel writes. With `row_names`,
    the header is one cell shorter than the rows, whose first cells are names and no column. `decimal` is the mark of
    numbers that do not show theirs.
    """

    encoding: str = "utf-8"
    separator: str = ","
    quote: str = '"'
    header: bool = True
    row_names: bool = False
    skipped: int = 0
    comments: int = 0
    decimal: Literal[".", ","] = "."

    def __str__(self) -> str:
        parts = [
            "UTF-8" if self.encoding == "utf-8" else self.encoding,
            f"cells separated by {NAMES.get(self.separator, repr(self.separator))}",
            "a header" if self.header else "no header",
        ]
        if self.quote == "'":
            parts.append("single quotes")
        if self.decimal == ",":
            parts.append("decimal commas")
        if self.row_names:
            parts.append("row names, which are no column")
        if self.comments:
            parts.append(f"{self.comments} comment line{'s' * (self.comments > 1)} before it")
        return ", ".join(parts)
