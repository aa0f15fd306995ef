"""A user's function on its way to another process, and how it trains there.

A function that a module has travels as its name, and the process imports the module. One of a script or a notebook,
and one that was made in another function, travels as its code with all that it refers to (cloudpickle). To another
machine, so does one of a module that nobody has installed, with the modules beside it.

Each training there begins in the same folder and with the same state of the global random generators, which follows
from its seed. Where several trainings take turns in one process, since they wait at rungs, each finds again what it
left.
"""

from __future__ import annotations

import inspect
import os
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from hpo.errors import PlanError
from hpo.plan.space import Settings
from hpo.trainables.files import load, loaded
from hpo.trainables.task import Curves, TrialError

State = dict[str, Any]


class Sent:
    """A function as bytes, with what a process needs to make it again: where modules are, and files loaded by path.

    It may go `far`, to a machine that does not have these files.
    """

    def __init__(self, function: Callable[..., Curves], train: Any, *, far: bool = False) -> None:
        import cloudpickle

        self._path, self._files = list(sys.path), [] if far else loaded()
        own = _modules_beside(train) if far else []
        try:
            for module in own:
                cloudpickle.register_pickle_by_value(module)
            self._pickle = cloudpickle.dumps(function, protocol=5)
        except Exception as error:  # whatever a user's own classes raise
            raise PlanError(
                f"the function can't travel to another process: {error}; executor threads keeps it in this one"
            ) from None
        finally:
            for module in own:
                cloudpickle.unregister_pickle_by_value(module)

    @cached_property
    def function(self) -> Callable[..., Curves]:
        """The function. Whatever importing its modules raises is raised."""
        import pickle

        sys.path[:] = [*self._path, *(p for p in sys.path if p not in self._path)]
        for file in self._files:
            load(file)
        made: Callable[..., Curves] = pickle.loads(self._pickle)  # noqa: S301  # our parent wrote it
        return made

    def load(self) -> None:
        """Make the function here, to see whether that is possible."""
        self.function  # noqa: B018  # it is made when it is asked for

    def __getstate__(self) -> State:
        return {name: value for name, value in vars(self).items() if name != "function"}


def _modules_beside(train: Any) -> list[ModuleType]:
    """The modules in the folders of a function and of the running script or notebook, unless they are installed."""
    inner = inspect.unwrap(train.func if isinstance(train, partial) else train)
    own = sys.modules.get(getattr(inner, "__module__", None) or "")
    script = getattr(sys.modules["__main__"], "__file__", None)
    files = [getattr(own, "__file__", None), script or str(Path.cwd() / "notebook")]
    folders = {Path(file).resolve().parent for file in files if file and not _is_installed(file)}
    return [
        module
        for name, module in list(sys.modules.items())
        if isinstance(file := getattr(module, "__file__", None), str)
        and name not in ("__main__", "__mp_main__")
        and not _is_installed(file)
        and not folders.isdisjoint(Path(file).resolve().parents)
    ]


def _is_installed(file: str) -> bool:
    ours = Path(__file__).resolve().parents[2]  # hpo, trainer and studies
    path = Path(file).resolve()
    return (
        "site-packages" in path.parts
        or path.is_relative_to(sys.base_prefix)
        or any(path.is_relative_to(ours / name) for name in ("hpo", "trainer", "studies"))
    )


def train_there(
    settings: Sequence[Settings],
    values: Mapping[str, Any],
    *,
    sent: Sent,
    device: str | None = None,
) -> Curves:
    """Train as the function does, epoch by epoch, with the working folder and the generators to itself.

    `values` are those of `hpo.trainables.call.OPTIONS`.
    """
    try:
        function = sent.function
    except BaseException as error:  # its modules are the user's
        raise TrialError.of(error) from error
    had_torch, state = "torch" in sys.modules, _fresh(values["seed"])
    curves, stay, first = function(settings, values, device), None, True
    try:
        while True:
            _put(state)
            try:
                figures = curves.send(stay)
            except StopIteration:
                return
            finally:
                state = _taken()
            if first and not had_torch and "torch" in sys.modules:
                # The function has imported it just now, so its generator was not seeded: begin again.
                curves.close()
                state, had_torch = _fresh(values["seed"]), True
                curves = function(settings, values, device)
                continue
            stay, first = (yield figures), False
    finally:
        _put(state)
        curves.close()


FOLDER = Path.cwd()


def _fresh(seed: int) -> State:
    """The state that a training begins with."""
    os.chdir(FOLDER)
    random.seed(seed)
    np.random.seed(seed % 2**32)  # functions of users' draw from it
    if torch := sys.modules.get("torch"):
        torch.manual_seed(seed)
    return _taken()


def _taken() -> State:
    torch = sys.modules.get("torch")
    state: State = {
        "folder": _folder(),
        "random": random.getstate(),
        "numpy": np.random.get_state(),
        "torch": None if torch is None else torch.get_rng_state(),
        "cuda": None,
    }
    if torch is not None and torch.cuda.is_initialized():
        state["cuda"] = torch.cuda.get_rng_state_all()
    return state


def _put(state: State) -> None:
    with suppress(OSError):  # the folder is gone
        os.chdir(state["folder"] or FOLDER)
    random.setstate(state["random"])
    np.random.set_state(state["numpy"])
    if state["torch"] is not None:
        sys.modules["torch"].set_rng_state(state["torch"])
    if state["cuda"] is not None:
        sys.modules["torch"].cuda.set_rng_state_all(state["cuda"])


def _folder() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109  # a Path would cost more
    except OSError:  # it was deleted
        return None
