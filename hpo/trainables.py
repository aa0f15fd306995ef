"""What a search can train, behind one protocol, and how a population of it is run to the end.

A trainable knows which settings train together as one population, and trains a population as a generator: after
each epoch it yields a mapping of metric -> (K,), and it may be sent who stays.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

import trainer.data
from hpo.config import Plan, PlanError
from hpo.space import Categorical, Int, Parameter, Settings, Value
from hpo.suggest import Direction
from studies.engine import now
from trainer.fit import PER_TRIAL, Recipe, fit
from trainer.initializers import INITIALIZERS
from trainer.layers import ACTIVATIONS
from trainer.network import Network
from trainer.optimizers import OPTIMIZERS

Array = NDArray[Any]
Training = Generator[dict[str, Array], NDArray[np.bool_] | None, None]


class Trainable(Protocol):
    """Something that a search can train."""

    @property
    def metric(self) -> str:
        """The name of what is optimized, such as accuracy."""

    @property
    def score(self) -> str:
        """Which of the yielded metrics decides, such as validation_accuracy."""

    @property
    def direction(self) -> Direction:
        """Whether the metric is to be large or small."""

    @property
    def notes(self) -> Sequence[str]:
        """What its user should know before it begins, such as rows of a table that are left out."""

    def populations(self, settings: Sequence[Settings]) -> list[list[int]]:
        """Positions of the settings that train together; fixed by the settings, never by the number of cores."""

    def train(self, settings: Sequence[Settings], *, epochs: int, seed: int) -> Training:
        """Train the settings of one population."""


@dataclass(frozen=True)
class Curves:
    """What training one trial gave: metric -> one number an epoch, and the epoch at which it diverged, if it did."""

    metrics: Mapping[str, list[float]]
    diverged_epoch: int | None
    finished: datetime


def run_population(
    trainable: Trainable,
    settings: Sequence[Settings],
    *,
    epochs: int,
    seed: int,
    trained: Callable[[int], None],
    stopped: Callable[[], bool],
) -> list[Curves] | None:
    """Train a population to the end and return each trial's curves, in order; None if it was stopped before.

    `trained(n)` hears after each epoch that n trials were trained for one. A trial whose metrics are not finite has
    diverged at that epoch; its curve ends with the epoch before.
    """
    metrics: list[dict[str, list[float]]] = [{} for _ in settings]
    diverged: list[int | None] = [None] * len(settings)
    training = trainable.train(settings, epochs=epochs, seed=seed)
    for epoch, figures in enumerate(training, start=1):
        alive = [k for k in range(len(settings)) if diverged[k] is None]
        for k in alive:
            if not np.isfinite(figures[trainable.score][k]):
                diverged[k] = epoch
                continue
            for name, values in figures.items():
                metrics[k].setdefault(name, []).append(float(values[k]))
        trained(len(alive))
        if stopped():
            training.close()
            return None
    finished = now()
    return [Curves(m, d, finished) for m, d in zip(metrics, diverged, strict=True)]


def even_parts(items: Sequence[int], most: int) -> list[list[int]]:
    """Items in as few parts of at most `most` as will do, all of nearly the same size."""
    count = -(-len(items) // most)
    return [list(part) for part in np.array_split(np.asarray(items, int), count)]


STACK_NUMBERS = 2**18
"""How many weights and biases a stack may hold: with gradient and velocity 3 MB of float32, about a core's caches."""
MOST_TRIALS, FEWEST_TRIALS = 25, 4
"""A stack's limits: more trials no longer save overhead; with fewer the overhead outweighs the cache."""

SHARED = ("batch_size", "activation", "optimizer", "init", "units", "layers")
"""What decides the shape of an array, so that trials which differ in it train apart."""


