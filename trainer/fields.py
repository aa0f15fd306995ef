"""The network's fields in one table: what each may be, what it is where nobody sets it, and what it is for.

Whoever takes fields of the network derives from this table what they take: the recipe of a stack, `train_population`,
the estimators; and a search's plan, flags and checks. A new number is one entry here, and its formula. A new
activation, optimizer, schedule, loss or metric is a name here, and its formula by the same name in the module of that
name. Nothing heavy is imported: `hpo --help` reads the table.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any, NamedTuple, Protocol

from trainer.initializers import INITS, deviation


class Rule(Protocol):
    """What a value may be. Its text ends the sentence "… is not", as in "a number above 0"."""

    def allows(self, value: object) -> bool:
        """Whether a value keeps the rule."""


class Number(NamedTuple):
    """A number from `low` to `high`. An open end does not belong to the range."""

    low: float = 0.0
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False

    def allows(self, value: object) -> bool:
        """Whether it is such a number; NaN, true and false are none."""
        if isinstance(value, bool) or not isinstance(value, Real):
            return False
        try:
            number = float(value)
        except OverflowError:  # a whole number beyond all floating-point numbers
            return False
        above = number > self.low if self.open_low else number >= self.low
        return above and (number < self.high if self.open_high else number <= self.high)

    def __str__(self) -> str:
        low = f"above {self.low:g}" if self.open_low else f"of at least {self.low:g}"
        if self.high == math.inf:
            return f"a number {low}"  # and finite, where that end is open
        return f"a number {low} and {'below' if self.open_high else 'at most'} {self.high:g}"

    def ends(self) -> tuple[float, float]:
        """The lowest and the highest number that it may be: next to an end that is open."""
        low = math.nextafter(self.low, math.inf) if self.open_low else self.low
        return low, math.nextafter(self.high, 0.0) if self.open_high else self.high


class Whole(NamedTuple):
    """A whole number from `low` to `high`."""

    low: int = 1
    high: float = math.inf

    def allows(self, value: object) -> bool:
        """Whether it is such a whole number; 2.0, true and false are none."""
        whole = isinstance(value, Integral) and not isinstance(value, bool)
        return whole and self.low <= int(value) <= self.high  # type: ignore[call-overload]

    def __str__(self) -> str:
        return f"a whole number of at least {self.low}" + (
            f" and at most {self.high}" if self.high < math.inf else ""
        )

    def ends(self) -> tuple[float, float]:
        """The lowest and the highest number that it may be."""
        return float(self.low), self.high


class OneOf(NamedTuple):
    """One of some words."""

    choices: tuple[str, ...]

    def allows(self, value: object) -> bool:
        """Whether it is one of the words."""
        return isinstance(value, str) and value in self.choices

    def __str__(self) -> str:
        return f"one of {', '.join(self.choices)}"


class YesNo(NamedTuple):
    """True or false."""

    def allows(self, value: object) -> bool:
        """Whether it is a truth value, Python's or NumPy's."""
        return type(value).__name__ == "bool"

    def __str__(self) -> str:
        return "true or false"


class Layers(NamedTuple):
    """The sizes of some hidden layers; none is allowed."""

    def allows(self, value: object) -> bool:
        """Whether it is a sequence of whole numbers of at least 1."""
        return isinstance(value, tuple | list) and all(map(Whole().allows, value))

    def __str__(self) -> str:
        return "a list of whole numbers of at least 1"


class Init(NamedTuple):
    """The name of a distribution of first weights (`trainer.initializers`)."""

    def allows(self, value: object) -> bool:
        """Whether there are such first weights."""
        try:
            return isinstance(value, str) and bool(deviation(value))
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"one of {INITS}"


class Field(NamedTuple):
    """A field of the network.

    What is `per_trial` changes the shape of no array, so that each trial of a stack may have its own. What is
    `searched` can be a parameter of a search.
    """

    name: str
    rule: Rule
    default: Any
    help: str
    per_trial: bool = False
    searched: bool = True


class MetricOf(NamedTuple):
    """Whether a metric is of classes, or else of quantities; and whether more of it is better."""

    classes: bool
    larger_is_better: bool


ACTIVATIONS = ("relu", "leaky_relu", "tanh", "sigmoid", "gelu", "identity")
LOSSES = (
    "binary_cross_entropy", "categorical_cross_entropy", "sparse_categorical_cross_entropy", "squared_error",
)  # fmt: skip
METRICS = {
    "accuracy": MetricOf(classes=True, larger_is_better=True),
    "balanced_accuracy": MetricOf(classes=True, larger_is_better=True),
    "log_loss": MetricOf(classes=True, larger_is_better=False),
    "roc_auc": MetricOf(classes=True, larger_is_better=True),
    "rmse": MetricOf(classes=False, larger_is_better=False),
    "mae": MetricOf(classes=False, larger_is_better=False),
    "r2": MetricOf(classes=False, larger_is_better=True),
}
OPTIMIZERS: dict[str, tuple[str, ...]] = {
    "sgd": (),
    "momentum": ("momentum",),
    "nesterov": ("momentum",),
    "adagrad": (),
    "rmsprop": ("rho",),
    "adam": ("beta1", "beta2"),
    "adamw": ("beta1", "beta2"),
}
"""Each optimizer, and the numbers that it reads beside the learning rate."""
SCHEDULES: dict[str, tuple[str, ...]] = {
    "constant": (),
    "step": ("schedule_factor", "schedule_every"),
    "exponential": ("schedule_factor", "schedule_every"),
    "cosine": (),
}
"""Each schedule, and the numbers that it reads."""

FINITE, POSITIVE = Number(open_high=True), Number(open_low=True)
SHARE, BELOW_1 = Number(high=1.0), Number(high=1.0, open_high=True)
UP_TO_1 = Number(high=1.0, open_low=True)
_TABLE = (
    Field("learning_rate", FINITE, 0.01, "How far each step goes along the gradient.", per_trial=True),
    Field("weight_decay", FINITE, 0.0, "λ of the penalty on weights, ½ λ Σ W².", per_trial=True),
    Field("l1", FINITE, 0.0, "λ of the penalty on weights, λ Σ |W|.", per_trial=True),
    Field("hidden", Layers(), (50,), "Units in each hidden layer.", searched=False),
    Field("units", Whole(), None, "Units in every hidden layer."),
    Field("layers", Whole(), None, "How many hidden layers, all of one size."),
    Field("activation", OneOf(ACTIVATIONS), "relu", "The activation function of the hidden layers."),
    Field("batch_norm", YesNo(), False, "Normalize each hidden layer over the minibatch."),
    Field("dropout", BELOW_1, 0.0, "The share of hidden units that each step leaves out.", per_trial=True),
    Field("label_smoothing", SHARE, 0.0, "The share of each label that is spread over all classes.", per_trial=True),
    Field("clip_norm", POSITIVE, math.inf, "The length to which longer gradients are cut.", per_trial=True),
    Field("optimizer", OneOf(tuple(OPTIMIZERS)), "momentum", "The rule by which gradients become steps."),
    Field("momentum", SHARE, 0.9, "How much of the last step is repeated.", per_trial=True),
    Field("beta1", BELOW_1, 0.9, "The decay of the running mean of gradients.", per_trial=True),
    Field("beta2", BELOW_1, 0.999, "The decay of the running mean of squared gradients.", per_trial=True),
    Field("rho", SHARE, 0.99, "The decay of the running mean of squared gradients.", per_trial=True),
    Field("schedule", OneOf(tuple(SCHEDULES)), "constant", "How the learning rate changes over the epochs."),
    Field("schedule_factor", UP_TO_1, 0.1, "The factor by which the learning rate falls.", per_trial=True),
    Field("schedule_every", POSITIVE, 10.0, "Epochs in which the learning rate falls by that factor.", per_trial=True),
    Field("warmup", FINITE, 0.0, "Epochs in which the learning rate rises to its full value.", per_trial=True),
    Field("init", Init(), "he", "The spread of the first weights.", per_trial=True),
    Field("batch_size", Whole(), 32, "Rows in a minibatch."),
    Field("dtype", OneOf(("float32", "float64")), "float32", "The type of all numbers in training.", searched=False),
    Field("patience", Number(1.0), math.inf, "Epochs without a lower validation loss that end a trial.", True, False),
    Field("loss", OneOf(LOSSES), LOSSES[2], "What training makes small.", searched=False),
    Field("metric", OneOf(tuple(METRICS)), "accuracy", "What trials are scored by.", searched=False),
)  # fmt: skip
"""Weight decay and L1 are of weights only, and no part of a loss that is reported; adamw subtracts weight decay from
the weights, apart from the gradient. A gradient's length is that of all parameters of a trial together, before weight
decay and L1.
"""

FIELDS = {field.name: field for field in _TABLE}
PER_TRIAL = {field.name: field for field in _TABLE if field.per_trial}
NUMBERS = {name: field for name, field in PER_TRIAL.items() if isinstance(field.rule, Number)}
SEARCHED = {field.name: field for field in _TABLE if field.searched}


def readers(name: str) -> tuple[str, list[str]] | None:
    """Which field a number depends on, and for which of its choices it is read; None for what is always read."""
    for field, table in (("optimizer", OPTIMIZERS), ("schedule", SCHEDULES)):
        choices = [choice for choice, reads in table.items() if name in reads]
        if choices:
            return field, choices
    return None


def hidden_layers(
    hidden: Sequence[int], units: int | None = None, layers: int | None = None
) -> tuple[int, ...]:
    """The sizes of hidden layers, of `hidden` where neither `units` nor `layers` says otherwise."""
    sizes = tuple(hidden) if layers is None else tuple(hidden[:1]) * layers
    return sizes if units is None else (units,) * len(sizes)


def check(values: Mapping[str, object], where: str = "") -> None:
    """Check values of some fields; `where` begins the message.

    Raises:
        ValueError: a value breaks its rule; the message names the field, the value and the rule.
    """
    for name, value in values.items():
        if not FIELDS[name].rule.allows(value):
            raise ValueError(f"{where}{name} = {value!r} is not {FIELDS[name].rule}")


def check_setting(setting: Mapping[str, object], where: str = "") -> None:
    """Check what one trial of a stack has of its own; `where` begins the message.

    Raises:
        ValueError: there is no such field, or only all trials together can have it, or a value breaks its rule.
    """
    for name in setting:
        if name not in PER_TRIAL:
            raise ValueError(
                f"{where}there is no {name!r}: a trial can have {', '.join(PER_TRIAL)}"
            )
    check(setting, where)
