"""What all threads of a process share and functions change: the working folder and the global random generators.

`torch.manual_seed` in one thread would reseed the training in another. So after every step, which is an epoch of a
generator or all of any other function, the folder is again what it was, and before a training's next step both are what
that training left. If a step changes one of them, trainings take turns from then on, whatever the number of workers. If
others trained beside that step, the training begins again, as if its process had been killed.
"""

from __future__ import annotations

import os
import random
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpo.trainables.task import Array, Curves, TrialError

State = dict[str, Any]
Figures = dict[str, Array]
Stay = NDArray[np.bool_] | None
FOLDER = "the working folder"


class Turns:
    """Who may train when. `noticed` is called once if trainings have begun to take turns."""

    def __init__(self, noticed: Callable[[str], None], stopped: Callable[[], bool]) -> None:
        self._noticed, self._stopped = noticed, stopped
        self._free = threading.Condition()
        self._alone, self._beside = False, 0  # how many step alone, and beside one another
        self._in_turns: bool | None = None  # None: the first step, which trains alone, will tell
        self._last: _Training | None = None  # the one that stepped last
        self._folder = _folder()

    def taken(self, begin: Callable[[], Curves], *, between: bool) -> Curves:
        """The training that `begin` begins, each step in its turn. After the search has stopped, no step begins.

        `between`: whether other trainings may step between two of its steps, or beside them.
        """
        training = _Training(begin(), between)
        stay = None
        try:
            while True:
                training.sent.append(stay)
                figures, error = self._step(training, stay)
                if training.mixed:
                    figures, error = self._again(training, begin)
                if error is not None:
                    raise error
                if figures is None:
                    return
                stay = yield figures
        finally:
            with self._turn(training):
                training.curves.close()

    def _step(self, training: _Training, stay: Stay) -> tuple[Figures | None, TrialError | None]:
        """The figures of one more epoch, or None if there is none; or the error of the training."""
        with self._turn(training):
            try:
                return None if self._stopped() else training.curves.send(stay), None
            except StopIteration:
                return None, None
            except TrialError as error:
                return None, error

    def _again(
        self, training: _Training, begin: Callable[[], Curves]
    ) -> tuple[Figures | None, TrialError | None]:
        """Train to the same epoch once more, since what the function changed may have been changed beside it."""
        with self._turn(training), suppress(TrialError):
            training.curves.close()
        training.curves, training.state = begin(), {}
        for stay in training.sent[:-1]:
            self._step(training, stay)
        return self._step(training, training.sent[-1])

    @contextmanager
    def _turn(self, training: _Training) -> Iterator[None]:
        with self._free:
            while (alone := self._in_turns is not False) and (self._alone or self._beside):
                self._free.wait()
            self._alone, self._beside = alone, self._beside + (not alone)
        if own := training.state:
            _restore(own if alone and self._last is not training else {FOLDER: own[FOLDER]})
        before = _state(generators=training.between)
        before[FOLDER] = own.get(FOLDER, self._folder)  # another may have left it just now
        try:
            yield
        finally:
            training.state = after = _state(generators=training.between)
            self._last = training
            _restore({FOLDER: self._folder})
            changed = [name for name, state in after.items() if state != before.get(name)]
            with self._free:
                first = changed and not self._in_turns
                self._in_turns = bool(self._in_turns or changed)
                training.mixed = self._in_turns and not alone
                self._alone, self._beside = False, self._beside - (not alone)
                self._free.notify_all()
            if first:
                self._noticed(
                    f"the function changes {' and '.join(changed)}, which all threads share: "
                    "its trials train one at a time, whatever the number of workers"
                )


@dataclass(eq=False)
class _Training:
    curves: Curves
    between: bool
    state: State = field(default_factory=dict)  # of what threads share, after its last step
    sent: list[Stay] = field(default_factory=list)
    mixed: bool = False  # what threads share was changed beside its last step


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
