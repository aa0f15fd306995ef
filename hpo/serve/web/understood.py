"""What is understood of a table, as the templates show it. The words are those of `hpo.display.understood`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hpo.display import understood as words

COLUMNS = 200  # shown at most


@dataclass(frozen=True)
class Understood:
    """The facts of a table in words."""

    size: str
    task: str
    classes: Sequence[tuple[str, str]]  # the commonest with their shares
    class_count: int
    span: str  # of a quantity
    splits: str
    columns: Sequence[Sequence[str]]  # name, kind, different, missing, values
    more: int  # columns that are not shown
    treatment: Sequence[str]
    left_out: str
    notes: Sequence[str]
    problem: str
    drops: Sequence[str]


def understood(facts: Mapping[str, Any], name: str) -> Understood:
    """The facts of a table of that name, in words."""
    described = facts.get("described", [])
    classes, count = words.class_shares(facts) if facts.get("classes") else ([], 0)
    return Understood(
        words.size_of(facts),
        words.task_of(facts),
        classes,
        count,
        words.span_of(facts) if "target" in facts and not classes else "",
        words.splits_of(facts),
        [_column(column) for column in described[:COLUMNS]],
        facts["columns"] - len(described[:COLUMNS]),
        words.treatment_of(facts) if described else [],
        words.left_out_of(facts),
        words.notes_of(facts, name),
        words.problem_of(facts, name),
        words.drops_of(facts),
    )


def _column(column: Mapping[str, Any]) -> list[str]:
    values = (
        ", ".join(column["commonest"])
        + (", …" if column["different"] > len(column["commonest"]) else "")
        if column["kind"] == "text"
        else words.range_of(column)
    )
    missing = f"{column['missing']:,}" if column["missing"] else ""
    return [str(column["name"]), column["kind"], f"{column['different']:,}", missing, values]
