"""The studies of a database as a table, a line each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from hpo.display.text import STATES
from studies.words import age

if TYPE_CHECKING:
    from studies.database.listing import Listed

TEXTS = (
    "study",
    "state",
    "metric",
    "owner",
    "holder",
)  # aligned left; the other columns are numbers
ALWAYS = ("study", "state", "complete", "best", "metric", "age")
COLUMNS = (
    "study",
    "state",
    "complete",
    "pruned",
    "failed",
    "best",
    "metric",
    "age",
    "owner",
    "holder",
)
WIDEST = 30  # of a column: a longer text sticks out of its own line only


def studies_table(listed: Sequence[Listed], now: datetime, *, me: str | None = None) -> Text:
    """The state of each study, and how long ago something last happened to it; no column is empty.

    Owners are shown if there is one beside `me`.

    A study is one line, however long. The lines are laid out here because rich takes a second for 3,000 studies.
    """
    if not listed:
        return Text("no studies yet: start one with  hpo search digits")
    rows = [_row(study, now) for study in listed]
    if {study.owner for study in listed} - {None, me}:
        for study, row in zip(listed, rows, strict=True):
            row["owner"] = (study.owner or "", "")
    columns = [name for name in COLUMNS if name in ALWAYS or any(name in row for row in rows)]
    heads = [{name: (name, "bold") for name in columns}]
    widths = {
        name: min(WIDEST, max(cell_len(row[name][0]) for row in heads + rows if name in row))
        for name in columns
    }
    lines = []
    for row in heads + rows:
        line: list[str | tuple[str, str]] = []
        for name in columns:
            text, style = row.get(name, ("–" if name == "best" else "", ""))
            blanks = " " * (widths[name] - cell_len(text))
            line += [(text, style), blanks] if name in TEXTS else [blanks, (text, style)]
            line.append("  ")
        lines.append(Text.assemble(*line))
    table = Text("\n").join(lines)
    table.no_wrap, table.overflow = True, "ignore"
    return table


def _row(study: Listed, now: datetime) -> dict[str, tuple[str, str]]:
    """The text and the style of each column that this study needs."""
    name = study.name if study.name.isprintable() else repr(study.name)
    row = {
        "study": (name, ""),
        "state": ("by Optuna" if study.by_optuna else study.state, STATES[study.state]),
        "complete": (str(study.trials.get("complete", 0)), ""),
        "metric": (_metric(study), ""),
    }
    for state in ("pruned", "failed"):
        if count := study.trials.get(state, 0):
            row[state] = (str(count), "")
    if study.best is not None:
        row["best"] = (f"{study.best.value:.4g}", "")
    if study.last is not None:
        row["age"] = (age((now - study.last).total_seconds()), "")
    if study.holder is not None:
        row["holder"] = (f"{study.holder.process}@{study.holder.host}", "cyan")
    return row


def _metric(study: Listed) -> str:
    if len(study.directions) > 1:
        return f"{len(study.directions)} objectives"
    return f"{study.metric} {'↑' if study.directions[0] == 'maximize' else '↓'}"
