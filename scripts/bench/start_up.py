"""How long it takes to start: imports and small commands beside the imports that limit them, and what is installed.

    .venv/bin/python -m scripts.bench.start_up              about a minute
    .venv/bin/python -m scripts.bench.start_up seconds

seconds: from the beginning of a process to its end, the median of several turns in which each takes its turn; by the
clock, and of all cores. Files are compiled before. The limit of what only reads studies is `import optuna`, of what
reads data `import sklearn`.
size: the installed files of the core and of each library that it needs, and what only that library brings.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from scripts.bench.figures import Figure, record
from scripts.bench.processes import Taken, taken
from scripts.bench.sections import run

HPO = str(Path(sys.executable).with_name("hpo"))
TURNS = 5
CORE = "hpo-rounds"
PACKAGES = ("hpo", "trainer", "studies")  # an installation for development refers to these folders
ROOT = Path(__file__).parents[2]
LIMITS = {
    "import hpo": "import optuna",
    "import trainer": "import sklearn",
    "import studies": "import optuna",
    "hpo --help": "import optuna",
    "hpo list": "import optuna",
    "hpo show": "import optuna",
}
LIBRARIES = ("optuna", "scikit-learn", "scipy", "sqlalchemy", "pandas")


def seconds() -> None:
    """Each import and command beside the import that limits it."""
    with tempfile.TemporaryDirectory() as folder:
        storage = ["--storage", f"sqlite:///{folder}/studies.db"]
        search = ["search", "iris", "--trials", "10", "--epochs", "2", "--name", "s", "-q"]
        subprocess.run([HPO, *search, *storage], check=True, capture_output=True)
        commands = {
            "hpo --help": [HPO, "--help"],
            "hpo list": [HPO, "list", *storage],
            "hpo show": [HPO, "show", "s", *storage],
        }
        for name in {*LIMITS, *LIMITS.values()} - commands.keys():
            commands[name] = [sys.executable, "-c", name]
        turns: dict[str, list[Taken]] = {name: [] for name in commands}
        for _ in range(1 + TURNS):  # the first turn pays for cold files
            for name, words in commands.items():
                turns[name].append(taken(words))
    found = []
    for k, of in enumerate(Taken._fields):
        for name, limit in LIMITS.items():
            ours, theirs = (
                statistics.median(turn[k] for turn in turns[one][1:]) for one in (name, limit)
            )
            print(
                f"  {name:15} {ours:.2f} s of {of}, {limit} {theirs:.2f} s: {theirs / ours:.1f} ×",
                flush=True,
            )
            what = name if of == "clock" else f"{name}, seconds of all cores"
            found.append(Figure(what, ours, "s", limit, theirs, theirs / ours))
    record("start_up", "seconds", found, LIBRARIES)


def size() -> None:
    """Megabytes of the core, and of each library that it needs."""
    needed = [*requirements(CORE)]
    own = sum(bytes_in(ROOT / package) for package in PACKAGES) / 1e6
    print(f"  {CORE:15} {own:.1f} MB", flush=True)
    found = [Figure(f"installed: {CORE} itself", own, "MB")]
    for library in sorted(needed, key=installed, reverse=True):
        beyond = closure([library]) - closure([other for other in needed if other != library])
        alone = installed(library) / 1e6
        brought = sum(map(installed, beyond - {library})) / 1e6
        print(f"  {library:15} {alone:.1f} MB, and {brought:.1f} MB that only it needs", flush=True)
        found.append(Figure(f"installed: {library}", alone, "MB"))
    whole = own + sum(map(installed, closure(needed))) / 1e6
    print(f"  in all          {whole:.0f} MB", flush=True)
    found.append(Figure("installed: all that the core needs", whole, "MB"))
    record("start_up", "size", found, LIBRARIES)


def requirements(name: str) -> Iterator[str]:
    """The libraries that a distribution needs on this machine, without its extras."""
    from packaging.requirements import Requirement

    for text in distribution(name).requires or ():
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield normal(requirement.name)


def closure(names: Sequence[str]) -> set[str]:
    """These libraries and all that they need."""
    known: set[str] = set()
    waiting = [*names]
    while waiting:
        if (name := waiting.pop()) not in known:
            known.add(name)
            waiting.extend(requirements(name))
    return known


def normal(name: str) -> str:
    """A name as package indices compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def installed(name: str) -> int:
    """Bytes of the files of a distribution, without those that Python compiles."""
    try:
        files = distribution(name).files or ()
    except PackageNotFoundError:
        return 0
    paths = (Path(str(file.locate())) for file in files if file.suffix != ".pyc")
    return sum(path.stat().st_size for path in paths if path.is_file())


def bytes_in(folder: Path) -> int:
    """Bytes of a folder's files, without those that Python compiles."""
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file() and f.suffix != ".pyc")


SECTIONS = {"seconds": seconds, "size": size}


if __name__ == "__main__":
    run(__doc__, SECTIONS)
