"""The packages `trainer` and `studies` come with `hpo`, but a file of the user's may have the name of one of them."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

NAMES = ("trainer", "studies")


def check() -> None:
    """Say which file or folder hides one of our packages: Python looks beside a script first.

    Raises:
        ImportError: one does. The `hpo` command prints that line alone, and ends.
    """
    for name in NAMES:
        spec = find_spec(name)
        ours = Path(__file__).parents[1] / name / "__init__.py"
        if spec is None or spec.origin is None or Path(spec.origin) == ours:
            continue
        theirs = Path(spec.origin)
        theirs = theirs.parent if theirs.stem == "__init__" else theirs
        message = f"{theirs} hides the package {name!r} of hpo: give it another name"
        if Path(sys.argv[0]).stem in ("hpo", "-m"):  # "-m" while Python looks for hpo.__main__
            sys.exit(f"Error: {message}")
        raise ImportError(message, name=name, path=str(theirs))
