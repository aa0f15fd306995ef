"""What is understood of a source, in words: the same on the screen and on a page."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from studies.words import counted, listed, number

CLASSES, LEFT_OUT = 8, 8  # named at most
DROPPING = re.compile(r"--drop ('(?:[^']|'\"'\"')*'|\S+?(?=,?(?: |$)))")
"""How a note suggests that a column be left out (`trainer.data.remarks.dropping`)."""


def size_of(facts: Mapping[str, Any]) -> str:
    """How many rows and columns there are, and of which kinds: `344 rows, 7 columns: 5 of numbers, 2 of text`."""
    size = f"{counted(facts['rows'], 'row')}, {counted(facts['columns'], 'column')}"
    nouns = {"number": "of numbers", "text": "of text", "date": "of dates"}
    kinds = facts.get("kinds", {})
    words = ", ".join(f"{kinds[kind]} {noun}" for kind, noun in nouns.items() if kind in kinds)
    return f"{size}: {words}" if words else size


def task_of(facts: Mapping[str, Any]) -> str:
    """What the labels are, in two words; empty without labels."""
    of = f" of {facts['label']}" if "label" in facts else ""
    return f"{facts['task']}{of}" if "task" in facts else ""


def class_shares(facts: Mapping[str, Any]) -> tuple[list[tuple[str, str]], int]:
    """The commonest classes with the share that each has of the rows, and how many classes there are in all."""
    classes = facts["classes"]
    shares = [(name, _share(n, facts["rows"])) for name, n in [*classes.items()][:CLASSES]]
    return shares, len(classes) + facts.get("other_classes", 0)


def span_of(facts: Mapping[str, Any]) -> str:
    """Where the labels of a quantity lie: `least 1, mean 2, most 3`."""
    ends = facts["target"]
    return ", ".join(f"{name} {number(ends[name], 4)}" for name in ("least", "mean", "most"))


def splits_of(facts: Mapping[str, Any]) -> str:
    """How many rows train, validate and test; empty where that is not known yet."""
    if not (sizes := facts.get("splits")):
        return ""
    training, validation, test = (f"{sizes[k]:,}" for k in ("training", "validation", "test"))
    return f"{training} rows train, {validation} validate, {test} test"


def range_of(column: Mapping[str, Any]) -> str:
    """Where the numbers or dates of a column lie; empty if it has none."""
    if column["least"] is None:
        return ""
    if column["kind"] == "date":
        return f"{_date(column['least'])} … {_date(column['most'])}"
    if column["different"] == 1:
        return number(column["least"], 4)
    return f"{number(column['least'], 4)} … {number(column['most'], 4)}"


def treatment_of(facts: Mapping[str, Any]) -> list[str]:
    """What becomes of the columns of each kind, and of their missing values, in sentences."""
    described = facts["described"]
    numbers = [column for column in described if column["kind"] != "text"]
    texts = [column for column in described if column["kind"] == "text"]
    lines = []
    if numbers:
        line = "Numbers are scaled to mean 0 and deviation 1"
        if any(column["missing"] for column in numbers):
            line += "; the median stands for a missing one, and a column of its own says where"
        lines.append(f"{line}.")
    if texts:
        line = "Each text of a column becomes a column of 0 and 1"
        if any(column["different"] > facts["categories"] for column in texts):
            line += f", where there are more than {facts['categories']} the rarer ones share one"
        if any(column["missing"] for column in texts):
            line += "; so does a missing one"
        lines.append(f"{line}.")
    return lines


def left_out_of(facts: Mapping[str, Any]) -> str:
    """Which columns are left out, and why, in a sentence; empty if none is."""
    reasons = facts.get("left_out", {})
    named = listed((f"{name} ({why})" for name, why in reasons.items()), LEFT_OUT)
    return f"Left out: {named}." if named else ""


def notes_of(facts: Mapping[str, Any], source: str) -> list[str]:
    """The notes, without the name of the source before each."""
    name = Path(source).stem
    return [
        note.removeprefix(f"{source}: ").removeprefix(f"{name}: ")
        for note in facts.get("notes", ())
    ]


def problem_of(facts: Mapping[str, Any], source: str) -> str:
    """Why the rows can't be split; empty if they can."""
    return str(facts.get("problem", "")).removeprefix(f"{Path(source).stem}: ")


def drops_of(facts: Mapping[str, Any]) -> list[str]:
    """The columns that the notes suggest to leave out: they only identify rows, or give the answer away."""
    found = [match for note in facts.get("notes", ()) for match in DROPPING.findall(note)]
    return list(dict.fromkeys(name for match in found for name in shlex.split(match)))


def _share(count: int, rows: int) -> str:
    share = 100 * count / rows
    return f"{share:.{0 if share >= 1 else 2}f} %"


def _date(days: float) -> str:
    from datetime import datetime, timedelta

    try:
        return f"{datetime(1970, 1, 1) + timedelta(days=days):%Y-%m-%d}"  # days have no zone
    except OverflowError:
        return f"{days:,.0f} days"
