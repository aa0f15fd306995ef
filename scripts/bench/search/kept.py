"""What searches of slow peers found, kept in peers.jsonl: one JSON object a line, written as results come.

An object has the searcher, the table, the trials, the seed, the regret and the versions that it was found with. A line
that an interruption cut short is no result; the last of two equal ones counts.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from scripts.bench.search.peers import Searcher

FILE = Path(__file__).with_name("peers.jsonl")


class Key(NamedTuple):
    """Which search it is."""

    searcher: str
    table: str
    trials: int
    seed: int


def read(file: Path = FILE) -> dict[Key, float]:
    """The regrets that are kept."""
    kept: dict[Key, float] = {}
    for line in file.read_text().splitlines() if file.exists() else ():
        try:
            found = json.loads(line)
            kept[Key(*(found[field] for field in Key._fields))] = found["regret"]
        except (ValueError, KeyError, TypeError):
            continue
    return kept


def write(
    results: Iterable[tuple[Key, float]], versions: dict[str, Any], file: Path = FILE
) -> None:
    """Append each result as soon as it comes."""
    cut_short = file.exists() and not file.read_bytes().endswith(b"\n") and file.stat().st_size > 0
    with file.open("a") as out:
        if cut_short:
            out.write("\n")
        for key, regret in results:
            line = json.dumps({**key._asdict(), "regret": regret, "versions": versions})
            out.write(line + "\n")
            out.flush()


def versions(searcher: Searcher) -> dict[str, Any]:
    """What the result of a searcher depends on."""
    packages = {name: version(name) for name in (*searcher.packages, "numpy")}
    own = {} if searcher.race is None else {"race": searcher.race}
    return {**packages, "python": platform.python_version(), **own}
