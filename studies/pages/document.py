"""A document of sections with sentences, tables and figures, as one HTML page that needs nothing else, or as Markdown.

Its words are words in both: jinja2 escapes them for HTML, and here they are escaped for Markdown. A document has no
markup of its own, so nothing in a name can become any.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from studies.pages.environment import page_environment
from studies.pages.pictures import Picture, drawing


@dataclass(frozen=True)
class Points:
    """A list of sentences."""

    sentences: Sequence[str]


@dataclass(frozen=True)
class Facts:
    """Names and their values."""

    facts: Mapping[str, str]


@dataclass(frozen=True)
class Table:
    """Rows of cells, the first of each its name. `numbers` says which columns are aligned to the right. One that is
    `folded` says what a figure before it shows, and a page keeps it closed.
    """

    caption: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: Sequence[bool]
    folded: bool = False


Written = str | Points | Facts | Table
Block = Written | Picture  # Markdown leaves pictures out: what one shows is in a table beside it


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it."""

    heading: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Document:
    """A title, a line under it, and sections."""

    title: str
    under: str
    sections: Sequence[Section]


def to_html(document: Document) -> str:
    """The document as one page."""
    sections = []
    for section in document.sections:
        blocks = [
            drawing(block) if isinstance(block, Picture) else block for block in section.blocks
        ]
        sections.append({"heading": section.heading, "blocks": blocks})
    environment = page_environment()
    environment.globals["kind"] = lambda block: type(block).__name__
    shown = {"title": document.title, "under": document.under, "sections": sections}
    return environment.get_template("document.html.j2").render(document=shown)


def to_markdown(document: Document) -> str:
    """The document as Markdown (GitHub's, for its tables), readable as it is."""
    parts = [f"# {words(document.title)}", words(document.under)]
    for section in document.sections:
        parts.append(f"## {words(section.heading)}")
        parts += [_markdown(block) for block in section.blocks if not isinstance(block, Picture)]
    return "\n\n".join(parts) + "\n"


def _markdown(block: Written) -> str:
    if isinstance(block, str):
        return words(block)
    if isinstance(block, Points):
        return "\n".join(f"- {words(sentence)}" for sentence in block.sentences)
    if isinstance(block, Facts):
        return "\n".join(f"- {words(name)}: {words(value)}" for name, value in block.facts.items())
    cells = [[words(cell) for cell in row] for row in (block.headings, *block.rows)]
    widths = [max(3, *map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "| " + " | ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, block.numbers, strict=True)
        ) + " |"
        for row in cells
    ]  # fmt: skip
    rule = (
        "-" * (w - 1) + (":" if right else "-")
        for w, right in zip(widths, block.numbers, strict=True)
    )
    return "\n".join([lines[0], f"| {' | '.join(rule)} |", *lines[1:]])


def words(text: str) -> str:
    """Text as words on one line of Markdown: nothing in it is markup, a link, HTML or mathematics."""
    line = " ".join(text.split())
    line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)
    line = re.sub(r"([\\`*\[\]<>|~$@])", r"\\\1", line)
    # Inside a word an underscore is no markup.
    line = re.sub(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", r"\\_", line)
    line = re.sub(r"&(?=#?\w+;)", r"\\&", line)
    line = line.replace("://", r":\//").replace("www.", r"www\.")  # GitHub makes links of these
    # What would begin a heading, a list or a rule.
    line = re.sub(r"^(\d+)(?=[.)](\s|$))", "\\1\\\\", line)
    return re.sub(r"^([#+=-])(?!\d)", r"\\\1", line)
