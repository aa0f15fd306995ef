"""Shell completion of study names, sources and choices. An error completes nothing.

`hpo completion` prints click's script for a shell. The script calls hpo with `_HPO_COMPLETE` set.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    ShellComplete,
    add_completion_class,
    get_completion_class,
)

from hpo.plan.fields import FIELDS, OF_A_NETWORK
from studies import DEFAULT_STORAGE

SHELLS = ("bash", "zsh", "fish")
COMMAND, VARIABLE = "hpo", "_HPO_COMPLETE"
Items = list[CompletionItem[str]]
Completer = Callable[[click.Context, click.Parameter, str], Items]


class Bash(BashComplete):
    """Bash inserts a completion as it is, so a name with a blank is quoted here. The other shells quote it."""

    def format_completion(self, item: CompletionItem[str]) -> str:
        """One line for the script."""
        value = shlex.quote(item.value) if item.type == "plain" else item.value
        return f"{item.type},{value}"


add_completion_class(Bash)


def script(cli: click.Command, shell: str) -> str:
    """The script with which a shell completes hpo's commands."""
    completes: type[ShellComplete] | None = get_completion_class(shell)
    assert completes is not None, shell  # noqa: S101  # one of SHELLS
    return completes(cli, {}, COMMAND, VARIABLE).source()


def study_names(ctx: click.Context, _: click.Parameter, incomplete: str) -> Items:
    """The names of the studies in the command's database. A missing database is not created."""
    from studies import names

    storage = ctx.params.get("storage") or os.environ.get("HPO_STORAGE") or DEFAULT_STORAGE
    try:
        stored = names(storage)
    except Exception:  # completion has no place for a message
        return []
    return _beginning(incomplete, filter(str.isprintable, stored))


def sources(_: click.Context, __: click.Parameter, incomplete: str) -> Items:
    """The built-in data sets, and files."""
    from trainer.data import BUILT_IN

    return [CompletionItem(incomplete, type="file"), *_beginning(incomplete, BUILT_IN)]


def choices(field: str) -> Completer:
    """Complete the choices of a plan's field."""

    def complete(_: click.Context, __: click.Parameter, incomplete: str) -> Items:
        return _beginning(incomplete, FIELDS[field].rule.choices or OF_A_NETWORK.choices)

    return complete


def _beginning(incomplete: str, words: Iterable[str]) -> Items:
    return [CompletionItem(word) for word in words if word.startswith(incomplete)]
