"""Printing on stdout, and the colours of states and verdicts."""

from __future__ import annotations

from collections.abc import Sequence

import click
from rich.cells import cell_len, set_cell_size
from rich.console import Console, RenderableType
from rich.text import Text

STATES = {"complete": "green", "running": "cyan", "interrupted": "yellow"}
ACTIONS = {"narrowed": "green", "extended": "magenta", "kept": "dim"}


def cut(text: str, cells: int) -> str:
    """A text in so many cells of a terminal, of which a Chinese letter takes two: its middle is left out."""
    if cell_len(text) <= cells:
        return text
    end = (cells - 1) // 2
    return f"{set_cell_size(text, cells - 1 - end)}…{set_cell_size(text[::-1], end)[::-1]}"


def show(*parts: RenderableType) -> None:
    """Print on stdout: in colour on a terminal, elsewhere without trailing blanks."""
    console = Console(highlight=False)
    if console.is_terminal:
        print_parts(console, parts)
        return
    with console.capture() as printed:
        print_parts(console, parts)
    click.echo("\n".join(line.rstrip() for line in printed.get().splitlines()))


def print_parts(console: Console, parts: Sequence[RenderableType]) -> None:
    """Print parts one below the other; text that must not wrap is neither wrapped nor cut."""
    for part in parts:
        whole = isinstance(part, Text) and bool(part.no_wrap)  # which `print` ignores
        console.print(part, no_wrap=whole, overflow="ignore" if whole else None, crop=not whole)
