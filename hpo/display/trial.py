"""One trial on the screen: its settings and its curve, what it printed, and the error that it failed with."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from studies.analysis.frames import evenly
from studies.analysis.one_trial import OF_FOLD, OneTrial
from studies.words import counted, notation, number, rounded, setting

MOST = 20  # epochs in the table
WIDTH = 80  # columns


def of_trial(one: OneTrial) -> list[RenderableType]:
    """The parts of the screen, from top to bottom."""
    known, trial = one.trial.attributes, one.trial
    facts: list[str] = [trial.state]
    if "diverged_epoch" in known:
        facts = [f"diverged at epoch {known['diverged_epoch']}"]
    if known.get("round") is not None:
        facts.append(f"round {known['round']}")
    facts.append(counted(one.epochs, "epoch" if one.record.plan else "value"))
    heading = Text.assemble((f"trial {trial.number}", "bold"), f" of {one.record.name}")
    parts: list[RenderableType] = [heading.append("".join(f" · {fact}" for fact in facts))]
    for value in trial.values or [trial.value]:
        if value is not None:
            name = "objective" if trial.values else one.record.metric
            parts.append(Text.assemble((f"{name} ", "bold"), (number(value, 4), "bold green")))
    if one.folds:
        shown = notation(one.folds)
        values = ", ".join(rounded(value, shown) for value in one.folds)
        parts.append(Text(f"the mean of {len(one.folds)} folds: {values}"))
    if again := one.confirmations:
        shown = notation(c.value for c in again)
        values = ", ".join("failed" if c.value is None else rounded(c.value, shown) for c in again)
        parts.append(Text(f"trained again on fresh seeds: {values}"))
    width = max(map(len, trial.params), default=0)
    parts += [Text(f"  {name:{width}}  {setting(value)}") for name, value in trial.params.items()]
    parts += _curves(one)
    if output := known.get("output"):
        parts += [_heading("It printed"), _as_it_is(Text.from_ansi(output.rstrip()))]
    if error := known.get("error"):
        full = str(known.get("traceback") or error)
        parts += [_heading("It failed"), _as_it_is(Text(full.rstrip(), "red"))]
    return parts


def _curves(one: OneTrial) -> Iterator[RenderableType]:
    """The curves as columns of numbers, in as many tables as their names need."""
    if not one.epochs:
        return
    rows = evenly(one.epochs, MOST)
    some = f"{len(rows)} of {one.epochs} epochs; hpo export --table epochs has all"
    yield _heading("Its curve", some if len(rows) < one.epochs else "")
    first = ["epoch", *(str(row + 1) for row in rows)]
    table = [first]
    names = (name for name in one.curves if not OF_FOLD.match(name))
    for metric in sorted(names, key=lambda name: name != one.record.metric):
        points = one.curves[metric]
        shown = notation(points)
        column = [metric, *(rounded(points[k], shown) if k < len(points) else "" for k in rows)]
        if len(table) > 1 and _width([*table, column]) > WIDTH:
            yield _table(table)
            table = [first]
        table.append(column)
    yield _table(table)


def _width(columns: list[list[str]]) -> int:
    return sum(2 + max(map(len, column)) for column in columns)


def _table(columns: list[list[str]]) -> Text:
    widths = [max(map(len, column)) for column in columns]
    lines = zip(*columns, strict=True)
    cells = ([f"  {cell:>{w}}" for cell, w in zip(line, widths, strict=True)] for line in lines)
    return Text("\n".join("".join(line) for line in cells), no_wrap=True)


def _heading(word: str, rest: str = "") -> Padding:
    return Padding(Text.assemble((word, "bold"), f"  {rest}"), (1, 0, 0, 0), expand=False)


def _as_it_is(text: Text) -> Text:
    """Text that is neither wrapped nor cut, so that it can be copied."""
    text.no_wrap = True
    return text
