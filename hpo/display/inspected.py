"""What is understood of a source on one screen: its labels, each column, what is left out, and the notes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from hpo.display.text import cut, print_parts
from studies.words import counted, listed, number

COLUMNS, CLASSES, LEFT_OUT = 40, 8, 8  # shown at most
NAME, WIDTH = 26, 80  # cells of a terminal
OTHERS = (
    len("number  different  missing  ") + 2
)  # cells of a line beside a column's name and values


class Inspected(dict[str, Any]):
    """The facts of a source (`trainer.data.overview`), which print as a table."""

    def __init__(self, facts: Mapping[str, Any], source: str) -> None:
        super().__init__(facts)
        self.source = source

    def __str__(self) -> str:
        console = Console(width=WIDTH, highlight=False, color_system=None)
        with console.capture() as printed:
            print_parts(console, inspected(self, self.source))
        return "\n".join(line.rstrip() for line in printed.get().splitlines())


def inspected(facts: Mapping[str, Any], source: str) -> list[RenderableType]:
    """The parts of the screen, from top to bottom."""
    size = f"{counted(facts['rows'], 'row')}, {counted(facts['columns'], 'column')}"
    kinds = _kinds(facts.get("kinds", {}))
    parts: list[RenderableType] = [
        Text.assemble((source, "bold"), f" · {size}{f': {kinds}' if kinds else ''}"),
        *_labels(facts),
    ]
    if sizes := facts.get("splits"):
        training, validation, test = (f"{sizes[k]:,}" for k in ("training", "validation", "test"))
        parts.append(Text(f"{training} rows train, {validation} validate, {test} test"))
    if described := facts.get("described"):
        parts += [Text(), _table(described[:COLUMNS])]
        if (others := facts["columns"] - len(described[:COLUMNS])) > 0:
            parts.append(Text(f"and {counted(others, 'more column')}; --json has {_all(facts)}"))
        parts += [Text(), *_treatment(facts)]
    elif facts["columns"]:
        parts.append(Text("The columns have no names; all are numbers."))
    parts += _left_out(facts.get("left_out", {}))
    name = Path(source).stem
    for note in facts.get("notes", ()):
        short = note.removeprefix(f"{source}: ").removeprefix(f"{name}: ")
        parts.append(Text(f"Note: {short}", "yellow"))
    if problem := facts.get("problem"):
        parts.append(Text(f"Problem: {problem.removeprefix(f'{name}: ')}", "red"))
    return parts


def _all(facts: Mapping[str, Any]) -> str:
    count = len(facts["described"])
    return "all" if count == facts["columns"] else f"the first {count}"


def _kinds(kinds: Mapping[str, int]) -> str:
    nouns = {"number": "of numbers", "text": "of text", "date": "of dates"}
    return ", ".join(f"{kinds[kind]} {noun}" for kind, noun in nouns.items() if kind in kinds)


def _labels(facts: Mapping[str, Any]) -> Iterator[RenderableType]:
    """The task, with the classes and their shares or the span of the quantity."""
    of = f" of {facts['label']}" if "label" in facts else ""
    if "task" not in facts:
        yield Text("No label yet: --target COLUMN says which column is to be predicted.", "cyan")
    elif classes := facts.get("classes"):
        count = len(classes) + facts.get("other_classes", 0)
        shares = [_share(name, n, facts["rows"]) for name, n in [*classes.items()][:CLASSES]]
        more = f" and {count - CLASSES} more" if count > CLASSES else ""
        yield Text.assemble((f"classification{of}", "bold"), f", {count} classes:")
        yield Padding(Text(f"{', '.join(shares)}{more}"), (0, 0, 0, 2), expand=False)
    else:
        ends = facts["target"]
        span = ", ".join(f"{name} {number(ends[name], 4)}" for name in ("least", "mean", "most"))
        yield Text.assemble((f"regression{of}", "bold"), f", a quantity: {span}")


def _share(name: str, count: int, rows: int) -> str:
    share = 100 * count / rows
    return f"{cut(name, NAME)} {share:.{0 if share >= 1 else 2}f} %"


def _table(described: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    names = [cut(column["name"], NAME) for column in described]
    room = WIDTH - OTHERS - max(map(cell_len, ["column", *names]))
    for heading, justify in (
        ("column", "left"), ("kind", "left"), ("different", "right"), ("missing", "right"), ("values", "left"),
    ):  # fmt: skip
        table.add_column(heading, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    for name, column in zip(names, described, strict=True):
        table.add_row(
            Text(name),
            column["kind"],
            f"{column['different']:,}",
            f"{column['missing']:,}" if column["missing"] else "",
            Text(_values(column, room)),
        )
    return table


def _values(column: Mapping[str, Any], room: int) -> str:
    """The commonest texts of a column, as many as there is room for, or where its numbers lie."""
    if column["kind"] == "text":
        texts = [cut(" ".join(text.split()), room - 3) for text in column["commonest"]]
        while texts:
            more = ", …" if column["different"] > len(texts) else ""
            if cell_len(shown := ", ".join(texts) + more) <= room or len(texts) == 1:
                return shown
            texts.pop()
        return ""
    if column["least"] is None:
        return ""
    if column["kind"] == "date":
        return f"{_date(column['least'])} … {_date(column['most'])}"
    if column["different"] == 1:
        return number(column["least"], 4)
    return f"{number(column['least'], 4)} … {number(column['most'], 4)}"


def _date(days: float) -> str:
    from datetime import datetime, timedelta

    try:
        return f"{datetime(1970, 1, 1) + timedelta(days=days):%Y-%m-%d}"  # days have no zone
    except OverflowError:
        return f"{days:,.0f} days"


def _treatment(facts: Mapping[str, Any]) -> Iterator[RenderableType]:
    """What becomes of the columns of each kind, and of their missing values."""
    described = facts["described"]
    numbers = [column for column in described if column["kind"] != "text"]
    texts = [column for column in described if column["kind"] == "text"]
    if numbers:
        line = "Numbers are scaled to mean 0 and deviation 1"
        if any(column["missing"] for column in numbers):
            line += "; the median stands for a missing one, and a column of its own says where"
        yield Text(f"{line}.")
    if texts:
        line = "Each text of a column becomes a column of 0 and 1"
        if any(column["different"] > facts["categories"] for column in texts):
            line += f", where there are more than {facts['categories']} the rarer ones share one"
        if any(column["missing"] for column in texts):
            line += "; so does a missing one"
        yield Text(f"{line}.")


def _left_out(left_out: Mapping[str, str]) -> Iterator[RenderableType]:
    if left_out:
        named = listed((f"{name} ({why})" for name, why in left_out.items()), LEFT_OUT)
        yield Text(f"Left out: {named}.")
