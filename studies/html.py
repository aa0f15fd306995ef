"""A small HTML table for notebooks, every word of it escaped."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from studies.words import setting


def table(title: str, facts: Mapping[str, Any]) -> str:
    """A table with a title and one row for each fact; a dash stands for None."""
    style = "text-align: left"
    words = {name: "–" if fact is None else setting(fact) for name, fact in facts.items()}
    rows = "\n".join(
        f'<tr><th style="{style}">{escape(name)}</th><td style="{style}">{escape(fact)}</td></tr>'
        for name, fact in words.items()
    )
    caption = f'<caption style="{style}; font-weight: bold; white-space: nowrap">{escape(title)}</caption>'
    return f"<table>\n{caption}\n<tbody>\n{rows}\n</tbody>\n</table>\n"
