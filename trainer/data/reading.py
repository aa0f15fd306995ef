"""Reading: what a user says of how a source is to be understood. It travels from a plan to what reads its source."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from trainer.data.tables import Task
from trainer.errors import DataError

VERSION = 2
"""How tables are understood today. In version 1, words such as None and n.a. were categories of columns of text."""


@dataclass(frozen=True)
class Reading:
    """What the labels are, what is done with columns and rows, and how a file of text is read.

    `task` decides what the labels decide otherwise. The columns to `drop` are left out. `dates` makes numbers of
    columns of dates, `drop_rare` leaves out the rows of classes that have too few. `group`, `time` and `weight` name
    columns that are no features: of what belongs together, when a row came, and how much it counts. `version` is that
    of how tables were understood when a study began, so that it goes on with the same data. `encoding` is that of a
    file of text, if the file is not to tell, and `header` whether its first row names its columns.
    """

    task: Task | None = None
    drop: tuple[str, ...] = ()
    dates: bool = False
    drop_rare: bool = False
    group: str | None = None
    time: str | None = None
    weight: str | None = None
    version: int = VERSION
    encoding: str | None = None
    header: bool = True

    @property
    def roles(self) -> dict[str, str]:
        """The columns that are no features, by what they are for."""
        named = {"group": self.group, "time": self.time, "weight": self.weight}
        return {role: column for role, column in named.items() if column is not None}

    def check_columns(self, where: str, columns: Iterable[str], target: str | None) -> None:
        """Check that the columns that it names are there, and that none has two purposes.

        Raises:
            DataError: the message names the column.
        """
        if self.group is not None and self.time is not None:
            raise DataError(
                f"{where}: --group {self.group} and --time {self.time}: give one of them, since rows of a group may be "
                "of all times"
            )
        known = [*columns]
        named = [*(("drop", name) for name in self.drop), *self.roles.items()]
        purposes = {} if target is None else {target: "target"}
        for option, name in named:
            if name not in known:
                shown = ", ".join(known[:SHOWN]) + (" …" if len(known) > SHOWN else "")
                raise DataError(
                    f"{where} has no column {name!r} for --{option}: "
                    f"{nearest(name, known, f'its columns are {shown}')}"
                )
            if purposes.setdefault(name, option) != option:
                raise DataError(
                    f"{where}: column {name!r} can't be for --{purposes[name]} and for --{option}"
                )

    def check_nameless(self, source: str) -> None:
        """Check that it names no column, for a source whose columns have no names.

        Raises:
            DataError: it does.
        """
        for option, asked in {"drop": self.drop, **self.roles}.items():
            if asked:
                raise DataError(f"{source} is no table with named columns: leave out --{option}")


PLAIN = Reading()

SHOWN = 20  # columns that an error lists


def nearest(word: str, known: Iterable[str], otherwise: str) -> str:
    """What was meant by a word that is not known, or else what is said."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean {near[0]!r}?" if near else otherwise
