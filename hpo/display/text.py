"""Printing on stdout, and the colours of states and verdicts."""

from __future__ import annotations

from collections.abc import Sequence

import click
from rich.console import Console, RenderableType
from rich.text import Text

STATES = {"complete": "green", "running": "cyan", "interrupted": "yellow"}
ACTIONS = {"narrowed": "green", "extended": "magenta", "kept": "dim"}


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
