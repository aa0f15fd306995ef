"""Commands to type next: they report a study, train its network, resume it, and confirm its best settings."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from studies import DEFAULT_STORAGE
from studies.analysis.summary import Summary
from studies.database.engine import is_served, masked
from studies.words import file_name

OPENED = "hpo:open"  # the trainer of a study whose user writes the loop
OF_SEARCH_CV = "hpo:SearchCV"  # that of a study of hpo.SearchCV
LEAST_TRIALS = 20  # that are worth a search


def resume_command(name: str, storage: str) -> str:
    """The command that resumes a study."""
    return f"hpo resume {shlex.quote(name)}{_where(storage)}"


def resume_call(name: str, storage: str, again: Sequence[str]) -> str:
    """The same from Python, where some arguments are passed again."""
    where = [] if storage == DEFAULT_STORAGE else [f"storage={masked(storage)!r}"]
    return f"hpo.resume({', '.join([repr(name), *again, *where])})"


def next_commands(summary: Summary, storage: str) -> list[RenderableType]:
    """The commands and their purposes, one on each line; of a study on a service, those that read."""
    study = summary.record.name
    name, where = shlex.quote(study), _where(storage)
    more, refused = "", None
    commands = [(f"hpo report {name}{where}", "see it")]
    if is_served(storage):  # all else is done there
        return [Text.assemble("  ", (commands[0][0], "cyan"), no_wrap=True, overflow="ignore")]
    if not summary.plan:
        from hpo.plan.adopt import refusal
        from studies.database.optunas import read_optunas

        trainer = " --trainer MODULE:FUNCTION"
        more = f"{trainer} --trials {sum(summary.trials.values())}"
        refused = refusal(read_optunas(study, storage))
    elif summary.record.state == "complete":
        planned = summary.plan["trials"] - summary.record.adopted
        more = f" --trials {2 * max(planned, LEAST_TRIALS)}"
    if summary.can_train and summary.data.get("label"):  # a table of the user's
        model = shlex.quote(f"{file_name(study)}.hpo")
        commands.append((f"hpo train {name} -o {model}{where}", "keep a network that predicts"))
    if refused is None:
        if not summary.plan:
            confirm = f"hpo confirm {name}{where}{trainer} --trainings {LEAST_TRIALS}"
            commands.append((confirm, "is its best only lucky?"))
        if summary.by_name:
            commands.append((resume_command(study, storage) + more, "go on with it"))
        else:
            commands.append((_in_python(summary, storage), "go on with it, in Python"))
    width = max(len(command) for command, _ in commands)
    lines: list[RenderableType] = []
    for command, purpose in commands:
        # A command is never wrapped, so that it can be copied.
        line = Text.assemble("  ", (f"{command:{width}}", "cyan"), no_wrap=True, overflow="ignore")
        lines.append(line.append(f"  # {purpose}", "dim") if width < 50 else line)
    if refused is not None:
        lines.append(Text(f"  Optuna can go on with it, hpo can't: {refused}"))
    return lines


def _in_python(summary: Summary, storage: str) -> str:
    """How to go on with a study whose function no shell finds by its name, or with a loop of the user's."""
    where = f", storage={masked(storage)!r}" if _where(storage) else ""
    if summary.plan["trainer"] == OPENED:
        return f"hpo.open({summary.record.name!r}{where})"
    if summary.plan["trainer"] == OF_SEARCH_CV:
        return f"hpo.SearchCV(…, name={summary.record.name!r}{where}).fit(X, y)"
    return f"hpo.resume({summary.record.name!r}, train=…{where})"


def _where(storage: str) -> str:
    """The option --storage if the command needs it, without a password."""
    if storage in (DEFAULT_STORAGE, os.environ.get("HPO_STORAGE")):
        return ""
    return f" --storage {shlex.quote(masked(storage))}"
