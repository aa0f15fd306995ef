"""The command that shows what is understood of a source: inspect."""

from __future__ import annotations

from typing import Any

import click

from hpo.cli.completing import sources
from hpo.cli.options import Grouped, json_option, source_options
from hpo.cli.output import json_text, stdout_for_results
from hpo.cli.statuses import ERROR


@click.command(cls=Grouped)
@click.argument("source", shell_complete=sources)
@source_options
@json_option
def inspect(source: str, as_json: bool, **flags: Any) -> None:
    """Show what is understood of SOURCE, before anything is trained.

    It shows each column and what becomes of it, the classes, what is left out and why. The exit status is 1 if no
    network can be trained on it so.

    \b
    hpo inspect digits
    hpo inspect penguins.csv
    hpo inspect penguins.csv --target species --drop year
    """
    with stdout_for_results():
        from hpo.inspecting import inspect as facts_of
        from hpo.plan.plan import make_plan

        fields = {name: value for name, value in flags.items() if value not in (None, ())}
        facts = facts_of(make_plan({"source": source, **fields}))
    if as_json:
        click.echo(json_text(facts))
    else:
        from hpo.display.inspected import inspected
        from hpo.display.text import show

        show(*inspected(facts, source))
    if "problem" in facts:
        raise click.exceptions.Exit(ERROR)
