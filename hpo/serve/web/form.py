"""The form of a plan: what each field is, what was typed into it, and the plan that this asks for.

Names, help, rules and defaults are those of `hpo.plan.fields`; the form only knows how a browser asks for them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hpo.display.understood import drops_of
from hpo.plan.fields import FIELDS, GROUPS, SPACE, PlanField
from studies.words import setting
from trainer.fields import METRICS

FIRST = ("drop", "trials", "epochs", "metric", "preset")
"""The fields that everybody is asked for; the others are folded up."""

ELSEWHERE = ("source", "target")  # they are chosen before
OF_OTHERS = (
    "trainer", "program", "direction", "ahead", "max_failures", "trial_timeout", "trial_memory",
)  # fmt: skip
"""What a search over a table has no use for."""

OF_COLUMNS = ("group", "time", "weight")
MOST_COLUMNS = 200  # of which boxes are shown; more are typed
LONGEST = 10_000  # characters of one field

Kind = Literal["whole", "text", "choice", "lines", "boxes"]


@dataclass(frozen=True)
class Input:
    """One field of the form, with what was typed into it, and what is wrong with that."""

    name: str
    kind: Kind
    hint: str
    options: Sequence[tuple[str, str]] = ()  # value and words
    typed: str | Sequence[str] = ""
    wrong: str = ""

    @property
    def label(self) -> str:
        """The field's name as a word."""
        return self.name.replace("_", " ").capitalize()


@dataclass(frozen=True)
class Form:
    """The form of a search over a table whose target has been chosen."""

    first: Sequence[Input]
    groups: Mapping[str, Sequence[Input]]
    wrong: str = ""  # what belongs to no field
    name: str = ""
    wrong_name: str = ""

    @property
    def open(self) -> Sequence[str]:
        """The groups with a field that is wrong or was changed: they are shown unfolded."""
        return [
            group
            for group, inputs in self.groups.items()
            if any(i.wrong or i.typed not in ("", [], _begin(FIELDS[i.name])) for i in inputs)
        ]


def form_of(
    facts: Mapping[str, Any], typed: Mapping[str, list[str]] | None = None, wrong: str = ""
) -> Form:
    """The form for a table with these facts. `typed` is what came back, and `wrong` the one line that says why."""
    field, message = placed(wrong)
    inputs = {
        f.name: _input(f, facts, typed, message if f.name == field else "")
        for f in FIELDS.values()
        if f.name not in (*ELSEWHERE, *OF_OTHERS)
    }
    folded = {
        group: [
            i for name, i in inputs.items() if FIELDS[name].group == group and name not in FIRST
        ]
        for group in GROUPS
    }
    return Form(
        [inputs[name] for name in FIRST],
        folded,
        message if field not in (*inputs, "name") else "",
        "" if typed is None else "".join(typed.get("name", [])),
        message if field == "name" else "",
    )


def placed(message: str) -> tuple[str, str]:
    """The field that an error is about, and what to say beside it."""
    match = re.match(r"(\w+)(?:\.\w+)*(:|\b)", message)
    if match and match[1] in (*FIELDS, "name"):
        return match[1], message
    return "", message


def fields_of(typed: Mapping[str, list[str]]) -> dict[str, Any]:
    """The fields of a plan, from what was typed; what was left empty keeps its default."""
    fields: dict[str, Any] = {}
    for name, texts in typed.items():
        field = FIELDS.get(name)
        values = [text.replace("\r\n", "\n").strip()[:LONGEST] for text in texts]
        values = [text for text in values if text]
        if field is None or not values or name in OF_OTHERS or name == "source":
            continue
        if values == [_begin(field)]:
            continue
        if name == "drop":
            fields[name] = values
        elif name == "space":
            fields[name] = _space(values[0])
        elif name == "baseline":
            fields[name] = [line.strip() for line in values[0].splitlines() if line.strip()]
        else:
            fields[name] = values[0]
    return fields


def _space(text: str) -> dict[str, str]:
    """A range on each line: NAME=RANGE. A line without one is the plan's to complain of."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    parts = (re.match(r"([^=@\s]*(?:@\w+=[^=]*)?)\s*=\s*(.*)", line) for line in lines)
    return {
        match[1].strip() if match else line: match[2].strip() if match else ""
        for line, match in zip(lines, parts, strict=True)
    }


def _begin(field: PlanField) -> str:
    """What stands in a field at first."""
    if field.name == "space":
        return "\n".join(f"{name}={text}" for name, text in SPACE.items())
    if field.default is None or field.default == ():
        return ""
    if isinstance(field.default, bool):
        return "true" if field.default else "false"
    return setting(field.default)


def _input(
    field: PlanField,
    facts: Mapping[str, Any],
    typed: Mapping[str, list[str]] | None,
    wrong: str,
) -> Input:
    help_text = field.help.replace("; can be repeated", "")
    columns = [str(column["name"]) for column in facts.get("described", ())]
    kind: Kind = "whole" if field.rule.kind is int else "text"
    options: list[tuple[str, str]] = []
    value: str | list[str] = _begin(field) if typed is None else "".join(typed.get(field.name, []))
    if field.name == "drop":
        kind, options = "boxes", [(name, name) for name in columns[:MOST_COLUMNS]]
        value = drops_of(facts) if typed is None else list(typed.get("drop", []))
        if typed is None and value:
            help_text += " Those that are ticked only identify rows, or give the answer away: untick what is to stay."
    elif field.name in ("space", "baseline"):
        kind = "lines"
    elif field.name == "metric":
        kind, classes = "choice", facts.get("task") == "classification"
        help_text = f"{help_text.partition(':')[0]}."
        names = [name for name, metric in METRICS.items() if metric.classes == classes]
        options = [("", field.unset), *((name, name) for name in (*names, "loss"))]
    elif field.name in OF_COLUMNS:
        kind, options = "choice", [("", field.unset), *((name, name) for name in columns)]
    elif field.rule.choices:
        kind = "choice"
        empty = [] if field.default is not None else [("", field.unset or "not set")]
        options = [*empty, *((choice, choice) for choice in field.rule.choices)]
    elif field.rule.kind is bool:
        kind, options = "choice", [("true", "yes"), ("false", "no")]
    if field.unset and kind in ("whole", "text", "lines"):
        help_text += f" If it is empty: {field.unset}."
    return Input(field.name, kind, help_text, options, value, wrong)
