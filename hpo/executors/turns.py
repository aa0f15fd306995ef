"""What all threads of a process share and functions change: the working folder and the global random generators.

`torch.manual_seed` in one thread would reseed the training in another. So after every step, which is an epoch of a
generator or all of any other function, the folder is again what it was, and before a training's next step both are what
that training left. If a step changes one of them, trainings take turns from then on, whatever the number of workers.
"""

from __future__ import annotations

import os
import random
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from hpo.trainables.task import Curves

State = dict[str, Any]
FOLDER = "the working folder"


class Turns:
    """Who may train when. `noticed` is called once if trainings have begun to take turns."""

    def __init__(self, noticed: Callable[[str], None], stopped: Callable[[], bool]) -> None:
        self._noticed, self._stopped = noticed, stopped
        self._lock = threading.Lock()
        self._in_turns: bool | None = None  # None: the first step, which trains alone, will tell
        self._last: object = None  # the training that stepped last
        self._folder = _folder()

    def taken(self, curves: Curves, *, between: bool) -> Curves:
        """The same training, each step in its turn. After the search has stopped, no step begins.

        `between`: whether other trainings may step between two of its steps, or beside them.
        """
        own: list[State] = []  # the state after the last step
        stay = None
        try:
            while True:
                with self._turn(curves, own, between):
                    if self._stopped():
                        return
                    try:
                        figures = curves.send(stay)
                    except StopIteration:
                        return
                stay = yield figures
        finally:
            with self._turn(curves, own, between):
                curves.close()

    @contextmanager
    def _turn(self, training: object, own: list[State], between: bool) -> Iterator[None]:
        alone = self._in_turns is not False
        if alone:
            self._lock.acquire()
        if own:
            _restore(own[0] if alone and self._last is not training else {FOLDER: own[0][FOLDER]})
        before = _state(generators=between)
        try:
            yield
        finally:
            after = _state(generators=between)
            own[:] = [after]
            self._last = training
            _restore({FOLDER: self._folder})
            changed = [name for name, state in after.items() if state != before.get(name)]
            if changed and not self._in_turns:
                self._in_turns = True
                self._noticed(
                    f"the function changes {' and '.join(changed)}, which all threads share: "
                    "its trials train one at a time, whatever the number of workers"
                )
            elif self._in_turns is None:
                self._in_turns = False
            if alone:
                self._lock.release()


def _folder() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109  # a Path would cost more
    except OSError:  # it was deleted
        return None


def _state(*, generators: bool) -> State:
    """The shared state by what it is called. What has one name can be compared with ==."""
    state: State = {FOLDER: _folder()}
    if not generators:
        return state
    numpy = np.random.get_state(legacy=False)
    numbers = {
        name: value.tobytes() if isinstance(value, np.ndarray) else value
        for name, value in numpy["state"].items()
    }
    state["the generator of random"] = random.getstate()
    state["the generator of numpy.random"] = _Generator(
        numpy, (numbers, numpy["has_gauss"], numpy["gauss"])
    )
    for name, (get, _) in _of_torch().items():
        held = get()
        tensors = held if isinstance(held, list) else [held]
        state[name] = _Generator(held, [tensor.cpu().numpy().tobytes() for tensor in tensors])
    return state


class _Generator:
    """The state of a generator, and what to compare it by."""

    def __init__(self, held: Any, key: object) -> None:
        self.held, self._key = held, key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Generator) and self._key == other._key

    __hash__ = None  # type: ignore[assignment]  # it is compared and nothing else


def _restore(state: State) -> None:
    if state[FOLDER] is not None and state[FOLDER] != _folder():
        with suppress(OSError):  # it is gone
            os.chdir(state[FOLDER])
    if "the generator of random" in state:
        random.setstate(state["the generator of random"])
        np.random.set_state(state["the generator of numpy.random"].held)
    for name, (_, set_state) in _of_torch().items():
        if name in state:
            set_state(state[name].held)


def _of_torch() -> dict[str, tuple[Callable[[], Any], Callable[[Any], None]]]:
    """How to get and set the states of PyTorch's generators, if something has imported it."""
    torch = sys.modules.get("torch")
    if torch is None:
        return {}
    generators = {"the generator of torch": (torch.get_rng_state, torch.set_rng_state)}
    if torch.cuda.is_initialized():
        of_cuda = torch.cuda.get_rng_state_all, torch.cuda.set_rng_state_all
        generators["the generators of torch.cuda"] = of_cuda
    return generators
