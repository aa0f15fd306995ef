"""What a shell completes on the command line: studies, sources and choices. Where something is wrong: nothing.

`hpo completion` prints click's script for a shell, which calls hpo with `_HPO_COMPLETE` set to be told.
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
    """Bash takes what it is told as it is: a name with a blank must be quoted. The other shells quote it."""

    def format_completion(self, item: CompletionItem[str]) -> str:
        """A line of what the script reads."""
        value = shlex.quote(item.value) if item.type == "plain" else item.value
        return f"{item.type},{value}"


add_completion_class(Bash)


def script(cli: click.Command, shell: str) -> str:
    """What a shell is to read to complete our commands."""
    made: type[ShellComplete] | None = get_completion_class(shell)
    assert made is not None, shell  # noqa: S101  # one of SHELLS
    return made(cli, {}, COMMAND, VARIABLE).source()


def study_names(ctx: click.Context, _: click.Parameter, begun: str) -> Items:
    """The studies of the database that the command would use. A database that is not there is not made."""
    from studies import names

    storage = ctx.params.get("storage") or os.environ.get("HPO_STORAGE") or DEFAULT_STORAGE
    try:
        found = names(storage)
    except Exception:  # whatever it is, a shell that completes is no place to tell it
        return []
    return _beginning(begun, filter(str.isprintable, found))


def sources(_: click.Context, __: click.Parameter, begun: str) -> Items:
    """The data sets that are built in, and files."""
    from trainer.data import BUILT_IN

    return [CompletionItem(begun, type="file"), *_beginning(begun, BUILT_IN)]


def choices(field: str) -> Completer:
    """What a field of a plan can be."""

    def complete(_: click.Context, __: click.Parameter, begun: str) -> Items:
        return _beginning(begun, FIELDS[field].choices or OF_A_NETWORK.choices)

    return complete


def _beginning(begun: str, words: Iterable[str]) -> Items:
    return [CompletionItem(word) for word in words if word.startswith(begun)]
