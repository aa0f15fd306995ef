"""How a search calls a user's function: with what, and what it makes of what the function reports."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hpo.errors import PlanError
from hpo.plan.space import Settings
from hpo.trainables.reporting import reports
from hpo.trainables.task import Array, Curves, Task, TrialError
from studies.words import counted, nearest

Train = Callable[..., Any]

OPTIONS = ("epochs", "seed", "trial", "folder", "device", "report")
"""What a function may ask for besides its settings, by the names of its parameters."""

OF_ONE_TRIAL = ("trial", "folder", "report")  # a population has no such thing
EXAMPLE = 'report {"loss": 0.3, "accuracy": 0.9}, for example'
AWAIT = "call asyncio.run in an ordinary function"


def values_of(task: Task, folder: Path | None) -> dict[str, Any]:
    """The values of `OPTIONS` for a task, but for its device. `folder` is the one with the folders of its study."""
    values: dict[str, Any] = {"epochs": task.epochs, "seed": task.seed, "trial": task.trials[0]}
    if folder is not None:
        stage = f"-stage-{task.split}" if isinstance(task.split, int) and task.split > 0 else ""
        values["folder"] = folder / f"trial-{task.trials[0]}{stage}"
    return values


@dataclass(frozen=True)
class Call:
    """How a function is called: with a population or one trial's settings, and with which of `OPTIONS`. A number
    without a name is its `metric`.
    """

    train: Train
    population: bool
    options: tuple[str, ...]
    metric: str

    def __call__(
        self, settings: Sequence[Settings], values: Mapping[str, Any], device: str | None = None
    ) -> Curves:
        """Call the function, and yield its metrics as arrays (K,), epoch by epoch.

        `values` are those of `OPTIONS` that it takes, and the number of epochs. In place of a folder None, a temporary
        one is made.

        Raises:
            TrialError: the function raised an exception, or reported something that is no metric.
        """
        values = {**values, "device": device}
        if "folder" not in self.options or values.get("folder") is not None:
            yield from self._curves(settings, values)
            return
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            yield from self._curves(settings, {**values, "folder": Path(folder)})

    def _curves(self, settings: Sequence[Settings], values: Mapping[str, Any]) -> Curves:
        each = [dict(setting) for setting in settings]
        try:
            result = self._called(each if self.population else each[0], values)
            if inspect.iscoroutine(result):
                result.close()  # else Python warns that nobody has awaited it
                raise TypeError(f"the trainer returned a coroutine: {AWAIT}")
            if not isinstance(result, Generator):
                with suppress(GeneratorExit):  # the training is closed
                    yield self._metrics(result, len(each))
                return
            stay = None  # the value that a generator must first be sent
            try:
                for epoch in range(1, values["epochs"] + 1):
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

    def _called(self, settings: object, values: Mapping[str, Any]) -> Any:
        options = {name: values[name] for name in self.options if name != "report"}
        if "folder" in options:
            options["folder"].mkdir(parents=True, exist_ok=True)
        if "report" not in self.options:
            return self.train(settings, **options)
        return reports(lambda report: self.train(settings, report=report, **options))

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


def options_of(train: Train, *, population: bool) -> tuple[str, ...]:
    """Which of `OPTIONS` a function takes. One with `**options` gets the epochs and the seed beside those it names.

    Raises:
        PlanError: it is none that a search can call.
    """
    if not callable(train):
        raise PlanError(f"{train!r} is neither the name of a source nor a function that trains")
    if is_kind(train, inspect.iscoroutinefunction, inspect.isasyncgenfunction):
        raise PlanError(f"{name_of(train)} is async, and a search does not await it: {AWAIT}")
    try:
        parameters = inspect.signature(train).parameters.values()
    except (TypeError, ValueError):  # a function written in C
        return ()
    kinds = inspect.Parameter
    by_name = [p for p in parameters if p.kind not in (kinds.VAR_KEYWORD, kinds.VAR_POSITIONAL)]
    taken = [p.name for p in by_name if p.name in OPTIONS]
    if any(p.kind is kinds.VAR_KEYWORD for p in parameters):
        taken += [name for name in ("epochs", "seed") if name not in taken]
    others = [p for p in by_name if p.name not in taken]
    name = name_of(train)
    if not others and not any(p.kind is kinds.VAR_POSITIONAL for p in parameters):
        raise PlanError(f"{name} takes no settings: write def {name}(params, *, epochs, seed)")
    for p in others[1:]:
        if p.default is kinds.empty:
            known = nearest(p.name, OPTIONS, f"it may ask for {', '.join(OPTIONS)}")
            raise PlanError(
                f"{name} needs {p.name!r}, which a search does not pass: {known}; the settings come as a dict, "
                f"def {name}(params, *, epochs, seed)"
            )
    if population and (alone := [option for option in OF_ONE_TRIAL if option in taken]):
        raise PlanError(f"{name} trains a population, which has no {alone[0]} of its own")
    return tuple(taken)


def is_kind(train: Train, *kinds: Callable[[Any], bool]) -> bool:
    """Whether a function, or what a decorator or an object makes callable, is of one of these kinds."""
    inner = inspect.unwrap(train)
    return any(kind(one) for kind in kinds for one in (inner, getattr(inner, "__call__", None)))  # noqa: B004


def name_of(train: Train) -> str:
    """What a function is called in messages."""
    return str(getattr(train, "__qualname__", repr(train)))
