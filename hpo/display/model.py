"""A trained model on the screen: what it answers from which columns, its networks, and what they scored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from studies.words import counted, estimate, listed, number, settings

SHOWN = 12  # columns or classes that are named


def of_model(name: str, facts: Mapping[str, Any]) -> list[RenderableType]:
    """The parts of the screen for the file `name`, by `hpo.models.facts_of`."""
    about = facts["about"]
    study = f" · study {about['study']}" if "study" in about else ""
    version = f" · by hpo {about['hpo']}" if "hpo" in about else ""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for heading, text in lines_of(facts):
        table.add_row(heading, Text(text))
    return [Text.assemble(("model ", "bold"), f"{name}{study}{version}"), table]


def lines_of(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is known of a model, line by line: a heading, empty where it is that of the line before, and text."""
    about = facts["about"]
    target = about.get("target")
    if facts["classes"] is None:
        margin = facts["margin"]
        within = "" if margin is None else f"; 95 % of new rows lie within ± {number(margin)}"
        yield "answers", f"{target or 'a quantity'}{within}"
    else:
        classes = listed(facts["classes"], SHOWN)
        of_target = f"{target}, " if target else ""
        yield "answers", f"{of_target}one of {len(facts['classes'])} classes: {classes}"
    columns = [f"{column['name']} ({column['kind']})" for column in facts["columns"]]
    yield "from", listed(columns, SHOWN) if columns else f"{facts['inputs']} numbers in an array"
    if "rows" in about:
        apart = (
            "the test rows, too" if about["test_rows_are_in"] else "the test rows were kept apart"
        )
        yield (
            "trained on",
            f"{counted(about['rows'], 'row')} of {about['source']}; {apart}",
        )
    for k, network in enumerate(facts["networks"]):
        trial = about["trials"][k] if "trials" in about else None
        epochs = f", {counted(about['epochs'][k], 'epoch')}" if "epochs" in about else ""
        sizes = "-".join(map(str, network["sizes"]))
        of_trial = "" if trial is None else f"trial {trial}, "
        normalized = ", batch normalization" if network["batch_norm"] else ""
        yield (
            "network" if k == 0 else "",
            f"{of_trial}{sizes} units, {network['activation']}{normalized}{epochs}: {settings(network['settings'])}",
        )
    yield from _scores(about)


def _scores(about: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    metric = str(about.get("metric"))
    if confirmed := about.get("confirmed"):
        shown = estimate(confirmed["mean"], confirmed["ci95"])
        times = counted(sum(v is not None for v in confirmed["values"]), "fresh seed")
        yield metric, f"{shown} on validation rows, over {times}"
    if test := about.get("test"):
        yield metric, f"{estimate(test['value'], test.get('ci95'))} on the test rows"
    elif "metric" in about:
        yield "", "This very model has not been scored on the test rows."
