"""The figures of each benchmark's last run, kept in results/NAME.json for the page docs/numbers.md.

A benchmark calls `record` at the end of each of its sections. That replaces this section and leaves the others, so that
part of a benchmark can be run again. Kept beside the figures are the machine, the versions, the date, the command and
how busy the machine was before; never the names of hosts, users or folders. `HPO_BENCH_RESULTS` names another folder.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("results")
BUSY = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
"""The load average before this benchmark adds its own; systems without one have none."""


@dataclass(frozen=True)
class Figure:
    """One thing that was measured: a ratio to a peer, or a value of ours.

    `ratio`, or without one `ours`, is what was promised to be at `least` or at `most` something. `low` and `high` are
    the ends of its range: the lowest and highest of pairs, or a 95 % interval.
    """

    what: str
    ours: float | None = None
    unit: str = ""
    peer: str = ""
    theirs: float | None = None
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    least: float | None = None
    most: float | None = None

    def __post_init__(self) -> None:
        if self.ratio is None and self.ours is None:
            raise ValueError(f"figure {self.what!r} has neither a ratio nor a value of ours")
        if self.least is not None and self.most is not None:
            raise ValueError(f"figure {self.what!r} has two promises; write two figures")

    @property
    def judged(self) -> float:
        """What the promise is about."""
        value = self.ours if self.ratio is None else self.ratio
        assert value is not None
        return float(value)

    @property
    def missed(self) -> bool | None:
        """Whether the promise is missed; None where nothing was promised."""
        if self.least is not None:
            return not self.judged >= self.least
        if self.most is not None:
            return not self.judged <= self.most
        return None


def of_pairs(
    what: str,
    pairs: Sequence[tuple[float, float]],
    peer: str,
    unit: str = "s",
    least: float | None = None,
    most: float | None = None,
) -> Figure:
    """How many times as much the peer took, of pairs (ours, the peer's): the median, lowest and highest ratio."""
    ratios = [theirs / ours for ours, theirs in pairs]
    ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
    middle, low, high = statistics.median(ratios), min(ratios), max(ratios)
    return Figure(what, ours, unit, peer, theirs, middle, low, high, least, most)


def record(
    benchmark: str, section: str, figures: Iterable[Figure], libraries: Iterable[str] = ()
) -> None:
    """Keep the figures of one section of a benchmark's run, with the versions of the libraries that it is about."""
    about = {
        "date": datetime.now(UTC).date().isoformat(),
        "command": _command(benchmark, sys.argv[1:]),
        "busy": BUSY,
        "machine": machine(),
        "versions": versions(libraries),
    }
    write(benchmark, section, figures, about)


def write(
    benchmark: str, section: str, figures: Iterable[Figure], about: Mapping[str, Any]
) -> None:
    """Replace one section of a benchmark's file."""
    kept = [
        {key: _rounded(value) for key, value in asdict(figure).items() if value not in (None, "")}
        for figure in figures
    ]
    file = folder() / f"{benchmark}.json"
    sections = json.loads(file.read_text("utf-8")) if file.exists() else {}
    sections[section] = {**about, "figures": kept}
    file.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(sections, indent=1, ensure_ascii=False, allow_nan=False)
    file.write_text(text + "\n", encoding="utf-8")


@dataclass(frozen=True)
class Section:
    """One section of a benchmark's last run."""

    name: str
    figures: Sequence[Figure]
    date: str
    machine: Mapping[str, Any]
    versions: Mapping[str, str]
    command: str = ""
    busy: float | None = None
    entered: str = ""
    """Where a person took the figures from; empty if the benchmark wrote them itself."""


def read(benchmark: str) -> Iterator[Section]:
    """The sections of a benchmark's last run, in the order in which they were first measured."""
    file = folder() / f"{benchmark}.json"
    if not file.exists():
        return
    known = {field.name for field in fields(Section)}
    for name, kept in json.loads(file.read_text("utf-8")).items():
        figures = [Figure(**figure) for figure in kept["figures"]]
        about = {key: kept[key] for key in known & kept.keys() - {"figures"}}
        yield Section(name, figures, **about)


def folder() -> Path:
    """Where the results are."""
    return Path(os.environ.get("HPO_BENCH_RESULTS", RESULTS))


def machine() -> dict[str, Any]:
    """Cores, processor, memory in GiB, system and Python."""
    memory = None
    if hasattr(os, "sysconf"):
        memory = round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30)
    return {
        "cores": os.cpu_count(),
        "processor": _processor(),
        "memory": memory,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def versions(libraries: Iterable[str]) -> dict[str, str]:
    """The versions of the libraries that are installed, beside our own and NumPy's."""
    known = {}
    for name in dict.fromkeys(("hpo-rounds", "numpy", *libraries)):
        try:
            known[name] = version(name)
        except PackageNotFoundError:  # a peer that this run leaves out
            continue
    return known


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def _command(benchmark: str, arguments: Sequence[str]) -> str:
    """How it was run; paths are those of one machine, so they are left out."""
    shown = ["…" if os.sep in word or word in (".", "..") else word for word in arguments]
    return " ".join(["python", "-m", f"scripts.bench.{benchmark}", *shown])


def _rounded(value: Any) -> Any:
    """Numbers with as many digits as mean something."""
    return float(f"{value:.4g}") if isinstance(value, float) else value
