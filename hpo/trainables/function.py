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
Other metrics than that one may be missing in some epochs; they are NaN there.
A trial whose metric becomes NaN, or larger than 1e150, has diverged, and its training ends. An exception of whatever
kind, also `SystemExit`, fails the trial: its message and traceback are stored, and the search goes on. What a function
prints goes to stderr, and the last 10,000 characters are kept with the trial. `hpo show NAME TRIAL` shows all that.

Each trial trains in a process of its own, so what it does to global random generators, to the working folder, to
handlers of signals and to its process touches no other trial: even a process that is killed is only replaced. At the
beginning of a trial, the generators of `random`, `numpy.random` and `torch` follow from `seed`. A function of a module
is imported there by its name. One of a script or a notebook travels as its code, with what it refers to. So if it
changes a global variable, only later trials of the same process see that. With `executor="threads"` trials train on
threads of this process, which share all that.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from hpo.choose.types import Direction, Traits
from hpo.errors import PlanError
from hpo.plan.space import Settings
from hpo.trainables.task import Array, Curves, Task, Training, TrialError
from hpo.trainables.travelling import Sent, train_there
from studies.words import counted

Train = Callable[..., Any]

OPTIONS = ("epochs", "seed")  # that a function may take besides its settings
EXAMPLE = 'report {"loss": 0.3, "accuracy": 0.9}, for example'
AWAIT = "call asyncio.run in an ordinary function"
UNNAMED_METRIC = "value"  # of a function that returns a number, if the plan names no metric


class Function:
    """A function as a trainable. With `halving`, some trainings end at rungs; one that `travels` trains in processes.

    Raises:
        PlanError: a search can't call it, it can't travel, or halving is asked of a function that is not a generator.
    """

    notes: Sequence[str] = ()
    fingerprint = ""
    contents: Mapping[str, Any] = {}
    overview: Mapping[str, Any] = {}

    def __init__(
        self,
        train: Train,
        metric: str | None,
        direction: Direction,
        *,
        halving: bool = False,
        travels: bool = False,
    ) -> None:
        self.metric = self.score = metric  # the function decides which rows it measures
        population = getattr(train, "hpo_population", False)
        self._call = Call(train, population, _options(train), metric or UNNAMED_METRIC)
        self.traits = Traits(direction, stacked=self._call.population)
        if halving and not _is(train, inspect.isgeneratorfunction):
            raise PlanError(
                f"halving: {_name(train)} is no generator function, so it reports no metric before it ends"
            )
        self._sent = Sent(self._call) if travels else None

    @property
    def travels(self) -> bool:
        """Whether its trainings are for processes of their own."""
        return self._sent is not None

    def populations(self, settings: Sequence[Settings]) -> list[list[int]]:
        """Each setting alone, or all together if the function takes a population."""
        every = range(len(settings))
        return [list(every)] if self._call.population else [[k] for k in every]

    def training(self, task: Task) -> Training:
        """The training of a task. The function chooses its rows, so the split has no effect."""
        arguments = (task.settings, task.epochs, task.seed)
        if self._sent is None:
            return Training(self._call, arguments)
        return Training(train_there, arguments, shared={"sent": self._sent})


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
        values = {"epochs": epochs, "seed": seed}
        options = {name: values[name] for name in self.options}
        each = [dict(setting) for setting in settings]
        try:
            result = self.train(each if self.population else each[0], **options)
            if inspect.iscoroutine(result):
                result.close()  # else Python warns that nobody has awaited it
                raise TypeError(f"the trainer returned a coroutine: {AWAIT}")
            if not isinstance(result, Generator):
                with suppress(GeneratorExit):  # the training is closed
                    yield self._metrics(result, len(each))
                return
            stay = None  # the value that a generator must first be sent
            try:
                for epoch in range(1, epochs + 1):
                    try:
                        reported = result.send(stay)
                    except StopIteration:
                        return
                    metrics = self._metrics(reported, len(each), f" in epoch {epoch}")
                    try:
                        mask = yield metrics
                    except GeneratorExit:
                        return  # the training is closed, and so is the function's generator
                    stay = mask if self.population else None
            finally:
                result.close()
        except BaseException as error:  # the user's own Ctrl-C comes to the main thread, never here
            raise TrialError.of(error) from error

    def _metrics(self, reported: object, count: int, when: str = "") -> dict[str, Array]:
        return metrics_of(reported, self.metric, count, when)


def metrics_of(reported: object, metric: str, count: int, when: str = "") -> dict[str, Array]:
    """The reported metrics as metric -> (K,), K = `count`. Anything but a mapping is the value of `metric`.

    Raises:
        ValueError, TypeError: a value is not a number, or there are not K of them.
    """
    if reported is None:
        raise TypeError(f"the trainer reported None{when}, and no number: {EXAMPLE}")
    if isinstance(reported, Iterator):
        raise TypeError(
            f"the trainer returned {_a(reported)}, which is neither a number nor a generator: "
            "yield from it, if it has a value for each epoch"
        )
    if count == 1 and isinstance(reported, list | tuple) and len(reported) > 1:
        raise TypeError(
            f"the trainer reported {len(reported)} values{when}, {reported!r}, without names: {EXAMPLE}"
        )
    metrics = reported if isinstance(reported, Mapping) else {metric: reported}
    if not metrics:
        raise ValueError(f"the trainer reported no metric{when}")
    arrays = {}
    for name, value in metrics.items():
        try:
            values = _numbers(value)
        except Exception:  # whatever the value's own class raises
            raise TypeError(
                f"the trainer reported {name!s} = {value!r}{when}, which is not a number"
            ) from None
        if len(values) != count:
            one = ": yield one in each epoch, or return the one that counts" if count == 1 else ""
            raise ValueError(
                f"the trainer reported {len(values)} values of {name!s} for {counted(count, 'trial')}{when}{one}"
            )
        arrays[str(name)] = values
    return arrays


def _numbers(value: Any) -> Array:
    """A number, or some in an array or a list, as a flat array."""
    # NumPy would read text, make NaN of None, and take the real part of a complex number.
    if value is None or isinstance(value, str | bytes) or np.iscomplexobj(value):
        raise TypeError
    try:
        return np.asarray(value, dtype=float).reshape(-1)
    except (TypeError, ValueError, RuntimeError):  # such as a tensor that needs its gradient
        return np.array([float(v) for v in value] if np.ndim(value) else [float(value)])


def _a(value: object) -> str:
    kind = type(value).__name__
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _options(train: Train) -> tuple[str, ...]:
    """Which of `OPTIONS` a function takes."""
    if not callable(train):
        raise PlanError(f"{train!r} is neither the name of a source nor a function that trains")
    if _is(train, inspect.iscoroutinefunction, inspect.isasyncgenfunction):
        raise PlanError(f"{_name(train)} is async, and a search does not await it: {AWAIT}")
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


def _is(train: Train, *kinds: Callable[[Any], bool]) -> bool:
    """Whether a function, or what a decorator or an object makes callable, is of one of these kinds."""
    inner = inspect.unwrap(train)
    return any(kind(one) for kind in kinds for one in (inner, getattr(inner, "__call__", None)))  # noqa: B004


def _name(train: Train) -> str:
    return str(getattr(train, "__qualname__", repr(train)))
