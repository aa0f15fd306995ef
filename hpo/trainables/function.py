"""Functions of your own that a search can train. A function has one of three forms.

A function that returns its result at the end, as a number or as a mapping of metrics:

    def train(params):
        return {"accuracy": 0.9}

A generator that yields a mapping of metrics after each epoch, and is closed when training should stop. `--halving`
needs this form or the next:

    def train(params, *, epochs, seed):
        for epoch in range(epochs):
            yield {"accuracy": 0.9}

A generator that trains K settings together, and yields arrays (K,). Each `yield` returns a mask (K,) of the trials that
stay, or None if all do:

    @hpo.population
    def train(settings, *, epochs, seed):
        for epoch in range(epochs):
            stay = yield {"accuracy": array}

`params` is a dict with a value for each parameter of the space, and `settings` a list of K such dicts. `epochs` and
`seed` are passed to functions that have parameters of these names. The seed is the same for all trials of a search; it
changes when the best settings are trained again.

If a function reports several metrics, `metric` in the plan names the one to optimize. A returned number needs no name.
A trial whose metric becomes NaN or infinite has diverged, and its training ends. An exception fails the trial: its
message and traceback are stored, and the search goes on.

For now, functions run on threads of one process. So trials that train side by side share global random generators such
as `numpy.random`: use a generator of your own made from `seed` or, without halving, `--workers 1`.
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

OPTIONS = ("epochs", "seed")  # that a function may take besides its settings
UNNAMED_METRIC = "value"  # of a function that returns a number, if the plan names no metric


class Function:
    """A function as a trainable. With `halving`, some trainings end at rungs.

    Raises:
        PlanError: a search can't call it, or halving is asked of a function that is not a generator.
    """

    notes: Sequence[str] = ()
    fingerprint = ""
    contents: Mapping[str, Any] = {}
    overview: Mapping[str, Any] = {}

    def __init__(
        self, train: Train, metric: str | None, direction: Direction, *, halving: bool = False
    ) -> None:
        self.metric = self.score = metric  # the function decides which rows it measures
        population = getattr(train, "hpo_population", False)
        self._call = Call(train, population, _options(train), metric or UNNAMED_METRIC)
        self.traits = Traits(direction, stacked=self._call.population)
        if halving and not _is_generator(train):
            raise PlanError(
                f"halving: {_name(train)} is no generator function, so it reports no metric before it ends"
            )

    def populations(self, settings: Sequence[Settings]) -> list[list[int]]:
        """Each setting alone, or all together if the function takes a population."""
        every = range(len(settings))
        return [list(every)] if self._call.population else [[k] for k in every]

    def training(self, task: Task) -> Training:
        """The training of a task. The function chooses its rows, so the split has no effect."""
        return Training(self._call, (task.settings, task.epochs, task.seed))


@dataclass(frozen=True)
class Call:
    """How a function is called: with a population or one trial's settings, and with which of `OPTIONS`. A number
    without a name is its `metric`.
    """

    train: Train
    population: bool
    options: tuple[str, ...]
    metric: str

    def __call__(self, settings: Sequence[Settings], epochs: int, seed: int) -> Curves:
        """Call the function, and yield its metrics as arrays (K,), epoch by epoch.

        Raises:
            TrialError: the function raised an exception, or reported something that is no metric.
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
        stay = None  # the value that a generator must first be sent
        with closing(result):
            for _ in range(epochs):
                try:
                    reported = result.send(stay)
                except StopIteration:
                    return
                mask = yield metrics_of(reported, self.metric, len(settings))
                stay = mask if self.population else None


def metrics_of(reported: object, metric: str, count: int) -> dict[str, Array]:
    """The reported metrics as metric -> (K,), K = `count`. Anything but a mapping is the value of `metric`.

    Raises:
        ValueError, TypeError: a value is not a number, or there are not K of them.
    """
    metrics = reported if isinstance(reported, Mapping) else {metric: reported}
    if not metrics:
        raise ValueError("the trainer reported no metric")
    arrays = {}
    for name, value in metrics.items():
        try:
            if value is None:  # NumPy would convert it to NaN
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
    except (TypeError, ValueError):  # a function written in C
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
                f"{name} needs {p.name!r}, which a search does not pass: "
                f"write def {name}(params, *, epochs, seed)"
            )
    return tuple(taken)


def _is_generator(train: Train) -> bool:
    inner = inspect.unwrap(train)
    return any(map(inspect.isgeneratorfunction, (inner, getattr(inner, "__call__", None))))  # noqa: B004


def _name(train: Train) -> str:
    return str(getattr(train, "__qualname__", repr(train)))
