"""The command line of a program that trains: words with placeholders such as {learning_rate}."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studies.words import filled, nearest, placeholders

GIVEN = ("epochs", "seed", "trial", "folder", "device")
"""Placeholders for what a search gives each training, beside those for the parameters of its space."""

EXAMPLE = "./train --lr {learning_rate} --epochs {epochs}"


@dataclass(frozen=True)
class CommandLine:
    """A command line, and the folder that the program runs in, so that a study can be resumed from another one."""

    command: str
    folder: str

    def __str__(self) -> str:
        return self.command

    @property
    def words(self) -> list[str]:
        """The words of the command, split as a shell would."""
        return shlex.split(self.command)

    @property
    def name(self) -> str:
        """What it is called: the last word before its options and placeholders, without folder and suffix."""
        name = self.words[0]
        for word in self.words[1:]:
            if word.startswith("-") or placeholders(word):
                break
            name = word
        return Path(name).stem

    @property
    def asks_for(self) -> tuple[str, ...]:
        """Which of `GIVEN` it has placeholders for."""
        return tuple(name for name in GIVEN if name in placeholders(self.command))

    def filled(self, values: Mapping[str, Any]) -> list[str]:
        """The words with values in the place of placeholders. A word stays one word, whatever the value is. What has no
        value does not apply.
        """
        absent = [name for name in placeholders(self.command) if name not in values]
        return filled(self.command, values, absent)

    def check(self, parameters: Iterable[str]) -> None:
        """Check that its placeholders are these parameters, each at least once, and `GIVEN`.

        Raises:
            ValueError: they are not; the message says which.
        """
        names = list(parameters)
        used = placeholders(self.command)
        for name in names:
            if name in GIVEN:
                raise ValueError(
                    f"space.{name}: {{{name}}} in a program is what the search gives: call the parameter otherwise"
                )
        if placeholders(self.words[0]):
            raise ValueError(f"program: {self.words[0]!r}, the program itself, has a placeholder")
        for name in used:
            if name not in (*names, *GIVEN):
                known = f"the placeholders are {', '.join((*names, *GIVEN))}"
                raise ValueError(
                    f"program: {{{name}}} is no parameter of the space; {nearest(name, (*names, *GIVEN), known)}"
                )
        for name in names:
            if name not in used:
                raise ValueError(
                    f"program: no placeholder {{{name}}} passes the parameter {name} of the space on"
                )


def command_line(value: Any) -> CommandLine | None:
    """A command line from its text, for the current folder, or from a mapping with `command` and `folder`.

    Raises:
        ValueError: it is neither, or can't be split into words.
    """
    if value is None or isinstance(value, CommandLine):
        return value
    if isinstance(value, str):
        value = {"command": value}
    texts = isinstance(value, Mapping) and all(isinstance(text, str) for text in value.values())
    if not texts or "command" not in value or not value.keys() <= {"command", "folder"}:
        raise ValueError(f"{value!r} is not a command line such as {EXAMPLE!r}")
    line = CommandLine(value["command"], str(Path(value.get("folder", ".")).resolve()))
    try:
        if line.words:
            return line
    except ValueError as error:
        problem = str(error)[0].lower() + str(error)[1:]
        raise ValueError(f"{line.command!r} can't be split into words: {problem}") from None
    raise ValueError(f"it is empty: write a command line such as {EXAMPLE!r}")
