"""The NumPy network on the data of a plan, as something that a search can train."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import trainer.data
from hpo.choose.types import Traits
from hpo.errors import PlanError
from hpo.plan.plan import Plan
from hpo.plan.space import HUGE, Categorical, Int, Limit, Parameter, Settings, Value
from hpo.trainables.task import Task, Training
from studies.words import nearest
from trainer.data import Splits, Which
from trainer.fit import fit
from trainer.initializers import INITS, deviation
from trainer.layers import ACTIVATIONS
from trainer.metrics import METRICS
from trainer.optimizers import OPTIMIZERS
from trainer.population import even_parts, stack_size
from trainer.recipe import Recipe
from trainer.schedules import SCHEDULES
from trainer.settings import PER_TRIAL, Number

SHARED = ("batch_size", "activation", "optimizer", "schedule", "batch_norm", "units", "layers")
"""What decides the shape of an array, or what is done to it, so that trials which differ in it train apart."""

LOSS = {"classification": "sparse_categorical_cross_entropy", "regression": "squared_error"}
STEPPING = ("step", "exponential")
METRIC = {"classification": "accuracy", "regression": "rmse"}


class MLP:
    """The NumPy multilayer perceptron on the data of a plan."""

    def __init__(self, plan: Plan, draw: Callable[[Which], Splits]) -> None:
        self.plan = plan
        self.data = draw(0)
        self._draw = draw
        self._fresh: tuple[Which, Splits] = (0, self.data)  # the split that was last asked for
        self._lock = threading.Lock()
        self.fingerprint = self.data.fingerprint
        self.contents: Mapping[str, Any] = self.data.contents
        self.notes: Sequence[str] = self.data.notes
        # Accuracy for classes, RMSE for quantities, or what the plan says.
        self.metric = plan.metric or METRIC[self.data.task]
        self.score = f"validation_{self.metric}"
        metric = METRICS.get(self.metric)
        whole = dict.fromkeys(("batch_size", "units", "layers"), (1.0, None))
        self.traits = Traits(
            "maximize" if metric is not None and metric.larger_is_better else "minimize",
            stacked=True,
            noisy=True,
            tests=True,
            limits=whole | {name: _closed(number) for name, number in PER_TRIAL.items()},
        )

    def populations(self, settings: Sequence[Settings]) -> list[list[int]]:
        """Settings of one shape, as stacks that fit a core's cache."""
        shapes: dict[Recipe, list[int]] = {}
        for k, setting in enumerate(settings):
            shapes.setdefault(self._recipe(setting, self.data), []).append(k)
        parts = []
        for recipe, members in shapes.items():
            parts += even_parts(members, stack_size(recipe, self.data.train.X.shape[1]))
        return parts

    def training(self, task: Task) -> Training:
        """The training of one population, as `trainer.fit.fit` does it."""
        splits = self._splits(task.split)
        recipe = self._recipe(task.settings[0], splits)
        own = ("init", *PER_TRIAL)
        fixed: dict[str, Any] = {"dropout": self.plan.dropout}
        numbers = [fixed | {name: s[name] for name in own if name in s} for s in task.settings]
        return Training(
            fit,
            (recipe, numbers),
            {"epochs": task.epochs, "seed": task.seed},
            shared={"train": splits.train, "validation": splits.validation},
        )

    def _splits(self, which: Which) -> Splits:
        with self._lock:  # the populations of a batch ask together
            if which == 0:
                return self.data
            if self._fresh[0] != which:
                self._fresh = which, self._draw(which)
            return self._fresh[1]

    def _recipe(self, setting: Settings, splits: Splits) -> Recipe:
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
            "schedule": plan.schedule,
            "batch_norm": plan.batch_norm,
            "batch_size": plan.batch_size,
        }
        return Recipe(
            outputs=self.data.outputs,
            loss=LOSS[self.data.task],
            metric=self.metric if self.metric in METRICS else METRIC[self.data.task],
            hidden=hidden,
            init=plan.init,
            dtype=plan.dtype,
            target_scale=splits.target_scale,
            **{**fixed, **chosen},
        )


