"""A function of the user's as something to search over.

Three forms will do, and `epochs` and `seed` are given to those that take them:

    def train(params, *, epochs, seed):     a generator: a mapping of metrics after each epoch; it is closed when it
        ... yield {"accuracy": 0.9}         should stop
    def train(params): return 0.9           a number, or a mapping of metrics, at the end
    @hpo.population                         many settings at once: yields metric -> (K,), and is sent a mask (K,) of
    def train(settings, *, epochs, seed):   those that stay (None: all)
        ... yield {"accuracy": array}

What it raises fails the trial, with the message stored, and the search goes on.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpo.choose.suggest import Direction
from hpo.errors import PlanError
from hpo.plan.space import Limit, Settings
from hpo.trainables.network import BATCH, Training, TrialError, Which

Array = NDArray[Any]
Train = Callable[..., Any]

GIVEN = ("epochs", "seed")
NUMBER = "value"  # the metric of a function that returns a number
FEW, BATCHES = 4, 4  # at least so many settings in a batch; about so many batches in a round


class Function:
    """A function as a trainable; `halving` says that some of its trainings are to be left at rungs.

    Raises:
        PlanError: it can't be called as a search calls it, or has no epochs to leave it after.
    """

    notes: Sequence[str] = ()
    fingerprint = ""
    contents: Mapping[str, Any] = {}
    limits: Mapping[str, Limit] = {}
    repeats = None
    tests = False

    def __init__(
        self, train: Train, metric: str | None, direction: Direction, *, halving: bool = False
    ) -> None:
        self.metric, self.direction = metric, direction
        self._train = train
        self._together = getattr(train, "hpo_population", False)
        self._given = _given(train)
        if halving and not _is_generator(train):
            raise PlanError(
                f"halving: {_name(train)} is no generator function: nothing is known of it before it ends"
            )

    @property
    def score(self) -> str | None:
        """The metric itself: on which rows it is measured is the function's affair."""
        return self.metric

    def batch(self, round_size: int) -> int:
        """Few, where each may take minutes: the sampler learns from each batch, and a crash loses one."""
        return BATCH if self._together else min(BATCH, max(FEW, round_size // BATCHES))

    def populations(self, settings: Sequence[Settings]) -> list[list[int]]:
        """Every setting by itself, or all together if the function takes a population."""
        every = range(len(settings))
        return [list(every)] if self._together else [[k] for k in every]

    def train(
        self, settings: Sequence[Settings], *, epochs: int, seed: int, which: Which = 0
    ) -> Training:
        """Train the settings of one population. Its rows are the function's affair: `which` changes nothing.

        Raises:
            TrialError: the function raised something, or told what is no metric.
        """
        del which
        try:
            yield from self._called(settings, epochs, seed)
        except Exception as error:
            raise TrialError(error) from error

    def _called(self, settings: Sequence[Settings], epochs: int, seed: int) -> Training:
        given = {"epochs": epochs, "seed": seed}
        options = {name: given[name] for name in self._given}
        if self._together:
            made = self._train([dict(s) for s in settings], **options)
        else:
            made = self._train(dict(settings[0]), **options)
        if not isinstance(made, Generator):
            yield _figures(made, len(settings))
            return
        stay = None
        with closing(made):
            for _ in range(epochs):
                try:
                    figures = made.send(stay)
                except StopIteration:
                    return
                stay = yield _figures(figures, len(settings))


def _figures(made: object, count: int) -> dict[str, Array]:
    """What a function told, as metric -> (K,)."""
    told = made if isinstance(made, Mapping) else {NUMBER: made}
    if not told:
        raise ValueError("the trainer told no metric")
    figures = {}
    for name, value in told.items():
        try:
            if value is None:  # which NumPy would take for NaN
                raise TypeError
            values = np.asarray(value, dtype=float).reshape(-1)
        except (TypeError, ValueError):
            raise TypeError(
                f"the trainer told {name!s} = {value!r}, which is not a number"
            ) from None
        if len(values) != count:
            raise ValueError(
                f"the trainer told {len(values)} values of {name!s} for {count} trials"
            )
        figures[str(name)] = values
    return figures


def _given(train: Train) -> list[str]:
    """Which of `GIVEN` a function takes."""
    if not callable(train):
        raise PlanError(f"{train!r} is neither the name of a source nor a function that trains")
    try:
        parameters = inspect.signature(train).parameters.values()
    except (TypeError, ValueError):  # one that is written in C
        return []
    kinds = inspect.Parameter
    if any(p.kind is kinds.VAR_KEYWORD for p in parameters):
        taken = list(GIVEN)
    else:
        taken = [p.name for p in parameters if p.name in GIVEN]
    left = [
        p
        for p in parameters
        if p.name not in taken and p.kind not in (kinds.VAR_KEYWORD, kinds.VAR_POSITIONAL)
    ]
    name = _name(train)
    if not left and not any(p.kind is kinds.VAR_POSITIONAL for p in parameters):
        raise PlanError(f"{name} takes no settings: write def {name}(params, *, epochs, seed)")
    for p in left[1:]:
        if p.default is kinds.empty:
            raise PlanError(
                f"{name} needs {p.name!r}, which a search does not know: "
                f"write def {name}(params, *, epochs, seed)"
            )
    return taken


def _is_generator(train: Train) -> bool:
    made = inspect.unwrap(train)
    return any(map(inspect.isgeneratorfunction, (made, getattr(made, "__call__", None))))  # noqa: B004


def _name(train: Train) -> str:
    return str(getattr(train, "__qualname__", repr(train)))
