"""The fields of the network in one table: what each may be, its default, and what it is for.

Recipes, `train_population` and the estimators check by this table; so do the plan, flags and ranges of a search.
A new number is one entry here and its formula. A new activation, optimizer, schedule, loss or metric is one entry here
and its formula, under the same name, in the module of that name. Nothing heavy is imported: `hpo --help` reads this.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any, NamedTuple

from trainer.initializers import INITS, deviation


class Rule(NamedTuple):
    """What a value may be. Its text ends the sentence "… is not", as in "a number above 0".

    `kind` is int for whole numbers, float for other numbers, bool for true or false, str for a word, which may have to
    be one of some `choices`, and tuple for a list. Numbers lie between two `ends`, both included.
    """

    text: str
    allows: Callable[[Any], bool]
    kind: type
    choices: tuple[str, ...] = ()
    ends: tuple[float, float] = (-math.inf, math.inf)


def number(
    low: float = 0.0, high: float = math.inf, *, open_low: bool = False, open_high: bool = False
) -> Rule:
    """A number from `low` to `high`, which are not allowed themselves if open. NaN, true and false are no numbers."""
    first = math.nextafter(low, math.inf) if open_low else low
    last = math.nextafter(high, 0.0) if open_high else high

    def allows(value: Any) -> bool:
        try:
            return (
                isinstance(value, Real)
                and not isinstance(value, bool)
                and first <= float(value) <= last
            )
        except OverflowError:  # a whole number beyond all floating-point numbers
            return False

    text = f"a number above {low:g}" if open_low else f"a number of at least {low:g}"
    if high < math.inf:  # where infinity is the open end, the number has to be finite
        text += f" and {'below' if open_high else 'at most'} {high:g}"
    return Rule(text, allows, float, ends=(first, last))


def whole(low: int = 1, high: float = math.inf) -> Rule:
    """A whole number from `low` to `high`. 2.0, true and false are no whole numbers."""

    def allows(value: Any) -> bool:
        return (
            isinstance(value, Integral)
            and not isinstance(value, bool)
            and low <= int(value) <= high
        )

    text = f"a whole number of at least {low}" + (f" and at most {high}" if high < math.inf else "")
    return Rule(text, allows, int, ends=(float(low), high))


def one_of(choices: Sequence[str]) -> Rule:
    """One of some words."""
    text, words = f"one of {', '.join(choices)}", tuple(choices)
    return Rule(text, lambda value: isinstance(value, str) and value in words, str, words)


def _is_init(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(deviation(value))
    except ValueError:
        return False


def _are_layers(value: Any) -> bool:
    return isinstance(value, tuple | list) and all(map(whole().allows, value))


YES_NO = Rule("true or false", lambda value: type(value).__name__ == "bool", bool)  # or NumPy's
INIT = Rule(f"one of {INITS}", _is_init, str)
LAYERS = Rule("a list of whole numbers of at least 1", _are_layers, tuple)


class Field(NamedTuple):
    """A field of the network.

    `per_trial`: it changes the shape of no array, so each trial of a stack may have its own. `searched`: a search can
    have it as a parameter.
    """

    name: str
    rule: Rule
    default: Any
    help: str
    per_trial: bool = False
    searched: bool = True


class MetricOf(NamedTuple):
    """Whether a metric is of classes, or else of quantities; whether more of it is better; and between what it lies."""

    classes: bool
    larger_is_better: bool
    bounds: tuple[float, float]


ACTIVATIONS = ("relu", "leaky_relu", "tanh", "sigmoid", "gelu", "identity")
LOSSES = (
    "binary_cross_entropy", "categorical_cross_entropy", "sparse_categorical_cross_entropy", "squared_error",
)  # fmt: skip
NOT_NEGATIVE = (0.0, math.inf)
METRICS = {
    "accuracy": MetricOf(classes=True, larger_is_better=True, bounds=(0.0, 1.0)),
    "balanced_accuracy": MetricOf(classes=True, larger_is_better=True, bounds=(0.0, 1.0)),
    "log_loss": MetricOf(classes=True, larger_is_better=False, bounds=NOT_NEGATIVE),
    "roc_auc": MetricOf(classes=True, larger_is_better=True, bounds=(0.0, 1.0)),
    "rmse": MetricOf(classes=False, larger_is_better=False, bounds=NOT_NEGATIVE),
    "mae": MetricOf(classes=False, larger_is_better=False, bounds=NOT_NEGATIVE),
    "r2": MetricOf(classes=False, larger_is_better=True, bounds=(-math.inf, 1.0)),
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

FINITE, POSITIVE = number(open_high=True), number(open_low=True)
SHARE, BELOW_1, UP_TO_1 = (
    number(high=1.0),
    number(high=1.0, open_high=True),
    number(high=1.0, open_low=True),
)
_TABLE = (
    Field("learning_rate", FINITE, 0.01, "How far each step goes along the gradient.", per_trial=True),
    Field("weight_decay", FINITE, 0.0, "λ of the penalty on weights, ½ λ Σ W².", per_trial=True),
    Field("l1", FINITE, 0.0, "λ of the penalty on weights, λ Σ |W|.", per_trial=True),
    Field("hidden", LAYERS, (50,), "Units in each hidden layer.", searched=False),
    Field("units", whole(), None, "Units in every hidden layer."),
    Field("layers", whole(), None, "How many hidden layers, all of one size."),
    Field("activation", one_of(ACTIVATIONS), "relu", "The activation function of the hidden layers."),
    Field("batch_norm", YES_NO, False, "Normalize each hidden layer over the minibatch."),
    Field("dropout", BELOW_1, 0.0, "The share of hidden units that each step leaves out.", per_trial=True),
    Field("label_smoothing", SHARE, 0.0, "The share of each label that is spread over all classes.", per_trial=True),
    Field("clip_norm", POSITIVE, math.inf, "The length to which longer gradients are cut.", per_trial=True),
    Field("optimizer", one_of([*OPTIMIZERS]), "momentum", "The rule by which gradients become steps."),
    Field("momentum", SHARE, 0.9, "How much of the last step is repeated.", per_trial=True),
    Field("beta1", BELOW_1, 0.9, "The decay of the running mean of gradients.", per_trial=True),
    Field("beta2", BELOW_1, 0.999, "The decay of the running mean of squared gradients.", per_trial=True),
    Field("rho", SHARE, 0.99, "The decay of the running mean of squared gradients.", per_trial=True),
    Field("schedule", one_of([*SCHEDULES]), "constant", "How the learning rate changes over the epochs."),
    Field("schedule_factor", UP_TO_1, 0.1, "The factor by which the learning rate falls.", per_trial=True),
    Field("schedule_every", POSITIVE, 10.0, "Epochs in which the learning rate falls by that factor.", per_trial=True),
    Field("warmup", FINITE, 0.0, "Epochs in which the learning rate rises to its full value.", per_trial=True),
    Field("init", INIT, "he", "The spread of the first weights.", per_trial=True),
    Field("batch_size", whole(), 32, "Rows in a minibatch."),
    Field("dtype", one_of(["float32", "float64"]), "float32", "The type of all numbers in training.", searched=False),
    Field("patience", number(1.0), math.inf, "Epochs without a lower validation loss that end a trial.", True, False),
    Field("loss", one_of(LOSSES), LOSSES[2], "What training makes small.", searched=False),
    Field("metric", one_of([*METRICS]), "accuracy", "What trials are scored by.", searched=False),
)  # fmt: skip
"""Weight decay and L1 are of weights only, and no part of a loss that is reported; adamw subtracts weight decay from
the weights, apart from the gradient. A gradient's length is that of all parameters of a trial together, before weight
decay and L1.
"""

FIELDS = {field.name: field for field in _TABLE}
PER_TRIAL = {field.name: field for field in _TABLE if field.per_trial}
NUMBERS = {name: field for name, field in PER_TRIAL.items() if field.rule.kind is float}
SEARCHED = {field.name: field for field in _TABLE if field.searched}


def readers(name: str) -> tuple[str, list[str]] | None:
    """The field that decides whether a number is read, and those of its choices that read it; None: it always is."""
    for field, table in (("optimizer", OPTIMIZERS), ("schedule", SCHEDULES)):
        choices = [choice for choice, reads in table.items() if name in reads]
        if choices:
            return field, choices
    return None


def hidden_layers(
    hidden: Sequence[int], units: int | None = None, layers: int | None = None
) -> tuple[int, ...]:
    """The units of each hidden layer: those of `hidden`, unless `units` or `layers` replace their size or number."""
    sizes = tuple(hidden) if layers is None else tuple(hidden[:1]) * layers
    return sizes if units is None else (units,) * len(sizes)


def check(values: Mapping[str, object], where: str = "") -> None:
    """Check values of some fields; `where` begins the message.

    Raises:
        ValueError: a value breaks its rule; the message names the field, the value and the rule.
    """
    for name, value in values.items():
        if not FIELDS[name].rule.allows(value):
            raise ValueError(f"{where}{name} = {value!r} is not {FIELDS[name].rule.text}")


def check_setting(setting: Mapping[str, object], where: str = "") -> None:
    """Check the fields that one trial of a stack has of its own; `where` begins the message.

    Raises:
        ValueError: a trial can't have such a field, or a value breaks its rule.
    """
    for name in setting:
        if name not in PER_TRIAL:
            raise ValueError(
                f"{where}there is no {name!r}: a trial can have {', '.join(PER_TRIAL)}"
            )
    check(setting, where)


def bounds_of(metric: str | None) -> tuple[float, float]:
    """Between what a metric of that name lies; any number if the name is not one of METRICS."""
    return METRICS[metric].bounds if metric in METRICS else (-math.inf, math.inf)
