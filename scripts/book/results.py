"""RESULTS.md: a part for each experiment, which a run of that experiment replaces, and no other."""

from __future__ import annotations

import os
import platform
import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("numpy", "scikit-learn", "optuna", "matplotlib")
HEAD = """\
# The book's experiments

Written by `scripts/book/run` (see [README.md](README.md)). *Book* is what the run that is stored with *Deep Learning
from Scratch* ends with, *ours* the mean ± the standard deviation over seeds. Claims are in bold, with the numbers they
rest on under them.
"""


@dataclass(frozen=True)
class Part:
    """One experiment's part of the page: its name, what is written, and how long it took."""

    name: str
    text: str
    seconds: float

    @property
    def marked(self) -> str:
        """Between marks that a later run finds it by."""
        begin = f"<!-- {self.name} {self.seconds:.0f} s -->"
        return f"{begin}\n{self.text.strip()}\n<!-- end of {self.name} -->"


def machine() -> str:
    """What trained, and with what."""
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return f"{os.cpu_count()} cores, {system}, {versions}; {busy()}"


def busy() -> str:
    """How busy the machine is, with us and with others: seconds mean little without it."""
    return f"load average {os.getloadavg()[1]:.1f} over five minutes"


def today() -> str:
    """The date, in UTC."""
    return f"{datetime.now(UTC):%Y-%m-%d}"


def read(path: Path) -> dict[str, Part]:
    """The parts of a page; none if it is not there."""
    if not path.is_file():
        return {}
    text = path.read_text(encoding="utf-8")
    found = re.finditer(r"<!-- (\w+) (\d+) s -->\n(.*?)\n<!-- end of \1 -->", text, re.S)
    return {m[1]: Part(m[1], m[3], float(m[2])) for m in found}


def write(path: Path, parts: Iterable[Part], order: Iterable[str]) -> None:
    """Replace these parts of a page, and keep its others."""
    there = read(path) | {part.name: part for part in parts}
    kept = [there[name] for name in order if name in there]
    total = sum(part.seconds for part in kept)
    times = ", ".join(f"{part.name} {part.seconds:.0f}" for part in kept)
    minutes = textwrap.fill(f"In all {total / 60:.1f} minutes; seconds of each: {times}.", 120)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "\n\n".join([HEAD + "\n" + minutes, *(part.marked for part in kept)])
    path.write_text(text.rstrip() + "\n", encoding="utf-8")
