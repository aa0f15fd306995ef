"""A function of the user's by its name: MODULE:FUNCTION, or FILE.py:FUNCTION for a file of whatever name."""

from __future__ import annotations

import importlib
import re
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from hpo.errors import PlanError
from hpo.trainables.function import Train
from studies.words import nearest


def path_of(train: Train) -> str:
    """MODULE:FUNCTION, from which `find` loads the function again if its module can be imported."""
    module = getattr(train, "__module__", None) or "?"
    return f"{module}:{getattr(train, '__qualname__', type(train).__qualname__)}"


def find(path: str) -> Train:
    """The function that a plan's `trainer` names. Modules in the current folder are found, too.

    Raises:
        PlanError: there is no such function, or its module can't be imported.
    """
    where, _, name = path.rpartition(":")
    file = Path(where).resolve() if where.endswith(".py") else None
    folder = str(file.parent if file else Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        target: Any = _load(file) if file else importlib.import_module(where)
    except ModuleNotFoundError as error:
        if file or error.name is None or not f"{where}.".startswith(f"{error.name}."):
            message = f"{where} needs {error.name!r}, which is missing"
        else:
            message = f"there is no module {where!r}, here or installed"
        raise PlanError(f"trainer {path!r}: {message}") from None
    except PlanError as error:
        raise PlanError(f"trainer {path!r}: {error}") from None
    except SyntaxError as error:
        line = f", line {error.lineno}" if error.lineno else ""
        raise PlanError(f"trainer {path!r}: {error.filename or where}{line}: {error.msg}") from None
    except (Exception, SystemExit) as error:
        raise PlanError(f"trainer {path!r}: importing {where} failed: {error!r}") from None
    for part in name.split("."):
        if not hasattr(target, part):
            names = [n for n, v in vars(target).items() if callable(v) and not n.startswith("_")]
            known = nearest(part, names, f"it has {', '.join(names) or 'no function'}")
            raise PlanError(f"trainer {path!r}: {where} has no {part!r}: {known}")
        target = getattr(target, part)
    return target  # type: ignore[no-any-return]  # `Function` checks it


def _load(file: Path) -> ModuleType:
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
    return module
