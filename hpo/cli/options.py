"""The options of the command line: those that several commands have, and one for each field of a plan."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from hpo.cli.completing import choices
from hpo.plan.fields import FIELDS, GROUPS, PlanField
from studies import DEFAULT_STORAGE
from trainer.fields import Number, Whole, YesNo

F = TypeVar("F", bound=Callable[..., Any])

SHOWN = "Where and how it is shown"


class Grouped(click.Command):
    """A command whose help shows the fields of a plan in their groups, and all other options in one more."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one section for each group, all of them with columns of the same width."""
        groups: dict[str, list[tuple[str, str]]] = {group: [] for group in (*GROUPS, SHOWN)}
        for parameter in self.get_params(ctx):
            field = FIELDS.get(parameter.name or "")
            record = parameter.get_help_record(ctx)
            if isinstance(parameter, click.Argument):  # which click shows in the first line alone
                record = field and (parameter.make_metavar(ctx), field.text)
            if record is not None:
                whole_plan = parameter.name == "config"
                group = GROUPS[0] if whole_plan else field.group if field is not None else SHOWN
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
        help="Database with the studies.",
    )(command)


def json_option(command: F) -> F:
    """--json, for every command that shows data."""
    return click.option("as_json", "--json", is_flag=True, help="Print JSON on stdout.")(command)


def run_options(command: F) -> F:
    """What a search takes however it was started."""
    for option in (
        click.option("-v", "--verbose", is_flag=True, help="Also report every batch."),
        click.option("-q", "--quiet", is_flag=True, help="No progress on stderr."),
        click.option(
            "--workers",
            type=click.IntRange(min=1),
            metavar="N",
            help="Threads that train; they change no result. [default: one a core]",
        ),
    ):
        command = option(command)
    return json_option(storage_option(command))


def plan_options(command: F) -> F:
    """The fields of a plan, and --config with all of them."""
    for field in reversed(FIELDS.values()):
        if field.name != "source":
            command = _option(field, f"{field.text} [default: {_default(field)}]")(command)
    return _config("The whole plan; flags override it.")(command)


def change_options(command: F) -> F:
    """The fields of a plan, to change a stored one; those that can't change are hidden, and refused with a reason."""
    for field in reversed(FIELDS.values()):
        if field.name != "source":
            hidden = field.change is None
            command = _option(field, field.change or field.text, hidden=hidden)(command)
    return _config("The whole plan, changed; flags override it.")(command)


def _config(text: str) -> Callable[[F], F]:
    kind = click.Path(path_type=Path)
    return click.option("--config", type=kind, metavar="FILE.toml", help=text)


def _option(field: PlanField, text: str, *, hidden: bool = False) -> Callable[[F], F]:
    flag, rule = field.name.replace("_", "-"), field.rule
    attributes: dict[str, Any] = {"help": text, "hidden": hidden, "default": None}
    if isinstance(rule, YesNo):
        return click.option(f"--{flag}/--no-{flag}", **attributes)
    kinds = {Whole: (int, "N"), Number: (float, "NUMBER")}
    kind, metavar = kinds.get(type(rule), (str, "NAME"))
    if field.name == "space":
        attributes |= {"multiple": True}
    if field.choices or field.name == "metric":
        attributes |= {"shell_complete": choices(field.name)}
    return click.option(f"--{flag}", type=kind, metavar=field.metavar or metavar, **attributes)


def _default(field: PlanField) -> str:
    """What a flag that is not given comes to."""
    default = field.default
    if field.unset:
        return field.unset
    if isinstance(default, dict):
        return " ".join(f"{name}={text}" for name, text in default.items())
    if isinstance(default, tuple):
        return ",".join(map(str, default))
    if isinstance(default, bool):
        return field.name if default else f"no-{field.name}".replace("_", "-")
    return f"{default:g}" if isinstance(default, float) else str(default)