def _closed(number: Number) -> Limit:
    """The lowest and highest value that a number can have: an end that is open is just missed."""
    low = math.nextafter(number.low, math.inf) if number.open_low else number.low
    high = math.nextafter(number.high, 0.0) if number.open_high else number.high
    return low, None if high > HUGE else high


def mlp(plan: Plan, load: Callable[..., Callable[[Which], Splits]] = trainer.data.load) -> MLP:
    """The trainable of a plan, with its data read and split.

    Raises:
        PlanError: the plan searches what this network has not, or outside what it can take.
        trainer.data.DataError: the source can't be read or used.
    """
    check_space(plan)
    draw = load(plan.source or "", plan.target, seed=plan.seed, rows=plan.rows, dtype=plan.dtype)
    made = MLP(plan, draw)
    classes = made.data.task == "classification"
    allowed = [name for name, metric in METRICS.items() if metric.classes == classes] + ["loss"]
    if plan.metric is not None and plan.metric not in allowed:
        raise PlanError(
            f"metric {plan.metric!r} does not fit {plan.source}, a {made.data.task}: "
            f"give one of {', '.join(allowed)}"
        )
    return made


def check_space(plan: Plan) -> None:
    """Whether the network has what the plan searches, and can take every value of it.

    Raises:
        PlanError: it has not, or can't; the message names the parameter and the rule.
    """
    searched = plan.space
    if not _is_init(plan.init):
        raise PlanError(f"init: {plan.init!r} is not one of {INITS}")
    for name, parameter in searched.items():
        rule = _RULES.get(name)
        if rule is None:
            known = f"it has {', '.join(_RULES)}"
            raise PlanError(
                f"space.{name}: the network has no such number; {nearest(name, _RULES, known)}"
            )
        text, allowed = rule
        for value in _extremes(parameter):
            if not allowed(value):
                near = nearest(str(value), _NAMED.get(name, ()), "")
                raise PlanError(f"space.{name}: {value!r} is not {text}; {near}".removesuffix("; "))
        if name in ("batch_size", "units", "layers") and not _whole(parameter):
            raise PlanError(f"space.{name}: a whole number is needed: add :int to the range")
    optimizer = None if "optimizer" in searched else OPTIMIZERS[plan.optimizer]
    for name in {n for o in OPTIMIZERS.values() for n in o.reads} & searched.keys():
        if optimizer is not None and name not in optimizer.reads:
            raise PlanError(f"space.{name}: the optimizer {plan.optimizer!r} has no {name}")
    for name in ("schedule_factor", "schedule_every"):
        if name in searched and "schedule" not in searched and plan.schedule not in STEPPING:
            raise PlanError(
                f"space.{name}: the schedule {plan.schedule!r} has none: {' and '.join(STEPPING)} do"
            )
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


def _whole_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 1


def _one_of(names: tuple[str, ...]) -> tuple[str, Callable[[Value], bool]]:
    return f"one of {', '.join(names)}", lambda v: v in names


def _is_init(value: Value) -> bool:
    try:
        deviation(str(value))
    except ValueError:
        return False
    return isinstance(value, str)


_NAMED: dict[str, tuple[str, ...]] = {
    "activation": tuple(ACTIVATIONS),
    "optimizer": tuple(OPTIMIZERS),
    "schedule": tuple(SCHEDULES),
}
_RULES: dict[str, tuple[str, Callable[[Value], bool]]] = {
    **{name: (n.rule, n.allows) for name, n in PER_TRIAL.items() if name != "patience"},
    **dict.fromkeys(
        ("batch_size", "units", "layers"), ("a whole number of at least 1", _whole_number)
    ),
    **{name: _one_of(known) for name, known in _NAMED.items()},
    "batch_norm": ("true or false", lambda v: isinstance(v, bool)),
    "init": (f"one of {INITS}", _is_init),
}