@dataclass(frozen=True)
class MLP:
    """The NumPy multilayer perceptron on the data of a plan."""

    plan: Plan
    data: trainer.data.Splits = field(repr=False)

    @property
    def metric(self) -> str:
        """Accuracy for classes, RMSE for quantities, or the loss where the plan says so."""
        return (
            self.plan.metric or {"classification": "accuracy", "regression": "rmse"}[self.data.task]
        )

    @property
    def score(self) -> str:
        """The metric on the validation rows."""
        return f"validation_{self.metric}"

    @property
    def direction(self) -> Direction:
        """Accuracy is to be large, everything else small."""
        return "maximize" if self.metric == "accuracy" else "minimize"

    @property
    def notes(self) -> Sequence[str]:
        """What of the source was left out, and what looks odd in it."""
        return self.data.notes

    def populations(self, settings: Sequence[Settings]) -> list[list[int]]:
        """Settings of one shape, as stacks that fit a core's cache."""
        shapes: dict[Recipe, list[int]] = {}
        for k, setting in enumerate(settings):
            shapes.setdefault(self._recipe(setting), []).append(k)
        parts = []
        for recipe, members in shapes.items():
            sizes = (self.data.train.X.shape[1], *recipe.hidden, recipe.outputs)
            most = STACK_NUMBERS // Network(sizes).numbers
            parts += even_parts(members, min(max(most, FEWEST_TRIALS), MOST_TRIALS))
        return parts

    def train(self, settings: Sequence[Settings], *, epochs: int, seed: int) -> Training:
        """Train the settings of one population."""
        recipe = self._recipe(settings[0])
        numbers = [{n: float(s[n]) for n in PER_TRIAL if n in s} for s in settings]  # type: ignore[arg-type]  # checked
        return fit(recipe, numbers, self.data.train, self.data.validation, epochs=epochs, seed=seed)

    def _recipe(self, setting: Settings) -> Recipe:
        plan = self.plan
        chosen: dict[str, Any] = {name: setting[name] for name in SHARED if name in setting}
        units, layers = chosen.pop("units", None), chosen.pop("layers", None)
        hidden = plan.hidden
        if layers is not None:
            hidden = hidden[:1] * layers
        if units is not None:
            hidden = (units,) * len(hidden)
        fixed = {
            "activation": plan.activation,
            "optimizer": plan.optimizer,
            "init": plan.init,
            "batch_size": plan.batch_size,
        }
        return Recipe(
            task=self.data.task,
            outputs=self.data.outputs,
            hidden=hidden,
            dtype=plan.dtype,
            target_scale=self.data.target_scale,
            **{**fixed, **chosen},
        )


def mlp(plan: Plan, load: Callable[..., trainer.data.Splits] = trainer.data.load) -> MLP:
    """The trainable of a plan, with its data read and split.

    Raises:
        PlanError: the plan searches what this network has not, or outside what it can take.
        trainer.data.DataError: the source can't be read or used.
    """
    check_space(plan)
    data = load(plan.source, plan.target, seed=plan.seed, rows=plan.rows, dtype=plan.dtype)
    allowed = {"classification": ("accuracy", "loss"), "regression": ("rmse", "loss")}[data.task]
    if plan.metric is not None and plan.metric not in allowed:
        raise PlanError(
            f"metric {plan.metric!r} does not fit {plan.source}, a {data.task}: "
            f"give {' or '.join(allowed)}"
        )
    return MLP(plan, data)


def check_space(plan: Plan) -> None:
    """Whether the network has what the plan searches, and can take every value of it.

    Raises:
        PlanError: it has not, or can't; the message names the parameter and the rule.
    """
    searched = plan.space
    for name, parameter in searched.items():
        rule = _RULES.get(name)
        if rule is None:
            raise PlanError(
                f"space.{name}: the network has no such number; it has {', '.join(_RULES)}"
            )
        text, allowed = rule
        for value in _extremes(parameter):
            if not allowed(value):
                raise PlanError(f"space.{name}: {value!r} is not {text}")
        if name in ("batch_size", "units", "layers") and not _whole(parameter):
            raise PlanError(f"space.{name}: a whole number is needed: add :int to the range")
    fixed = "optimizer" not in searched
    if "momentum" in searched and fixed and not OPTIMIZERS[plan.optimizer].momentum:
        raise PlanError(f"space.momentum: the optimizer {plan.optimizer!r} has no momentum")
    if not plan.hidden and ("units" in searched or "layers" in searched):
        raise PlanError("space.units and space.layers need a hidden layer: give hidden")
    if "units" not in searched and "layers" in searched and len(set(plan.hidden)) > 1:
        raise PlanError("space.layers: hidden layers of one width are needed, not several")


def _extremes(parameter: Parameter) -> tuple[Value, ...]:
    if isinstance(parameter, Categorical):
        return parameter.choices
    return (parameter.low, parameter.high)


def _whole(parameter: Parameter) -> bool:
    if isinstance(parameter, Categorical):
        return all(isinstance(choice, int) for choice in parameter.choices)
    return isinstance(parameter, Int)


def _number(low: float, high: float = float("inf")) -> Callable[[Value], bool]:
    return lambda v: isinstance(v, int | float) and not isinstance(v, bool) and low <= v <= high


def _one_of(names: Mapping[str, object]) -> tuple[str, Callable[[Value], bool]]:
    return f"one of {', '.join(names)}", lambda v: v in names


_RULES: dict[str, tuple[str, Callable[[Value], bool]]] = {
    "learning_rate": ("a number of at least 0", _number(0)),
    "weight_decay": ("a number of at least 0", _number(0)),
    "momentum": ("a number from 0 to 1", _number(0, 1)),
    "batch_size": ("a whole number of at least 1", _number(1)),
    "units": ("a whole number of at least 1", _number(1)),
    "layers": ("a whole number of at least 1", _number(1)),
    "activation": _one_of(ACTIVATIONS),
    "optimizer": _one_of(OPTIMIZERS),
    "init": _one_of(INITIALIZERS),
}
