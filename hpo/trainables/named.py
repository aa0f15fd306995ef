"""A function of the user's by its name: MODULE:FUNCTION, or FILE.py:FUNCTION for a file of whatever name."""

from __future__ import annotations

import importlib
import inspect
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from hpo.errors import PlanError
from hpo.trainables.call import Train
from hpo.trainables.files import load
from studies.words import nearest

PARTIAL = ".partial"


def path_of(train: Train) -> str:
    """MODULE:FUNCTION, by which `find` finds this very function, or MODULE:<NAME> if nothing finds it by its name.

    Such are partials, objects, methods of objects, functions made in others, and those of a script or a notebook.
    """
    inner = train.func if isinstance(train, partial) else train
    module = getattr(inner, "__module__", None) or "?"
    name = str(getattr(inner, "__qualname__", type(inner).__qualname__))
    if isinstance(train, partial):
        name += PARTIAL
    elif module != "__main__" and not isinstance(train, type):
        found = _at(sys.modules.get(module), name)
        # Every look at a method of a class makes another object.
        if found is train or (inspect.ismethod(train) and found == train):
            return f"{module}:{name}"
    if module == "__main__":
        module = script_name() or module
    return f"{module.replace(':', '_')}:{name if '<' in name else f'<{name}>'}"


def script_name() -> str:
    """What the running script is called; "" in a notebook."""
    file = Path(getattr(sys.modules["__main__"], "__file__", None) or "")
    return file.parent.name if file.stem == "__main__" else file.stem


def _at(place: Any, name: str) -> Any:
    """What is at a dotted name; None if there is nothing."""
    for part in name.split("."):
        place = getattr(place, part, None)
    return place


def study_name(path: str) -> str:
    """What to call a study of a function: the name of its module or file, then its own."""
    where, _, name = path.rpartition(":")
    plain = name.replace("<", "").replace(">", "")
    words = [Path(where).stem if where.endswith(".py") else where.rpartition(".")[2]]
    words.append(plain.removesuffix(PARTIAL).rpartition(".")[2])
    words += [PARTIAL[1:]] * plain.endswith(PARTIAL)
    return "-".join(word for word in dict.fromkeys(words) if word not in ("", "__main__"))


def find(path: str) -> Train:
    """The function that a plan's `trainer` names. Modules in the current folder are found, too.

    Raises:
        PlanError: there is no such function, or its module can't be imported.
    """
    where, _, name = path.rpartition(":")
    if where == "__main__" or "<" in name:
        if (here := _of_main(where, name)) is not None:
            return here
        raise PlanError(_not_by_name(path))
    file = Path(where).resolve() if where.endswith(".py") else None
    folder = str(file.parent if file else Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        with _handlers_kept():
            target: Any = load(file) if file else importlib.import_module(where)
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
    except KeyboardInterrupt:  # importing may take long, and so this is the user's
        raise
    except BaseException as error:
        raise PlanError(f"trainer {path!r}: importing {where} failed: {error!r}") from None
    for part in name.split("."):
        if not hasattr(target, part):
            names = [n for n, v in vars(target).items() if callable(v) and not n.startswith("_")]
            known = nearest(part, names, f"it has {', '.join(names) or 'no function'}")
            raise PlanError(f"trainer {path!r}: {where} has no {part!r}: {known}")
        target = getattr(target, part)
    if isinstance(target, type):  # earlier versions recorded the class of an object or a partial
        raise PlanError(f"{_not_by_name(path, 'names a class')}, or name an object of its module")
    return target  # type: ignore[no-any-return]  # `Function` checks it


def _of_main(where: str, name: str) -> Train | None:
    """The function of that name in the running script or notebook, where its study is resumed."""
    function = _at(sys.modules["__main__"], name.removeprefix("<").removesuffix(">"))
    if isinstance(function, type) or getattr(function, "__module__", None) != "__main__":
        return None
    names = (f"{where}:{name}", path_of(function) if where == "__main__" else "")
    return function if path_of(function) in names else None


def _not_by_name(path: str, why: str = "can't be found by its name") -> str:
    where = "as train= of hpo.resume, hpo.confirm or hpo.reproduce"
    return f"trainer {path!r} {why}: give the function in Python, {where}"


@contextmanager
def _handlers_kept() -> Iterator[None]:
    """A module that sets handlers of signals when it is imported does not take those of the search."""
    before = {number: signal.getsignal(number) for number in signal.valid_signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None and signal.getsignal(number) is not handler:
                with suppress(ValueError):  # not the main thread, where none can have been set
                    signal.signal(number, handler)
