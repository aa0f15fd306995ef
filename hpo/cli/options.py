"""The options that several commands share, and one for each field of a plan."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from hpo.cli.completing import choices
from hpo.plan.fields import FIELDS, GROUPS, OF_A_SOURCE, PlanField
from studies import DEFAULT_STORAGE
from studies.words import setting

F = TypeVar("F", bound=Callable[..., Any])

OTHER = "Where and how it is shown"
PLACES = {"config": GROUPS[0], "trainings": GROUPS[1]}  # of options beside the fields


class Grouped(click.Command):
    """A command whose help has a section for each group of a plan's fields, and one for all other options."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections, all with columns of the same width."""
        groups: dict[str, list[tuple[str, str]]] = {group: [] for group in (*GROUPS, OTHER)}
        for parameter in self.get_params(ctx):
            field = FIELDS.get(parameter.name or "")
            record = parameter.get_help_record(ctx)
            if isinstance(parameter, click.Argument):  # for which click has no help
                record = field and (parameter.make_metavar(ctx), field.text)
            if record is not None:
                group = PLACES.get(parameter.name or "", OTHER) if field is None else field.group
                groups[group].append(record)
        width = max(len(names) for records in groups.values() for names, _ in records)
        for group, records in groups.items():
            if records:
                with formatter.section(group):
                    formatter.write_dl([(names.ljust(width), text) for names, text in records])


def storage_option(command: F) -> F:
    """--storage, as every command has it."""
    return click.option(
        "--storage",
        envvar="HPO_STORAGE",
        default=DEFAULT_STORAGE,
        show_default=True,
        show_envvar=True,
        metavar="URL",
        help="Database with the studies; what only reads takes a service, too: http://HOST:8517.",
    )(command)


def json_option(command: F) -> F:
    """--json, for every command that shows data."""
    return click.option("as_json", "--json", is_flag=True, help="Print JSON on stdout.")(command)


def run_options(command: F) -> F:
    """The options of both a new and a resumed search."""
    for option in (
        click.option("-v", "--verbose", is_flag=True, help="Also report every batch."),
        click.option("-q", "--quiet", is_flag=True, help="No progress on stderr."),
        click.option(
            "--workers",
            type=click.IntRange(min=1),
            metavar="N",
            help="How many trials or stacks train at once; it changes no result. [default: one per core]",
        ),
        click.option(
            "--executor",
            metavar="NAME",
            help="Where a trainer of yours trains: processes (the default), threads of this one, or dask[:ADDRESS], a "
            "Dask cluster.",
        ),
        click.option(
            "--devices",
            default="",
            metavar="NAME,…",
            help="Devices such as cuda:0,cuda:1, shared out among the trials of a trainer that asks for one.",
        ),
        click.option(
            "--folder",
            metavar="DIR",
            help="Where the folders of trials are, for a trainer that asks for one. [default: beside the database]",
        ),
    ):
        command = option(command)
    return json_option(storage_option(command))


def plan_options(command: F, *, changes: bool = False) -> F:
    """The fields of a plan, and --config for a file with them.

    With `changes` of a stored plan, fields that can't change are hidden, and refused with a reason.
    """
    for field in reversed(FIELDS.values()):
        if field.name != "source":
            new = f"{field.text} [default: {_default(field)}]"
            text = field.change or field.text if changes else new
            command = _option(field, text, hidden=changes and field.change is None)(command)
    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        metavar="FILE.toml",
        help="The whole plan; flags override it.",
    )(command)


def source_options(command: F) -> F:
    """The fields of a plan that say how its source is understood and split."""
    for name in reversed((*OF_A_SOURCE, "metric", "seed")):
        field = FIELDS[name]
        text = f"{field.text} [default: {_default(field)}]"
        command = _option(field, text, hidden=False)(command)
    return command


CONFIRMING = {
    "trainer": "What trains a study that Optuna made.",
    "program": "The same, as a command line.",
    "metric": "The metric of that study, if the trainer reports several.",
    "epochs": "How many epochs its trainer is to train. [default: 10]",
    "seed": "The seed that those of all trainings follow from. [default: 0]",
}


def confirm_options(command: F) -> F:
    """The fields of a plan that confirming a study of Optuna's may need."""
    for name, text in reversed(CONFIRMING.items()):
        command = _option(FIELDS[name], text, hidden=False)(command)
    return command


def _option(field: PlanField, text: str, *, hidden: bool) -> Callable[[F], F]:
    flag, rule = field.name.replace("_", "-"), field.rule
    attributes: dict[str, Any] = {"help": text, "hidden": hidden, "default": None}
    if rule.kind is bool:
        return click.option(f"--{flag}/--no-{flag}", **attributes)
    metavars: dict[type, str] = {int: "N", float: "NUMBER"}
    metavar = field.metavar or metavars.get(rule.kind, "NAME")
    if field.name in ("space", "baseline", "drop"):
        attributes |= {"multiple": True}
    if field.name == "target":
        attributes |= {"multiple": True, "callback": _only_one}
    if rule.choices or field.name == "metric":
        attributes |= {"shell_complete": choices(field.name)}
    # The plan reads numbers from text, and says what is wrong with one in the words of its rule.
    return click.option(f"--{flag}", type=str, metavar=metavar, **attributes)


def _only_one(_: click.Context, option: click.Parameter, given: tuple[str, ...]) -> str | None:
    """The value of an option; click would take the last of several."""
    if len(given) > 1:
        raise click.UsageError(
            f"{option.opts[0]} is there twice: a network predicts one of {', '.join(given)}"
        )
    return given[0] if given else None


def _default(field: PlanField) -> str:
    """The text of a field's default value."""
    default = field.default
    if field.unset:
        return field.unset
    if isinstance(default, dict):
        return " ".join(f"{name}={text}" for name, text in default.items())
    if isinstance(default, bool):
        return f"{'' if default else 'no-'}{field.name}".replace("_", "-")
    return setting(default)
