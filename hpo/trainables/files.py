"""Python files that are loaded by their paths, whatever they are called."""

from __future__ import annotations

import re
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from hpo.errors import PlanError
from studies.words import nearest

_loaded: dict[str, Path] = {}


def loaded() -> list[Path]:
    """The files that have been loaded by their paths, in order, as far as they are still there."""
    return [file for file in _loaded.values() if file.is_file()]


def load(file: Path) -> ModuleType:
    """Run a file as a module with a unique name, made from its path.

    Raises:
        PlanError: there is no such file.
    """
    if not file.is_file():
        near = nearest(file.name, [p.name for p in file.parent.glob("*.py")], "")
        raise PlanError(f"there is no file {file}; {near}".removesuffix("; "))
    name = re.sub(r"\W", "_", f"file {file}")
    spec = spec_from_file_location(name, file)
    assert spec is not None, file  # noqa: S101  # it ends in .py
    assert spec.loader is not None, file  # noqa: S101  # the same
    module = sys.modules[name] = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    _loaded[name] = file
    return module
