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
from dataclasses import dataclass
from typing import Any

import numpy as np

from hpo.choose.types import Direction, Traits
from hpo.errors import PlanError
from hpo.plan.space import Settings
from hpo.trainables.task import Array, Curves, Task, Training, TrialError

Train = Callable[..., Any]

OPTIONS = ("epochs", "seed")  # that a function may take beside its settings
NUMBER = "value"  # the metric of a function that returns a number, where none is named


class Function:
    """A function as a trainable; `halving` says that some of its trainings are to be cut short at rungs.

    Raises:
        PlanError: it can't be called as a search calls it, or has no epochs to be cut short after.
    """

    notes: Sequence[str] = ()
    fingerprint = ""
    contents: Mapping[str, Any] = {}

    def __init__(
        self, train: Train, metric: str | None, direction: Direction, *, halving: bool = False
    ) -> None:
        self.metric = self.score = metric  # on which rows it is measured is up to the function
        population = getattr(train, "hpo_population", False)
        self._call = Call(train, population, _options(train), metric or NUMBER)
        self.traits = Traits(direction, stacked=self._call.population)
        if halving and not _is_generator(train):
            raise PlanError(
                f"halving: {_name(train)} is no generator function: nothing is known of it before it ends"
            )

    def populations(self, settings: Sequence[Settings]) -> list[list[int]]:
        """Every setting by itself, or all together if the function takes a population."""
        every = range(len(settings))
        return [list(every)] if self._call.population else [[k] for k in every]

    def training(self, task: Task) -> Training:
        """The training of a task. The rows are up to the function: the split changes nothing."""
        return Training(self._call, (task.settings, task.epochs, task.seed))


@dataclass(frozen=True)
class Call:
    """How a function is called: with all settings of a population or with those of one trial, and by which names it
    takes the epochs and the seed. A number that it returns is its `metric`.
    """

    train: Train
    population: bool
    options: tuple[str, ...]
    metric: str

    def __call__(self, settings: Sequence[Settings], epochs: int, seed: int) -> Curves:
        """Call the function, and yield its metrics as arrays (K,), epoch by epoch.

        Raises:
            TrialError: the function raised something, or reported what is no metric.
        """
        try:
            yield from self._epochs(settings, epochs, seed)
        except Exception as error:
            raise TrialError.of(error) from error

    def _epochs(self, settings: Sequence[Settings], epochs: int, seed: int) -> Curves:
        values = {"epochs": epochs, "seed": seed}
        options = {name: values[name] for name in self.options}
        if self.population:
            result = self.train([dict(s) for s in settings], **options)
        else:
            result = self.train(dict(settings[0]), **options)
        if not isinstance(result, Generator):
            yield metrics_of(result, self.metric, len(settings))
            return
        stay = None
        with closing(result):
            for _ in range(epochs):
                try:
                    reported = result.send(stay)
                except StopIteration:
                    return
                stay = yield metrics_of(reported, self.metric, len(settings))
                stay = stay if self.population else None


def metrics_of(reported: object, metric: str, count: int) -> dict[str, Array]:
    """What a function reported, as metric -> (K,); what is no mapping is its `metric`.

    Raises:
        ValueError, TypeError: it is no metric, or of another number of trials.
    """
    metrics = reported if isinstance(reported, Mapping) else {metric: reported}
    if not metrics:
        raise ValueError("the trainer reported no metric")
    arrays = {}
    for name, value in metrics.items():
        try:
            if value is None:  # which NumPy would take for NaN
                raise TypeError
            values = np.asarray(value, dtype=float).reshape(-1)
        except (TypeError, ValueError):
            raise TypeError(
                f"the trainer reported {name!s} = {value!r}, which is not a number"
            ) from None
        if len(values) != count:
            raise ValueError(
                f"the trainer reported {len(values)} values of {name!s} for {count} trials"
            )
        arrays[str(name)] = values
    return arrays


def _options(train: Train) -> tuple[str, ...]:
    """Which of `OPTIONS` a function takes."""
    if not callable(train):
        raise PlanError(f"{train!r} is neither the name of a source nor a function that trains")
    try:
        parameters = inspect.signature(train).parameters.values()
    except (TypeError, ValueError):  # one that is written in C
        return ()
    kinds = inspect.Parameter
    if any(p.kind is kinds.VAR_KEYWORD for p in parameters):
        taken = list(OPTIONS)
    else:
        taken = [p.name for p in parameters if p.name in OPTIONS]
    others = [
        p
        for p in parameters
        if p.name not in taken and p.kind not in (kinds.VAR_KEYWORD, kinds.VAR_POSITIONAL)
    ]
    name = _name(train)
    if not others and not any(p.kind is kinds.VAR_POSITIONAL for p in parameters):
        raise PlanError(f"{name} takes no settings: write def {name}(params, *, epochs, seed)")
    for p in others[1:]:
        if p.default is kinds.empty:
            raise PlanError(
                f"{name} needs {p.name!r}, which a search does not know: "
                f"write def {name}(params, *, epochs, seed)"
            )
    return tuple(taken)


def _is_generator(train: Train) -> bool:
    made = inspect.unwrap(train)
    return any(map(inspect.isgeneratorfunction, (made, getattr(made, "__call__", None))))  # noqa: B004


def _name(train: Train) -> str:
    return str(getattr(train, "__qualname__", repr(train)))
