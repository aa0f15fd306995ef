"""What is understood of a source on one screen: its labels, each column, what is left out, and the notes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from hpo.display.text import cut, print_parts
from hpo.display.understood import (
    class_shares,
    left_out_of,
    notes_of,
    problem_of,
    range_of,
    size_of,
    span_of,
    splits_of,
    task_of,
    treatment_of,
)
from studies.words import counted

COLUMNS = 40  # shown at most
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
    parts: list[RenderableType] = [
        Text.assemble((source, "bold"), f" · {size_of(facts)}"),
        *_labels(facts),
    ]
    if sizes := splits_of(facts):
        parts.append(Text(sizes))
    if described := facts.get("described"):
        parts += [Text(), _table(described[:COLUMNS])]
        if (others := facts["columns"] - len(described[:COLUMNS])) > 0:
            parts.append(Text(f"and {counted(others, 'more column')}; --json has {_all(facts)}"))
        parts += [Text(), *map(Text, treatment_of(facts))]
    elif facts["columns"]:
        parts.append(Text("The columns have no names; all are numbers."))
    if left_out := left_out_of(facts):
        parts.append(Text(left_out))
    parts += [Text(f"Note: {note}", "yellow") for note in notes_of(facts, source)]
    if problem := problem_of(facts, source):
        parts.append(Text(f"Problem: {problem}", "red"))
    return parts


def _all(facts: Mapping[str, Any]) -> str:
    count = len(facts["described"])
    return "all" if count == facts["columns"] else f"the first {count}"


def _labels(facts: Mapping[str, Any]) -> Iterator[RenderableType]:
    """The task, with the classes and their shares or the span of the quantity."""
    if "task" not in facts:
        yield Text("No label yet: --target COLUMN says which column is to be predicted.", "cyan")
    elif facts.get("classes"):
        shares, count = class_shares(facts)
        named = ", ".join(f"{cut(name, NAME)} {share}" for name, share in shares)
        more = f" and {count - len(shares)} more" if count > len(shares) else ""
        yield Text.assemble((task_of(facts), "bold"), f", {count} classes:")
        yield Padding(Text(f"{named}{more}"), (0, 0, 0, 2), expand=False)
    else:
        yield Text.assemble((task_of(facts), "bold"), f", a quantity: {span_of(facts)}")


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
    return range_of(column)
